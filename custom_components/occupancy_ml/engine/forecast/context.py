"""What entities that the user named say about the day: the next alarm, a calendar, days off, the way home, weather."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta
import math

import numpy as np

from ..events import MINUTE_US, to_us
from ..home import Sensor
from ..localtime import LocalClock
from .bins import Floats

_ON = frozenset({"on", "home", "true", "above_horizon", "open"})
_OFF = frozenset({"off", "not_home", "false", "below_horizon", "closed"})
# Conditions of Home Assistant's weather entities: something falls, or not.
_WET = frozenset({"rainy", "pouring", "lightning-rainy", "hail", "snowy", "snowy-rainy"})
_DRY = frozenset({
    "clear-night", "cloudy", "exceptional", "fog", "lightning", "partlycloudy", "sunny", "windy", "windy-variant",
})  # fmt: skip
_DAY_HOURS = 24.0


class Context:
    """The named entities, in order of their ids; what is not there costs nothing."""

    def __init__(self, sensors: Iterable[Sensor], clock: LocalClock) -> None:
        self.names = tuple(sorted(sensor.entity_id for sensor in sensors))
        self._clock = clock

    def values(self, states: Mapping[str, str], now_us: int) -> Floats:
        """(C,) what each says at a moment, as a number of moderate size; nan where it says nothing."""
        return np.array([number_of(states.get(name), now_us, self._clock) for name in self.names])


def number_of(state: str | None, now_us: int, clock: LocalClock) -> float:
    """A state as a number.

    1 and 0 for on and off, and for wet and dry weather; hours until a time, 24 at most; else signed log1p of a number.
    A date and time without a zone, or a time of the day, is the home's.
    """
    if state is None:
        return math.nan
    if state in _ON or state in _WET:
        return 1.0
    if state in _OFF or state in _DRY:
        return 0.0
    try:
        number = float(state)
    except ValueError:
        return _hours_until(state, now_us, clock)
    return math.copysign(math.log1p(abs(number)), number) if math.isfinite(number) else math.nan


def _hours_until(state: str, now_us: int, clock: LocalClock) -> float:
    try:
        moment = _next(time.fromisoformat(state), now_us, clock) if ":" in state[:3] else None
        moment = moment or datetime.fromisoformat(state)
    except ValueError:
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=clock.zone)
    hours = (to_us(moment) - now_us) / MINUTE_US / 60
    # An alarm that has rung says nothing of the next.
    return min(hours, _DAY_HOURS) if hours >= 0 else _DAY_HOURS


def _next(at: time, now_us: int, clock: LocalClock) -> datetime:
    """When the clock shows a time next."""
    now = clock.at(now_us)
    today = now.replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0)
    return today if today >= now else today + timedelta(days=1)
