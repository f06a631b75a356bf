"""Processing jobs: what ran for which day, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .database import Database, Row
from .runs import INTERRUPTED, ended, fail_orphans, finish, start

_TABLE = "processing_jobs"


class JobStatus(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Job:
    """The record of one job. Times in microseconds UTC; `processing_date` is a local ISO date."""

    job_id: int
    job_type: str
    processing_date: str
    started_at_us: int
    completed_at_us: int | None
    status: JobStatus
    events_processed: int | None
    patterns_detected: int | None
    aggregates_stored: int | None
    duration_us: int | None
    error_message: str | None


class Jobs:
    """The table `processing_jobs`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def start(self, job_type: str, processing_date: str, started_at_us: int) -> int:
        """Note that a job starts; its id."""
        return start(
            self._database,
            _TABLE,
            started_at_us,
            "INSERT INTO processing_jobs (job_type, processing_date, started_at, status)"
            " VALUES (?, ?, ?, 'running')",
            (job_type, processing_date, started_at_us),
        )

    def finish(
        self,
        job_id: int,
        status: JobStatus,
        completed_at_us: int,
        *,
        events_processed: int | None = None,
        patterns_detected: int | None = None,
        aggregates_stored: int | None = None,
        error_message: str | None = None,
    ) -> None:
        """Note how a job ended.

        Raises:
            StoreRejectedError: there is no such job.
        """
        told = {
            "status": status.value,
            "completed_at": ended(self._database, _TABLE, job_id, completed_at_us),
            "events_processed": events_processed,
            "patterns_detected": patterns_detected,
            "aggregates_stored": aggregates_stored,
            "error_message": error_message,
        }
        finish(self._database, _TABLE, job_id, told)

    def recent(self, limit: int, job_type: str | None = None) -> list[Job]:
        """The last jobs, newest first, of one type or of all."""
        where = "" if job_type is None else "WHERE job_type = :job_type"
        rows = self._database.all(
            "SELECT id, job_type, processing_date, started_at, completed_at, status, events_processed,"
            f" patterns_detected, aggregates_stored, duration_us, error_message FROM processing_jobs {where}"
            " ORDER BY started_at DESC, id DESC LIMIT :limit",
            {"job_type": job_type, "limit": limit},
        )
        return [_job(row) for row in rows]

    def fail_orphans(self, now_us: int) -> int:
        """Mark as failed what a crash left running; how many."""
        return fail_orphans(self._database, _TABLE, {"completed_at": now_us, "error_message": INTERRUPTED})


def _job(row: Row) -> Job:
    return Job(
        job_id=row[0],
        job_type=row[1],
        processing_date=row[2],
        started_at_us=row[3],
        completed_at_us=row[4],
        status=JobStatus(row[5]),
        events_processed=row[6],
        patterns_detected=row[7],
        aggregates_stored=row[8],
        duration_us=row[9],
        error_message=row[10],
    )
