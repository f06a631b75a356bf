"""Rooms, the home and sleep as processes of two states, from the episodes that hindsight left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..events import DAY_US, MINUTE_US
from ..store.episodes import Episode
from .bins import CAP, Floats

SHORT_US = 5 * MINUTE_US
"""Gaps shorter than this are filled, and then stays that are."""
# Hindsight knows in which minute a change was, and calls all of that minute by what it was at its end.
_WITHIN_US = MINUTE_US // 2
# So many stretches of a day or longer are a habit, if there was one in so much time on the mean.
_USUAL, _USUAL_WITHIN_US = 3, 14 * DAY_US

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Process:
    """What a process did.

    Attributes:
        starts_us: (n,) begins of its episodes, ascending.
        states: (n,) whether each was occupied; neighbours differ but for gaps in what is known.
        ends_us: (n,) their ends: the begin of the next, or where knowledge ends.
        known: (n,) whether the end is the change to the other state.
    """

    starts_us: Ints
    states: Bools
    ends_us: Ints
    known: Bools

    @classmethod
    def of(cls, episodes: Sequence[Episode]) -> Process:
        """From episodes by start; touching ones of one state are one, short ones are passed over.

        A change is taken to have come in the middle of its minute.
        """
        starts = np.array([e.start_us + _WITHIN_US for e in episodes], dtype=np.int64)
        ends = np.array([e.end_us + _WITHIN_US for e in episodes], dtype=np.int64)
        states = np.array([e.occupied for e in episodes], dtype=np.bool_)
        for value in (None, False, True):
            if value is not None:
                short = (states == value) & (ends - starts < SHORT_US)
                if len(short):
                    short[[0, -1]] = False
                # Beside a gap in what is known nothing says that it was a short one.
                short[1:] &= starts[1:] == ends[:-1]
                short[:-1] &= ends[:-1] == starts[1:]
                states = states ^ short
            begin = np.ones(len(starts), dtype=np.bool_)
            begin[1:] = (states[1:] != states[:-1]) | (starts[1:] > ends[:-1])
            first = np.flatnonzero(begin)
            last = np.append(first[1:], len(starts)) - 1
            starts, ends, states = starts[first], ends[last] if len(first) else ends, states[first]
        known = np.zeros(len(starts), dtype=np.bool_)
        known[:-1] = (starts[1:] == ends[:-1]) & (states[1:] != states[:-1])
        return cls(starts, states, ends, known)

    def at(self, times_us: Ints) -> tuple[NDArray[np.int8], Floats, Floats]:
        """(n,) the state at each time (1, 0; -1 unknown), (n,) minutes until it changed, (n,) minutes since it did.

        Minutes until are cut at 24 hours, and nan where nothing is known so far ahead.
        """
        if not len(self.starts_us):
            nothing = np.full(len(times_us), np.nan)
            return np.full(len(times_us), -1, np.int8), nothing, nothing
        number = np.searchsorted(self.starts_us, times_us, side="right") - 1
        inside = number >= 0
        number = np.maximum(number, 0)
        end = self.ends_us[number]
        inside &= times_us < end
        wait = (end - times_us) / MINUTE_US
        wait = np.where(wait >= CAP, CAP, np.where(self.known[number], wait, np.nan))
        held = (times_us - self.starts_us[number]) / MINUTE_US
        state = np.where(inside, self.states[number], -1).astype(np.int8)
        return state, np.where(inside, wait, np.nan), np.where(inside, held, np.nan)

    @property
    def days_away_are_usual(self) -> bool:
        """Whether it is vacant for 24 hours or more now and again: every weekend, say."""
        length, _, _ = self.lengths(False)
        stretches = int((length >= CAP).sum())
        return stretches >= _USUAL and stretches * _USUAL_WITHIN_US >= self.ends_us[-1] - self.starts_us[0]

    def days_away(self, times_us: Ints) -> Bools:
        """(n,) whether each time lies in a stretch of 24 hours or more in which it was vacant, where that is not usual."""
        if self.days_away_are_usual:
            return np.zeros(len(times_us), dtype=np.bool_)
        state, wait, held = self.at(times_us)
        result: Bools = (state == 0) & ((wait >= CAP) | (held + np.nan_to_num(wait) >= CAP))
        return result

    def lengths(self, state: bool) -> tuple[Floats, Bools, Ints]:
        """Of the episodes of a state: (n,) minutes, (n,) whether the end is known, (n,) begins."""
        chosen = self.states == state
        length = (self.ends_us - self.starts_us)[chosen] / MINUTE_US
        return length, self.known[chosen], self.starts_us[chosen]
