"""Daily sums of scores: what the report card adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import starmap

import numpy as np
import numpy.typing as npt

from .database import Database
from .names import Names

BINS = 10
"""Reliability is told by tenths of probability."""

_COLUMNS = (
    "n, brier_sum, log_loss_sum, occupied_minutes, vacant_minutes, missed_minutes, false_minutes, flips,"
    " true_flips"
)


@dataclass(frozen=True, slots=True)
class DailyScore:
    """Sums over one local day of a room, or of the home: divide by `n` for the mean.

    Attributes:
        room_id: the room, or `snapshot.HOME`.
        day: local date, ISO.
        model: whose probabilities (`shown`, `model`, `prior`, a rule, `rival:<entity id>`).
        truth: against what (`reference`, `correction`, `hindsight`).
        n: scored moments, five minutes each.
        brier_sum: sum of squared errors.
        log_loss_sum: sum of log losses, in nats.
        occupied_minutes: minutes of them that were occupied.
        vacant_minutes: minutes that were not.
        missed_minutes: occupied minutes that were called vacant.
        false_minutes: vacant minutes that were called occupied.
        flips: changes from one moment to the next of what was called.
        true_flips: changes of the truth between the same moments.
    """

    room_id: str
    day: str
    model: str
    truth: str
    n: int
    brier_sum: float
    log_loss_sum: float
    occupied_minutes: int = 0
    vacant_minutes: int = 0
    missed_minutes: int = 0
    false_minutes: int = 0
    flips: int = 0
    true_flips: int = 0


@dataclass(frozen=True, slots=True)
class ScoredDay:
    """All that one local day of a room leaves behind.

    Attributes:
        scores: by model and truth.
        reliability: by (model, truth), (3, BINS): moments, sum of what was said of them, occupied moments.
        half_hours: by truth, (2, 48) by local half hour: moments, occupied moments.
    """

    scores: tuple[DailyScore, ...]
    reliability: dict[tuple[str, str], npt.NDArray[np.float64]]
    half_hours: dict[str, npt.NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class RuleCounts:
    """Minutes in which a rule said on, or off, and how many of each were occupied."""

    on: int
    on_occupied: int
    off: int
    off_occupied: int


class DailyScores:
    """The tables `daily_scores`, `daily_reliability` and `daily_truth`."""

    def __init__(self, database: Database, rooms: Names) -> None:
        self._database = database
        self._rooms = rooms

    def write(self, scores: Sequence[DailyScore]) -> None:
        """Store sums in one transaction; those of the same day, model and truth are replaced."""
        with self._database.transaction():
            self._database.executemany(
                "INSERT OR REPLACE INTO daily_scores (room, day, model, truth,"
                f" {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (
                        self._rooms.intern(s.room_id), s.day, s.model, s.truth, s.n, s.brier_sum,
                        s.log_loss_sum, s.occupied_minutes, s.vacant_minutes, s.missed_minutes,
                        s.false_minutes, s.flips, s.true_flips,
                    )
                    for s in scores
                ],
            )  # fmt: skip

    def replace_day(self, room_id: str, day: str, scored: ScoredDay) -> None:
        """Put a day of a room in place of all that is stored of it."""
        with self._database.transaction():
            room = self._rooms.intern(room_id)
            for table in ("daily_scores", "daily_reliability", "daily_truth"):
                self._database.execute(f"DELETE FROM {table} WHERE room = ? AND day = ?", (room, day))
            self.write(scored.scores)
            self._database.executemany(
                "INSERT INTO daily_reliability VALUES (?, ?, ?, ?, ?)",
                [
                    (room, day, model, truth, bins.astype("<f4").tobytes())
                    for (model, truth), bins in scored.reliability.items()
                ],
            )
            self._database.executemany(
                "INSERT INTO daily_truth VALUES (?, ?, ?, ?)",
                [
                    (room, day, truth, counts.astype("u1").tobytes())
                    for truth, counts in scored.half_hours.items()
                ],
            )

    def read(
        self, first_day: str, last_day: str, room_id: str | None = None, truth: str | None = None
    ) -> list[DailyScore]:
        """Sums of the local days first_day to last_day, both included, by (day, room, model, truth)."""
        only = "" if room_id is None else " AND s.room = :room"
        rows = self._database.all(
            f"SELECT r.room_id, s.day, s.model, s.truth, {_COLUMNS}"
            f" FROM daily_scores s JOIN rooms r ON r.id = s.room WHERE s.day BETWEEN :first AND :last{only}"
            " AND (:truth IS NULL OR s.truth = :truth) ORDER BY s.day, r.room_id, s.model, s.truth",
            {
                "first": first_day,
                "last": last_day,
                "room": None if room_id is None else self._rooms.find(room_id),
                "truth": truth,
            },
        )
        return list(starmap(DailyScore, rows))

    def rule_counts(self, room_id: str, truth: str, first_day: str, end_day: str) -> dict[str, RuleCounts]:
        """By model, what stood behind its on and its off on the days [first_day, end_day)."""
        rows = self._database.all(
            "SELECT model, sum(occupied_minutes - missed_minutes + false_minutes),"
            " sum(occupied_minutes - missed_minutes), sum(missed_minutes + vacant_minutes - false_minutes),"
            " sum(missed_minutes) FROM daily_scores"
            " WHERE room = ? AND day >= ? AND day < ? AND truth = ? GROUP BY model",
            (self._rooms.find(room_id), first_day, end_day, truth),
        )
        return {model: RuleCounts(*counts) for model, *counts in rows}

    def half_hours(self, room_id: str, truth: str, first_day: str, end_day: str) -> npt.NDArray[np.int64]:
        """(2, 48) moments and occupied moments by local half hour of a room over the days [first_day, end_day)."""
        rows = self._database.all(
            "SELECT half_hours FROM daily_truth WHERE room = ? AND day >= ? AND day < ? AND truth = ?",
            (self._rooms.find(room_id), first_day, end_day, truth),
        )
        days = np.frombuffer(b"".join(row[0] for row in rows), "u1").reshape(-1, 2, 48)
        found: npt.NDArray[np.int64] = days.sum(axis=0, dtype=np.int64)
        return found

    def rename(self, old: str, new: str) -> None:
        """A model goes by another name now."""
        with self._database.transaction():
            for table in ("daily_scores", "daily_reliability"):
                self._database.execute(f"UPDATE OR REPLACE {table} SET model = ? WHERE model = ?", (new, old))
