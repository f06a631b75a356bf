"""Feature rows: one a room and five-minute window, in one compact form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import json

import numpy as np
import numpy.typing as npt

from .database import Database
from .errors import StoreRejectedError
from .metadata import Metadata
from .names import Names

# Half precision: features are counts, ages and shares on a compressed scale, three
# digits are enough, and 84 days of 20 rooms stay small.
_STORED = np.dtype("<f2")
_SLICE_ROWS = 1_000
_LARGEST = float(np.finfo(np.float16).max)

_UPSERT = """
INSERT INTO features (room, window_end_us, feature_set_version, window_start_us, computed_at_us,
                      activity, vector)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (room, window_end_us, feature_set_version) DO UPDATE SET
    window_start_us = excluded.window_start_us, computed_at_us = excluded.computed_at_us,
    activity = excluded.activity, vector = excluded.vector
"""


@dataclass(frozen=True, slots=True)
class FeatureBlock:
    """Feature rows of one room and one feature set version.

    Attributes:
        room_id: the room.
        version: feature set version.
        window_start_us: (n,) int64, start of each window.
        window_end_us: (n,) int64, its end; nothing after it went into the row.
        computed_at_us: when the rows were computed.
        activity: (n,) integers, events in the window that show somebody here.
        vectors: (n, d) floats, nan where nothing was known; stored in half precision, clipped to its range.
    """

    room_id: str
    version: int
    window_start_us: npt.NDArray[np.int64]
    window_end_us: npt.NDArray[np.int64]
    computed_at_us: int
    activity: npt.NDArray[np.integer]
    vectors: npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """What is stored of one room, ordered by window.

    Attributes:
        window_start_us: (n,) int64.
        window_end_us: (n,) int64, ascending.
        activity: (n,) int32.
        vectors: (n, d) float32, nan where nothing was known.
    """

    window_start_us: npt.NDArray[np.int64]
    window_end_us: npt.NDArray[np.int64]
    activity: npt.NDArray[np.int32]
    vectors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.window_end_us)


# The ends of each room, by the key: half a million rows are not read for two numbers.
_SPAN = """
SELECT min((SELECT f.window_start_us FROM features f WHERE f.room = r.id AND f.feature_set_version = :version
            ORDER BY f.window_end_us LIMIT 1)),
       max((SELECT f.window_end_us FROM features f WHERE f.room = r.id AND f.feature_set_version = :version
            ORDER BY f.window_end_us DESC LIMIT 1))
FROM rooms r
"""


class FeatureRows:
    """The table `features`."""

    def __init__(self, database: Database, rooms: Names, metadata: Metadata) -> None:
        self._database = database
        self._rooms = rooms
        self._metadata = metadata

    def set_names(self, version: int, names: Sequence[str]) -> None:
        """Say what the columns of a feature set version are.

        Raises:
            StoreRejectedError: the version is stored with other names.
        """
        text = json.dumps(list(names))
        stored = self._metadata.get(f"feature_names_v{version}")
        if stored is not None and stored != text:
            raise StoreRejectedError(f"feature set version {version} has other names")
        with self._database.transaction():
            self._metadata.set(f"feature_names_v{version}", text)
            self._metadata.set("feature_set_version", str(version))

    def names(self, version: int) -> tuple[str, ...] | None:
        """The columns of a feature set version, None where they were never said."""
        text = self._metadata.get(f"feature_names_v{version}")
        return None if text is None else tuple(json.loads(text))

    def write(self, blocks: Sequence[FeatureBlock]) -> None:
        """Store rows in one transaction; a row computed again replaces the earlier one.

        Raises:
            ValueError: the arrays of a block differ in length, or a block has another
                number of columns than its version has names.
        """
        with self._database.transaction():
            columns = {version: self.names(version) for version in {block.version for block in blocks}}
            rows: list[tuple[object, ...]] = []
            for block in blocks:
                rows += self._rows_of(block, columns[block.version])
            self._database.executemany(_UPSERT, rows)

    def _rows_of(self, block: FeatureBlock, names: tuple[str, ...] | None) -> list[tuple[object, ...]]:
        n = len(block.window_end_us)
        if block.vectors.ndim != 2 or {
            len(block.window_start_us),
            len(block.activity),
            len(block.vectors),
        } != {n}:
            raise ValueError("the arrays of a feature block differ in length")
        if names is not None and block.vectors.shape[1] != len(names):
            raise ValueError(f"feature set version {block.version} has {len(names)} columns")
        if n == 0:
            return []
        room = self._rooms.intern(block.room_id)
        stored = np.clip(block.vectors, -_LARGEST, _LARGEST).astype(_STORED)
        return [
            (room, end_us, block.version, start_us, block.computed_at_us, activity, vector.tobytes())
            for end_us, start_us, activity, vector in zip(
                block.window_end_us.tolist(),
                block.window_start_us.tolist(),
                block.activity.tolist(),
                stored,
                strict=True,
            )
        ]

    def read(self, room_id: str, start_us: int, end_us: int, version: int) -> FeatureTable:
        """The rows of a room whose windows lie within [start_us, end_us], by window end."""
        rows = self._database.all(
            "SELECT window_start_us, window_end_us, activity, vector FROM features"
            " WHERE room = ? AND window_end_us > ? AND window_end_us <= ? AND feature_set_version = ?"
            " AND window_start_us >= ? ORDER BY window_end_us",
            (self._rooms.find(room_id), start_us, end_us, version, start_us),
        )
        if not rows:
            width = len(self.names(version) or ())
            empty = np.empty(0, np.int64)
            return FeatureTable(empty, empty, np.empty(0, np.int32), np.empty((0, width), np.float32))
        starts, ends, activity, vectors = zip(*rows, strict=True)
        matrix = np.frombuffer(b"".join(vectors), _STORED).reshape(len(rows), -1)
        return FeatureTable(
            np.array(starts, np.int64),
            np.array(ends, np.int64),
            np.array(activity, np.int32),
            matrix.astype(np.float32),
        )

    def delete_within(self, after_us: int, until_us: int, version: int) -> int:
        """Forget the rows of windows that end within (after, until]; how many there were."""
        return self._database.execute(
            "DELETE FROM features WHERE room IN (SELECT id FROM rooms) AND window_end_us > ?"
            " AND window_end_us <= ? AND feature_set_version = ?",
            (after_us, until_us, version),
        ).rowcount

    def delete_windows(self, after_us: int, until_us: int, version: int, length_us: int) -> int:
        """Forget the rows of windows of one length, end to end, that end within (after, until]; how many there were.

        Rows of corrections, whose windows begin and end anywhere, stay.
        """
        return self._database.execute(
            "DELETE FROM features WHERE room IN (SELECT id FROM rooms) AND window_end_us > ?"
            " AND window_end_us <= ? AND feature_set_version = ?"
            " AND window_end_us % ? = 0 AND window_end_us - window_start_us = ?",
            (after_us, until_us, version, length_us, length_us),
        ).rowcount

    def delete_other_versions(self, version: int) -> Iterator[int]:
        """Forget the rows of all other feature set versions, a slice at a time; yields how many went."""
        for (room,) in self._database.all("SELECT id FROM rooms ORDER BY id"):
            gone = _SLICE_ROWS
            while gone == _SLICE_ROWS:
                gone = self._database.execute(
                    "DELETE FROM features WHERE (room, window_end_us, feature_set_version) IN"
                    " (SELECT room, window_end_us, feature_set_version FROM features"
                    f" WHERE room = ? AND feature_set_version <> ? LIMIT {_SLICE_ROWS})",
                    (room, version),
                ).rowcount
                yield gone

    def span(self, version: int) -> tuple[int, int] | None:
        """Start of the first and end of the last window, None where there are no rows."""
        row = self._database.one(_SPAN, {"version": version})
        return None if row is None or row[0] is None else (row[0], row[1])

    def count(self, version: int | None = None) -> int:
        """How many rows are stored, of one version or of all."""
        if version is None:
            return self._database.row_count("features")
        return int(
            self._database.scalar("SELECT count(*) FROM features WHERE feature_set_version = ?", (version,))
        )
