"""Episodes: who stayed where from when to when, as far as hindsight knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..store.episodes import Episode
from ..whereabouts import Hindsight

# Somebody who sleeps gets up for so long at most, and sleeps at least so long (minutes).
_UP_MINUTES = 30
_SLEEP_MINUTES = 180


def episodes_of(found: Hindsight, chance: NDArray[np.float64], process: str) -> list[Episode]:
    """Stretches in which a process was occupied, or vacant, each with its mean certainty.

    Args:
        found: what smoothing found.
        chance: (n,) P(occupied) by its steps.
        process: a room's id, or the home's.
    """
    occupied = chance >= 0.5
    breaks = np.flatnonzero(np.diff(occupied)) + 1
    begins, stops = np.append(0, breaks), np.append(breaks, len(occupied))
    starts = found.minutes - found.lengths + 1
    sure = np.where(occupied, chance, 1 - chance) * found.lengths
    return [
        Episode(
            process,
            int(starts[begin]) * MINUTE_US,
            int(found.minutes[stop - 1] + 1) * MINUTE_US,
            bool(occupied[begin]),
            float(sure[begin:stop].sum() / found.lengths[begin:stop].sum()),
        )
        for begin, stop in zip(begins, stops, strict=True)
    ]


def sleep_chance(
    found: Hindsight, bedrooms: Sequence[int], told: Sequence[tuple[int, int]]
) -> NDArray[np.float64]:
    """(n,) how far everybody at home was asleep, by the steps of smoothing.

    Asleep means: for three hours or more somebody was in a bedroom and nobody anywhere else, but for half an hour
    at a time. Over the night around a sleep that somebody told, what was told counts instead.

    Args:
        found: what smoothing found.
        bedrooms: indices of the rooms that are bedrooms.
        told: sleeps that helpers or sensors told, [start, end) in microseconds UTC.
    """
    starts, ends = (found.minutes - found.lengths + 1), found.minutes + 1
    others = np.delete(found.occupied, bedrooms, axis=1)
    elsewhere = others.max(axis=1) if others.shape[1] else np.zeros(len(found.minutes))
    resting = found.occupied[:, bedrooms].max(axis=1) * (1 - elsewhere) if len(bedrooms) else 0 * found.home
    quiet = resting >= 0.5
    asleep = np.zeros(len(quiet))
    for begin, stop in _stretches(quiet, starts, ends):
        asleep[begin:stop] = np.where(quiet[begin:stop], resting[begin:stop], 0.5)
    for start_us, end_us in told:
        start, end = start_us // MINUTE_US, end_us // MINUTE_US
        near = (starts >= start - _SLEEP_MINUTES) & (ends <= end + _SLEEP_MINUTES)
        asleep[near] = 0.0
        asleep[(starts >= start) & (ends <= end)] = 1.0
    return asleep


def _stretches(
    quiet: NDArray[np.bool_], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> list[tuple[int, int]]:
    """(first, end) of the stretches of quiet that are long enough, short interruptions included."""
    breaks = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]])))
    joined: list[tuple[int, int]] = []
    for begin, stop in zip(breaks[::2].tolist(), breaks[1::2].tolist(), strict=True):
        if joined and starts[begin] - ends[joined[-1][1] - 1] <= _UP_MINUTES:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((begin, stop))
    return [(begin, stop) for begin, stop in joined if ends[stop - 1] - starts[begin] >= _SLEEP_MINUTES]
