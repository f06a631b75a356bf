"""The tables of forecasts: what was known, what was told, how it did, what was fitted.

Vectors are little-endian float16; which number is what depends on the home's rooms and stands in `layout`, a key that
changes with them. Processes are rooms, and `@home` and `@sleep` beside them in the same table of names.
"""

from __future__ import annotations

FORECASTS = (
    """
CREATE TABLE forecast_moments (
    time_us INTEGER PRIMARY KEY,
    layout TEXT NOT NULL,
    vector BLOB NOT NULL
) STRICT
""",
    """
CREATE TABLE forecasts (
    room INTEGER NOT NULL REFERENCES rooms (id),
    time_us INTEGER NOT NULL,
    occupied INTEGER NOT NULL CHECK (occupied IN (0, 1)),
    published INTEGER NOT NULL CHECK (published IN (0, 1)),
    vector BLOB NOT NULL,
    PRIMARY KEY (room, time_us)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE forecast_scores (
    room INTEGER NOT NULL REFERENCES rooms (id),
    day TEXT NOT NULL,
    to_occupied INTEGER NOT NULL CHECK (to_occupied IN (0, 1)),
    moments INTEGER NOT NULL,
    published INTEGER NOT NULL,
    sums TEXT NOT NULL,
    PRIMARY KEY (room, day, to_occupied)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE forecast_runs (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES rooms (id),
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'gate_not_met', 'failed')),
    cause TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us INTEGER,
    rows INTEGER,
    metrics TEXT,
    reason TEXT
) STRICT
""",
    "CREATE INDEX forecast_runs_by_room ON forecast_runs (room, started_us)",
    """
CREATE TABLE forecast_artifacts (
    room INTEGER NOT NULL REFERENCES rooms (id),
    in_service INTEGER NOT NULL CHECK (in_service IN (0, 1)),
    run_id INTEGER REFERENCES forecast_runs (id),
    created_us INTEGER NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (room, in_service)
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX forecast_artifacts_by_run ON forecast_artifacts (run_id) WHERE run_id IS NOT NULL",
)
