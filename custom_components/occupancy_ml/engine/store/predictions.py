"""Predictions as they were shown, and the daily sums of their scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import numpy.typing as npt

from .database import Database
from .names import Names


@dataclass(frozen=True, slots=True)
class Prediction:
    """P(occupied) of a room at a time, microseconds UTC, and what stood behind it."""

    room_id: str
    time_us: int
    probability: float
    occupied: bool
    source: str


@dataclass(frozen=True, slots=True)
class PredictionSeries:
    """Predictions of one room by time: (n,) int64, (n,) float64, (n,) bool."""

    time_us: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    occupied: npt.NDArray[np.bool_]


class Predictions:
    """The table `predictions`, one row a room and five minutes."""

    def __init__(self, database: Database, rooms: Names) -> None:
        self._database = database
        self._rooms = rooms

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Store predictions in one transaction; one of the same room and time is replaced."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO predictions VALUES (?, ?, ?, ?, ?) ON CONFLICT (room, time_us) DO UPDATE SET"
                " probability = excluded.probability, occupied = excluded.occupied, source = excluded.source",
                [
                    (self._rooms.intern(p.room_id), p.time_us, p.probability, int(p.occupied), p.source)
                    for p in predictions
                ],
            )

    def read(self, room_id: str, start_us: int, end_us: int) -> list[Prediction]:
        """Predictions of a room in [start_us, end_us), by time."""
        rows = self._database.all(
            "SELECT time_us, probability, occupied, source FROM predictions"
            " WHERE room = ? AND time_us >= ? AND time_us < ? ORDER BY time_us",
            (self._rooms.find(room_id), start_us, end_us),
        )
        return [
            Prediction(room_id, time_us, probability, bool(occupied), source)
            for time_us, probability, occupied, source in rows
        ]

    def delete_from(self, time_us: int) -> int:
        """Forget what was shown at a time and later; how many rows there were."""
        return self._database.execute("DELETE FROM predictions WHERE time_us >= ?", (time_us,)).rowcount

    def series(self, room_id: str, start_us: int, end_us: int) -> PredictionSeries:
        """The same as arrays."""
        rows = self._database.all(
            "SELECT time_us, probability, occupied FROM predictions"
            " WHERE room = ? AND time_us >= ? AND time_us < ? ORDER BY time_us",
            (self._rooms.find(room_id), start_us, end_us),
        )
        times, probabilities, occupied = zip(*rows, strict=True) if rows else ((), (), ())
        return PredictionSeries(
            np.array(times, np.int64), np.array(probabilities, np.float64), np.array(occupied, np.bool_)
        )


@dataclass(frozen=True, slots=True)
class DailyScore:
    """Sums over one local day of a room: divide by `n` for the mean.

    Attributes:
        room_id: the room.
        day: local date, ISO.
        model: whose probabilities (`shown`, `model`, `prior`, `timeout_300`, ...).
        truth: against what (`hindsight`, `correction`, `reference`).
        n: scored moments.
        brier_sum: sum of squared errors.
        log_loss_sum: sum of log losses, in nats.
    """

    room_id: str
    day: str
    model: str
    truth: str
    n: int
    brier_sum: float
    log_loss_sum: float


class DailyScores:
    """The table `daily_scores`."""

    def __init__(self, database: Database, rooms: Names) -> None:
        self._database = database
        self._rooms = rooms

    def write(self, scores: Sequence[DailyScore]) -> None:
        """Store scores in one transaction; a day scored again replaces the earlier sums."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT INTO daily_scores VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (room, day, model, truth)"
                " DO UPDATE SET n = excluded.n, brier_sum = excluded.brier_sum,"
                " log_loss_sum = excluded.log_loss_sum",
                [
                    (self._rooms.intern(s.room_id), s.day, s.model, s.truth, s.n, s.brier_sum, s.log_loss_sum)
                    for s in scores
                ],
            )

    def read(
        self, first_day: str, last_day: str, room_id: str | None = None, truth: str | None = None
    ) -> list[DailyScore]:
        """Scores of the local days first_day to last_day, both included, by (day, room, model, truth)."""
        rows = self._database.all(
            "SELECT r.room_id, s.day, s.model, s.truth, s.n, s.brier_sum, s.log_loss_sum"
            " FROM daily_scores s JOIN rooms r ON r.id = s.room WHERE s.day BETWEEN :first AND :last"
            " AND (:room_id IS NULL OR r.room_id = :room_id) AND (:truth IS NULL OR s.truth = :truth)"
            " ORDER BY s.day, r.room_id, s.model, s.truth",
            {"first": first_day, "last": last_day, "room_id": room_id, "truth": truth},
        )
        return list(starmap(DailyScore, rows))
