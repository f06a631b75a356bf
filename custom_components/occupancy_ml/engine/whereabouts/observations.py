"""Signals become minutes: what was heard where, and in what context."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..senses import DOOR, PERSONS, Senses

# A channel that fired within so many minutes is in a burst: the context says how fresh, 1 to 3; 0 is none.
_BURSTS = np.array([15, 5, 1])

CONTEXTS = 4
"""How many kinds of recent past a channel may have."""

HELD = CONTEXTS
"""The context of a sensor that is on since before the minute."""

CAME, LEFT = 3, 6
"""Added to how many persons are home where one came, or left; below, nothing was known before."""

DEAF = CONTEXTS
"""The context of a channel none of whose sensors listens: stuck, without a state, or never heard of."""

# A minute keeps the order of so many changes of room; of more only that each room was heard at all.
_LONGEST = 6


@dataclass(frozen=True, slots=True)
class Minute:
    """What was heard within one minute.

    Attributes:
        minute: minutes since 1970 UTC.
        fires: channels that fired, in order, each with its context (or HELD); (DOOR, 0) for an outer door, and
            (PERSONS, how many are home now, 2 for more; plus CAME or LEFT) where that is news. A room has two: motion is channel `room`, what only a hand does is `rooms + room`.
        contexts: (2 R,) how lately the channel had fired before this minute: 3 in the minute before, 2 within
            five, 1 within a quarter of an hour, 0 not within that; DEAF where nothing listened.
        levels: (K + 1,) presence sensors: 1 on, 0 off, -1 unknown; and last the persons: how many are home, 2 for
            more, -1 unknown.
        watched: whether the outer doors listened.
    """

    minute: int
    fires: tuple[tuple[int, int], ...]
    contexts: NDArray[np.int8]
    levels: NDArray[np.int8]
    watched: bool = True

    def sharing(self, before: Minute) -> Minute:
        """The same, with the arrays of the minute before where they are alike: most minutes are, and a week is kept."""
        return replace(
            self,
            contexts=before.contexts if np.array_equal(self.contexts, before.contexts) else self.contexts,
            levels=before.levels if np.array_equal(self.levels, before.levels) else self.levels,
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """The channels that fired, each once."""
        return tuple(dict.fromkeys(channel for channel, _ in self.fires if channel >= 0))


class Observer:
    """Collects the signals of the running minute; knows when each channel fired last."""

    def __init__(self, rooms: int, senses: Senses, minute: int) -> None:
        self._senses = senses
        self.minute = minute
        self._fires: list[tuple[int, int]] = []
        self._rooms = rooms
        self._last_fire = np.full(2 * rooms, -(10**9), dtype=np.int64)
        # How many persons were last heard to be home.
        self._persons = -1

    def advance(self, minute: int) -> Iterator[Minute]:
        """The minutes that are over when `minute` begins, in order; each is given when the next has begun."""
        while self.minute < minute:
            over = self.current()
            self._begin(self.minute + 1)
            self.hear_persons()
            for room in self._senses.motion_rooms(self.minute * MINUTE_US):
                self.hear(room, held=True)
            yield over

    def unheard(self, until: int) -> list[Minute]:
        """The minutes up to, and without, a later one, had nobody listened from the running one on."""
        contexts = np.full(2 * self._rooms, DEAF, dtype=np.int8)
        levels = np.full(len(self._senses.presence) + 1, -1, dtype=np.int8)
        return [Minute(minute, (), contexts, levels, watched=False) for minute in range(self.minute, until)]

    def skip(self, minute: int, acted: Collection[int]) -> None:
        """Go on to a later minute when nobody listened in between; only the rooms in `acted` fired just now."""
        fires = [(n, context) for n, context in self._fires if n >= 0 and n % self._rooms in acted]
        self._begin(minute)
        self._fires = fires
        self._persons = -1
        self.hear_persons()

    def _begin(self, minute: int) -> None:
        for channel, _ in self._fires:
            if channel >= 0:
                self._last_fire[channel] = self.minute
        self._fires = []
        self.minute = minute
        self._senses.begin_minute()

    def hear(self, room: int, *, by_hand: bool = False, held: bool = False) -> None:
        """Somebody acted in the room (or DOOR) within the running minute, or keeps a sensor on."""
        channel = room + self._rooms if by_hand and room != DOOR else room
        for other, _ in reversed(self._fires):
            if other == channel:
                return
            if other < 0 or room == DOOR or other % self._rooms != room:
                break
        if len(self._fires) < _LONGEST or all(channel != other for other, _ in self._fires):
            self._fires.append((channel, HELD if held else self._context(channel)))

    def hear_persons(self) -> None:
        """That a person came or left, and what is first known of them after a gap, is news of the running minute."""
        at_home = self._senses.persons_level()
        if at_home not in (-1, self._persons):
            moved = 0 if self._persons < 0 else CAME if at_home > self._persons else LEFT
            self._persons = at_home
            self._fires.append((PERSONS, at_home + moved))

    def _context(self, channel: int) -> int:
        if channel == DOOR:
            return 0
        if any(channel == other for other, _ in self._fires):
            return CONTEXTS - 1
        return int((self.minute - self._last_fire[channel] <= _BURSTS).sum())

    def current(self) -> Minute:
        """The running minute so far."""
        levels = np.full(len(self._senses.presence) + 1, self._senses.persons_level(), dtype=np.int8)
        levels[:-1] = self._senses.presence_levels()
        contexts = (self.minute - self._last_fire[:, None] <= _BURSTS).sum(axis=1, dtype=np.int8)
        listening = self._senses.listening()
        contexts[~listening[:-1]] = DEAF
        return Minute(self.minute, tuple(self._fires), contexts, levels, bool(listening[-1]))

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "minute": self.minute,
            "fires": self._fires,
            "last_fire": self._last_fire.tolist(),
            "persons": self._persons,
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave for the same rooms."""
        self.minute = value["minute"]
        self._fires = [(channel, context) for channel, context in value["fires"]]
        self._last_fire = np.array(value["last_fire"], dtype=np.int64)
        self._persons = value["persons"]
