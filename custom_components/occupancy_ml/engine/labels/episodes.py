"""Episodes: who stayed where from when to when, as far as hindsight knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..home import RoomKind
from ..snapshot import HOME, SLEEP
from ..store import Store
from ..store.episodes import Episode
from ..store.labels import LabelKind
from ..whereabouts import Hindsight, Layout

# Somebody who sleeps gets up for so long at most, and sleeps at least so long (minutes).
_UP_MINUTES = 30
_SLEEP_MINUTES = 180


def keep_episodes(
    store: Store, layout: Layout, found: Hindsight, known: Mapping[str, tuple[int, int]] | None = None
) -> Iterator[None]:
    """Put what hindsight found in place of what was known of every room, of the home and of sleep.

    Args:
        store: where.
        layout: of the rooms.
        found: what smoothing found.
        known: by process, the span [from, until) over which what is stored already stays.

    Yields:
        Nothing, after each process.
    """
    first_us = int(found.minutes[0] - found.lengths[0] + 1) * MINUTE_US
    last_us = int(found.minutes[-1] + 1) * MINUTE_US
    bedrooms = [number for number, kind in enumerate(layout.kinds) if kind is RoomKind.BEDROOM]
    told = [
        (label.start_us, label.end_us)
        for label in store.labels.read(first_us, last_us, kind=LabelKind.SLEEP)
        if label.target >= 0.5
    ]
    chances = {room_id: found.occupied[:, number] for number, room_id in enumerate(layout.room_ids)}
    chances[HOME] = found.home
    if bedrooms or told:
        chances[SLEEP] = sleep_chance(found, bedrooms, told)
    for process, chance in chances.items():
        episodes = episodes_of(found, chance, process)
        begin_us, end_us = (known or {}).get(process, (last_us, last_us))
        for start_us, stop_us in ((first_us, min(begin_us, last_us)), (max(end_us, first_us), last_us)):
            if start_us < stop_us:
                store.episodes.replace(process, start_us, stop_us, _within(episodes, start_us, stop_us))
        yield


def _within(episodes: Sequence[Episode], start_us: int, end_us: int) -> list[Episode]:
    """The episodes over [start, end), cut at its bounds."""
    return [
        replace(e, start_us=max(e.start_us, start_us), end_us=min(e.end_us, end_us))
        for e in episodes
        if e.start_us < end_us and e.end_us > start_us
    ]


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
    at a time; not the bedroom for less than that before the first or after the last time. Over the night around a sleep that somebody told, what was told counts instead.

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
    """(first, end) of the stretches of quiet that are long enough, short interruptions included.

    Who is in the bedroom for a short while after having been up, to dress, does not sleep on, nor before to undress.
    """
    breaks = np.flatnonzero(np.diff(np.concatenate([[False], quiet, [False]])))
    joined: list[list[tuple[int, int]]] = []
    for begin, stop in zip(breaks[::2].tolist(), breaks[1::2].tolist(), strict=True):
        if joined and starts[begin] - ends[joined[-1][-1][1] - 1] <= _UP_MINUTES:
            joined[-1].append((begin, stop))
        else:
            joined.append([(begin, stop)])
    found = []
    for pieces in joined:
        for end in (0, -1):
            while len(pieces) > 1 and ends[pieces[end][1] - 1] - starts[pieces[end][0]] < _UP_MINUTES:
                pieces.pop(end)
        begin, stop = pieces[0][0], pieces[-1][1]
        if ends[stop - 1] - starts[begin] >= _SLEEP_MINUTES:
            found.append((begin, stop))
    return found
