"""The home's clock against zoneinfo, in zones where days are strange."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, from_us, to_us
from custom_components.occupancy_ml.engine.localtime import LocalClock

HOUR_US = 3600 * MICROSECONDS
ZONES = (
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Atlantic/Azores",
    "America/Havana", "America/Santiago", "Africa/Cairo", "Asia/Beirut", "Asia/Kathmandu", "Australia/Eucla",
    "Pacific/Chatham", "Pacific/Apia", "America/St_Johns", "Antarctica/Troll", "Europe/Dublin", "Asia/Tehran", "UTC",
)  # fmt: skip


def first_moment(zone: ZoneInfo, day: date) -> int:
    """The first microsecond of a local day, by looking at every minute around it."""
    begin = datetime.combine(day, time(), UTC) - timedelta(hours=15)
    for minute in range(30 * 60):
        moment = begin + timedelta(minutes=minute)
        if moment.astimezone(zone).date() >= day:
            return to_us(moment)
    raise AssertionError(day)


@pytest.mark.parametrize("name", ZONES)
def test_a_day_begins_at_its_first_moment(name: str) -> None:
    zone, clock = ZoneInfo(name), LocalClock(name)
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(366)]
    offsets = [datetime.combine(day, time(12), zone).utcoffset() for day in days]
    # Days around every change of the clock, and some plain ones.
    around = {
        days[m]
        for n in range(1, 366)
        if offsets[n] != offsets[n - 1]
        for m in range(max(n - 2, 0), min(n + 2, 366))
    }
    for day in sorted(around | set(days[::90])):
        start_us, end_us = clock.day_bounds(day)
        assert start_us == first_moment(zone, day)
        assert end_us == first_moment(zone, day + timedelta(days=1))


def test_days_of_23_and_25_hours() -> None:
    def hours(name: str, day: date) -> float:
        start_us, end_us = LocalClock(name).day_bounds(day)
        return (end_us - start_us) / HOUR_US

    assert hours("Europe/Berlin", date(2026, 3, 29)) == 23
    assert hours("Europe/Berlin", date(2026, 10, 25)) == 25
    assert hours("Europe/Berlin", date(2026, 6, 1)) == 24
    assert hours("Australia/Lord_Howe", date(2026, 10, 4)) == 23.5
    assert hours("Australia/Lord_Howe", date(2026, 4, 5)) == 24.5
    assert hours("Atlantic/Azores", date(2026, 3, 29)) == 23
    assert hours("America/Havana", date(2026, 11, 1)) == 25


@pytest.mark.parametrize("name", ZONES)
def test_days_hours_and_half_hours_are_those_of_zoneinfo(name: str) -> None:
    zone, clock = ZoneInfo(name), LocalClock(name)
    start_us = to_us(datetime(2026, 1, 1, tzinfo=UTC))
    steps = np.arange(0, 366 * 24 * 12, 7, dtype=np.int64)  # every 35 minutes of a year
    times = start_us + steps * 300 * MICROSECONDS
    days, half_hours = clock.days_and_half_hours(times)
    same_days, minutes = clock.days_and_minutes(times)
    assert same_days.tolist() == days.tolist()
    for time_us, day, half_hour, minute in zip(
        times.tolist(), days.tolist(), half_hours.tolist(), minutes.tolist(), strict=True
    ):
        local = from_us(time_us).astimezone(zone)
        assert day == local.date().toordinal()
        assert half_hour == local.hour * 2 + local.minute // 30
        assert minute == local.hour * 60 + local.minute
        assert clock.hour(time_us) == local.hour


@pytest.mark.parametrize("name", ZONES)
def test_the_next_jump_is_when_and_as_far_as_zoneinfo_jumps(name: str) -> None:
    zone, clock = ZoneInfo(name), LocalClock(name)
    times = to_us(datetime(2026, 1, 1, tzinfo=UTC)) + np.arange(366 * 24, dtype=np.int64) * HOUR_US
    offsets = [from_us(t).astimezone(zone).utcoffset() or timedelta() for t in times.tolist()]
    until, by = clock.jumps(times)
    for n in range(len(times) - 24):
        ahead = offsets[n + 24] - offsets[n]
        if offsets[n + 23] == offsets[n + 24] or ahead == timedelta():
            assert by[n] == ahead / timedelta(minutes=1)
            assert np.isfinite(until[n]) == (ahead != timedelta())
        if np.isfinite(until[n]):
            assert 0 < until[n] < 1440
            jump_us = int(times[n]) + round(until[n] * 60 * MICROSECONDS)
            before, after = (from_us(t).astimezone(zone).utcoffset() for t in (jump_us - 1, jump_us))
            assert before is not None
            assert after is not None
            assert (after - before) / timedelta(minutes=1) == by[n] != 0


def test_the_last_and_first_microsecond_around_a_change() -> None:
    clock = LocalClock("Europe/Berlin")
    change_us = to_us(datetime(2026, 3, 29, 1, tzinfo=UTC))
    assert [clock.hour(change_us - 1), clock.hour(change_us)] == [1, 3]
    change_us = to_us(datetime(2026, 10, 25, 1, tzinfo=UTC))
    assert [clock.hour(change_us - HOUR_US), clock.hour(change_us - 1), clock.hour(change_us)] == [2, 2, 2]


def test_an_unknown_zone_is_said() -> None:
    with pytest.raises(ZoneInfoNotFoundError):
        LocalClock("Middle/Earth")
