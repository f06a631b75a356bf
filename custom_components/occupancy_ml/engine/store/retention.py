"""Retention: how long each layer is kept, and the trimming in short transactions."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

from ..events import DAY_US, from_us
from .database import Database
from .files import SET_METADATA
from .routines import DAILY, MONTHLY, PERIOD, WEEKLY

EVENTS_WHOLE_SINCE = "events_whole_since"
"""Metadata: before this moment events were forgotten; those that are stored of it are not all that happened."""

# Rows and pages of one slice: a few milliseconds on a desktop, well under 100 ms on
# a small board.
_SLICE_ROWS = 5000
_SLICE_PAGES = 512
# What a size budget leaves: a restart and the next night need the events, training the features.
_LEAST_EVENTS_DAYS = 2
_LEAST_PREDICTIONS_DAYS = 7
_LEAST_FEATURES_DAYS = 28


@dataclass(frozen=True, slots=True)
class Retention:
    """Days to keep of each layer, and how large the file may grow.

    Labels by people, helpers, references and absences, the models in service with the
    runs they came from, and patterns of routines that are not gone are kept for ever; a
    model that was relieved as long as the features it was fitted to.

    Attributes:
        routine_days: days of the daily aggregates of routines; `routine_weeks` and `routine_months` are days too.
        gone_patterns: days since patterns were last seen that are gone; 0 keeps them for ever.
        size_mb: megabytes (10^6 bytes) the file may have. Beyond, raw events go before
            their time, the oldest first, but for the last two days; then what was
            shown, but for a week; then features, but for four weeks.
    """

    raw_events: int = 30
    features: int = 84
    predictions: int = 60
    hindsight_labels: int = 84
    episodes: int = 3 * 365
    daily_scores: int = 3 * 365
    forecast_moments: int = 90
    forecasts: int = 75
    runs: int = 365
    jobs: int = 365
    routine_days: int = 90
    routine_weeks: int = 52 * 7
    routine_months: int = 3 * 365
    gone_patterns: int = 0
    size_mb: int = 500

    def __post_init__(self) -> None:
        """Refuse what would forget the present.

        Raises:
            ValueError: less than a day of a layer, or no room at all.
        """
        least = {field.name: 1 for field in fields(self)} | {"gone_patterns": 0}
        if any(getattr(self, name) < days for name, days in least.items()):
            raise ValueError("at least a day of each layer is kept, and a megabyte")


def trim(database: Database, now_us: int, policy: Retention) -> Generator[int]:
    """Forget what is older than the policy keeps; each step is one short transaction.

    Ends with giving freed pages back to the file system. Safe to stop between steps
    and to repeat.

    Yields:
        Rows forgotten in the step, 0 for a step that gives back pages.
    """

    def before(days: int) -> int:
        return now_us - days * DAY_US

    rooms = [row[0] for row in database.all("SELECT id FROM rooms ORDER BY id")]
    yield from _raw_events(database, before(policy.raw_events))
    for room in rooms:
        yield from _by_time(
            database, "features", "window_end_us", before(policy.features), f"room = {room:d}"
        )
        yield from _by_time(
            database, "predictions", "time_us", before(policy.predictions), f"room = {room:d}"
        )
    yield from _by_id(
        database,
        "labels",
        "source = 'hindsight' AND end_us < ? AND NOT EXISTS"
        " (SELECT 1 FROM labels o WHERE o.superseded_by = labels.id)",
        before(policy.hindsight_labels),
    )
    yield from _by_time(database, "forecast_moments", "time_us", before(policy.forecast_moments))
    for room in rooms:
        yield from _by_time(database, "forecasts", "time_us", before(policy.forecasts), f"room = {room:d}")
        yield from _by_time(database, "episodes", "end_us", before(policy.episodes), f"room = {room:d}")
    # Local days are at most 14 hours away from UTC: one day more keeps all that is due.
    day = (from_us(now_us) - timedelta(days=policy.daily_scores + 1)).date().isoformat()
    for table in ("daily_scores", "forecast_scores"):
        yield from _days(database, table, day, rooms)
    # The longest report and all that is counted from earlier days look back less than hindsight is kept. Of the rest
    # only what was shown, what the model said and the prior are worth years.
    day = (from_us(now_us) - timedelta(days=policy.hindsight_labels + 1)).date().isoformat()
    yield from _days(database, "daily_reliability", day, rooms)
    yield from _days(database, "daily_truth", day, rooms)
    yield from _days(database, "daily_scores", day, rooms, "model NOT IN ('shown', 'model', 'prior')")
    for tables, days in (
        (DAILY, policy.routine_days),
        (WEEKLY, policy.routine_weeks),
        (MONTHLY, policy.routine_months),
    ):
        for table in tables:
            yield from _by_period(database, table, before(days + 1))
    yield from _by_id(
        database,
        "forecast_runs",
        "started_us < ? AND NOT EXISTS (SELECT 1 FROM forecast_artifacts a WHERE a.run_id = forecast_runs.id)",
        before(policy.runs),
    )
    if policy.gone_patterns:
        day = from_us(before(policy.gone_patterns)).date().isoformat()
        yield from _by_id(database, "patterns", "life = 'gone' AND last_seen < ?", day)
    yield from _by_id(database, "processing_jobs", "started_at < ?", before(policy.jobs))
    yield from _by_id(
        database, "clr_model_artifacts", "in_service = 0 AND created_us < ?", before(policy.features)
    )
    yield from _by_id(
        database,
        "clr_training_runs",
        "started_us < ? AND NOT EXISTS (SELECT 1 FROM clr_model_artifacts a WHERE a.run_id = clr_training_runs.id)",
        before(policy.runs),
    )
    yield from _by_id(
        database,
        "bocpd_training_runs",
        "started_us < ? AND NOT EXISTS (SELECT 1 FROM bocpd_model_state s WHERE s.run_id = bocpd_training_runs.id)",
        before(policy.runs),
    )
    yield from _vacuum(database)


def used_bytes(database: Database) -> int:
    """Bytes of the file that hold something; the log beside it, folded in every minute, is left out."""
    pages: int = database.scalar("PRAGMA page_count") - database.scalar("PRAGMA freelist_count")
    return pages * int(database.scalar("PRAGMA page_size"))


def trim_to_budget(database: Database, now_us: int, policy: Retention) -> Generator[int]:
    """Where the file is larger than it may be, forget before its time, until a tenth is free again.

    Each step is one short transaction. Safe to stop between steps and to repeat.

    Yields:
        Rows forgotten in the step, 0 for a step that gives back pages; nothing where the file is small enough.
    """
    budget = policy.size_mb * 1_000_000
    if used_bytes(database) <= budget:
        return
    enough = budget * 9 // 10
    rooms = [row[0] for row in database.all("SELECT id FROM rooms ORDER BY id")]
    for gone in _oldest_first(database, now_us, policy, [f"room = {room:d}" for room in rooms]):
        yield gone
        if used_bytes(database) <= enough:
            break
    yield from _vacuum(database)


def _oldest_first(
    database: Database, now_us: int, policy: Retention, each_room: Sequence[str]
) -> Generator[int]:
    """Slices of what a size budget may take, day by day where rooms share a table, down to the least."""
    yield from _raw_events(database, now_us - _LEAST_EVENTS_DAYS * DAY_US)
    for table, column, kept, least in (
        ("predictions", "time_us", policy.predictions, _LEAST_PREDICTIONS_DAYS),
        ("features", "window_end_us", policy.features, _LEAST_FEATURES_DAYS),
    ):
        for days in range(kept - 1, least - 1, -1):
            for room in each_room:
                yield from _by_time(database, table, column, now_us - days * DAY_US, room)


def _vacuum(database: Database) -> Generator[int]:
    """Give freed pages back to the file system."""
    free = database.scalar("PRAGMA freelist_count")
    while free:
        database.all(f"PRAGMA incremental_vacuum({_SLICE_PAGES})")
        yield 0
        left = database.scalar("PRAGMA freelist_count")
        # A file that somebody made anew without auto-vacuum gives nothing back.
        free = left if left < free else 0


def _raw_events(database: Database, before_us: int) -> Generator[int]:
    """Slices of events; from when on they are whole is noted with each."""
    yield from _by_time(database, "raw_events", "time_us", before_us, noted=EVENTS_WHOLE_SINCE)


def _note_time(database: Database, key: str, time_us: int) -> None:
    """Set a time of the metadata, which never goes back."""
    before = database.scalar("SELECT value FROM metadata WHERE key = ?", (key,))
    database.execute(SET_METADATA, (key, str(max(time_us, int(before or 0)))))


def _by_time(
    database: Database, table: str, column: str, before_us: int, where: str = "1", noted: str | None = None
) -> Generator[int]:
    """Slices by time, for tables whose key leads to the oldest rows; `noted` tells up to when rows are gone."""
    # The time of the row after a slice bounds it; rows of one microsecond go together.
    bound = (
        f"SELECT {column} FROM {table} WHERE {where} AND {column} < ?"
        f" ORDER BY {column} LIMIT 1 OFFSET {_SLICE_ROWS}"
    )
    while True:
        until_us = database.scalar(bound, (before_us,))
        with database.transaction():
            if until_us is None:
                gone = database.execute(
                    f"DELETE FROM {table} WHERE {where} AND {column} < ?", (before_us,)
                ).rowcount
            else:
                gone = database.execute(
                    f"DELETE FROM {table} WHERE {where} AND {column} <= ?", (until_us,)
                ).rowcount
            if noted and gone:
                _note_time(database, noted, before_us if until_us is None else until_us + 1)
        yield gone
        if until_us is None:
            return


def _by_period(database: Database, table: str, before_us: int) -> Generator[int]:
    """One local day, week or month after the other."""
    column = PERIOD[table]
    moment = from_us(before_us)
    year, week, _ = moment.isocalendar()
    bound = {"date": moment.date().isoformat(), "week": f"{year}-W{week:02d}", "month": f"{moment:%Y-%m}"}
    for (period,) in database.all(
        f"SELECT DISTINCT {column} FROM {table} WHERE {column} < ?", (bound[column],)
    ):
        with database.transaction():
            gone = database.execute(f"DELETE FROM {table} WHERE {column} = ?", (period,)).rowcount
        yield gone


def _by_id(database: Database, table: str, where: str, before: int | str) -> Generator[int]:
    """Slices by id, for tables that are small or not ordered by time."""
    while True:
        with database.transaction():
            gone = database.execute(
                f"DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE {where} LIMIT {_SLICE_ROWS})",
                (before,),
            ).rowcount
        yield gone
        if gone < _SLICE_ROWS:
            return


def _days(
    database: Database, table: str, before_day: str, rooms: Sequence[int], where: str = "1"
) -> Generator[int]:
    """Slices by room, for tables by local day: a night takes one day of each."""
    for room in rooms:
        with database.transaction():
            gone = database.execute(
                f"DELETE FROM {table} WHERE room = ? AND day < ? AND {where}", (room, before_day)
            ).rowcount
        yield gone
