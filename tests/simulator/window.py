"""Two local days of a home: what a day's sensors need to know, and no more.

A day of a simulated home depends on its seed and date alone. What carries over midnight
(a hold time, a light left on, stale air) is computed by starting one day earlier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from custom_components.occupancy_ml.engine.events import Cause
from tests.simulator.activities import STILL
from tests.simulator.config import SimulatedHomeConfig
from tests.simulator.truth import unions
from tests.simulator.walking import WALKING, Stay


class Change(NamedTuple):
    """A device's new state."""

    time_us: int
    state: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class Window:
    """The stays that may reach into one local day.

    Attributes:
        day: the local day whose events are wanted.
        start_us: local midnight a day before it.
        day_us: its local midnight.
        end_us: the next local midnight.
        waking_days: people's stays by the day they woke on.
        pet_days: pets' stays by local day.
        stays: people's stays from two wakings before the day to the one after it, by start and name.
    """

    config: SimulatedHomeConfig
    seed: int
    day: date
    start_us: int
    day_us: int
    end_us: int
    waking_days: dict[date, list[Stay]]
    pet_days: dict[date, list[Stay]]
    stays: list[Stay]
    _memo: dict[tuple[str, str], list[tuple[int, int]]] = field(default_factory=dict)

    def present(self, room_id: str) -> list[tuple[int, int]]:
        """When the room has anyone in it."""
        return self._intervals("present", room_id, lambda _: True)

    def awake(self, room_id: str) -> list[tuple[int, int]]:
        """When the room has anyone in it who stays, awake."""
        return self._intervals("awake", room_id, lambda s: s.activity not in STILL and s.activity != WALKING)

    def _intervals(self, name: str, room_id: str, wanted: Callable[[Stay], bool]) -> list[tuple[int, int]]:
        key = (name, room_id)
        if key not in self._memo:
            self._memo[key] = unions(s for s in self.stays if s.room_id == room_id and wanted(s))
        return self._memo[key]
