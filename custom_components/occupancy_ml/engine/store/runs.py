"""Attempts to fit a room's model, and what came out of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
import json
from typing import ClassVar

from .database import Database, Parameters, Row
from .errors import StoreRejectedError
from .names import Names

type Json = Mapping[str, object]


class RunStatus(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    GATE_NOT_MET = "gate_not_met"
    FAILED = "failed"


INTERRUPTED = "interrupted: Home Assistant stopped while it ran"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """The record of one attempt to fit.

    Attributes:
        run_id: its id.
        subject: the room id, or for changepoints the stream.
        status: how it stands.
        cause: why it ran (schedule, request, ...).
        started_us: start, microseconds UTC.
        ended_us: end, None while it runs.
        rows: training rows.
        days: distinct days in them.
        positives: weight of occupied rows; None for changepoints.
        negatives: weight of vacant rows; None for changepoints.
        feature_set_version: of the rows.
        data_start_us: start of the first row's window.
        data_end_us: end of the last row's window.
        metrics: measured numbers.
        reason: why it was not completed.
    """

    run_id: int
    subject: str
    status: RunStatus
    cause: str
    started_us: int
    ended_us: int | None
    rows: int | None
    days: int | None
    positives: float | None
    negatives: float | None
    feature_set_version: int
    data_start_us: int | None
    data_end_us: int | None
    metrics: Json | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Artifact:
    """A fitted model of a room: the numbers as JSON, and the run they come from."""

    artifact_id: int
    run_id: int
    room_id: str
    created_us: int
    feature_set_version: int
    in_service: bool
    payload: Json
    metrics: Json | None


def to_json(value: Json | None) -> str | None:
    """The JSON text of a mapping.

    Raises:
        ValueError: it holds an infinity or something that is not a number.
    """
    return None if value is None else json.dumps(value, separators=(",", ":"), allow_nan=False)


def from_json(text: str | None) -> Json | None:
    """The mapping of a JSON text."""
    if text is None:
        return None
    value: Json = json.loads(text)
    return value


def start(database: Database, table: str, started_us: int, sql: str, parameters: Parameters) -> int:
    """Insert the record of a run that begins; its number."""
    number = database.insert(sql, parameters)
    database.begun[table, number] = started_us - database.stopwatch()
    return number


def ended(database: Database, table: str, number: int, ended_us: int) -> int:
    """When a run ended, microseconds UTC.

    The engine is told when its work began and knows no other time: the end is as much later as the stopwatch says.
    """
    begun = database.begun.pop((table, number), None)
    return ended_us if begun is None else max(ended_us, begun + database.stopwatch())


def finish(database: Database, table: str, number: int, told: Mapping[str, object]) -> None:
    """Write how a run or a job ended into its record, by column.

    Raises:
        StoreRejectedError: there is no such record.
    """
    changed = database.execute(
        f"UPDATE {table} SET {', '.join(f'{column} = ?' for column in told)} WHERE id = ?",
        (*told.values(), number),
    ).rowcount
    if changed == 0:
        raise StoreRejectedError(f"{table} has no row {number}")


def fail_orphans(database: Database, table: str, told: Mapping[str, object]) -> int:
    """Mark as failed what a crash left running, with what is told of it by column; how many there were."""
    return database.execute(
        f"UPDATE {table} SET status = 'failed', {', '.join(f'{column} = ?' for column in told)}"
        " WHERE status = 'running'",
        tuple(told.values()),
    ).rowcount


class RunRecords:
    """The records of attempts to fit, in the table of one kind of model."""

    _TABLE: ClassVar[str]
    # Who was fitted: the column, what it says, and where that stands.
    _SUBJECT: ClassVar[tuple[str, str, str]]
    # Weight of occupied and of vacant rows, where the kind has them.
    _WEIGHTS: ClassVar[str] = "NULL, NULL"

    def __init__(self, database: Database) -> None:
        self._database = database

    def _start(self, subject: int | str, cause: str, started_us: int, feature_set_version: int) -> int:
        return start(
            self._database,
            self._TABLE,
            started_us,
            f"INSERT INTO {self._TABLE} ({self._SUBJECT[0]}, status, cause, started_us, feature_set_version)"
            " VALUES (?, 'running', ?, ?, ?)",
            (subject, cause, started_us, feature_set_version),
        )

    def _finish(self, run_id: int, status: RunStatus, ended_us: int, told: Mapping[str, object]) -> None:
        """Note how a run ended, and what is told of it by column.

        Raises:
            StoreRejectedError: there is no such run.
        """
        ended_us = ended(self._database, self._TABLE, run_id, ended_us)
        finish(self._database, self._TABLE, run_id, {"status": status.value, "ended_us": ended_us, **told})

    def recent_runs(self, limit: int, subject: str | None = None) -> list[TrainingRun]:
        """The last runs, newest first, of one subject (a room, a stream) or of all."""
        _, name, source = self._SUBJECT
        where = "" if subject is None else f"WHERE {name} = :subject"
        rows = self._database.all(
            f"SELECT t.id, {name}, t.status, t.cause, t.started_us, t.ended_us, t.rows, t.days, {self._WEIGHTS},"
            f" t.feature_set_version, t.data_start_us, t.data_end_us, t.metrics, t.reason FROM {source} {where}"
            " ORDER BY t.started_us DESC, t.id DESC LIMIT :limit",
            {"subject": subject, "limit": limit},
        )
        return [_training_run(row) for row in rows]

    def fail_orphans(self, now_us: int) -> int:
        """Mark as failed what a crash left running; how many."""
        return fail_orphans(self._database, self._TABLE, {"ended_us": now_us, "reason": INTERRUPTED})


class ClrRuns(RunRecords):
    """The tables `clr_training_runs` and `clr_model_artifacts`."""

    _TABLE = "clr_training_runs"
    _SUBJECT = ("room", "r.room_id", "clr_training_runs t JOIN rooms r ON r.id = t.room")
    _WEIGHTS = "t.positives, t.negatives"

    def __init__(self, database: Database, rooms: Names) -> None:
        super().__init__(database)
        self._rooms = rooms

    def start_run(self, room_id: str, cause: str, started_us: int, feature_set_version: int) -> int:
        """Note that a run of a room starts; its id."""
        with self._database.transaction():
            return self._start(self._rooms.intern(room_id), cause, started_us, feature_set_version)

    def finish_run(
        self,
        run_id: int,
        status: RunStatus,
        ended_us: int,
        *,
        rows: int | None = None,
        days: int | None = None,
        positives: float | None = None,
        negatives: float | None = None,
        data_start_us: int | None = None,
        data_end_us: int | None = None,
        metrics: Json | None = None,
        reason: str | None = None,
    ) -> None:
        """Note how a run ended.

        Raises:
            StoreRejectedError: there is no such run.
        """
        told = {
            "rows": rows,
            "days": days,
            "positives": positives,
            "negatives": negatives,
            "data_start_us": data_start_us,
            "data_end_us": data_end_us,
            "metrics": to_json(metrics),
            "reason": reason,
        }
        self._finish(run_id, status, ended_us, told)

    def save_artifact(
        self,
        run_id: int,
        room_id: str,
        created_us: int,
        feature_set_version: int,
        payload: Json,
        metrics: Json | None = None,
        in_service: bool = True,
    ) -> int:
        """Keep a fitted model; its id. Put in service, it relieves the one before at once."""
        with self._database.transaction():
            room = self._rooms.intern(room_id)
            if in_service:
                self._database.execute(
                    "UPDATE clr_model_artifacts SET in_service = 0 WHERE room = ? AND in_service = 1", (room,)
                )
            return self._database.insert(
                "INSERT INTO clr_model_artifacts (run_id, room, created_us, feature_set_version, in_service,"
                " payload, metrics) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    run_id,
                    room,
                    created_us,
                    feature_set_version,
                    int(in_service),
                    to_json(payload),
                    to_json(metrics),
                ),
            )

    def retire(self, room_id: str) -> None:
        """Take a room's model out of service, with none to follow."""
        self._database.execute(
            "UPDATE clr_model_artifacts SET in_service = 0 WHERE room = ? AND in_service = 1",
            (self._rooms.find(room_id),),
        )

    def artifact_in_service(self, room_id: str) -> Artifact | None:
        """The model that serves a room, None where none does."""
        return next(iter(self._artifacts("r.room_id = ? AND a.in_service = 1", (room_id,))), None)

    def artifacts_in_service(self) -> dict[str, Artifact]:
        """The models in service, by room."""
        return {artifact.room_id: artifact for artifact in self._artifacts("a.in_service = 1", ())}

    def _artifacts(self, where: str, parameters: tuple[object, ...]) -> list[Artifact]:
        rows = self._database.all(
            "SELECT a.id, a.run_id, r.room_id, a.created_us, a.feature_set_version, a.in_service, a.payload,"
            f" a.metrics FROM clr_model_artifacts a JOIN rooms r ON r.id = a.room WHERE {where}"
            " ORDER BY r.room_id, a.id",
            parameters,
        )
        return [
            Artifact(
                artifact_id,
                run_id,
                room_id,
                created_us,
                version,
                bool(serves),
                json.loads(payload),
                from_json(text),
            )
            for artifact_id, run_id, room_id, created_us, version, serves, payload, text in rows
        ]


def _training_run(row: Row) -> TrainingRun:
    """The record of a row in the order of `TrainingRun`'s fields."""
    return TrainingRun(
        run_id=row[0],
        subject=row[1],
        status=RunStatus(row[2]),
        cause=row[3],
        started_us=row[4],
        ended_us=row[5],
        rows=row[6],
        days=row[7],
        positives=row[8],
        negatives=row[9],
        feature_set_version=row[10],
        data_start_us=row[11],
        data_end_us=row[12],
        metrics=from_json(row[13]),
        reason=row[14],
    )
