"""What the running state leaves in the store: feature rows, what was shown, corrected moments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .features import FEATURE_SET_VERSION, WINDOW_US
from .snapshot import Snapshot
from .store import Store
from .store.feature_rows import FeatureBlock
from .store.predictions import Prediction
from .tracker import FeatureRow, Floats


@dataclass(frozen=True, slots=True)
class Told:
    """A correction whose interval is not over: its features are those of when it was given.

    Attributes:
        room_id: which room.
        start_us: begin of the interval.
        end_us: its end; then the row is kept.
        vector: (d,) features before the correction moved anything.
    """

    room_id: str
    start_us: int
    end_us: int
    vector: Floats


class Archive:
    """Writes rows of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: list[Told] = []
        self._shown_us: int | None = None

    def keep_rows(self, room_ids: Sequence[str], rows: Sequence[FeatureRow]) -> None:
        """Keep the feature rows of all rooms, in one transaction.

        Raises:
            StoreError: subclasses; nothing was kept.
        """
        if not rows:
            return
        ends = np.array([row.window_end_us for row in rows], dtype=np.int64)
        activity = np.array([row.activity for row in rows])
        vectors = np.array([row.vectors for row in rows])
        computed_us = int(ends[-1])
        with self._store.transaction():
            self._store.features.write(
                [
                    FeatureBlock(
                        room_id,
                        FEATURE_SET_VERSION,
                        ends - WINDOW_US,
                        ends,
                        computed_us,
                        activity[:, number],
                        vectors[:, number],
                    )
                    for number, room_id in enumerate(room_ids)
                ]
            )
            self._store.metadata.set_us("last_feature_compute_at", computed_us)

    def expect(self, told: Told) -> None:
        """A correction to be kept when its interval is over."""
        self._told.append(told)

    def to_json(self) -> list[list[Any]]:
        """Corrections whose interval is not over, for a restart."""
        return [[t.room_id, t.start_us, t.end_us, t.vector.tolist()] for t in self._told]

    def restore(self, value: Sequence[Sequence[Any]]) -> None:
        """Take over what `to_json` gave for the same rooms."""
        self._told = [Told(room_id, start, end, np.array(vector)) for room_id, start, end, vector in value]

    def forget_expected(self) -> None:
        """The rooms are others now."""
        self._told.clear()

    def keep_told(self, now_us: int) -> None:
        """Keep the rows of corrections whose interval is over: examples at the moments that mattered."""
        for told in [told for told in self._told if now_us >= told.end_us]:
            block = FeatureBlock(
                told.room_id,
                FEATURE_SET_VERSION,
                np.array([told.start_us], dtype=np.int64),
                np.array([told.end_us], dtype=np.int64),
                now_us,
                np.zeros(1, dtype=np.int64),
                told.vector[None, :],
            )
            self._store.features.write([block])
            self._told.remove(told)

    def keep_shown(self, snapshot: Snapshot) -> None:
        """Keep what was shown, every five minutes."""
        window_us = snapshot.time_us // WINDOW_US * WINDOW_US
        if self._shown_us is None and window_us < snapshot.time_us:
            # Opened in the middle of a window: what was shown at its begin stands as it is.
            self._shown_us = window_us
        if window_us == self._shown_us:
            return
        self._store.predictions.write(
            [
                Prediction(room.room_id, window_us, room.probability, bool(room.occupied), room.source.value)
                for room in snapshot.rooms.values()
                if room.probability is not None
            ]
        )
        self._shown_us = window_us
