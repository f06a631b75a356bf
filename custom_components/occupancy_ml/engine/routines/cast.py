"""Who can act in a home: its sensors, and which of their acts may answer which."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..home import Home, Role, Sensor
from .patterns import Act

Ints = NDArray[np.int64]

EYES = frozenset({Role.MOTION, Role.PRESENCE})
"""They see people; nobody switches them."""
HANDS = frozenset(
    {
        Role.LIGHT,
        Role.MEDIA,
        Role.ROUTINE_ONLY,
        Role.APPLIANCE,
        Role.DOOR,
        Role.OPENING,
        Role.EXIT_DOOR,
        Role.PERSON,
    }
)
"""Their changes are somebody's doing."""
SWITCHED = frozenset({Role.LIGHT, Role.MEDIA, Role.ROUTINE_ONLY, Role.APPLIANCE})
_WORKDAY = "binary_sensor.workday"
_SKY = ("sun.", "weather.", _WORKDAY)


def is_sky(sensor: Sensor) -> bool:
    """Whether it tells of the world outside: a condition, never an act."""
    return sensor.role is Role.WORKDAY or sensor.entity_id.startswith(_SKY)


class Cast:
    """Who can act: the sensors of a home by entity id."""

    def __init__(self, home: Home) -> None:
        self._of = {sensor.entity_id: sensor for sensor in home.sensors}
        self.rooms = tuple(room.room_id for room in home.rooms)
        self.persons = tuple(s.entity_id for s in home.sensors if s.role is Role.PERSON)
        self.workdays = frozenset(
            s.entity_id for s in home.sensors if s.role is Role.WORKDAY or s.entity_id.startswith(_WORKDAY)
        )

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._of

    def sensor(self, entity_id: str) -> Sensor:
        """The sensor of an entity."""
        return self._of[entity_id]

    def room(self, entity_id: str) -> str | None:
        """The room of an entity, None where it has none or is gone."""
        sensor = self._of.get(entity_id)
        return None if sensor is None else sensor.room_id

    def sees(self, entity_id: str) -> bool:
        """Whether it only sees people."""
        sensor = self._of.get(entity_id)
        return sensor is not None and sensor.role in EYES

    def switched(self, entity_id: str) -> bool:
        """Whether it is something that people switch."""
        sensor = self._of.get(entity_id)
        return sensor is not None and sensor.role in SWITCHED

    def siblings(self, one: str, other: str) -> bool:
        """Whether two entities are the same thing seen twice: one entity, or parts of one device."""
        if one == other:
            return True
        first, second = self._of.get(one), self._of.get(other)
        if first is None or second is None:
            return False
        return first.device_id is not None and first.device_id == second.device_id

    def may_follow(self, tokens: Sequence[Act]) -> NDArray[np.bool_]:
        """(n, n): which act may be an answer to which.

        An answer is somebody's hand, not the same thing again, and what only sees people concerns its own room.
        """
        found = [self._of.get(act.entity_id) for act in tokens]
        sees = np.array([sensor is not None and sensor.role in EYES for sensor in found], dtype=np.bool_)
        entity = _codes([act.entity_id for act in tokens])
        device = _codes([None if sensor is None else sensor.device_id for sensor in found])
        room = _codes([None if sensor is None else sensor.room_id for sensor in found])
        same = (entity[:, None] == entity) | ((device[:, None] == device) & (device >= 0))
        near = ~sees[:, None] | ((room[:, None] == room) & (room >= 0))
        allowed: NDArray[np.bool_] = near & ~sees & ~same
        return allowed

    @property
    def watched(self) -> list[str]:
        """Entities whose events are read: hands, eyes and the sky; what only measures is left out."""
        return sorted(e for e, s in self._of.items() if s.role in EYES | HANDS or is_sky(s))

    @property
    def remembered(self) -> list[str]:
        """Entities of which the state at a day's beginning matters."""
        return sorted(e for e, s in self._of.items() if s.role in HANDS or is_sky(s))


def _codes(names: Sequence[str | None]) -> Ints:
    """A number for each name, the same for the same one, -1 for none."""
    numbers = {
        name: number for number, name in enumerate(sorted({name for name in names if name is not None}))
    }
    return np.array([-1 if name is None else numbers[name] for name in names], dtype=np.int64)
