"""Which sensors can be believed: stuck, silent, gone, restless and new ones are told from those nobody has used lately.

Silence is measured in hours in which it means something: hours in which others noticed people in the same room,
or, where a room has but one sensor, in the home. So a holiday ages no sensor, and a room that is seldom used, or
only in summer, is compared with its own long silences.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from .events import MINUTE_US, Cause, Event
from .home import Home, Role, Sensor
from .senses import ACTIVITY_ROLES
from .snapshot import Fault, SensorFault

HOUR_US = 60 * MINUTE_US


# (hours on that are plausible, times the longest seen so far) beyond which a sensor is stuck.
_STUCK = {Role.MOTION: (3.0, 4.0), Role.PRESENCE: (24.0, 2.0)}
# Only what people, or the air, move all the time gives itself away by silence: a lamp may rest all summer.
_RHYTHMIC = frozenset({Role.MOTION, Role.PRESENCE, Role.ENVIRONMENT})
# (hours that count, times the longest silence so far, silences known) beyond which a sensor is silent: by hours of
# activity in its room, in the home, and the same for air and light.
_SILENT_IN_ROOM = (12, 6, 50)
_SILENT_AT_HOME = (100, 6, 100)
_SILENT_AIR = (24, 5, 50)
# So many acts of others in an hour show that somebody was there.
_ACTIVE = 3
# Lamps and televisions are unavailable whenever somebody cuts their power.
_ALWAYS_THERE = frozenset(
    {Role.MOTION, Role.PRESENCE, Role.DOOR, Role.EXIT_DOOR, Role.OPENING, Role.ENVIRONMENT}
)
_GONE_US = 24 * HOUR_US
# A sensor that joins a home that is older than this is new for so long.
_NEW_US = 24 * HOUR_US
# More starts of activity in an hour than people make; quiet again below a quarter of it.
_RESTLESS, _RESTED = 240, 60


@dataclass(slots=True)
class _Record:
    """What is remembered of one sensor.

    Attributes:
        first_us: when it was first heard.
        state: its last state, None before the first.
        since_us: since when it is in that state, times without any state aside.
        gone_us: since when it has no state, None while it has one.
        longest_on_us: its longest stretch on, as far as plausible.
        silent: counted hours since its last change.
        longest_silent: the longest such silence, fading slowly.
        silences: how many there were.
        starts: changes to on within the running hour.
        fault: what is wrong, None when nothing is.
        fault_us: since when.
    """

    first_us: int = 0
    state: str | None = None
    since_us: int = 0
    gone_us: int | None = None
    longest_on_us: int = 0
    silent: int = 0
    longest_silent: float = 0.0
    silences: int = 0
    starts: int = 0
    fault: str | None = None
    fault_us: int = 0


class SensorHealth:
    """Watches all sensors of a home. Events come in order, hours when they are over.

    Attributes:
        ignored: entities that are not believed for now.
        new: entities that joined the home lately. That they notice somebody counts at once; what their level or
            state means in their room has to be learned first.
    """

    def __init__(self, home: Home) -> None:
        self.ignored: frozenset[str] = frozenset()
        self.new: frozenset[str] = frozenset()
        self._begun_us: int | None = None
        self._hour: int | None = None
        self._records: dict[str, _Record] = {}
        # Acts within the running hour by entity.
        self._acts: dict[str, int] = {}
        self._sensors = {s.entity_id: s for s in home.sensors if s.role in ACTIVITY_ROLES | _ALWAYS_THERE}
        # Sensors of a room that notice people.
        self._company: dict[str, int] = {}
        for sensor in self._sensors.values():
            if sensor.role in ACTIVITY_ROLES and sensor.room_id:
                self._company[sensor.room_id] = self._company.get(sensor.room_id, 0) + 1

    def see(self, event: Event) -> None:
        """Take in an event, before anything else does: a sensor that speaks again is believed again."""
        sensor = self._sensors.get(event.entity_id)
        if sensor is None:
            return
        record = self._records.setdefault(event.entity_id, _Record())
        if event.time_us < record.since_us:
            return
        if event.is_real and not record.first_us:
            record.first_us = event.time_us
            if self._begun_us is not None and event.time_us - self._begun_us > _NEW_US:
                self.new |= {event.entity_id}
        if not event.is_real:
            if record.gone_us is None:
                record.gone_us = event.time_us
            return
        record.gone_us = None
        if record.fault == Fault.UNAVAILABLE:
            self._mend(event.entity_id, record)
        if event.state == record.state:
            return
        if record.state is not None:
            if record.state == "on" and sensor.role in _STUCK:
                # However long it was stuck: it may be on for as long as it took to find that out.
                lasted_us = min(event.time_us - record.since_us, _plausible_us(sensor, record))
                record.longest_on_us = max(record.longest_on_us, lasted_us)
            record.longest_silent = max(record.longest_silent * 0.999, record.silent)
            record.silences += 1
        record.state, record.since_us, record.silent = event.state, event.time_us, 0
        if record.fault in (Fault.STUCK, Fault.SILENT):
            self._mend(event.entity_id, record)
        if event.state == "on":
            record.starts += 1
        if sensor.role in ACTIVITY_ROLES and event.cause is not Cause.AUTOMATION:
            self._acts[event.entity_id] = self._acts.get(event.entity_id, 0) + 1

    def set_back(self, now_us: int) -> None:
        """The clock went back to a moment: no state is of a later one."""
        for record in self._records.values():
            record.since_us = min(record.since_us, now_us)

    def advance(self, now_us: int) -> None:
        """Go on to a moment: judge where an hour ended."""
        hour = now_us // HOUR_US
        if hour == self._hour:
            return
        if self._begun_us is None:
            self._begun_us = now_us
        if self.new:
            self.new = frozenset(e for e in self.new if now_us - self._records[e].first_us < _NEW_US)
        if self._hour is not None and hour > self._hour:
            self._judge(hour * HOUR_US)
        self._begin_hour(now_us)

    def skip(self, now_us: int) -> None:
        """Go on to a moment when nobody listened in between: that says nothing, not even of what was on."""
        self._begin_hour(now_us)
        for record in self._records.values():
            if record.state == "on":
                record.since_us = max(record.since_us, now_us)

    def _begin_hour(self, now_us: int) -> None:
        self._hour = now_us // HOUR_US
        self._acts.clear()
        for record in self._records.values():
            record.starts = 0

    def faults(self) -> tuple[SensorFault, ...]:
        """The sensors that are not believed, by entity."""
        return tuple(
            SensorFault(entity_id, Fault(record.fault), record.fault_us)
            for entity_id, record in sorted(self._records.items())
            if record.fault is not None
        )

    def _judge(self, now_us: int) -> None:
        in_room: dict[str, int] = {}
        for entity_id, count in self._acts.items():
            # One that is restless is no witness for others.
            if count <= _RESTLESS and (room := self._sensors[entity_id].room_id):
                in_room[room] = in_room.get(room, 0) + count
        total = sum(in_room.values())
        for entity_id, record in self._records.items():
            sensor = self._sensors[entity_id]
            own = self._acts.get(entity_id, 0)
            here = in_room.get(sensor.room_id or "", 0) - own
            alone = self._company.get(sensor.room_id or "", 0) < 2 or sensor.role is Role.ENVIRONMENT
            # Without a state it could not tell anything.
            if (total - own if alone else here) >= _ACTIVE and record.gone_us is None:
                record.silent += 1
            if record.fault == Fault.RESTLESS and record.starts < _RESTED:
                self._mend(entity_id, record)
            if record.fault is None and (found := self._fault_of(sensor, record, alone, now_us)) is not None:
                record.fault, record.fault_us = found
                self.ignored |= {entity_id}

    def _fault_of(
        self, sensor: Sensor, record: _Record, alone: bool, now_us: int
    ) -> tuple[Fault, int] | None:
        if record.gone_us is not None:
            gone = sensor.role in _ALWAYS_THERE and now_us - record.gone_us >= _GONE_US
            return (Fault.UNAVAILABLE, record.gone_us) if gone else None
        on = record.state == "on" and sensor.role in _STUCK
        if on and now_us - record.since_us > _plausible_us(sensor, record):
            return Fault.STUCK, record.since_us
        if sensor.role in ACTIVITY_ROLES and record.starts > _RESTLESS:
            return Fault.RESTLESS, now_us
        if sensor.role in _RHYTHMIC and record.state != "on":
            least, times, known = (
                _SILENT_AIR
                if sensor.role is Role.ENVIRONMENT
                else _SILENT_AT_HOME
                if alone
                else _SILENT_IN_ROOM
            )
            if record.silences >= known and record.silent > max(least, times * record.longest_silent):
                return Fault.SILENT, record.since_us
        return None

    def _mend(self, entity_id: str, record: _Record) -> None:
        record.fault = None
        self.ignored -= {entity_id}

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "begun_us": self._begun_us,
            "new": sorted(self.new),
            "hour": self._hour,
            "acts": self._acts,
            "records": {entity_id: asdict(record) for entity_id, record in self._records.items()},
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave; entities no longer watched are left out."""
        self._begun_us, self.new = value["begun_us"], frozenset(value["new"]) & self._sensors.keys()
        self._hour = value["hour"]
        self._acts = {k: v for k, v in value["acts"].items() if k in self._sensors}
        self._records = {k: _Record(**v) for k, v in value["records"].items() if k in self._sensors}
        self.ignored = frozenset(k for k, record in self._records.items() if record.fault is not None)


def _plausible_us(sensor: Sensor, record: _Record) -> int:
    """For how long a motion or presence sensor may be on."""
    hours, times = _STUCK[sensor.role]
    return round(max(hours * HOUR_US, times * record.longest_on_us))
