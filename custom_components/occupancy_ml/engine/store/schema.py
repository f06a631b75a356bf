"""The tables, as a list of migrations that go forward step by step.

Times are integer microseconds UTC (`*_us`, `started_at`, `completed_at`). Names of
entities, rooms, roles and states are stored once and referred to by integer.
"""

from __future__ import annotations

from dataclasses import dataclass

from .schema_compact import STATEMENTS_2
from .schema_episodes import EPISODES
from .schema_forecast import FORECASTS
from .schema_moments import MOMENTS
from .schema_report import REPORT
from .schema_routines import ROUTINES
from .views import VIEWS_1, VIEWS_7, VIEWS_9

# Versions the views by semantic versioning: a change of a column name, of the order
# or of a type raises the first number, a column added at the end the second, another
# implementation the third (1.0.1: the training dataset finds labels by row; 1.0.2: rows of
# corrections are in the training dataset alone). Written at each opening.
CONTRACT_VERSION = "1.0.2"


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema: the version it leads to and its statements."""

    version: int
    statements: tuple[str, ...]


_METADATA = """
CREATE TABLE metadata (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID
"""

_NAMES = (
    "CREATE TABLE entities (id INTEGER PRIMARY KEY, entity_id TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE rooms (id INTEGER PRIMARY KEY, room_id TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE roles (id INTEGER PRIMARY KEY, role TEXT NOT NULL UNIQUE) STRICT",
    "CREATE TABLE states (id INTEGER PRIMARY KEY, state TEXT NOT NULL UNIQUE) STRICT",
)

# A state stands in `state` (one of the `states`) or, where that is NULL, in `value`:
# a number that reads back to the very same text, or the text itself once the
# vocabulary is full. ANY keeps 21 and 21.0 apart. The references into the name
# tables are not declared: checking five parents a row would halve the ingest, and
# names are written in the same transaction and never deleted while referred to.
_RAW_EVENTS = """
CREATE TABLE raw_events (
    time_us INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    state INTEGER,
    value ANY,
    previous INTEGER,
    previous_value ANY,
    origin INTEGER NOT NULL,
    cause INTEGER NOT NULL,
    role INTEGER,
    room INTEGER,
    attributes TEXT,
    PRIMARY KEY (time_us, entity)
) STRICT, WITHOUT ROWID
"""

_FEATURES = """
CREATE TABLE features (
    room INTEGER NOT NULL REFERENCES rooms (id),
    window_end_us INTEGER NOT NULL,
    feature_set_version INTEGER NOT NULL,
    window_start_us INTEGER NOT NULL,
    computed_at_us INTEGER NOT NULL,
    activity INTEGER NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (room, window_end_us, feature_set_version)
) STRICT, WITHOUT ROWID
"""

_LABELS = (
    """
CREATE TABLE labels (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('occupancy', 'sleep')),
    room INTEGER REFERENCES rooms (id),
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    target REAL NOT NULL CHECK (target BETWEEN 0 AND 1),
    weight REAL NOT NULL CHECK (weight >= 0),
    source TEXT NOT NULL,
    known_at_us INTEGER NOT NULL,
    created_by TEXT,
    superseded_by INTEGER REFERENCES labels (id),
    superseded_at_us INTEGER,
    local_date TEXT,
    time_zone TEXT,
    CHECK (start_us < end_us)
) STRICT
""",
    "CREATE INDEX labels_by_room ON labels (room, start_us)",
    "CREATE INDEX labels_superseded ON labels (superseded_by) WHERE superseded_by IS NOT NULL",
)

_CLR = (
    """
CREATE TABLE clr_training_runs (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES rooms (id),
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'gate_not_met', 'failed')),
    cause TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us INTEGER,
    rows INTEGER,
    days INTEGER,
    positives REAL,
    negatives REAL,
    feature_set_version INTEGER NOT NULL,
    data_start_us INTEGER,
    data_end_us INTEGER,
    metrics TEXT,
    reason TEXT
) STRICT
""",
    "CREATE INDEX clr_training_runs_by_room ON clr_training_runs (room, started_us)",
    """
CREATE TABLE clr_model_artifacts (
    id INTEGER PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES clr_training_runs (id),
    room INTEGER NOT NULL REFERENCES rooms (id),
    created_us INTEGER NOT NULL,
    feature_set_version INTEGER NOT NULL,
    in_service INTEGER NOT NULL CHECK (in_service IN (0, 1)),
    payload TEXT NOT NULL,
    metrics TEXT
) STRICT
""",
    "CREATE UNIQUE INDEX clr_model_in_service ON clr_model_artifacts (room) WHERE in_service = 1",
    "CREATE INDEX clr_model_artifacts_by_run ON clr_model_artifacts (run_id)",
)

_BOCPD = (
    """
CREATE TABLE bocpd_training_runs (
    id INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'gate_not_met', 'failed')),
    cause TEXT NOT NULL,
    started_us INTEGER NOT NULL,
    ended_us INTEGER,
    rows INTEGER,
    days INTEGER,
    feature_set_version INTEGER NOT NULL,
    data_start_us INTEGER,
    data_end_us INTEGER,
    metrics TEXT,
    reason TEXT
) STRICT
""",
    "CREATE INDEX bocpd_training_runs_by_stream ON bocpd_training_runs (stream, started_us)",
    """
CREATE TABLE bocpd_model_state (
    stream TEXT PRIMARY KEY,
    updated_us INTEGER NOT NULL,
    run_id INTEGER REFERENCES bocpd_training_runs (id),
    payload BLOB NOT NULL
) STRICT, WITHOUT ROWID
""",
    "CREATE INDEX bocpd_model_state_by_run ON bocpd_model_state (run_id) WHERE run_id IS NOT NULL",
)

_RESULTS = (
    """
CREATE TABLE predictions (
    room INTEGER NOT NULL REFERENCES rooms (id),
    time_us INTEGER NOT NULL,
    probability REAL NOT NULL CHECK (probability BETWEEN 0 AND 1),
    occupied INTEGER NOT NULL CHECK (occupied IN (0, 1)),
    source TEXT NOT NULL,
    PRIMARY KEY (room, time_us)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE daily_scores (
    room INTEGER NOT NULL REFERENCES rooms (id),
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    truth TEXT NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 0),
    brier_sum REAL NOT NULL,
    log_loss_sum REAL NOT NULL,
    PRIMARY KEY (room, day, model, truth)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY,
    room INTEGER NOT NULL REFERENCES rooms (id),
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    occupied INTEGER NOT NULL CHECK (occupied IN (0, 1)),
    confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    CHECK (start_us < end_us)
) STRICT
""",
    "CREATE INDEX episodes_by_room ON episodes (room, start_us)",
)

_WORK = (
    """
CREATE TABLE processing_jobs (
    id INTEGER PRIMARY KEY,
    job_type TEXT NOT NULL,
    processing_date TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    completed_at INTEGER,
    status TEXT NOT NULL CHECK (status IN ('running', 'completed', 'failed')),
    events_processed INTEGER,
    patterns_detected INTEGER,
    aggregates_stored INTEGER,
    duration_us INTEGER GENERATED ALWAYS AS (completed_at - started_at) VIRTUAL,
    error_message TEXT
) STRICT
""",
    "CREATE INDEX processing_jobs_by_start ON processing_jobs (started_at)",
    """
CREATE TABLE checkpoints (
    name TEXT PRIMARY KEY,
    time_us INTEGER NOT NULL,
    payload BLOB NOT NULL
) STRICT, WITHOUT ROWID
""",
)

MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        version=1,
        statements=(
            _METADATA,
            *_NAMES,
            _RAW_EVENTS,
            _FEATURES,
            *_LABELS,
            *_CLR,
            *_BOCPD,
            *_RESULTS,
            *_WORK,
            *VIEWS_1,
        ),
    ),
    Migration(version=2, statements=STATEMENTS_2),
    Migration(version=3, statements=ROUTINES),
    Migration(version=4, statements=REPORT),
    Migration(version=5, statements=FORECASTS),
    Migration(version=6, statements=EPISODES),
    Migration(version=7, statements=VIEWS_7),
    Migration(version=8, statements=MOMENTS),
    Migration(version=9, statements=VIEWS_9),
)
SCHEMA_VERSION = MIGRATIONS[-1].version
