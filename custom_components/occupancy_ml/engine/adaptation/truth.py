"""What is known of moments afterwards, from one source at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..store.labels import Label, LabelKind, LabelSource

TRUTHS = (LabelSource.REFERENCE, LabelSource.CORRECTION, LabelSource.HINDSIGHT)
"""The sources that may be truth, the most independent first. They are never mixed."""

# Only moments of which a source is nearly sure are scored.
_SURE = 0.9


def truth_at(
    labels: Sequence[Label], source: LabelSource, room_id: str, times_us: NDArray[np.int64]
) -> NDArray[np.int8]:
    """(n,) whether moments were occupied (1) or not (0) as one source tells it, -1 where it does not.

    A moment is the end of what a prediction has seen: a label over [start, end) tells of moments in
    (start, end]. What a person said counts only for moments before it was said: after that it was no
    prediction any more. Of several labels the one known last counts.

    Args:
        labels: live labels.
        source: which of them to believe.
        room_id: the room, or `snapshot.HOME`.
        times_us: (n,) moments, ascending.
    """
    found = np.full(len(times_us), -1, dtype=np.int8)
    ours = [
        label
        for label in labels
        if label.source is source and label.kind is LabelKind.OCCUPANCY and label.room_id == room_id
    ]
    ours.sort(key=lambda label: (label.known_at_us, label.label_id or 0))
    for label in ours:
        end_us = label.end_us
        if source is LabelSource.CORRECTION:
            end_us = min(end_us, label.known_at_us)
        first, last = np.searchsorted(times_us, (label.start_us, end_us), side="right")
        if label.target >= _SURE:
            found[first:last] = 1
        else:
            found[first:last] = 0 if label.target <= 1 - _SURE else -1
    return found
