"""The present state of every watched entity, and which events mean that somebody acted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .events import MICROSECONDS, MINUTE_US, NO_STATE, Cause, Event, number_of
from .home import Home, Role, Sensor

DOOR, PERSONS = -1, -2
"""Stand for an outer door, and for who is home, where a room's index is expected."""

ACTIVITY_ROLES = frozenset(
    {Role.MOTION, Role.PRESENCE, Role.DOOR, Role.OPENING, Role.LIGHT, Role.MEDIA, Role.APPLIANCE}
)
"""Roles whose changes say that a person acted in the room."""

HAND_ROLES = ACTIVITY_ROLES - {Role.MOTION, Role.PRESENCE}
"""Those that change by a person's hand, and hardly ever by themselves."""

# A motion sensor whose signals are short and that is held on longer than this watches something else. Which of those
# that stay on for as long as people are there is stuck, `SensorHealth` knows.
MOTION_HOLD_US = 10 * MINUTE_US
# A door that bounces opens once.
_DOOR_BOUNCE_US = 45 * MICROSECONDS
# A sensor whose signals last shorter than this, as their geometric mean over about the last fifty, reports movement,
# not that somebody is there: that a presence sensor (a bed mat that pulses) is off then says nothing, nor that a motion
# sensor is still on.
_PULSE_LOG_S = {Role.PRESENCE: math.log(60.0), Role.MOTION: math.log(15.0)}
_HOLD_PRIOR_LOG_S, _HOLD_PRIOR = {Role.PRESENCE: math.log(600.0), Role.MOTION: math.log(60.0)}, 3
_HOLD_MEMORY = 50
_OFF = frozenset({"off", "idle", "standby", "paused", "closed", "not_home"})


class Senses:
    """States by entity. Events come in order of time.

    Attributes:
        ignored: entities that are not believed for now: what they say is remembered, and counts for nothing.
        new: entities that joined the home lately: what their level or state means here nobody knows yet.
    """

    def __init__(self, home: Home) -> None:
        self._rooms = {room.room_id: number for number, room in enumerate(home.rooms)}
        self._sensors = {sensor.entity_id: sensor for sensor in home.sensors}
        self.presence = tuple(s.entity_id for s in home.sensors if s.role is Role.PRESENCE and s.room_id)
        self._presence_index = {entity_id: number for number, entity_id in enumerate(self.presence)}
        self._persons = tuple(s.entity_id for s in home.sensors if s.role is Role.PERSON)
        self._references = tuple(
            (s.entity_id, s.room_id) for s in home.sensors if s.role is Role.REFERENCE and s.room_id
        )
        self._workdays = tuple(s.entity_id for s in home.sensors if s.role is Role.WORKDAY)
        self.ignored: frozenset[str] = frozenset()
        self.new: frozenset[str] = frozenset()
        # By channel, as `whereabouts` counts them: motion in each room, what only a hand does there, the outer doors.
        self._channels: list[list[str]] = [[] for _ in range(2 * len(self._rooms) + 1)]
        for sensor in home.sensors:
            if sensor.role is Role.EXIT_DOOR:
                self._channels[-1].append(sensor.entity_id)
            elif sensor.role in ACTIVITY_ROLES and sensor.room_id is not None:
                hand = len(self._rooms) if sensor.role in HAND_ROLES else 0
                self._channels[self._rooms[sensor.room_id] + hand].append(sensor.entity_id)
        self._listening: tuple[frozenset[str], NDArray[np.bool_]] | None = None
        self._states: dict[str, str] = {}
        self._real: dict[str, str] = {}
        self._changed_us: dict[str, int] = {}
        self._motion_on: dict[str, int] = {}
        self._was_on = np.zeros(len(self.presence), dtype=np.int8)
        # By motion and presence sensor: mean log seconds of its signals, and how many that mean is worth.
        self._holds: dict[str, tuple[float, int]] = {}
        self._last_door_us = -(10**18)
        # By entity: the time of its latest event. What comes again or out of turn is old news.
        self._seen_us: dict[str, int] = {}

    def see(self, event: Event) -> int | None:
        """Take in an event; the index of the room in which somebody acted, DOOR, or None.

        An event that is earlier than the last one of its entity is left out.
        """
        sensor = self._sensors.get(event.entity_id)
        if sensor is None or event.time_us < self._seen_us.get(event.entity_id, event.time_us):
            return None
        self._seen_us[event.entity_id] = event.time_us
        before = self._states.get(event.entity_id)
        if event.state == before:
            return None
        self._states[event.entity_id] = event.state
        if before is None or before in NO_STATE or not event.is_real:
            self._listening = None
        if not event.is_real:
            self._motion_on.pop(event.entity_id, None)
            return None
        was = self._real.get(event.entity_id)
        if sensor.role in _PULSE_LOG_S and was == "on" and event.state == "off":
            self._note_hold(sensor, event.time_us - self._changed_us[event.entity_id])
        if event.state != was:  # coming back as it was is no change
            self._real[event.entity_id] = event.state
            self._changed_us[event.entity_id] = event.time_us
        known = before is not None and before not in NO_STATE
        role = sensor.role
        if event.entity_id in self.ignored:
            return None
        if role is Role.EXIT_DOOR:
            if event.state != "on" or not known or event.time_us - self._last_door_us <= _DOOR_BOUNCE_US:
                return None
            self._last_door_us = event.time_us
            return DOOR
        if role not in ACTIVITY_ROLES or sensor.room_id is None:
            return None
        room = self._rooms[sensor.room_id]
        if role is Role.MOTION:
            if event.state == "on":
                self._motion_on[event.entity_id] = event.time_us
                return room
            self._motion_on.pop(event.entity_id, None)
            return None
        if role is Role.PRESENCE:
            self._was_on[self._presence_index[event.entity_id]] |= event.state == "on"
            return room if known or event.state == "on" else None
        return room if known and event.cause is not Cause.AUTOMATION else None

    def _note_hold(self, sensor: Sensor, lasted_us: int) -> None:
        mean, count = self._holds.get(sensor.entity_id, (_HOLD_PRIOR_LOG_S[sensor.role], _HOLD_PRIOR))
        count = min(count + 1, _HOLD_MEMORY)
        seconds = max(lasted_us / MICROSECONDS, 1.0)
        self._holds[sensor.entity_id] = (mean + (math.log(seconds) - mean) / count, count)

    def _pulses(self, entity_id: str) -> bool:
        """Whether a motion or presence sensor's signals are short."""
        role = self._sensors[entity_id].role
        return self._holds.get(entity_id, (_HOLD_PRIOR_LOG_S[role], 0))[0] < _PULSE_LOG_S[role]

    def role(self, entity_id: str) -> Role:
        """The role of a watched entity."""
        return self._sensors[entity_id].role

    @property
    def states(self) -> Mapping[str, str]:
        """The last state of each entity that was heard."""
        return self._states

    @property
    def latest_us(self) -> int:
        """Time of the latest event of all, very small where there was none."""
        return max(self._seen_us.values(), default=-(10**18))

    def set_back(self, now_us: int) -> None:
        """The clock went back to a moment: nothing was seen after it, else all that comes until then were old news."""
        for times in (self._seen_us, self._changed_us, self._motion_on):
            times.update({k: now_us for k, time_us in times.items() if time_us > now_us})
        self._last_door_us = min(self._last_door_us, now_us)

    def discount(self, entity_id: str) -> None:
        """What a motion sensor sees now is no person: until it fires again it is not on."""
        self._motion_on.pop(entity_id, None)

    def begin_minute(self) -> None:
        """Forget what was on within the last minute only."""
        self._was_on[:] = 0

    def motion_rooms(self, now_us: int) -> list[int]:
        """Rooms with a motion sensor that is on and not stuck."""
        rooms = set()
        for entity_id, since in list(self._motion_on.items()):
            if entity_id in self.ignored:
                continue
            if now_us - since < MOTION_HOLD_US or not self._pulses(entity_id):
                rooms.add(self._rooms[str(self._sensors[entity_id].room_id)])
            else:
                del self._motion_on[entity_id]
        return sorted(rooms)

    def presence_levels(self) -> NDArray[np.int8]:
        """(K,) by presence sensor: 1 on (now or within the minute), 0 off, -1 unknown, stuck or pulsing."""
        levels = np.full(len(self.presence), -1, dtype=np.int8)
        for number, entity_id in enumerate(self.presence):
            if entity_id in self.ignored:
                continue
            if self._pulses(entity_id):
                continue
            state = self._states.get(entity_id)
            if state == "on":
                levels[number] = 1
            elif state == "off":
                levels[number] = self._was_on[number]
        return levels

    def listening(self) -> NDArray[np.bool_]:
        """(2 R + 1,) by channel, the outer doors last: whether any of its sensors has a state and is believed.

        Of a channel that does not listen silence says nothing.
        """
        if self._listening is None or self._listening[0] is not self.ignored:
            heard = {k for k, state in self._states.items() if state not in NO_STATE} - self.ignored
            found = np.array([any(k in heard for k in channel) for channel in self._channels], dtype=np.bool_)
            self._listening = (self.ignored, found)
        return self._listening[1]

    def persons_home(self) -> tuple[int, int]:
        """(persons who are home, persons whose whereabouts are known)."""
        states = [self._states.get(entity_id, "unknown") for entity_id in self._persons]
        return sum(s == "home" for s in states), sum(s not in NO_STATE for s in states)

    def persons_level(self) -> int:
        """How many persons are home, 2 for more; -1 where nothing is known.

        While nothing is known of one, the others being away says nothing of the home.
        """
        at_home, known = self.persons_home()
        return min(at_home, 2) if at_home or (known and known == len(self._persons)) else -1

    def references(self) -> dict[str, bool]:
        """By room with a reference entity that is known: whether one says that somebody is there."""
        told: dict[str, bool] = {}
        for entity_id, room_id in self._references:
            if (state := self._states.get(entity_id)) in ("on", "off"):
                told[room_id] = told.get(room_id, False) or state == "on"
        return told

    def is_day_off(self, local: date) -> bool:
        """Whether a local day, today, is nobody's workday, by the workday sensors, else a Saturday or Sunday."""
        told = [state for e in self._workdays if (state := self._states.get(e)) in ("on", "off")]
        return "on" not in told if told else local.weekday() >= 5

    def by_hand(self, entity_id: str) -> bool:
        """Whether the entity only changes where a person acts on it."""
        return self._sensors[entity_id].role in HAND_ROLES

    def is_on(self, entity_id: str) -> bool:
        """Whether a device is on, playing, open or otherwise not at rest."""
        state = self._states.get(entity_id)
        return state is not None and state not in NO_STATE and state not in _OFF

    def value(self, entity_id: str) -> float | None:
        """The entity's number, None where it has none now."""
        state = None if entity_id in self.ignored else self._states.get(entity_id)
        return None if state is None else number_of(state)

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "states": self._states,
            "real": self._real,
            "changed_us": self._changed_us,
            "motion_on": self._motion_on,
            "was_on": dict(zip(self.presence, self._was_on.tolist(), strict=True)),
            "holds": self._holds,
            "last_door_us": self._last_door_us,
            "seen_us": self._seen_us,
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave; entities no longer watched are left out."""
        watched = self._sensors.keys()
        self._states = {k: v for k, v in value["states"].items() if k in watched}
        self._listening = None
        self._real = {k: v for k, v in value["real"].items() if k in watched}
        self._changed_us = {k: v for k, v in value["changed_us"].items() if k in watched}
        self._motion_on = {k: v for k, v in value["motion_on"].items() if k in watched}
        self._was_on = np.array([value["was_on"].get(k, 0) for k in self.presence], dtype=np.int8)
        self._holds = {k: (v[0], v[1]) for k, v in value["holds"].items() if k in watched}
        self._last_door_us = value["last_door_us"]
        self._seen_us = {k: v for k, v in value["seen_us"].items() if k in watched}
