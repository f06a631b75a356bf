"""What the running state leaves in the store: feature rows, what was shown, corrected moments."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .features import FEATURE_NAMES, FEATURE_SET_VERSION, WINDOW_US
from .snapshot import HOME, Snapshot, Source
from .store import Store
from .store.feature_rows import FeatureBlock
from .store.predictions import Prediction
from .tracker import FeatureRow, Floats

_COMPUTED = "last_feature_compute_at"
# Rows that wait while the store refuses: a day of windows. After that the oldest go; a rebuild makes them again.
_ROWS_KEPT = 288


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
        self._rows: deque[FeatureRow] = deque(maxlen=_ROWS_KEPT)
        self._to_come: tuple[int, int] | None = None

    def add_rows(self, rows: Sequence[FeatureRow]) -> None:
        """Feature rows to be kept with what is kept next."""
        self._rows.extend(rows)

    def forget_rows(self) -> None:
        """Rows that wait are kept already, or were made anew."""
        self._rows.clear()

    def forget(self, after_us: int, until_us: int) -> None:
        """Windows that end within (after, until], and what was shown in them, have not happened yet."""
        self._rows = deque((row for row in self._rows if row.window_end_us <= after_us), maxlen=_ROWS_KEPT)
        self._to_come = after_us, until_us

    def keep_waiting(self, room_ids: Sequence[str]) -> None:
        """Keep the rows that wait; they go on waiting until `forget_rows`.

        Raises:
            StoreError: subclasses; nothing was kept.
        """
        self.keep_rows(room_ids, tuple(self._rows))

    def keep(self, room_ids: Sequence[str], snapshot: Snapshot) -> None:
        """Keep the rows that wait, corrections whose interval is over, and what is shown, in one transaction.

        Raises:
            StoreError: subclasses; nothing was kept, and all of it waits.
        """
        window_us = snapshot.time_us // WINDOW_US * WINDOW_US
        if (self._shown_us is None or window_us < self._shown_us) and window_us < snapshot.time_us:
            # Opened, or set back, in the middle of a window: what was shown at its begin stands as it is.
            self._shown_us = window_us
        over = [told for told in self._told if snapshot.time_us >= told.end_us]
        if not (over or self._rows) and self._to_come is None and window_us == self._shown_us:
            return
        with self._store.transaction():
            if self._to_come is not None:
                after_us, until_us = self._to_come
                self._store.features.delete_within(after_us, until_us, FEATURE_SET_VERSION)
                self._store.predictions.delete_within(after_us, until_us)
                if (self._store.metadata.get_us(_COMPUTED) or 0) > after_us:
                    self._store.metadata.set_us(_COMPUTED, after_us)
            self.keep_waiting(room_ids)
            self._keep_told(over, snapshot.time_us)
            if window_us != self._shown_us:
                self._keep_shown(snapshot, window_us)
        # Only now is it certain.
        self._rows.clear()
        self._told = [told for told in self._told if snapshot.time_us < told.end_us]
        self._shown_us = window_us
        self._to_come = None

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
            # A replay makes old rows, and the newest stay as they are.
            if computed_us > (self._store.metadata.get_us(_COMPUTED) or 0):
                self._store.metadata.set_us(_COMPUTED, computed_us)

    def expect(self, told: Told) -> None:
        """A correction to be kept when its interval is over."""
        self._told.append(told)

    def expect_no_more(self, room_id: str, start_us: int, end_us: int) -> None:
        """A correction whose interval is not over was taken back."""
        self._told = [
            t for t in self._told if (t.room_id, t.start_us, t.end_us) != (room_id, start_us, end_us)
        ]

    def to_json(self) -> list[list[Any]]:
        """Corrections whose interval is not over, for a restart."""
        return [[t.room_id, t.start_us, t.end_us, t.vector.tolist()] for t in self._told]

    def restore(self, value: Sequence[Sequence[Any]], room_ids: Collection[str]) -> None:
        """Take over what `to_json` gave, of these rooms and with the features of now."""
        self._told = [
            Told(room_id, start, end, np.array(vector))
            for room_id, start, end, vector in value
            if room_id in room_ids and len(vector) == len(FEATURE_NAMES)
        ]

    def forget_expected(self) -> None:
        """The rooms are others now."""
        self._told.clear()
        self._rows.clear()

    def _keep_told(self, over: Sequence[Told], now_us: int) -> None:
        """Keep the rows of corrections whose interval is over: examples at the moments that mattered."""
        for told in over:
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

    def _keep_shown(self, snapshot: Snapshot, window_us: int) -> None:
        """Keep what was shown of the rooms and the home, every five minutes, and what stood beside it."""
        shown = [
            Prediction(
                room.room_id, window_us, room.probability, bool(room.occupied), room.source.value,
                room.model, room.rules,
            )
            for room in snapshot.rooms.values()
            if room.probability is not None
        ]  # fmt: skip
        home = snapshot.home
        if home.probability is not None:
            chance = home.probability
            shown.append(
                Prediction(
                    HOME, window_us, chance, bool(home.occupied), Source.MODEL.value, chance, home.rules
                )
            )
        self._store.predictions.write(shown)
