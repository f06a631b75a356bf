"""Sleep told by two helpers and a sensor: nights over midnight, over clock changes, mended and nonsense."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us, to_us
from custom_components.occupancy_ml.engine.labels.sleep import (
    HOUR_US,
    LONGEST_US,
    HelperState,
    SensedSleep,
    SleepProblem,
    read_helpers,
    read_sensor,
    waking_day,
)
from custom_components.occupancy_ml.engine.localtime import LocalClock

AMSTERDAM = LocalClock("Europe/Amsterdam")
ZONE = ZoneInfo("Europe/Amsterdam")


def local(text: str, fold: int = 0) -> int:
    """The moment of a local time in Amsterdam."""
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZONE, fold=fold).astimezone(UTC))


def told(state: str, at: str) -> HelperState:
    return HelperState(state, local(at))


def night(start: HelperState, end: HelperState, now: str) -> tuple[str, str] | SleepProblem:
    """What the helpers tell, as local times."""
    found = read_helpers(start, end, AMSTERDAM, local(now))
    if found.problem is not None:
        return found.problem
    assert found.start_us is not None
    assert found.end_us is not None
    return tuple(f"{AMSTERDAM.at(us):%m-%d %H:%M}" for us in (found.start_us, found.end_us))  # type: ignore[return-value]


MORNING = "2026-05-05T07:30"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        (
            told("2026-05-04 23:10:00", MORNING),
            told("2026-05-05 07:05:00", MORNING),
            ("05-04 23:10", "05-05 07:05"),
        ),
        # Times of day, both given in the morning; after midnight; a nap.
        (told("23:10:00", MORNING), told("07:05:00", MORNING), ("05-04 23:10", "05-05 07:05")),
        (told("00:40:00", MORNING), told("07:05:00", MORNING), ("05-05 00:40", "05-05 07:05")),
        (told("05:00:00", MORNING), told("06:00:00", MORNING), ("05-05 05:00", "05-05 06:00")),
        # The begin as every night, told days ago; the begin told in the evening, a little ahead.
        (told("23:00:00", "2026-05-01T08:00"), told("07:05:00", MORNING), ("05-04 23:00", "05-05 07:05")),
        (told("23:00:00", "2026-05-04T22:40"), told("07:05:00", MORNING), ("05-04 23:00", "05-05 07:05")),
        # The end as every morning, the begin mended afterwards.
        (told("23:20:00", MORNING), told("07:00:00", "2026-05-02T07:10"), ("05-04 23:20", "05-05 07:00")),
        # One with a date, one without.
        (told("2026-05-04 23:10:00", MORNING), told("07:05:00", MORNING), ("05-04 23:10", "05-05 07:05")),
        (told("23:10:00", MORNING), told("2026-05-05 07:05:00", MORNING), ("05-04 23:10", "05-05 07:05")),
    ],
)
def test_a_night(start: HelperState, end: HelperState, expected: tuple[str, str]) -> None:
    assert night(start, end, MORNING) == expected


@pytest.mark.parametrize(
    ("start", "end", "problem"),
    [
        (
            told("2026-05-05 08:00:00", MORNING),
            told("2026-05-05 07:05:00", MORNING),
            SleepProblem.END_BEFORE_START,
        ),
        (
            told("2026-05-05 07:05:00", MORNING),
            told("2026-05-05 07:05:00", MORNING),
            SleepProblem.END_BEFORE_START,
        ),
        (
            told("2026-05-02 23:00:00", MORNING),
            told("2026-05-05 07:05:00", MORNING),
            SleepProblem.TOO_LONG,
        ),
        (told("07:00:00", MORNING), told("07:00:00", MORNING), SleepProblem.TOO_LONG),
        (told("2026-05-05", MORNING), told("07:00:00", MORNING), SleepProblem.NOT_TOLD),
        (told("unknown", MORNING), told("07:00:00", MORNING), SleepProblem.NOT_TOLD),
        (told("25:00:00", MORNING), told("07:00:00", MORNING), SleepProblem.NOT_TOLD),
        # The end of the last night stands while the begin of the next is told already.
        (
            told("23:00:00", "2026-05-04T22:40"),
            told("2026-05-04 07:05:00", "2026-05-04T07:10"),
            SleepProblem.END_BEFORE_START,
        ),
    ],
)
def test_what_tells_no_night(start: HelperState, end: HelperState, problem: SleepProblem) -> None:
    assert night(start, end, MORNING) is problem


def test_a_begin_told_in_the_evening_waits_for_its_morning() -> None:
    start, end = told("23:00:00", "2026-05-04T22:40"), told("07:00:00", "2026-05-04T07:02")
    waiting = read_helpers(start, end, AMSTERDAM, local("2026-05-04T22:40"))
    assert (waiting.problem, waiting.end_us) == (SleepProblem.NOT_OVER, local("2026-05-05T07:00"))
    assert night(start, end, "2026-05-05T07:00") == ("05-04 23:00", "05-05 07:00")


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        # The clocks of Amsterdam went forward on 29 March 2026, and go back on 25 October.
        ("2026-03-28 23:00:00", "2026-03-29 07:00:00", 7.0),
        ("2026-10-24 23:00:00", "2026-10-25 07:00:00", 9.0),
        # 02:30 came twice: sleep begins the first time and ends the second.
        ("2026-10-25 02:30:00", "2026-10-25 07:00:00", 5.5),
        ("2026-10-24 23:00:00", "2026-10-25 02:30:00", 4.5),
        # 02:30 never came: the nearest moments around the jump that leave nothing out.
        ("2026-03-29 02:30:00", "2026-03-29 07:00:00", 4.5),
        ("2026-03-28 23:00:00", "2026-03-29 02:30:00", 3.5),
    ],
)
def test_nights_in_which_the_clocks_change(start: str, end: str, hours: float) -> None:
    after = datetime.fromisoformat(end) + timedelta(hours=1)
    told_us = local(after.isoformat())
    for strip in (False, True):
        states = [HelperState(text[11:] if strip else text, told_us) for text in (start, end)]
        found = read_helpers(states[0], states[1], AMSTERDAM, told_us)
        assert found.problem is None
        assert found.start_us is not None
        assert found.end_us is not None
        assert (found.end_us - found.start_us) / HOUR_US == hours


_TIMES = st.integers(0, 363 * 86_400).map(lambda s: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=s))
_STATES = st.one_of(
    _TIMES.map(lambda t: f"{t:%Y-%m-%d %H:%M:%S}"),
    _TIMES.map(lambda t: f"{t:%H:%M:%S}"),
    st.text(max_size=12),
)


@settings(max_examples=150, deadline=None)
@given(_STATES, _STATES, _TIMES, _TIMES, st.sampled_from(["UTC", "Europe/Amsterdam", "America/St_Johns"]))
def test_a_night_that_is_told_is_over_and_no_longer_than_it_may_be(
    start: str, end: str, first: datetime, second: datetime, zone: str
) -> None:
    clock = LocalClock(zone)
    changed = [to_us(t) for t in (first, second)]
    now_us = max(changed)
    found = read_helpers(HelperState(start, changed[0]), HelperState(end, changed[1]), clock, now_us)
    if found.problem is None:
        assert found.start_us is not None
        assert found.end_us is not None
        assert 0 < found.end_us - found.start_us <= LONGEST_US
        assert found.end_us <= now_us
        assert from_us(found.start_us).astimezone(clock.zone).second == int(start[-2:])
    # Later nothing else is told, but what was not over.
    later = read_helpers(HelperState(start, changed[0]), HelperState(end, changed[1]), clock, 2**60)
    if found.problem is not SleepProblem.NOT_OVER:
        assert later == found
    else:
        assert (later.problem, later.start_us, later.end_us) == (None, found.start_us, found.end_us)


def test_a_night_is_named_after_its_morning() -> None:
    assert waking_day(local("2026-05-05T07:00"), AMSTERDAM) == "2026-05-05"
    assert waking_day(local("2026-05-05T00:00"), AMSTERDAM) == "2026-05-04"


def sensed(*states: tuple[int, str]) -> list[tuple[int, int]]:
    """Nights in minutes, of states at minutes."""
    memory, nights = SensedSleep(), []
    for minute, state in states:
        memory, slept = read_sensor(memory, state, minute * MINUTE_US)
        if slept is not None:
            nights.append((slept[0] // MINUTE_US, slept[1] // MINUTE_US))
    return nights


def test_a_sensor_tells_sleep_while_it_is_on() -> None:
    assert sensed((0, "off"), (10, "on"), (400, "off"), (500, "on"), (560, "off")) == [(10, 400), (500, 560)]
    assert sensed((0, "on"), (29, "off"), (40, "off")) == []
    assert sensed((0, "on"), (0, "on"), (LONGEST_US // MINUTE_US + 1, "off")) == []


def test_a_restart_does_not_end_a_night_but_a_long_absence_does() -> None:
    assert sensed((0, "on"), (100, "unavailable"), (101, "unknown"), (130, "on"), (400, "off")) == [(0, 400)]
    assert sensed((0, "on"), (100, "unavailable"), (131, "on"), (400, "off")) == [(0, 100), (131, 400)]
    assert sensed((0, "on"), (100, "unavailable"), (110, "off")) == [(0, 100)]
    assert sensed((0, "unavailable"), (10, "off")) == []
