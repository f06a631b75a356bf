"""Predictions as they were shown, with what stood beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .database import Database
from .names import Names


@dataclass(frozen=True, slots=True)
class Prediction:
    """P(occupied) of a room at a time, microseconds UTC, and what stood behind it and beside it.

    Attributes:
        room_id: the room, or `snapshot.HOME`.
        time_us: when it was shown.
        probability: as shown.
        occupied: the switch as shown.
        source: what stood behind it.
        model: what the model said, before corrections and baselines.
        rules: what the rules said, as bits of `occupancy.rules.RULES`.
    """

    room_id: str
    time_us: int
    probability: float
    occupied: bool
    source: str
    model: float | None = None
    rules: int | None = None


@dataclass(frozen=True, slots=True)
class PredictionSeries:
    """Predictions of one room by time, of those moments at which the model and the rules were kept too.

    Attributes:
        time_us: (n,) int64.
        probability: (n,) as shown.
        occupied: (n,) the switch as shown.
        model: (n,) what the model said.
        rules: (n,) int64 bits of the rules.
    """

    time_us: npt.NDArray[np.int64]
    probability: npt.NDArray[np.float64]
    occupied: npt.NDArray[np.bool_]
    model: npt.NDArray[np.float64]
    rules: npt.NDArray[np.int64]


class Predictions:
    """The table `predictions`, one row a room and five minutes."""

    def __init__(self, database: Database, rooms: Names) -> None:
        self._database = database
        self._rooms = rooms

    def write(self, predictions: Sequence[Prediction]) -> None:
        """Store predictions in one transaction; one of the same room and time is replaced."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO predictions (room, time_us, probability, occupied, source, model, rules)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._rooms.intern(p.room_id), p.time_us, p.probability, int(p.occupied), p.source,
                        p.model, p.rules,
                    )
                    for p in predictions
                ],
            )  # fmt: skip

    def read(self, room_id: str, start_us: int, end_us: int) -> list[Prediction]:
        """Predictions of a room in [start_us, end_us), by time."""
        rows = self._database.all(
            "SELECT time_us, probability, occupied, source, model, rules FROM predictions"
            " WHERE room = ? AND time_us >= ? AND time_us < ? ORDER BY time_us",
            (self._rooms.find(room_id), start_us, end_us),
        )
        return [
            Prediction(room_id, time_us, probability, bool(occupied), source, model, rules)
            for time_us, probability, occupied, source, model, rules in rows
        ]

    def delete_within(self, after_us: int, until_us: int) -> int:
        """Forget what was shown within (after, until]; how many rows there were."""
        return self._database.execute(
            "DELETE FROM predictions WHERE time_us > ? AND time_us <= ?", (after_us, until_us)
        ).rowcount

    def series(self, room_id: str, start_us: int, end_us: int) -> PredictionSeries:
        """The same as arrays, without the moments of which the model and the rules are not known."""
        rows = self._database.all(
            "SELECT time_us, probability, occupied, model, rules FROM predictions"
            " WHERE room = ? AND time_us >= ? AND time_us < ? AND model IS NOT NULL AND rules IS NOT NULL"
            " ORDER BY time_us",
            (self._rooms.find(room_id), start_us, end_us),
        )
        columns = zip(*rows, strict=True) if rows else ((),) * 5
        times, probabilities, occupied, models, rules = columns
        return PredictionSeries(
            np.array(times, np.int64),
            np.array(probabilities, np.float64),
            np.array(occupied, np.bool_),
            np.array(models, np.float64),
            np.array(rules, np.int64),
        )
