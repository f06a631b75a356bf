"""Signals become minutes: what was heard where, and in what context."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..senses import DOOR, Senses

HELD = 2
"""The context of a sensor that is on since before the minute."""

# Firing again within this many minutes is the same burst.
BURST_MINUTES = 15
# A minute keeps the order of at most so many changes of room; more is noise.
_LONGEST = 6


@dataclass(frozen=True, slots=True)
class Minute:
    """What was heard within one minute.

    Attributes:
        minute: minutes since 1970 UTC.
        fires: rooms that fired, in order, each with its context (1: within a burst, or HELD); (DOOR, 0) for an outer door.
        contexts: (R,) 1 where the room fired within the last BURST_MINUTES before this minute.
        levels: (K + 1,) presence sensors and last the persons: 1 on (somebody home), 0 off, -1 unknown.
    """

    minute: int
    fires: tuple[tuple[int, int], ...]
    contexts: NDArray[np.int64]
    levels: NDArray[np.int8]

    @property
    def rooms(self) -> tuple[int, ...]:
        """The rooms that fired, each once."""
        return tuple(dict.fromkeys(room for room, _ in self.fires if room != DOOR))


class Observer:
    """Collects the signals of the running minute; knows when each room fired last."""

    def __init__(self, rooms: int, senses: Senses, minute: int) -> None:
        self._senses = senses
        self.minute = minute
        self._fires: list[tuple[int, int]] = []
        self._last_fire = np.full(rooms, -(10**9), dtype=np.int64)

    def advance(self, minute: int) -> Iterator[Minute]:
        """The minutes that are over when `minute` begins, in order; each is given when the next has begun."""
        while self.minute < minute:
            over = self.current()
            self._begin(self.minute + 1)
            for room in self._senses.motion_rooms(self.minute * MINUTE_US):
                self.hear(room, held=True)
            yield over

    def skip(self, minute: int, acted: Collection[int]) -> None:
        """Go on to a later minute when nobody listened in between; only the rooms in `acted` fired just now."""
        fires = [(room, context) for room, context in self._fires if room in acted]
        self._begin(minute)
        self._fires = fires

    def _begin(self, minute: int) -> None:
        for room, _ in self._fires:
            if room != DOOR:
                self._last_fire[room] = self.minute
        self._fires = []
        self.minute = minute
        self._senses.begin_minute()

    def hear(self, room: int, *, held: bool = False) -> None:
        """Somebody acted in the room (or DOOR) within the running minute, or keeps a sensor on."""
        if self._fires and self._fires[-1][0] == room:
            return
        if len(self._fires) < _LONGEST:
            recent = room != DOOR and self.minute - self._last_fire[room] <= BURST_MINUTES
            self._fires.append((room, HELD if held else int(recent)))

    def current(self) -> Minute:
        """The running minute so far."""
        at_home, known = self._senses.persons_home()
        persons = -1 if not known else int(at_home > 0)
        levels = np.append(self._senses.presence_levels((self.minute + 1) * MINUTE_US), np.int8(persons))
        contexts = (self.minute - self._last_fire <= BURST_MINUTES).astype(np.int64)
        return Minute(self.minute, tuple(self._fires), contexts, levels)

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {"minute": self.minute, "fires": self._fires, "last_fire": self._last_fire.tolist()}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave for the same rooms."""
        self.minute = value["minute"]
        self._fires = [(room, context) for room, context in value["fires"]]
        self._last_fire = np.array(value["last_fire"], dtype=np.int64)
