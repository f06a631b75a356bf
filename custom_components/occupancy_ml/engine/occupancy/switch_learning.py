"""How each room should switch, learned from what was shown of it and what hindsight then said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
import zlib

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..home import Room
from ..store import Store
from ..store.labels import LabelSource
from .logistic import Floats
from .switch import COSTS, FLIP_COST, SETTINGS, SURE, Setting, threshold

_REMEMBERED = 26 * 60  # minutes: a night may come late
_UNKNOWN = 255
_SENSED = 128
_HALF_LIFE_DAYS = 14.0
# Less teaches nothing that the next day would not overturn.
_LEAST_DAYS = 2.0
_MINUTES_A_SLICE = 60
# The strongest last: what it says stands.
_SOURCES = (
    LabelSource.HINDSIGHT,
    LabelSource.AWAY,
    LabelSource.HELPER,
    LabelSource.REFERENCE,
    LabelSource.CORRECTION,
)


class SwitchLearner:
    """The probabilities of the last day, minute by minute, and what each way of switching would have cost.

    Args:
        rooms: in the order of every array.
    """

    def __init__(self, rooms: Sequence[Room]) -> None:
        self._rooms = tuple(rooms)
        self._index = {room.room_id: number for number, room in enumerate(self._rooms)}
        self._log = np.full((_REMEMBERED, len(self._rooms)), _UNKNOWN, dtype=np.uint8)
        self._minute = -1
        self._learned_until = -1  # minute
        self._costs = np.zeros((len(self._rooms), len(SETTINGS)))
        self._days = np.zeros(len(self._rooms))
        self._chosen = np.zeros(len(self._rooms), dtype=np.int64)

    def setting(self, room_id: str) -> Setting:
        """How the room switches."""
        return SETTINGS[int(self._chosen[self._index[room_id]])]

    def note(self, now_us: int, room_id: str, probability: float | None, *, sensed: bool) -> None:
        """Remember what was believed of a room; None for what does not come from the sensors."""
        minute = now_us // MINUTE_US
        if minute > self._minute:
            for missed in range(max(self._minute + 1, minute - _REMEMBERED + 1), minute + 1):
                self._log[missed % _REMEMBERED] = _UNKNOWN
            self._minute = minute
        elif minute < self._minute:  # the clock went back
            return
        value = _UNKNOWN if probability is None else round(100 * probability) + _SENSED * sensed
        self._log[minute % _REMEMBERED, self._index[room_id]] = value

    def learn(self, store: Store, now_us: int) -> Iterator[float]:
        """Take in the minutes since the last time; safe to repeat.

        Yields:
            The share done, after every slice of work.
        """
        end = min(now_us // MINUTE_US, self._minute + 1)
        first = max(self._learned_until, end - _REMEMBERED)
        if end - first < 60:
            return
        minutes = np.arange(first, end)
        told = self._log[minutes % _REMEMBERED]
        known = told != _UNKNOWN
        chance = np.where(known, told & ~np.uint8(_SENSED), 0) / 100.0
        sensed = known & (told >= _SENSED)
        target = np.full(chance.shape, np.nan)
        for number, room in enumerate(self._rooms):
            target[:, number] = _truth(store, room.room_id, first, end)
            yield 0.2 * number / len(self._rooms)
        counted = known & ~np.isnan(target)
        costs = np.zeros_like(self._costs)
        prices = np.array([COSTS[room.preference] for room in self._rooms]).reshape(-1, 2)
        on_from = np.array([threshold(room.preference) for room in self._rooms])
        switches = _Switches(on_from)
        for step in range(len(minutes)):
            on, flipped = switches.step(chance[step], sensed[step], known[step])
            y = np.nan_to_num(target[step])[:, None]
            missed, false = prices[:, :1] * y * ~on, prices[:, 1:] * (1 - y) * on
            wrong = flipped * np.where(on, 1 - y, y)
            costs += counted[step][:, None] * (missed + false + FLIP_COST * wrong)
            if step % _MINUTES_A_SLICE == 0:
                yield 0.2 + 0.8 * step / len(minutes)
        days = counted.sum(axis=0) / 1440
        kept = 0.5 ** (days / _HALF_LIFE_DAYS)
        self._costs = self._costs * kept[:, None] + costs
        self._days = self._days * kept + days
        self._chosen = np.where(self._days >= _LEAST_DAYS, self._costs.argmin(axis=1), 0)
        self._learned_until = end

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "rooms": [[room.room_id, room.preference.value] for room in self._rooms],
            "log": zlib.compress(self._log.tobytes(), 1).hex(),
            "minute": self._minute,
            "learned_until": self._learned_until,
            "costs": self._costs.tolist(),
            "days": self._days.tolist(),
            "chosen": self._chosen.tolist(),
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave, room by room; what was learned for another preference is left out."""
        stored = [tuple(room) for room in value["rooms"]]
        log = np.frombuffer(zlib.decompress(bytes.fromhex(value["log"])), dtype=np.uint8)
        log = log.reshape(_REMEMBERED, len(stored))
        self._minute, self._learned_until = value["minute"], value["learned_until"]
        for number, room in enumerate(self._rooms):
            for before, (room_id, preference) in enumerate(stored):
                if room_id != room.room_id:
                    continue
                self._log[:, number] = log[:, before]
                if preference == room.preference and len(value["costs"][before]) == len(SETTINGS):
                    self._costs[number] = value["costs"][before]
                    self._days[number] = value["days"][before]
                    self._chosen[number] = value["chosen"][before]


class _Switches:
    """All ways of switching of all rooms at once: (R, len(SETTINGS)). `SwitchState.next` is the same rule."""

    def __init__(self, on_from: Floats) -> None:
        self._on_from = on_from[:, None]
        self._off_below = self._on_from * np.array([setting.drop for setting in SETTINGS])
        self._confirm = np.array([setting.confirm for setting in SETTINGS])
        self._hold = np.array([setting.hold for setting in SETTINGS])
        self._on: NDArray[np.bool_] | None = None
        self._against = np.zeros(self._off_below.shape, dtype=np.int64)  # minutes, the present one included

    def step(
        self, chance: Floats, sensed: NDArray[np.bool_], known: NDArray[np.bool_]
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """A minute later: what is on, and what changed. Rooms that are not known (R,) stay as they are."""
        p = chance[:, None]
        if self._on is None:
            self._on = np.broadcast_to(p >= self._on_from, self._off_below.shape).copy()
            return self._on, np.zeros_like(self._on)
        wants = p >= np.where(self._on | sensed[:, None], self._off_below, self._on_from)
        against = (wants != self._on) & known[:, None]
        self._against = np.where(against, self._against + 1, 0)
        at_once = wants & (sensed[:, None] | (p >= SURE))
        wait = np.where(self._on, self._hold, self._confirm)
        flipped = against & (at_once | (self._against > wait))
        self._against[flipped] = 0
        self._on = self._on ^ flipped
        return self._on, flipped


def _truth(store: Store, room_id: str, first: int, end: int) -> Floats:
    """(end - first,) P(occupied) by minute as labels tell it, NaN where none does."""
    found = np.full(end - first, np.nan)
    labels = store.labels.read(first * MINUTE_US, end * MINUTE_US, room_id)
    for source in _SOURCES:
        for label in labels:
            if label.source is source and (label.room_id == room_id or label.target == 0.0):
                begin = max(-(-label.start_us // MINUTE_US) - first, 0)
                found[begin : max(label.end_us // MINUTE_US - first, 0)] = label.target
    return found
