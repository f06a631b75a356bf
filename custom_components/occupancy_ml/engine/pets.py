"""Who moved: a person or a pet. Learned from motion while nobody is home, and from what only people do.

Motion with nobody home can only be a pet's: it gives each room's rate of pet motion. A light, a door or an
appliance close to a motion gives away a person. Without either the answer is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .events import MINUTE_US, Cause
from .home import Home, Role
from .senses import DOOR
from .snapshot import Movement

Floats = NDArray[np.float64]

# What people do that no pet does.
_HANDS = frozenset({Role.DOOR, Role.OPENING, Role.LIGHT, Role.MEDIA, Role.APPLIANCE})
_HANDS_FOR_US = 5 * MINUTE_US
# Movement longer ago is not recent any more.
_RECENT_US = 15 * MINUTE_US
# Nobody is home by the filter alone only where it is this sure; and from then until it is this unsure.
_EMPTY, _NOT_EMPTY = 0.05, 0.5
# Whoever forgot something comes back within this time.
_GONE_FOR_MINUTES = 10
# A pet that is said to be there, before anything was seen of it: motion starts in so many minutes.
_PRIOR_STARTS, _PRIOR_MINUTES = 0.5, 60.0
# At most so likely does a pet move within a minute.
_MOST = 0.4
_LEAST_AWAY_MINUTES = 120.0
_PET, _HUMAN = 0.8, 0.3
_PARTS = 4  # of the day, in which people move differently
_HALF_LIFE_MINUTES = 30 * 1440.0


class Pets:
    """Rates of motion by room, with people home and without, and what moved last."""

    def __init__(self, home: Home) -> None:
        self._has_pets = home.pets
        self._room_ids = [room.room_id for room in home.rooms]
        rooms = len(self._room_ids)
        self._away_starts, self._away_minutes = np.zeros(rooms), 0.0
        self._home_starts, self._home_minutes = np.zeros((_PARTS, rooms)), np.zeros(_PARTS)
        self._running = np.zeros(rooms)  # starts within the running minute
        self._empty_for = 0  # minutes
        self._hands_us = -(10**18)
        self._moved: dict[int, tuple[int, float]] = {}  # by room: when, P(a pet)

    def hear(
        self,
        room: int,
        role: Role,
        cause: Cause,
        time_us: int,
        hour: int,
        *,
        home: float,
        persons: int,
    ) -> bool:
        """Somebody was noticed; whether that is to count as a person.

        Args:
            room: index of the room, or DOOR.
            role: of the sensor that noticed.
            cause: of the event.
            time_us: when.
            hour: local hour of day.
            home: P(somebody is home), before this.
            persons: how many are home, -1 where that is not known.
        """
        if room == DOOR or (role in _HANDS and cause is not Cause.AUTOMATION):
            self._hands_us = time_us
            self._empty_for = 0
        if room == DOOR or role is not Role.MOTION:
            return True
        self._running[room] += 1
        chance = self._chance(room, hour, time_us, home, persons)
        self._moved[room] = (time_us, chance)
        # With people at home a light that stays off for one of them is worse than one that a cat turns on.
        return not (self._has_pets and self._is_empty(home, persons) and chance >= _PET)

    def advance(self, hour: int, home: float, persons: int) -> None:
        """A minute is over."""
        empty = self._is_empty(home, persons) or (self._empty_for > 0 and home < _NOT_EMPTY and persons < 0)
        self._empty_for = self._empty_for + 1 if empty else 0
        kept = 0.5 ** (1 / _HALF_LIFE_MINUTES)
        if self._empty_for > _GONE_FOR_MINUTES:
            self._away_starts = kept * self._away_starts + (self._running > 0)
            self._away_minutes = kept * self._away_minutes + 1
        elif not self._empty_for:
            part = hour * _PARTS // 24
            self._home_starts[part] = kept * self._home_starts[part] + (self._running > 0)
            self._home_minutes[part] = kept * self._home_minutes[part] + 1
        self._running[:] = 0

    def explain(self, fire: Floats) -> Floats:
        """What makes sensors fire, with the pets besides: of every state, at their rate by room (noisy or).

        Args:
            fire: (C, 3, ...) P(a sensor fires within a minute) by context and who is there; the last axis begins
                with the motion sensors of the R rooms.
        """
        if not self._has_pets:
            return fire
        rate = (self._away_starts + _PRIOR_STARTS) / (self._away_minutes + _PRIOR_MINUTES)
        rate, rooms = np.minimum(rate, _MOST), len(rate)
        out = fire.copy()
        sensed = fire[:, :, :rooms] > 0.0
        out[:, :, :rooms] = np.where(sensed, 1 - (1 - fire[:, :, :rooms]) * (1 - rate), 0.0)
        return out

    def movement(self, room: int, now_us: int) -> Movement:
        """What moved in a room lately."""
        when_us, chance = self._moved.get(room, (-(10**18), 0.5))
        if now_us - when_us > _RECENT_US:
            return Movement.UNKNOWN
        return Movement.PET if chance >= _PET else Movement.HUMAN if chance <= _HUMAN else Movement.UNKNOWN

    def _is_empty(self, home: float, persons: int) -> bool:
        return persons == 0 if persons >= 0 else home < _EMPTY

    def _chance(self, room: int, hour: int, time_us: int, home: float, persons: int) -> float:
        """P(a pet moved); one half where nothing tells."""
        if time_us - self._hands_us <= _HANDS_FOR_US:
            return 0.0
        if not self._has_pets and self._away_minutes < _LEAST_AWAY_MINUTES:
            return 0.5
        starts, minutes = (_PRIOR_STARTS, _PRIOR_MINUTES) if self._has_pets else (0.0, 0.0)
        pet = (self._away_starts[room] + starts) / (self._away_minutes + minutes)
        part = hour * _PARTS // 24
        all_of_them = (self._home_starts[part, room] + 1.0) / (self._home_minutes[part] + 60.0)
        human = max(all_of_them - pet, 0.05 * all_of_them)
        there = 0.02 if self._is_empty(home, persons) else 1.0
        return float(pet / (pet + there * human))

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "away": [self._away_starts.tolist(), self._away_minutes],
            "home": [self._home_starts.tolist(), self._home_minutes.tolist()],
            "running": self._running.tolist(),
            "empty_for": self._empty_for,
            "hands_us": self._hands_us,
            "moved": [[room, *moved] for room, moved in self._moved.items()],
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave for the same rooms."""
        self._away_starts, self._away_minutes = np.array(value["away"][0]), value["away"][1]
        rooms = len(self._room_ids)
        self._home_starts = np.array(value["home"][0]).reshape(_PARTS, rooms)
        self._home_minutes = np.array(value["home"][1])
        self._running = np.array(value["running"])
        self._empty_for, self._hands_us = value["empty_for"], value["hands_us"]
        self._moved = {room: (when_us, chance) for room, when_us, chance in value["moved"]}
