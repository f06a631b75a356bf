"""Sleep, as two date or time helpers and a sensor tell it. Pure: told states in, intervals out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from ..events import MICROSECONDS, MINUTE_US, to_us
from ..localtime import LocalClock

HOUR_US = 60 * MINUTE_US
LONGEST_US = 18 * HOUR_US
"""What is longer was told of two nights, or forgotten."""
SHORTEST_SENSED_US = 30 * MINUTE_US
"""A sensor that says sleep for less than this was mistaken more often than right."""
# A time of day is often told a little before it comes: the evening's before lying down.
_AHEAD_US = HOUR_US
# A restart takes a sensor away for minutes; that does not end a night.
_BRIDGED_US = 30 * MINUTE_US


class SleepProblem(StrEnum):
    """Why two helpers tell no night."""

    NOT_TOLD = "not_told"
    END_BEFORE_START = "end_before_start"
    TOO_LONG = "too_long"
    NOT_OVER = "not_over"


@dataclass(frozen=True, slots=True)
class HelperState:
    """The state of a helper, and when it was given."""

    state: str
    changed_us: int


@dataclass(frozen=True, slots=True)
class SleepReading:
    """What two helpers tell together.

    Attributes:
        start_us: begin of the sleep, None where there is none to tell.
        end_us: its end; known although `problem` is NOT_OVER: that is when to read again.
        problem: why there is no label.
    """

    start_us: int | None = None
    end_us: int | None = None
    problem: SleepProblem | None = None


def read_helpers(start: HelperState, end: HelperState, clock: LocalClock, now_us: int) -> SleepReading:
    """The last night that a helper for the begin and one for the end of sleep tell.

    A date and time means what it says. A time of day belongs to the other helper where that has a date: the
    begin is the last such time before the end, the end the first after the begin. Two times of day are first
    placed by when they were given, each at its last occurrence until then (or within the hour after); the
    later of the two is right, and the other is placed beside it. So a begin told in the evening waits for its
    morning, and one mended the next day changes the night before.

    Where clocks go back, a time that comes twice begins sleep the first time and ends it the second.

    Args:
        start: the helper of the begin; its state as `input_datetime` has it.
        end: the helper of the end.
        clock: the home's.
        now_us: nothing that ends later is told.
    """
    began, ended = _parse(start.state), _parse(end.state)
    if began is None or ended is None:
        return SleepReading(problem=SleepProblem.NOT_TOLD)
    start_us, end_us = _place(start, began, end, ended, clock)
    if end_us <= start_us:
        return SleepReading(start_us, end_us, SleepProblem.END_BEFORE_START)
    if end_us - start_us > LONGEST_US:
        return SleepReading(start_us, end_us, SleepProblem.TOO_LONG)
    if end_us > now_us:
        return SleepReading(start_us, end_us, SleepProblem.NOT_OVER)
    return SleepReading(start_us, end_us)


def _place(
    start: HelperState, began: datetime | time, end: HelperState, ended: datetime | time, clock: LocalClock
) -> tuple[int, int]:
    if isinstance(began, datetime) and isinstance(ended, datetime):
        return _begin_us(began, clock), _end_us(ended, clock)
    if isinstance(began, datetime):
        assert isinstance(ended, time)
        start_us = _begin_us(began, clock)
        return start_us, _first_after(ended, start_us, clock)
    if isinstance(ended, datetime):
        end_us = _end_us(ended, clock)
        if end_us < (own_us := _own_us(began, start, clock, min)) and start.changed_us > end.changed_us:
            return own_us, end_us  # of a night whose end is still to be told
        return _last_before(began, end_us, clock), end_us
    own_start_us, own_end_us = _own_us(began, start, clock, min), _own_us(ended, end, clock, max)
    if own_end_us > own_start_us:
        return _last_before(began, own_end_us, clock), own_end_us
    return own_start_us, _first_after(ended, own_start_us, clock)


def _parse(state: str) -> datetime | time | None:
    try:
        if ":" not in state:
            return None  # a date alone, or nothing
        found = time.fromisoformat(state) if "-" not in state else datetime.fromisoformat(state)
    except ValueError:
        return None
    return None if found.tzinfo is not None else found


def _begin_us(local: datetime, clock: LocalClock) -> int:
    return min(_both(local, clock))


def _end_us(local: datetime, clock: LocalClock) -> int:
    return max(_both(local, clock))


def _both(local: datetime, clock: LocalClock) -> tuple[int, int]:
    """The two moments a local time may mean; they differ only where clocks change."""
    first, second = (local.replace(tzinfo=clock.zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return to_us(first), to_us(second)


def _occurrences(at: time, around_us: int, clock: LocalClock) -> Iterator[datetime]:
    today: date = clock.at(around_us).date()
    for days in (-2, -1, 0, 1, 2):
        yield datetime.combine(today + timedelta(days=days), at)


def _last_before(at: time, before_us: int, clock: LocalClock) -> int:
    return max(
        us for local in _occurrences(at, before_us, clock) if (us := _begin_us(local, clock)) < before_us
    )


def _first_after(at: time, after_us: int, clock: LocalClock) -> int:
    return min(us for local in _occurrences(at, after_us, clock) if (us := _end_us(local, clock)) > after_us)


def _own_us(at: time, told: HelperState, clock: LocalClock, which: Callable[[tuple[int, int]], int]) -> int:
    """The occurrence that was meant when it was told, going by the time of telling alone."""
    until_us = told.changed_us + _AHEAD_US
    found = (which(_both(local, clock)) for local in _occurrences(at, until_us, clock))
    return max(us for us in found if us <= until_us)


@dataclass(frozen=True, slots=True)
class SensedSleep:
    """What is remembered of a sensor for sleep.

    Attributes:
        since_us: since when it says sleep, None while it does not.
        lost_us: since when it says nothing at all, None while it does.
    """

    since_us: int | None = None
    lost_us: int | None = None


def read_sensor(memory: SensedSleep, state: str, time_us: int) -> tuple[SensedSleep, tuple[int, int] | None]:
    """Take in a state of the sensor; what is remembered now, and the sleep that ended, if one did.

    A sensor that is away for up to half an hour and comes back asleep slept through; one that was away longer,
    or came back awake, ended the sleep when it was last heard.
    """
    since_us, lost_us = memory.since_us, memory.lost_us
    if since_us is None:
        return (SensedSleep(time_us) if state == "on" else memory), None
    if state == "on":
        if lost_us is None or time_us - lost_us <= _BRIDGED_US:
            return SensedSleep(since_us), None
        return SensedSleep(time_us), _sensed(since_us, lost_us)
    if state == "off":
        return SensedSleep(), _sensed(since_us, time_us if lost_us is None else lost_us)
    return SensedSleep(since_us, time_us if lost_us is None else lost_us), None


def _sensed(start_us: int, end_us: int) -> tuple[int, int] | None:
    return (start_us, end_us) if SHORTEST_SENSED_US <= end_us - start_us <= LONGEST_US else None


def waking_day(end_us: int, clock: LocalClock) -> str:
    """The local date (ISO) on which a sleep ended: the day that a night is named after."""
    return clock.at(end_us - MICROSECONDS).date().isoformat()
