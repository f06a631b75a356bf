"""Windows that move with time: counts, recency, states, clock. Nothing after `now` can enter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..events import MICROSECONDS, MINUTE_US
from ..home import Home, Role
from ..senses import DOOR, Senses

Floats = NDArray[np.float64]

FEATURE_SET_VERSION = 4
"""To be raised with every change of a feature's meaning: old rows are then computed anew."""

WINDOW_US = 5 * MINUTE_US
"""Rows are kept for windows of five minutes, aligned to the UTC clock."""

ENVIRONMENT = (
    "carbon_dioxide",
    "temperature",
    "humidity",
    "illuminance",
    "sound_pressure",
    "pm25",
    "volatile_organic_compounds",
)
"""Kinds of air and light that are measured, by device class."""
# The same air, told as a share of parts.
_ALSO = {"volatile_organic_compounds_parts": "volatile_organic_compounds"}
# What is judged in proportion: ten lux more matter at night, not at noon.
_IN_PROPORTION = frozenset({"carbon_dioxide", "illuminance", "pm25", "volatile_organic_compounds"})
_DEVICES = {
    Role.LIGHT: "lights_on",
    Role.MEDIA: "media_on",
    Role.APPLIANCE: "appliances_on",
    Role.DOOR: "doors_open",
}
_COUNTS = (5, 15, 60)

FEATURE_NAMES = (
    "whereabouts",
    "motion_on",
    "presence_on",
    "recency_here",
    "recency_elsewhere",
    "recency_next_door",
    "latest_here",
    "recency_exit_door",
    *(f"count_here_{minutes}" for minutes in _COUNTS),
    *(f"count_elsewhere_{minutes}" for minutes in _COUNTS),
    *(
        f"{wave}_{hours}h_{days}"
        for days in ("workday", "day_off")
        for hours in (24, 12)
        for wave in ("sin", "cos")
    ),
    *_DEVICES.values(),
    *(f"{name}_{kind}" for name in ENVIRONMENT for kind in ("level", "rise")),
    "persons_home",
    "run_length",
    "change_probability",
)
"""Names of the features, in the order of the vector. What is not known now (air whose sensor is silent) is nan."""

_DAY_S = 86_400.0
_LONG_AGO = -(10**18)
# No home reads more than this; what a broken sensor says stays a number that can be kept.
_LARGEST = 60_000.0
# What a level is compared with to see it rise: its mean over about this many minutes.
_RISE_MINUTES = 20.0


class Windows:
    """The incremental state behind the features of all rooms."""

    def __init__(self, home: Home, senses: Senses, minute: int) -> None:
        self._senses = senses
        rooms = [room.room_id for room in home.rooms]
        index = {room_id: number for number, room_id in enumerate(rooms)}
        self._size = len(rooms)
        self._minute = minute
        self._ring = np.zeros((max(_COUNTS), self._size), dtype=np.int64)
        self._last_us = np.full(self._size, _LONG_AGO, dtype=np.int64)
        self._last_door_us = _LONG_AGO
        # By room: the role of the sensor that last noticed somebody.
        self._last_by: list[Role | None] = [None] * self._size
        # (entity, room, column that counts it) of what can be on or open.
        self._devices = [
            (s.entity_id, index[s.room_id], _COLUMN[_DEVICES[s.role]])
            for s in home.sensors
            if s.role in _DEVICES and s.room_id is not None
        ]
        self._presence_rooms = np.array(
            [index[s.room_id] for s in home.sensors if s.role is Role.PRESENCE and s.room_id], dtype=np.int64
        )
        self._environment = [
            (s.entity_id, index[s.room_id], ENVIRONMENT.index(kind))
            for s in home.sensors
            if s.role is Role.ENVIRONMENT and s.room_id is not None
            if (kind := _ALSO.get(s.device_class or "", s.device_class)) in ENVIRONMENT
        ]
        self._means: dict[str, float] = {}

    def hear(self, room: int, time_us: int, by: Role) -> None:
        """Somebody acted in the room (or DOOR), noticed by a sensor of that role."""
        if room == DOOR:
            self._last_door_us = max(self._last_door_us, time_us)
            return
        self._last_us[room] = max(self._last_us[room], time_us)
        self._last_by[room] = by
        self._ring[self._minute % len(self._ring), room] += 1

    def advance(self, minute: int) -> None:
        """Go on to the minute that begins."""
        passed = minute - self._minute
        if passed <= 0:
            return
        for step in range(1, min(passed, len(self._ring)) + 1):
            self._ring[(self._minute + step) % len(self._ring)] = 0
        self._minute = minute
        keep = math.exp(-passed / _RISE_MINUTES)
        for entity_id, _, kind in self._environment:
            value = self._reading(entity_id, kind)
            if value is not None:
                mean = self._means.get(entity_id, value)
                self._means[entity_id] = keep * mean + (1 - keep) * value

    def activity(self, minutes: int) -> NDArray[np.int64]:
        """(R,) how often somebody acted within the last minutes, the running one included."""
        total: NDArray[np.int64] = self._activities((minutes,))[0]
        return total

    def _activities(self, spans: Sequence[int]) -> NDArray[np.int64]:
        """(len(spans), R) the same for several spans of minutes."""
        back = (self._minute - np.arange(max(spans))) % len(self._ring)
        totals: NDArray[np.int64] = self._ring[back].cumsum(axis=0)[np.array(spans) - 1]
        return totals

    def since_us(self, now_us: int) -> NDArray[np.int64]:
        """(R,) microseconds since somebody acted in each room; very large where never."""
        return np.maximum(now_us - self._last_us, 0)

    def last_by(self) -> tuple[Role | None, ...]:
        """(R,) the roles of the sensors that last noticed somebody, None where none did."""
        return tuple(self._last_by)

    def since_door_us(self, now_us: int) -> int:
        """Microseconds since an outer door opened."""
        return max(now_us - self._last_door_us, 0)

    def vectors(
        self,
        now_us: int,
        local: datetime,
        *,
        whereabouts: Floats,
        nearness: Floats,
        run_length: Floats,
        change: Floats,
    ) -> Floats:
        """(R, len(FEATURE_NAMES)) the features of all rooms.

        Args:
            now_us: the moment.
            local: the same moment on the home's clock.
            whereabouts: (R,) log-odds of the whereabouts filter.
            nearness: (R, R) how near each other room is, as learned so far; rows sum to one.
            run_length: (R,) expected log run length of the room's stream.
            change: (R,) P(the stream changed lately).
        """
        out = np.zeros((self._size, len(FEATURE_NAMES)))
        put = _Columns(out)
        put["whereabouts"] = whereabouts
        for room in self._senses.motion_rooms(now_us):
            out[room, _COLUMN["motion_on"]] = 1.0
        levels = self._senses.presence_levels()
        put["presence_on"] = np.bincount(self._presence_rooms, levels == 1, self._size)
        recency = recency_of(np.concatenate([self.since_us(now_us), [self.since_door_us(now_us)]]))
        since = recency[:-1]
        put["recency_here"] = since
        elsewhere = _least_of_others(since)
        put["recency_elsewhere"] = elsewhere
        put["recency_next_door"] = 1 - nearness @ (1 - since)
        put["latest_here"] = since < elsewhere
        put["recency_exit_door"] = recency[-1]
        here = self._activities(_COUNTS)
        counts = np.concatenate([here, here.sum(axis=1, keepdims=True) - here])
        out[:, _COUNT_COLUMNS] = np.log1p(counts).T
        days = "day_off" if self._senses.is_day_off(local) else "workday"
        turn = 2 * math.pi * (local.hour + local.minute / 60) / 24
        for hours in (24, 12):
            put[f"sin_{hours}h_{days}"] = math.sin(turn * 24 / hours)
            put[f"cos_{hours}h_{days}"] = math.cos(turn * 24 / hours)
        for entity_id, room, column in self._devices:
            if self._is_on(entity_id):
                out[room, column] += 1.0
        self._put_environment(out)
        at_home, known = self._senses.persons_home()
        put["persons_home"] = at_home / known if known else 0.5
        put["run_length"] = run_length
        put["change_probability"] = change
        return out

    def _put_environment(self, out: Floats) -> None:
        first = _COLUMN[f"{ENVIRONMENT[0]}_level"]
        last = first + 2 * len(ENVIRONMENT)
        if not self._environment:
            out[:, first:last] = np.nan
            return
        seen = np.zeros((self._size, len(ENVIRONMENT)))
        for entity_id, room, kind in self._environment:
            value = self._reading(entity_id, kind)
            if value is None:
                continue
            seen[room, kind] += 1
            out[room, first + 2 * kind] += value
            out[room, first + 2 * kind + 1] += value - self._means.get(entity_id, value)
        block = out[:, first:last].reshape(self._size, len(ENVIRONMENT), 2)
        # No reading is no evidence: zero degrees would be some.
        block /= np.where(seen > 0, seen, np.nan)[:, :, None]

    def _is_on(self, entity_id: str) -> bool:
        return entity_id not in self._senses.new and self._senses.is_on(entity_id)

    def _reading(self, entity_id: str, kind: int) -> float | None:
        value = None if entity_id in self._senses.new else self._senses.value(entity_id)
        if value is not None:
            value = max(-_LARGEST, min(value, _LARGEST))
        if value is not None and ENVIRONMENT[kind] in _IN_PROPORTION:
            return math.log1p(max(value, 0.0))
        return value

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "minute": self._minute,
            "ring": self._ring.tolist(),
            "last_us": self._last_us.tolist(),
            "last_by": self._last_by,
            "last_door_us": self._last_door_us,
            "means": self._means,
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave for the same rooms."""
        self._minute = value["minute"]
        self._ring = np.array(value["ring"], dtype=np.int64)
        self._last_us = np.array(value["last_us"], dtype=np.int64)
        self._last_by = [None if role is None else Role(role) for role in value["last_by"]]
        self._last_door_us = value["last_door_us"]
        self._means = dict(value["means"])


_COLUMN = {name: number for number, name in enumerate(FEATURE_NAMES)}
# Those of the counts here, then elsewhere.
_COUNT_COLUMNS = slice(_COLUMN[f"count_here_{_COUNTS[0]}"], _COLUMN[f"count_elsewhere_{_COUNTS[-1]}"] + 1)
_DAY_OFF = [_COLUMN["sin_24h_day_off"], _COLUMN["cos_24h_day_off"]]


def is_day_off(vectors: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(...,) whether feature vectors (..., d) are of a day off: of the two waves of a day one is never zero."""
    result: NDArray[np.bool_] = np.any(vectors[..., _DAY_OFF] != 0, axis=-1)
    return result


class _Columns:
    """Columns of the feature matrix by name."""

    def __init__(self, matrix: Floats) -> None:
        self._matrix = matrix

    def __setitem__(self, name: str, values: ArrayLike) -> None:
        self._matrix[:, _COLUMN[name]] = values


def recency_of(since_us: NDArray[np.int64]) -> Floats:
    """How features tell the time since something (microseconds): log(1 + seconds), 0 just now and 1 a day ago or never."""
    seconds = np.minimum(since_us / MICROSECONDS, _DAY_S)
    result: Floats = np.log1p(seconds) / math.log1p(_DAY_S)
    return result


def _least_of_others(values: Floats) -> Floats:
    """(R,) the least value of all other rooms, 1 where there is none."""
    if len(values) < 2:
        return np.ones_like(values)
    order = np.argsort(values, kind="stable")
    least = np.full(len(values), values[order[0]])
    least[order[0]] = values[order[1]]
    return least
