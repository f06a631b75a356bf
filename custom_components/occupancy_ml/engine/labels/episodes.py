"""Episodes: who stayed where from when to when, as far as hindsight knows."""

from __future__ import annotations

import numpy as np

from ..events import MINUTE_US
from ..store.episodes import Episode
from ..whereabouts import Hindsight


def episodes_of(found: Hindsight, room: int, room_id: str) -> list[Episode]:
    """Stretches in which the room (an index and its id) was occupied, or vacant, each with its mean certainty."""
    chance = found.occupied[:, room]
    occupied = chance >= 0.5
    breaks = np.flatnonzero(np.diff(occupied)) + 1
    begins, stops = np.append(0, breaks), np.append(breaks, len(occupied))
    starts = found.minutes - found.lengths + 1
    sure = np.where(occupied, chance, 1 - chance) * found.lengths
    return [
        Episode(
            room_id,
            int(starts[begin]) * MINUTE_US,
            int(found.minutes[stop - 1] + 1) * MINUTE_US,
            bool(occupied[begin]),
            float(sure[begin:stop].sum() / found.lengths[begin:stop].sum()),
        )
        for begin, stop in zip(begins, stops, strict=True)
    ]
