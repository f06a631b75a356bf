"""How the stored data and the learning stand, read from the file through a read-only connection."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
import json
import sqlite3

from .events import DAY_US
from .localtime import LocalClock
from .snapshot import HOME, SLEEP
from .store.store import SIZE_BUDGET, BudgetNote, budget_note

type Json = dict[str, object]

QUALITY_DAYS = 14
"""Accuracy is the mean over so many days."""

_TIMES = {
    "last_ingest_us": "last_ingest_at",
    "last_feature_us": "last_feature_compute_at",
    "last_training_us": "last_clr_train_at",
    "last_changepoints_us": "last_bocpd_train_at",
}
# Hindsight makes nearly all labels: it is counted as what an index holds less all the others.
_ALL_LABELS = "SELECT r.room_id, count(*) FROM rooms r JOIN labels l ON l.room = r.id GROUP BY r.id"
_OTHER_LABELS = """
SELECT r.room_id, l.source, l.kind = 'occupancy' AND l.superseded_at_us IS NULL, count(*)
FROM labels l LEFT JOIN rooms r ON r.id = l.room
WHERE l.source <> 'hindsight' OR l.kind <> 'occupancy' OR l.superseded_at_us IS NOT NULL
GROUP BY 1, 2, 3
"""
# From one day's first label to the next day's, along the index; local days at the present's offset from UTC.
_DAYS = """
WITH RECURSIVE found (room, start_us) AS (
    SELECT r.id, (SELECT min(l.start_us) FROM labels l WHERE l.room = r.id) FROM rooms r
    UNION ALL
    SELECT f.room, (
        SELECT min(l.start_us) FROM labels l
        WHERE l.room = f.room AND l.start_us >= ((f.start_us + :offset) / :day + 1) * :day - :offset
    )
    FROM found f WHERE f.start_us IS NOT NULL
)
SELECT r.room_id, (f.start_us + :offset) / :day FROM found f JOIN rooms r ON r.id = f.room
WHERE f.start_us IS NOT NULL
UNION ALL
SELECT DISTINCT NULL, (start_us + :offset) / :day FROM labels WHERE room IS NULL AND kind = 'occupancy'
"""
_SCORES = """
SELECT r.room_id, s.model, sum(s.n), sum(s.brier_sum), sum(s.log_loss_sum)
FROM rooms r CROSS JOIN daily_scores s ON s.room = r.id AND s.day >= ? AND s.day < ? AND s.truth = 'hindsight'
GROUP BY r.id, s.model
"""
_RETRAINS = """
SELECT r.room_id, t.cause, t.status, count(*), max(t.id)
FROM clr_training_runs t JOIN rooms r ON r.id = t.room GROUP BY t.room, t.cause, t.status
"""
_FORECAST_RETRAINS = """
SELECT r.room_id, f.cause, f.status, count(*)
FROM forecast_runs f JOIN rooms r ON r.id = f.room GROUP BY f.room, f.cause, f.status
"""
_RUNS = """
SELECT r.room_id, t.status, t.cause, t.started_us, t.rows, t.days, t.reason
FROM clr_training_runs t JOIN rooms r ON r.id = t.room WHERE t.id IN (SELECT value FROM json_each(?))
"""
_STAGES = """
SELECT job_type, status, started_at, completed_at, error_message, max(id)
FROM processing_jobs WHERE status <> 'running' GROUP BY job_type
"""
# What routines are made of, which a night goes on with from wherever it was left.
_OF_ROUTINES = ("daily", "weekly", "monthly", "backfill")
_ROUTINES_DONE = ("routines", "completed")
_TRAINING_RUNS = """
SELECT t.id, r.room_id AS room, t.status, t.cause, t.started_us, t.ended_us, t.rows, t.days, t.positives,
       t.negatives, t.feature_set_version, t.data_start_us, t.data_end_us, t.metrics, t.reason
FROM clr_training_runs t JOIN rooms r ON r.id = t.room
WHERE :room_id IS NULL OR r.room_id = :room_id
ORDER BY t.started_us DESC, t.id DESC LIMIT :limit
"""
_FORECAST_RUNS = """
SELECT f.id, r.room_id AS room, f.status, f.cause, f.started_us, f.ended_us, f.rows, f.metrics, f.reason
FROM forecast_runs f JOIN rooms r ON r.id = f.room
WHERE :room_id IS NULL OR r.room_id = :room_id
ORDER BY f.started_us DESC, f.id DESC LIMIT :limit
"""
_CHANGEPOINT_RUNS = """
SELECT id, stream, status, cause, started_us, ended_us, rows, days, feature_set_version, metrics, reason
FROM bocpd_training_runs ORDER BY id DESC LIMIT :limit
"""
_JOBS = """
SELECT id, job_type, processing_date, started_at AS started_us, completed_at AS ended_us, status,
       duration_us, events_processed, patterns_detected, aggregates_stored, error_message
FROM processing_jobs ORDER BY started_at DESC, id DESC LIMIT :limit
"""


def progress(connection: sqlite3.Connection, clock: LocalClock, room_ids: Sequence[str], now_us: int) -> Json:
    """Counters and times of the home and its rooms, accuracy, retrains, and which stages are degraded and why.

    Args:
        connection: read-only.
        clock: the home's.
        room_ids: the rooms to tell of.
        now_us: the time.

    Returns:
        Values that JSON knows; times in microseconds UTC, None where there is none. A labelled day is a local
        day on which a label began, withdrawn or not. Accuracy compares what was shown with hindsight over QUALITY_DAYS:
        `log_loss` in nats, `brier`, and `skill`, 1 - log loss / log loss of the time-of-day prior.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    metadata = dict(connection.execute("SELECT key, value FROM metadata").fetchall())
    counts = dict(connection.execute("SELECT name, n FROM row_counts").fetchall())
    # Each alone: SQLite finds one end of an index at a time.
    (first,) = connection.execute("SELECT min(time_us) FROM raw_events").fetchone()
    (last,) = connection.execute("SELECT max(time_us) FROM raw_events").fetchone()
    offset_us = (clock.at(now_us).utcoffset() or timedelta()) // timedelta(microseconds=1)
    days: dict[str | None, set[int]] = {}
    for room_id, day in connection.execute(_DAYS, {"offset": offset_us, "day": DAY_US}):
        days.setdefault(room_id, set()).add(day)
    labels = _labels(connection)
    budget = budget_note(metadata.get(SIZE_BUDGET))
    fits: dict[str, dict[str, dict[str, int]]] = {}
    for process, cause, status, count in connection.execute(_FORECAST_RETRAINS):
        fits.setdefault(process, {}).setdefault(cause, {})[status] = count
    return {
        "now_us": now_us,
        "events": counts["raw_events"],
        "feature_rows": counts["features"],
        "first_event_us": first,
        "last_event_us": last,
        "labels": _by_source(labels.values()),
        "labelled_days": len(set().union(*days.values())),
        **{name: _whole(metadata.get(key)) for name, key in _TIMES.items()},
        "size_budget": None if budget is None else {"mb": budget.size_mb, "reached_us": budget.reached_us},
        "stages": {**_stages(connection), "size_budget": _within_budget(budget)},
        "forecast_retrains": fits.get(HOME, {}),
        "sleep": {"forecast_retrains": fits.get(SLEEP, {})},
        "rooms": {
            room_id: told | {"forecast_retrains": fits.get(room_id, {})}
            for room_id, told in _rooms(connection, clock, room_ids, now_us, labels, days).items()
        },
    }


def _whole(text: str | None) -> int | None:
    return None if text is None else int(text)


def _labels(connection: sqlite3.Connection) -> dict[str | None, Counter[str]]:
    """Live labels of occupancy by room (None: the whole home) and source."""
    found: dict[str | None, Counter[str]] = {}
    for room_id, count in connection.execute(_ALL_LABELS):
        found.setdefault(room_id, Counter())["hindsight"] = count
    for room_id, source, live, count in connection.execute(_OTHER_LABELS):
        counts = found.setdefault(room_id, Counter())
        if room_id is not None:
            counts["hindsight"] -= count
        if live:
            counts[source] += count
    return found


def _by_source(counts: Iterable[Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total += each
    return dict(sorted(total.items()))


def _stages(connection: sqlite3.Connection) -> Json:
    """The steps of the last night: degraded where the last attempt failed, and no night has made up for it since."""
    last = connection.execute(_STAGES).fetchall()
    night = max((number for name, status, *_, number in last if (name, status) == _ROUTINES_DONE), default=0)
    told: Json = {}
    for name, status, started, completed, error, number in last:
        failed = status == "failed" and not (name in _OF_ROUTINES and number < night)
        told[name] = {
            "degraded": failed,
            "reason": error if failed else None,
            "last_us": started if completed is None else completed,
        }
    return told


def _within_budget(budget: BudgetNote | None) -> Json:
    """Degraded where data had to go before its time lately."""
    if budget is None:
        return {"degraded": False, "reason": None, "last_us": None}
    reason = f"the file reached {budget.size_mb} MB, so the oldest data went before its time"
    return {"degraded": True, "reason": reason, "last_us": budget.reached_us}


def _rooms(
    connection: sqlite3.Connection,
    clock: LocalClock,
    room_ids: Sequence[str],
    now_us: int,
    labels: Mapping[str | None, Counter[str]],
    days: Mapping[str | None, set[int]],
) -> dict[str, Json]:
    today = clock.at(now_us).date()
    since = today - timedelta(days=QUALITY_DAYS)
    scores: dict[str, dict[str, tuple[int, float, float]]] = {}
    for room_id, model, n, brier, log_loss in connection.execute(
        _SCORES, (since.isoformat(), today.isoformat())
    ):
        scores.setdefault(room_id, {})[model] = (n, brier, log_loss)
    retrains: dict[str, dict[str, dict[str, int]]] = {}
    last_runs: dict[str, int] = {}
    for room_id, cause, status, count, last in connection.execute(_RETRAINS):
        retrains.setdefault(room_id, {}).setdefault(cause, {})[status] = count
        last_runs[room_id] = max(last, last_runs.get(room_id, last))
    runs: dict[str, Json] = {
        room_id: {
            "status": status,
            "cause": cause,
            "started_us": started,
            "rows": rows,
            "days": days,
            "reason": reason,
        }
        for room_id, status, cause, started, rows, days, reason in connection.execute(
            _RUNS, (json.dumps(list(last_runs.values())),)
        )
    }
    serving = dict(
        connection.execute(
            "SELECT r.room_id, a.created_us FROM clr_model_artifacts a JOIN rooms r ON r.id = a.room"
            " WHERE a.in_service = 1"
        ).fetchall()
    )
    last_rows = dict(
        connection.execute(
            "SELECT r.room_id, (SELECT max(f.window_end_us) FROM features f WHERE f.room = r.id) FROM rooms r"
            " WHERE r.room_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(room_ids)),),
        ).fetchall()
    )
    told: dict[str, Json] = {}
    for room_id in room_ids:
        # A label of the whole home tells of each room.
        told[room_id] = {
            "labels": _by_source(labels[key] for key in (room_id, None) if key in labels),
            "labelled_days": len(days.get(room_id, set()) | days.get(None, set())),
            "last_feature_us": last_rows.get(room_id),
            "model_since_us": serving.get(room_id),
            "last_run": runs.get(room_id),
            "retrains": retrains.get(room_id, {}),
            "accuracy": _accuracy(scores.get(room_id, {})),
        }
    return told


def _accuracy(sums: dict[str, tuple[int, float, float]]) -> Json | None:
    """Means of what was shown, None where nothing was scored."""
    n, brier, log_loss = sums.get("shown", (0, 0.0, 0.0))
    if not n:
        return None
    _, _, prior = sums.get("prior", (0, 0.0, 0.0))
    return {
        "moments": n,
        "log_loss": log_loss / n,
        "brier": brier / n,
        "skill": 1 - log_loss / prior if prior > 0 else None,
    }


def recent_runs(connection: sqlite3.Connection, limit: int, room_id: str | None = None) -> Json:
    """The last runs, newest first; times in microseconds UTC.

    Args:
        connection: read-only.
        limit: how many of each at most.
        room_id: training runs and forecasts of this room only, None for all.

    Returns:
        `training`: attempts to train a room; `forecasts`: fits of forecasts, of `@home` and `@sleep` too;
        `changepoints`: posteriors recorded; `jobs`: steps of the night.

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    parameters = {"limit": limit, "room_id": room_id}
    told: Json = {}
    queries = {
        "training": _TRAINING_RUNS,
        "forecasts": _FORECAST_RUNS,
        "changepoints": _CHANGEPOINT_RUNS,
        "jobs": _JOBS,
    }
    for name, query in queries.items():
        cursor = connection.execute(query, parameters)
        columns = [column[0] for column in cursor.description]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor]
        for row in rows:
            if row.get("metrics") is not None:
                row["metrics"] = json.loads(row["metrics"])
        told[name] = rows
    return told
