"""Routines: each day is processed once and kept as aggregates; detectors ask their own window of them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from ..gaps import Gaps
from ..home import Home
from ..localtime import LocalClock
from ..slices import told_as
from ..store import Store
from ..store.jobs import JobStatus
from .acts import Day, pack_acts
from .calendar import Calendar, deaf_days, holidays_of, month_of, week_of
from .cast import Cast
from .detectors import DAILY, MONTHLY, WEEKLY
from .digest import digest
from .life import from_row, reconcile, to_row
from .patterns import Life, Pattern, PatternType
from .reading import read_day
from .window import Detector, LongDetector, Window

# The longest window of a detector, and the days that are caught up at most: older events are forgotten.
_WINDOW_DAYS = 90
_CATCH_UP_DAYS = 60
# The first time, so many days are made up from what is stored.
FIRST_DAYS = 30
_UNTIL, _WEEK, _MONTH = "routines_until", "routines_week", "routines_month"


class Routines:
    """The routines of one home.

    Calls come one at a time; `night` and `backfill` do bounded slices and may be left at any of them: what was not
    finished is done again, with the same result.
    """

    def __init__(self, store: Store, home: Home, clock: LocalClock) -> None:
        self._store = store
        self._clock = clock
        self._cast = Cast(home)
        self._time_zone = home.time_zone
        self._entity_ids = [sensor.entity_id for sensor in home.sensors]
        self._deaf: frozenset[date] = frozenset()

    def night(self, now_us: int) -> Iterator[float]:
        """Process the local days that ended since the last time, in order, then look for patterns.

        Weeks follow after their Sunday, months after their last day. The first time, it is what is stored of the
        last `FIRST_DAYS` days.

        Yields:
            The share done.
        """
        today = self._clock.at(now_us).date()
        told = self._store.metadata.get(_UNTIL)
        first = today - timedelta(days=FIRST_DAYS)
        if told is not None:
            following, oldest = (
                date.fromisoformat(told) + timedelta(days=1),
                today - timedelta(days=_CATCH_UP_DAYS),
            )
            first = max(following, oldest)
            if following > today:  # the clock was wrong then: days were done before they were over
                first = oldest
                self._forget_periods_since(oldest)
        yield from self._process(self._days(first, today), now_us)

    def backfill(self, days: int, now_us: int) -> Iterator[float]:
        """Process the last days again, or for the first time, from what is stored. What was there is replaced.

        The oldest day of which events are left may have lost its first hours: what was kept of it stays.

        Yields:
            The share done.
        """
        today = self._clock.at(now_us).date()
        job = self._store.jobs.start("backfill", today.isoformat(), now_us)
        try:
            due = self._days(today - timedelta(days=days), today)
            span = self._store.events.span()
            known = self._store.aggregates.periods("acts_daily")
            if due and span and due[0] == self._clock.at(span[0]).date() and due[0].isoformat() in known:
                due = due[1:]
            if due:
                self._forget_periods_since(due[0])
            yield from self._process(due, now_us)
        except BaseException as error:
            self._end(job, now_us, error)
            raise
        self._store.jobs.finish(
            job, JobStatus.COMPLETED, now_us, patterns_detected=self._count(), aggregates_stored=len(due)
        )

    def patterns(
        self,
        *,
        types: Iterable[PatternType] | None = None,
        lives: Iterable[Life] | None = None,
        room_id: str | None = None,
        entity_id: str | None = None,
        least_rate: float = 0.0,
    ) -> list[Pattern]:
        """Patterns that pass all filters, the strongest first.

        Args:
            types: of these types, all where left out.
            lives: of these stages of life; all but those that are gone where left out.
            room_id: of this room.
            entity_id: that this entity is part of.
            least_rate: the lower end of the interval of their rate is at least this.
        """
        chosen = [life for life in Life if life is not Life.GONE] if lives is None else list(lives)
        found = [
            from_row(row)
            for row in self._store.patterns.read(
                None if types is None else [each.value for each in types], [life.value for life in chosen]
            )
        ]
        kept = [
            pattern
            for pattern in found
            if (room_id is None or pattern.room_id == room_id)
            and (entity_id is None or entity_id in pattern.entities)
            and pattern.statistics.low >= least_rate
        ]
        return sorted(kept, key=strength, reverse=True)

    def digest(self, month: str) -> str:
        """A month (`2025-01`) in words: what is new, what holds, what has gone.

        Raises:
            ValueError: that is no month.
        """
        return digest([from_row(row) for row in self._store.patterns.read()], month)

    def holidays(self, days: Sequence[date]) -> frozenset[date]:
        """Which days were holidays, as far as a workday sensor told."""
        return holidays_of(self._store.aggregates, self._cast, days)

    # The work

    def _days(self, first: date, today: date) -> list[date]:
        """Local days from the first that has events up to yesterday."""
        span = self._store.events.span()
        if span is None:
            return []
        first = max(first, self._clock.at(span[0]).date())
        return [first + timedelta(days=number) for number in range((today - first).days)]

    def _process(self, due: Sequence[date], now_us: int) -> Iterator[float]:
        if due:
            since_us = self._clock.day_bounds(due[0] - timedelta(days=_WINDOW_DAYS))[0]
            gaps = Gaps(self._store).unheard(self._entity_ids, now_us, since_us)
            self._deaf = deaf_days((yield from told_as(gaps, lambda _: 0.0)), self._clock)
        for number, day in enumerate(due):
            job = self._store.jobs.start("daily", day.isoformat(), now_us)
            try:
                reading = read_day(self._store.events, self._cast, self._clock, day)
                found = yield from _last(reading, 0.7 * (number + 0.3) / len(due))
                stored = yield from _last(self._aggregate(found), 0.7 * (number + 0.6) / len(due))
                detected = None
                if day == due[-1]:
                    detected = yield from _last(self._detect(DAILY, day, now_us), 0.8)
                self._store.metadata.set(_UNTIL, day.isoformat())
            except BaseException as error:
                self._end(job, now_us, error)
                raise
            self._store.jobs.finish(
                job,
                JobStatus.COMPLETED,
                now_us,
                events_processed=found.events,
                aggregates_stored=stored,
                patterns_detected=detected,
            )
        until = self._store.metadata.get(_UNTIL)
        if until is not None:
            last = date.fromisoformat(until)
            yield from self._long("weekly", _WEEK, week_of, WEEKLY, last, now_us, 0.85)
            yield from self._long("monthly", _MONTH, month_of, MONTHLY, last, now_us, 0.95)
        yield 1.0

    def _aggregate(self, day: Day) -> Iterator[int | None]:
        """All daily aggregates of a day, stored at once; their number."""
        before = self._window(day.day - timedelta(days=1))
        rows: list[tuple[str, list[Any]]] = []
        for detector in DAILY:
            found: list[Any] = []
            for part in detector.daily(day, before):
                found = part if part is not None else found
                yield None
            rows.append((detector.table, found))
        text = day.day.isoformat()
        with self._store.transaction():
            write = self._store.aggregates.replace
            write("acts_daily", text, [{"events": day.events, "acts": pack_acts(day)}])
            count = sum(write(table, text, each) for table, each in rows)
        yield count

    def _long(
        self,
        job_type: str,
        key: str,
        period_of: Callable[[date], Calendar],
        detectors: Sequence[LongDetector],
        last: date,
        now_us: int,
        share: float,
    ) -> Iterator[float]:
        """Weeks or months that ended and were not processed yet, in order."""
        done = self._store.metadata.get(key) or ""
        periods: dict[str, Calendar] = {}
        for text in self._store.aggregates.periods("acts_daily"):
            period = period_of(date.fromisoformat(text))
            if period.name > done and period.last <= last:
                periods[period.name] = period
        ordered = [periods[name] for name in sorted(periods)]
        for period in ordered:
            job = self._store.jobs.start(job_type, period.processing_date.isoformat(), now_us)
            try:
                days = [day for day in self._window(period.last).days if day >= period.first]
                window = self._of(days)
                rows = []
                for detector in detectors:
                    found: list[Any] = []
                    if days:
                        for part in detector.aggregate(period, window):
                            found = part if part is not None else found
                            yield share
                    rows.append((detector.table, found))
                with self._store.transaction():
                    stored = sum(
                        self._store.aggregates.replace(table, period.name, each) for table, each in rows
                    )
                detected = None
                if period is ordered[-1]:
                    detected = yield from _last(self._detect(detectors, period.last, now_us), share)
                self._store.metadata.set(key, period.name)
            except BaseException as error:
                self._end(job, now_us, error)
                raise
            self._store.jobs.finish(
                job, JobStatus.COMPLETED, now_us, aggregates_stored=stored, patterns_detected=detected
            )

    def _detect(
        self, detectors: Sequence[Detector | LongDetector], day: date, now_us: int
    ) -> Iterator[int | None]:
        """Look for patterns with some detectors, and store what has become of all of their types; their number."""
        window = self._window(day)
        count = 0
        for detector in detectors:
            found: list[Pattern] = []
            if window.days:
                for part in detector.detect(window):
                    found = part if part is not None else found
                    yield None
            span = f"{window.since} to {window.until}" if window.days else ""
            found = [
                replace(
                    pattern,
                    date_range=pattern.date_range or span,
                    aggregates=pattern.aggregates or len(window.days),
                )
                for pattern in found
            ]
            known = [from_row(row) for row in self._store.patterns.read([detector.pattern_type.value])]
            with self._store.transaction():
                self._store.patterns.put(to_row(each) for each in reconcile(known, found, day, now_us))
            count += len(found)
            yield None
        yield count

    def _window(self, last: date) -> Window:
        """The processed days up to one, at most `_WINDOW_DAYS`; days of which nothing is known are left out."""
        since = (last - timedelta(days=_WINDOW_DAYS - 1)).isoformat()
        rows = self._store.aggregates.read("acts_daily", ("date", "events"), since, last.isoformat())
        return self._of([date.fromisoformat(text) for text, events in rows if events])

    def _of(self, days: Sequence[date]) -> Window:
        return Window(
            self._store.aggregates, self._cast, tuple(days), self._time_zone, self.holidays(days), self._deaf
        )

    def _forget_periods_since(self, first: date) -> None:
        """Weeks and months that hold one of the days to come are to be made again.

        Not the one of which the first days are forgotten: of the few that are left it would be made worse.
        """
        kept = self._store.aggregates.periods("acts_daily")
        begin = min([first, *(date.fromisoformat(text) for text in kept[:1])])
        for key, period_of in ((_WEEK, week_of), (_MONTH, month_of)):
            done = self._store.metadata.get(key)
            period = period_of(first)
            is_whole = period.first >= begin
            before = period_of(period.first - timedelta(days=1)).name if is_whole else period.name
            if done is not None and done > before:
                self._store.metadata.set(key, before)

    def _count(self) -> int:
        return len(self._store.patterns.read(None, [life.value for life in Life if life is not Life.GONE]))

    def _end(self, job: int, now_us: int, error: BaseException) -> None:
        told = (
            "stopped before it was done"
            if isinstance(error, GeneratorExit)
            else f"{type(error).__name__}: {error}"
        )
        self._store.jobs.finish(job, JobStatus.FAILED, now_us, error_message=told)


def strength(pattern: Pattern) -> tuple[float, float]:
    """What patterns are ranked by: how much they differ from chance, weighed by how sure they hold."""
    return pattern.statistics.low * min(pattern.statistics.effect, 6.0), pattern.statistics.occurrences


def _last[T](work: Iterator[T | None], share: float) -> Generator[float, None, T]:
    """Do work to the end; its last value is returned.

    Raises:
        RuntimeError: it gave none.
    """
    value: T | None = None
    for each in work:
        value = each
        yield share
    if value is None:
        raise RuntimeError("the work gave nothing")
    return value
