"""Which label a feature row is trained with: the rule of `vw_clr_training_dataset` in Python."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from .labels import Label, LabelKind, LabelSource

# The stronger source first.
PRECEDENCE = (
    LabelSource.CORRECTION,
    LabelSource.REFERENCE,
    LabelSource.HELPER,
    LabelSource.AWAY,
    LabelSource.HINDSIGHT,
)
_RANK = {source: rank for rank, source in enumerate(PRECEDENCE)}


def pair(
    window_start_us: npt.NDArray[np.int64],
    window_end_us: npt.NDArray[np.int64],
    room_id: str,
    labels: Sequence[Label],
) -> npt.NDArray[np.int64]:
    """The label of each feature row of a room.

    A label fits when the whole window lies within its interval, so no row has seen
    anything after its label's end. Of several the strongest source counts, then what
    was known last, then what was stored last. A label of the whole home says something
    about a room only when it says that the home was empty.

    Args:
        window_start_us: (n,) start of each window.
        window_end_us: (n,) its end, ascending.
        room_id: the room of the rows.
        labels: live labels as `Labels.read` gives them; which of them were known in
            time is decided there.

    Returns:
        (n,) index into `labels`, -1 where none fits.
    """
    chosen = np.full(len(window_end_us), -1, np.int64)
    fitting = [
        index
        for index, label in enumerate(labels)
        if label.kind is LabelKind.OCCUPANCY
        and (label.room_id == room_id or (label.room_id is None and label.target == 0))
    ]
    # The weakest first: each writes over those before it.
    fitting.sort(key=lambda index: _strength(labels[index]))
    starts = np.array([labels[index].start_us for index in fitting], dtype=np.int64)
    ends = np.array([labels[index].end_us for index in fitting], dtype=np.int64)
    bounds = np.searchsorted(window_end_us, (starts, ends), side="right")
    for index, start_us, first, last in zip(fitting, starts.tolist(), *bounds.tolist(), strict=True):
        if first < last:
            rows = slice(first, last)
            chosen[rows] = np.where(window_start_us[rows] >= start_us, index, chosen[rows])
    return chosen


def _strength(label: Label) -> tuple[int, int, int]:
    return -_RANK[label.source], label.known_at_us, label.label_id or 0
