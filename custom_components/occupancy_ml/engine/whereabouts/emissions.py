"""What people make sensors say: likelihoods of a minute, by where everybody is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .model import Floats, Layout, Parameters
from .observations import CONTEXTS, Minute

# P(so many person entities are home: none, one, several), by how many chains are (columns: none, one, both). People
# leave telephones behind, have guests, and keep together.
PERSONS = np.array([[0.95, 0.05, 0.05], [0.04, 0.8, 0.35], [0.01, 0.15, 0.6]])

LEVEL_WEIGHT = 0.2
"""A level that stays on says the same thing every minute: most of what it says was said before."""

PERSONS_WEIGHT = (0.02, LEVEL_WEIGHT, LEVEL_WEIGHT)
"""By how many persons are home. That all are away is said again every minute, and says nothing of a child or a guest. What
changes is news, and counts in full: `Emissions.persons`."""


# Combinations of levels that are kept: 13 KB each in a home of twenty rooms.
_MOST_LEVELS = 512


class Emissions:
    """Likelihoods of what was heard, as arrays that multiply the joint belief (S, S)."""

    def __init__(self, layout: Layout, parameters: Parameters) -> None:
        rooms = len(layout.room_ids)
        self._rooms = rooms
        self._layout = layout
        self._parameters = parameters
        silent = 1.0 - parameters.fire
        # Ratio of silence to silence with nobody there, (C + 1, 2 R, 3). The silence of what does not listen tells
        # nothing: the last row (DEAF).
        ratios = (silent / silent[:, :1]).transpose(0, 2, 1)
        self._silent = np.concatenate([ratios, np.ones((1, 2 * rooms, 3))])
        self._columns = np.arange(2 * rooms)
        # As they are asked for: all of them take three megabytes in a large home, and few channels fire in every way.
        self._fires: dict[tuple[int, int], Floats] = {}
        self._levels: dict[bytes, Floats] = {}

    def silence(self, minute: Minute) -> Floats:
        """(R, 3) by room, with nobody, somebody still and somebody active in it: of the channels that stayed silent."""
        ratios = self._silent[minute.contexts, self._columns]
        if minute.fires:
            ratios[list(minute.channels)] = 1.0
        silence: Floats = ratios[: self._rooms] * ratios[self._rooms :]
        return silence

    def silences(self, minutes: Sequence[Minute]) -> Floats:
        """(n, R, 3) the `silence` of n minutes, at least one."""
        ratios = self._silent[np.array([minute.contexts for minute in minutes]), self._columns]
        for number, minute in enumerate(minutes):
            if minute.fires:
                ratios[number, list(minute.channels)] = 1.0
        silences: Floats = ratios[:, : self._rooms] * ratios[:, self._rooms :]
        return silences

    def quiet(self, silence: Floats) -> Floats:
        """(..., S) for each chain: minutes of such `silence` (..., R, 3)."""
        out = np.ones((*silence.shape[:-2], 2 * self._rooms + 1))
        out[..., : self._rooms] = silence[..., 2]
        out[..., self._rooms : -1] = silence[..., 1]
        return out

    def fire(self, channel: int, context: int) -> Floats:
        """(S, S): a channel fired."""
        key = channel, min(context, CONTEXTS - 1)
        if key not in self._fires:
            self._fires[key] = self._fire(*key)
        return self._fires[key]

    def levels(self, levels: NDArray[np.int8]) -> Floats | None:
        """(S, S): presence sensors (K,) and last how many persons are home (-1 unknown); None says nothing."""
        if not (levels >= 0).any():
            return None
        key = levels.tobytes()
        if key not in self._levels:
            if len(self._levels) >= _MOST_LEVELS:
                self._levels.clear()
            self._levels[key] = self._level(levels)
        return self._levels[key]

    def occupancy(self, belief: Floats) -> Floats:
        """(..., R) P(somebody is in the room) of joint beliefs (..., S, S), each of which sums to one."""
        rooms = self._rooms
        first, second = belief.sum(axis=-1), belief.sum(axis=-2)
        blocks = belief[..., :-1, :-1].reshape(*belief.shape[:-2], 2, rooms, 2, rooms)
        both = np.einsum("...arbr->...r", blocks)
        total = first[..., :rooms] + first[..., rooms:-1] + second[..., :rooms] + second[..., rooms:-1] - both
        chances: Floats = np.clip(total, 0.0, 1.0)
        return chances

    def _fire(self, channel: int, context: int) -> Floats:
        nobody, still, active = self._parameters.fire[context, :, channel]
        room = channel % self._rooms
        if active == 0.0:  # a channel without sensors cannot fire
            return np.ones((2 * self._rooms + 1, 2 * self._rooms + 1))
        silent = np.ones(2 * self._rooms + 1)
        silent[room] = (1 - active) / (1 - nobody)
        silent[self._rooms + room] = (1 - still) / (1 - nobody)
        fired: Floats = 1.0 - (1.0 - nobody) * np.outer(silent, silent)
        return fired

    def _level(self, levels: NDArray[np.int8]) -> Floats:
        size = 2 * self._rooms + 1
        out = np.ones((size, size))
        for number, room in enumerate(self._layout.presence_rooms):
            if levels[number] < 0:
                continue
            empty, still, active = self._parameters.level[number].tolist()
            # Of several people it says what the one says of whom it tells most.
            off = np.full(size, 1 - empty)
            off[room], off[self._rooms + room] = 1 - active, 1 - still
            off = np.minimum(off[:, None], off)
            out *= (1 - off if levels[number] else off) ** LEVEL_WEIGHT
        if levels[-1] >= 0:
            out *= self.persons(int(levels[-1])) ** PERSONS_WEIGHT[levels[-1]]
        return out

    def persons(self, at_home: int) -> Floats:
        """(S, S): so many person entities are home now (2 for more)."""
        none, one, both = PERSONS[at_home]
        size = 2 * self._rooms + 1
        out = np.full((size, size), both)
        out[-1, :] = out[:, -1] = one
        out[-1, -1] = none
        return out
