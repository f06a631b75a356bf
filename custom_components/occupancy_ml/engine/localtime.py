"""The home's clock, where a person's day matters. Everything else is UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from .events import DAY_US, MICROSECONDS, MINUTE_US, from_us, to_us

# Offsets change on a quarter of an hour at the finest, anywhere in the world, and at most once in a day.
_QUARTER_US = 15 * 60 * MICROSECONDS
_MOST_DAYS = 4_000
_DAY_MINUTES = 1440


class LocalClock:
    """Local time of one IANA zone, and its inverse at the bounds of days.

    Raises:
        zoneinfo.ZoneInfoNotFoundError: there is no such zone.
    """

    def __init__(self, time_zone: str) -> None:
        self.zone = ZoneInfo(time_zone)
        # By day since 1970 UTC, None where it changes within.
        self._offsets: dict[int, int | None] = {}
        # By the same, when the clock jumps and by how much.
        self._jumps: dict[int, tuple[int, int] | None] = {}

    def at(self, time_us: int) -> datetime:
        """The local datetime of a moment."""
        return from_us(time_us).astimezone(self.zone)

    def hour(self, time_us: int) -> int:
        """The local hour of day, 0 to 23."""
        return (time_us + self._offset_us(time_us)) // (3600 * MICROSECONDS) % 24

    def days_and_half_hours(self, times_us: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n,) local days as proleptic ordinals and (n,) local half hours 0 to 47."""
        days, minutes = self.days_and_minutes(times_us)
        return days, minutes // 30

    def days_and_minutes(self, times_us: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n,) local days as proleptic ordinals and (n,) whole local minutes of the day 0 to 1439."""
        quarters, back = np.unique(times_us // _QUARTER_US, return_inverse=True)
        offsets = np.array([self._offset_us(int(q) * _QUARTER_US) for q in quarters], dtype=np.int64)
        local = times_us + offsets[back]
        days = local // (86_400 * MICROSECONDS) + date(1970, 1, 1).toordinal()
        return days, local // MINUTE_US % 1440

    def jumps(self, times_us: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(n,) minutes until the clock jumps, inf where it does not within 24 hours, and (n,) by how many minutes."""
        until, by = np.full(len(times_us), np.inf), np.zeros(len(times_us))
        days = times_us // DAY_US
        for day in np.unique(days).tolist():
            # Of the later day first: where both jump, the nearer counts.
            for found in (self._jump(day + 1), self._jump(day)):
                if found is not None:
                    wait = (found[0] - times_us) / MINUTE_US
                    ours = (days == day) & (wait > 0) & (wait < _DAY_MINUTES)
                    until[ours], by[ours] = wait[ours], found[1] / MINUTE_US
        return until, by

    def day_bounds(self, day: date) -> tuple[int, int]:
        """UTC microseconds at which a local day begins and ends: 23, 24 or 25 hours apart."""
        return self._midnight(day), self._midnight(day + timedelta(days=1))

    def _midnight(self, day: date) -> int:
        # Where midnight does not exist, the day begins at the jump: UTC arithmetic lands there.
        return to_us(datetime.combine(day, time(), self.zone).astimezone(UTC))

    def _offset_us(self, time_us: int) -> int:
        day = time_us // DAY_US
        if day not in self._offsets:
            if len(self._offsets) >= _MOST_DAYS:
                self._offsets.clear()
            first, last = self._read_us(day * DAY_US), self._read_us((day + 1) * DAY_US)
            self._offsets[day] = first if first == last else None
        offset = self._offsets[day]
        return self._read_us(time_us) if offset is None else offset

    def _jump(self, day: int) -> tuple[int, int] | None:
        """When in a day since 1970 UTC, its end included, the clock jumps, and by how much; None where it does not."""
        if day not in self._jumps:
            if len(self._jumps) >= _MOST_DAYS:
                self._jumps.clear()
            self._jumps[day] = self._look_for_jump(day * DAY_US, (day + 1) * DAY_US)
        return self._jumps[day]

    def _look_for_jump(self, before_us: int, after_us: int) -> tuple[int, int] | None:
        before, after = self._read_us(before_us), self._read_us(after_us)
        if before == after:
            return None
        while after_us - before_us > _QUARTER_US:
            middle_us = (before_us + after_us) // 2 // _QUARTER_US * _QUARTER_US
            if self._read_us(middle_us) == before:
                before_us = middle_us
            else:
                after_us = middle_us
        return after_us, after - before

    def _read_us(self, time_us: int) -> int:
        """The offset, from the zone."""
        return (self.at(time_us).utcoffset() or timedelta()) // timedelta(microseconds=1)
