"""What entities that the user named say about the day: the next alarm, a calendar, days off, the way home, weather."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
import math

import numpy as np

from ..events import MINUTE_US, to_us
from ..home import Sensor
from .bins import Floats

_ON = frozenset({"on", "home", "true", "above_horizon", "open"})
_OFF = frozenset({"off", "not_home", "false", "below_horizon", "closed"})
_DAY_HOURS = 24.0


class Context:
    """The named entities, in order of their ids; what is not there costs nothing."""

    def __init__(self, sensors: Iterable[Sensor]) -> None:
        self.names = tuple(sorted(sensor.entity_id for sensor in sensors))

    def values(self, states: Mapping[str, str], now_us: int) -> Floats:
        """(C,) what each says at a moment, as a number of moderate size; nan where it says nothing."""
        return np.array([number_of(states.get(name), now_us) for name in self.names])


def number_of(state: str | None, now_us: int) -> float:
    """A state as a number: 1 and 0 for on and off, hours until a time (24 at most), else signed log1p of a number."""
    if state is None:
        return math.nan
    if state in _ON or state in _OFF:
        return float(state in _ON)
    try:
        number = float(state)
    except ValueError:
        return _hours_until(state, now_us)
    return math.copysign(math.log1p(abs(number)), number) if math.isfinite(number) else math.nan


def _hours_until(state: str, now_us: int) -> float:
    try:
        moment = datetime.fromisoformat(state)
    except ValueError:
        return math.nan
    if moment.tzinfo is None:
        return math.nan
    hours = (to_us(moment) - now_us) / MINUTE_US / 60
    # An alarm that has rung says nothing of the next.
    return min(hours, _DAY_HOURS) if hours >= 0 else _DAY_HOURS
