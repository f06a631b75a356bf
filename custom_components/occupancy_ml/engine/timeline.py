"""What a chart of one room needs over a span, read from the file through a read-only connection."""

from __future__ import annotations

from collections.abc import Collection, Sequence
import json
import sqlite3

import numpy as np

from .events import MICROSECONDS
from .features import WINDOW_US

type Json = dict[str, object]

MOST_POINTS = 1_000
# Raw events looked at for one answer, of all rooms: the newest of the span. It bounds the time of an answer
# where a day holds a hundred thousand events.
_SCANNED = 40_000
_NEWEST = """
SELECT e.time_us, e.entity, coalesce(s.state, e.state)
FROM (
    SELECT time_us, entity, state FROM raw_events
    WHERE time_us >= :start AND time_us < :end ORDER BY time_us DESC LIMIT :scanned
) e LEFT JOIN states s ON typeof(e.state) = 'integer' AND s.id = e.state
WHERE e.entity IN (SELECT value FROM json_each(:wanted))
"""
# What people said matters more than what was concluded, a long stretch more than a short one.
_LABELS = """
SELECT start_us, end_us, target, weight, source FROM (
    SELECT start_us, end_us, target, weight, source FROM labels
    WHERE room = :room AND start_us < :end AND end_us > :start AND kind = 'occupancy'
      AND superseded_at_us IS NULL
    UNION ALL
    SELECT start_us, end_us, target, weight, source FROM labels
    WHERE room IS NULL AND start_us < :end AND end_us > :start AND kind = 'occupancy'
      AND superseded_at_us IS NULL
)
ORDER BY source = 'hindsight', start_us - end_us LIMIT :points
"""
# The row that ends each stretch is looked up afterwards: grouping sorts, and vectors are heavy to sort.
_FEATURES = """
SELECT g.last_us, g.activity, f.vector
FROM (
    SELECT max(window_end_us) AS last_us, sum(activity) AS activity FROM features
    WHERE room = :room AND window_end_us > :start AND window_end_us <= :end
      AND feature_set_version = :version
    GROUP BY (window_end_us - :start - 1) / :bucket
) g JOIN features f
    ON f.room = :room AND f.window_end_us = g.last_us AND f.feature_set_version = :version
ORDER BY g.last_us
"""
_PREDICTIONS = """
SELECT g.last_us, g.mean, g.lowest, g.highest, p.occupied
FROM (
    SELECT max(time_us) AS last_us, avg(probability) AS mean, min(probability) AS lowest,
           max(probability) AS highest
    FROM predictions WHERE room = :room AND time_us >= :start AND time_us < :end
    GROUP BY (time_us - :start) / :bucket
) g JOIN predictions p ON p.room = :room AND p.time_us = g.last_us
ORDER BY g.last_us
"""


def timeline(
    connection: sqlite3.Connection,
    room_id: str,
    entity_ids: Collection[str],
    start_us: int,
    end_us: int,
    points: int,
    features: Collection[str] | None = None,
) -> Json:
    """Events, features, labels, episodes and predictions of a room over [start, end), thinned to a chart's width.

    Args:
        connection: read-only.
        room_id: the room.
        entity_ids: whose events to show.
        start_us: begin of the span, microseconds UTC.
        end_us: its end.
        points: about how many points a series may have at most.
        features: names of the features to show, None for all.

    Returns:
        Lists of rows by series; times in seconds since 1970 UTC:

        - `events`: [time, entity_id, state], the newest of the span; complete from `events_from` on.
        - `features`: [end of window, activity since the last row, values], by `feature_names`.
        - `labels`: [start, end, target, weight, source].
        - `episodes`: [start, end, occupied, confidence].
        - `predictions`: [time, mean, lowest, highest, occupied at the end].

    Raises:
        sqlite3.Error: the file cannot be read.
    """
    points = max(2, min(points, MOST_POINTS))
    bucket_us = max(1, -(-(end_us - start_us) // (points * WINDOW_US))) * WINDOW_US
    row = connection.execute("SELECT id FROM rooms WHERE room_id = ?", (room_id,)).fetchone()
    span = {"room": None if row is None else row[0], "start": start_us, "end": end_us, "bucket": bucket_us}
    events, complete_us = _events(connection, entity_ids, start_us, end_us, points)
    names, rows = _features(connection, span, features)
    return {
        "room": room_id,
        "start": _seconds(start_us),
        "end": _seconds(end_us),
        "events": events,
        "events_from": _seconds(complete_us),
        "feature_names": names,
        "features": rows,
        "labels": _labels(connection, span, points),
        "episodes": _episodes(connection, span, points),
        "predictions": _predictions(connection, span),
    }


def _events(
    connection: sqlite3.Connection, entity_ids: Collection[str], start_us: int, end_us: int, points: int
) -> tuple[list[list[object]], int]:
    """Rows, and the moment from which on they are complete."""
    wanted = dict(
        connection.execute(
            "SELECT id, entity_id FROM entities WHERE entity_id IN (SELECT value FROM json_each(?))",
            (json.dumps(sorted(entity_ids)),),
        ).fetchall()
    )
    parameters: dict[str, object] = {
        "start": start_us,
        "end": end_us,
        "scanned": _SCANNED,
        "wanted": json.dumps(sorted(wanted)),
    }
    beyond = connection.execute(
        "SELECT time_us FROM raw_events WHERE time_us >= :start AND time_us < :end"
        " ORDER BY time_us DESC LIMIT 1 OFFSET :scanned",
        parameters,
    ).fetchone()
    found = connection.execute(_NEWEST, parameters).fetchall()
    found.reverse()
    kept = _thinned(found, points)
    rows: list[list[object]] = [
        [_seconds(time_us), wanted[entity], str(state)] for time_us, entity, state in kept
    ]
    return rows, start_us if beyond is None else beyond[0] + 1


def _thinned(found: list[tuple[int, int, object]], points: int) -> list[tuple[int, int, object]]:
    """Of each entity the last event in each stretch of time: what a line of that width can show."""
    if len(found) <= points:
        return found
    stretch_us = max((found[-1][0] - found[0][0]) // points, 1)
    kept = found
    while len(kept) > points:
        last: dict[tuple[int, int], tuple[int, int, object]] = {}
        for row in kept:
            last[row[0] // stretch_us, row[1]] = row
        if len(last) == len({row[1] for row in kept}):
            return sorted(last.values())[-points:]
        kept = sorted(last.values(), key=lambda row: row[:2])
        stretch_us *= 2
    return kept


def _features(
    connection: sqlite3.Connection, span: dict[str, int | None], wanted: Collection[str] | None
) -> tuple[list[str], list[list[object]]]:
    version = connection.execute("SELECT value FROM metadata WHERE key = 'feature_set_version'").fetchone()
    named = (
        version
        and connection.execute(
            "SELECT value FROM metadata WHERE key = ?", (f"feature_names_v{version[0]}",)
        ).fetchone()
    )
    if not named:
        return [], []
    names: list[str] = json.loads(named[0])
    chosen = [number for number, name in enumerate(names) if wanted is None or name in wanted]
    found = connection.execute(_FEATURES, {**span, "version": int(version[0])}).fetchall()
    names = [names[number] for number in chosen]
    if not found:
        return names, []
    vectors = np.frombuffer(b"".join(row[2] for row in found), "<f2").reshape(len(found), -1)
    values = np.round(vectors[:, chosen].astype(np.float64), 4)
    told = values.tolist()
    for row, column in np.argwhere(np.isnan(values)).tolist():
        told[row][column] = None
    return names, [
        [_seconds(end_us), activity, vector]
        for (end_us, activity, _), vector in zip(found, told, strict=True)
    ]


def _labels(connection: sqlite3.Connection, span: dict[str, int | None], points: int) -> list[list[object]]:
    return _intervals(connection.execute(_LABELS, {**span, "points": points}).fetchall())


def _episodes(connection: sqlite3.Connection, span: dict[str, int | None], points: int) -> list[list[object]]:
    found = connection.execute(
        "SELECT start_us, end_us, occupied, confidence FROM episodes"
        " WHERE room = :room AND start_us < :end AND end_us > :start"
        " ORDER BY end_us - start_us DESC LIMIT :points",
        {**span, "points": points},
    ).fetchall()
    return _intervals(found)


def _predictions(connection: sqlite3.Connection, span: dict[str, int | None]) -> list[list[object]]:
    found = connection.execute(_PREDICTIONS, span).fetchall()
    return [
        [_seconds(time_us), round(mean, 4), round(low, 4), round(high, 4), bool(occupied)]
        for time_us, mean, low, high, occupied in found
    ]


def _intervals(found: Sequence[Sequence[object]]) -> list[list[object]]:
    rows = sorted((list(row) for row in found), key=lambda row: (row[0], row[1]))
    return [[_seconds(row[0]), _seconds(row[1]), *row[2:]] for row in rows]


def _seconds(time_us: object) -> float:
    assert isinstance(time_us, int)
    return time_us / MICROSECONDS
