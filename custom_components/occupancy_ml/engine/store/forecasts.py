"""Forecasts: what was known at a moment, what was told, how it did, what was fitted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from .database import Database
from .metadata import Metadata
from .names import Names
from .runs import INTERRUPTED, RunStatus, ended, fail_orphans, finish, start, to_json

_STORED = np.dtype("<f2")
_LARGEST = 60_000.0
_LAYOUTS = "forecast_layouts"

type Floats = npt.NDArray[np.float64]
type Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class ForecastScore:
    """Sums over one local day of a process and direction.

    Attributes:
        process: whose.
        day: local date, ISO.
        to_occupied: whether of the change to occupied.
        moments: how many were scored.
        published: how many of them were published.
        sums: by name; the forecast package knows which.
    """

    process: str
    day: str
    to_occupied: bool
    moments: int
    published: int
    sums: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """What was fitted of a process, and the run that fitted it where one is known."""

    process: str
    created_us: int
    payload: bytes
    run_id: int | None


class Forecasts:
    """The tables of forecasts."""

    def __init__(self, database: Database, rooms: Names, metadata: Metadata) -> None:
        self._database = database
        self._rooms = rooms
        self._metadata = metadata

    def add_moment(self, time_us: int, layout: str, vector: Floats) -> None:
        """Keep what is known at a moment; the one of the same time and layout is replaced."""
        self.add_moments(np.array([time_us], dtype=np.int64), layout, vector[None])

    def add_moments(self, times_us: Ints, layout: str, vectors: Floats) -> None:
        """Keep (n, d) vectors of (n,) moments, in one transaction."""
        stored = np.clip(vectors, -_LARGEST, _LARGEST).astype(_STORED)
        with self._database.transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO forecast_moments (time_us, layout, vector) VALUES (?, ?, ?)",
                [(t, layout, row.tobytes()) for t, row in zip(times_us.tolist(), stored, strict=True)],
            )

    def moments(self, start_us: int, end_us: int, layout: str) -> tuple[Ints, npt.NDArray[np.float16]]:
        """(n,) times and (n, d) vectors of the moments in [start_us, end_us) of a layout, by time."""
        rows = self._database.all(
            "SELECT time_us, vector FROM forecast_moments WHERE time_us >= ? AND time_us < ? AND layout = ?"
            " ORDER BY time_us",
            (start_us, end_us, layout),
        )
        if not rows:
            return np.empty(0, np.int64), np.empty((0, 0), np.float16)
        times, vectors = zip(*rows, strict=True)
        return np.array(times, np.int64), np.frombuffer(b"".join(vectors), _STORED).reshape(len(rows), -1)

    def moments_span(self, layout: str) -> tuple[int, int] | None:
        """Times of the first and the last moment of a layout, None where there is none."""
        row = self._database.one(
            "SELECT min(time_us), max(time_us) FROM forecast_moments WHERE layout = ?", (layout,)
        )
        return None if row is None or row[0] is None else (row[0], row[1])

    def layouts(self) -> dict[str, tuple[str, ...]]:
        """The entities that moments of a layout end with, in order, by layout; the newest last."""
        told = self._metadata.get(_LAYOUTS)
        return {} if told is None else {layout: tuple(names) for layout, names in json.loads(told).items()}

    def note_layout(self, layout: str, context: Sequence[str]) -> None:
        """Remember which entities moments of a layout end with; layouts whose moments are gone are forgotten."""
        others = {
            other: names
            for other, names in self.layouts().items()
            if other != layout and self.moments_span(other) is not None
        }
        self._metadata.set(_LAYOUTS, json.dumps(others | {layout: list(context)}))

    def rename(self, old: str, new: str) -> None:
        """An entity has another id now; what it said in moments of the past goes on under it."""
        known = self.layouts()
        renamed = {
            layout: [new if name == old else name for name in names] for layout, names in known.items()
        }
        if known:
            self._metadata.set(_LAYOUTS, json.dumps(renamed))

    def delete_within(self, after_us: int, until_us: int) -> None:
        """Forget what was known and what was told within (after, until]."""
        with self._database.transaction():
            self._database.execute(
                "DELETE FROM forecast_moments WHERE time_us > ? AND time_us <= ?", (after_us, until_us)
            )
            self._database.execute(
                # Room by room along the key.
                "DELETE FROM forecasts WHERE room IN (SELECT id FROM rooms) AND time_us > ? AND time_us <= ?",
                (after_us, until_us),
            )

    def add_told(self, time_us: int, told: Sequence[tuple[str, bool, bool, Floats]]) -> None:
        """Keep forecasts made at a time: (process, occupied then, published, numbers)."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO forecasts VALUES (?, ?, ?, ?, ?)",
                [
                    (
                        self._rooms.intern(process),
                        time_us,
                        int(occupied),
                        int(published),
                        np.clip(numbers, -_LARGEST, _LARGEST).astype(_STORED).tobytes(),
                    )
                    for process, occupied, published, numbers in told
                ],
            )

    def told(
        self, process: str, start_us: int, end_us: int
    ) -> tuple[Ints, npt.NDArray[np.bool_], npt.NDArray[np.bool_], Floats]:
        """(n,) times, (n,) occupied then, (n,) published, (n, k) numbers of forecasts in [start_us, end_us)."""
        rows = self._database.all(
            "SELECT time_us, occupied, published, vector FROM forecasts"
            " WHERE room = ? AND time_us >= ? AND time_us < ? ORDER BY time_us",
            (self._rooms.find(process), start_us, end_us),
        )
        if not rows:
            nothing = np.empty(0, np.bool_)
            return np.empty(0, np.int64), nothing, nothing, np.empty((0, 0))
        times, occupied, published, vectors = zip(*rows, strict=True)
        numbers = np.frombuffer(b"".join(vectors), _STORED).reshape(len(rows), -1).astype(np.float64)
        return np.array(times, np.int64), np.array(occupied, np.bool_), np.array(published, np.bool_), numbers

    def write_scores(self, scores: Sequence[ForecastScore]) -> None:
        """Keep scores; a day scored again replaces the earlier sums."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO forecast_scores VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._rooms.intern(s.process),
                        s.day,
                        int(s.to_occupied),
                        s.moments,
                        s.published,
                        json.dumps(s.sums, separators=(",", ":")),
                    )
                    for s in scores
                ],
            )

    def scores(self, first_day: str, last_day: str, process: str | None = None) -> list[ForecastScore]:
        """Scores of the local days first_day to last_day, both included, by (day, process, direction)."""
        rows = self._database.all(
            # Room by room along the key: years of days are not read for the last weeks.
            "SELECT r.room_id, s.day, s.to_occupied, s.moments, s.published, s.sums"
            " FROM rooms r CROSS JOIN forecast_scores s ON s.room = r.id AND s.day BETWEEN :first AND :last"
            " WHERE :process IS NULL OR r.room_id = :process ORDER BY s.day, r.room_id, s.to_occupied",
            {"first": first_day, "last": last_day, "process": process},
        )
        return [
            ForecastScore(p, day, bool(to), n, pub, json.loads(sums)) for p, day, to, n, pub, sums in rows
        ]

    def start_run(self, process: str, cause: str, now_us: int) -> int:
        """A fit of a process begins; its number."""
        return start(
            self._database,
            "forecast_runs",
            now_us,
            "INSERT INTO forecast_runs (room, status, cause, started_us) VALUES (?, ?, ?, ?)",
            (self._rooms.intern(process), RunStatus.RUNNING.value, cause, now_us),
        )

    def finish_run(
        self,
        run_id: int,
        status: RunStatus,
        now_us: int,
        *,
        rows: int = 0,
        metrics: dict[str, Any] | None = None,
        reason: str | None = None,
    ) -> None:
        """A fit ended.

        Raises:
            StoreRejectedError: there is no such run.
        """
        told = {
            "status": status.value,
            "ended_us": ended(self._database, "forecast_runs", run_id, now_us),
            "rows": rows,
            "metrics": to_json(metrics or {}),
            "reason": reason,
        }
        finish(self._database, "forecast_runs", run_id, told)

    def fail_orphans(self, now_us: int) -> int:
        """Mark as failed what was left running; how many."""
        return fail_orphans(self._database, "forecast_runs", {"ended_us": now_us, "reason": INTERRUPTED})

    def runs(self, process: str | None = None) -> list[tuple[str, str, str, int, str | None]]:
        """(process, status, cause, start, reason) of the runs, by start."""
        rows: list[tuple[str, str, str, int, str | None]] = [
            (row[0], row[1], row[2], row[3], row[4])
            for row in self._database.all(
                "SELECT r.room_id, f.status, f.cause, f.started_us, f.reason FROM forecast_runs f"
                " JOIN rooms r ON r.id = f.room WHERE :process IS NULL OR r.room_id = :process ORDER BY f.id",
                {"process": process},
            )
        ]
        return rows

    def save_model(
        self, process: str, now_us: int, payload: bytes, run_id: int | None, *, challenger: bool = False
    ) -> None:
        """Keep what was fitted, as the model in service or as its challenger; the one before is replaced."""
        self._database.execute(
            "INSERT OR REPLACE INTO forecast_artifacts VALUES (?, ?, ?, ?, ?)",
            (self._rooms.intern(process), int(not challenger), run_id, now_us, payload),
        )

    def models(self, *, challenger: bool = False) -> dict[str, StoredModel]:
        """The models in service, or the challengers, by process."""
        rows = self._database.all(
            "SELECT r.room_id, a.created_us, a.payload, a.run_id FROM forecast_artifacts a"
            " JOIN rooms r ON r.id = a.room WHERE a.in_service = ?",
            (int(not challenger),),
        )
        return {stored.process: stored for stored in (StoredModel(*row) for row in rows)}

    def drop_challenger(self, process: str) -> None:
        """The challenger has lost, or serves now."""
        self._database.execute(
            "DELETE FROM forecast_artifacts WHERE in_service = 0 AND room = ?", (self._rooms.find(process),)
        )
