"""Hindsight becomes labels: what smoothing says of the windows of five minutes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..events import MINUTE_US
from ..store.labels import Label, LabelSource
from ..whereabouts import Hindsight

_WINDOW_MINUTES = 5
# Soft targets in steps of a twentieth: neighbours that agree become one row.
_STEPS = 20
WEIGHT = 0.5
"""A guess from both sides of a silence counts half of what a reference sensor says."""


def hindsight_labels(
    found: Hindsight, room_ids: Sequence[str], start_us: int, end_us: int, known_at_us: int
) -> list[Label]:
    """Labels of all windows that lie within [start, end), consecutive equal ones joined.

    A window's target is the probability at its last minute.
    """
    first = -(-start_us // (_WINDOW_MINUTES * MINUTE_US))
    last = end_us // (_WINDOW_MINUTES * MINUTE_US)
    ends = np.arange(first + 1, last + 1, dtype=np.int64) * _WINDOW_MINUTES  # in minutes
    at = np.searchsorted(found.minutes, ends - 1)
    ends, at = ends[at < len(found.minutes)], at[at < len(found.minutes)]
    if not len(ends):
        return []
    targets = np.round(found.occupied[at] * _STEPS) / _STEPS
    labels = []
    for number, room_id in enumerate(room_ids):
        column = targets[:, number]
        breaks = np.flatnonzero(np.diff(column)) + 1
        for begin, stop in zip(np.append(0, breaks), np.append(breaks, len(column)), strict=True):
            labels.append(
                Label(
                    start_us=int(ends[begin] - _WINDOW_MINUTES) * MINUTE_US,
                    end_us=int(ends[stop - 1]) * MINUTE_US,
                    target=float(column[begin]),
                    weight=WEIGHT,
                    source=LabelSource.HINDSIGHT,
                    known_at_us=known_at_us,
                    room_id=room_id,
                )
            )
    return labels
