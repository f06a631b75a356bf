"""The tables of routines: one a detector, patterns, suggestions and what became of them.

Days, weeks and months are those of the home's own clock: `2025-01-15`, `2025-W03`, `2025-01`. Entities and rooms
are numbers into `entities` and `rooms`; JSON stands only where the shape varies.
"""

from __future__ import annotations

# What the detectors see of a day: who did what when, and under which sky. Events are forgotten after weeks, these
# some kilobytes a day are not.
_DAILY = (
    """
CREATE TABLE acts_daily (
    date TEXT NOT NULL PRIMARY KEY,
    events INTEGER NOT NULL,
    acts BLOB NOT NULL
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE time_based_daily (
    date TEXT NOT NULL,
    entity_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    domain TEXT NOT NULL,
    room INTEGER,
    hourly_distribution TEXT NOT NULL,
    minutes TEXT NOT NULL,
    peak_hours TEXT NOT NULL,
    frequency REAL NOT NULL,
    confidence REAL NOT NULL,
    occurrences INTEGER NOT NULL,
    by_automation INTEGER NOT NULL,
    PRIMARY KEY (date, entity_id, state)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE co_occurrence_daily (
    date TEXT NOT NULL,
    first_entity INTEGER NOT NULL,
    first_state TEXT NOT NULL,
    then_entity INTEGER NOT NULL,
    then_state TEXT NOT NULL,
    device_pair TEXT NOT NULL,
    co_occurrence_count INTEGER NOT NULL,
    time_window_seconds INTEGER NOT NULL,
    confidence REAL NOT NULL,
    typical_hours TEXT NOT NULL,
    typical_delay_seconds REAL,
    by_chance TEXT NOT NULL,
    PRIMARY KEY (date, first_entity, first_state, then_entity, then_state)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE sequence_daily (
    date TEXT NOT NULL,
    sequence_id TEXT NOT NULL,
    sequence TEXT NOT NULL,
    frequency INTEGER NOT NULL,
    avg_duration_seconds REAL NOT NULL,
    confidence REAL NOT NULL,
    minutes TEXT NOT NULL,
    PRIMARY KEY (date, sequence_id)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE room_based_daily (
    date TEXT NOT NULL,
    area_id INTEGER NOT NULL,
    activity_level REAL NOT NULL,
    device_usage TEXT NOT NULL,
    transition_patterns TEXT NOT NULL,
    peak_activity_hours TEXT NOT NULL,
    hourly_activity TEXT NOT NULL,
    PRIMARY KEY (date, area_id)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE duration_daily (
    date TEXT NOT NULL,
    entity_id INTEGER NOT NULL,
    state TEXT NOT NULL,
    avg_duration_seconds REAL NOT NULL,
    min_duration_seconds REAL NOT NULL,
    max_duration_seconds REAL NOT NULL,
    duration_variance REAL NOT NULL,
    efficiency_score REAL NOT NULL,
    occurrences INTEGER NOT NULL,
    durations TEXT NOT NULL,
    PRIMARY KEY (date, entity_id, state)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE anomaly_daily (
    date TEXT NOT NULL,
    entity_id INTEGER NOT NULL,
    anomaly_type TEXT NOT NULL,
    anomaly_score REAL NOT NULL,
    baseline_deviation REAL NOT NULL,
    occurrences INTEGER NOT NULL,
    severity TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (date, entity_id, anomaly_type)
) STRICT, WITHOUT ROWID
""",
)

_LONGER = (
    """
CREATE TABLE session_weekly (
    week TEXT NOT NULL,
    session_type TEXT NOT NULL,
    avg_session_duration REAL NOT NULL,
    session_count INTEGER NOT NULL,
    typical_start_times TEXT NOT NULL,
    devices_used TEXT NOT NULL,
    sessions TEXT NOT NULL,
    PRIMARY KEY (week, session_type)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE day_type_weekly (
    week TEXT NOT NULL,
    day_type TEXT NOT NULL CHECK (day_type IN ('weekday', 'weekend', 'holiday')),
    days INTEGER NOT NULL,
    activity_patterns TEXT NOT NULL,
    device_usage_diff TEXT NOT NULL,
    confidence REAL NOT NULL,
    PRIMARY KEY (week, day_type)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE contextual_monthly (
    month TEXT NOT NULL,
    weather_context TEXT NOT NULL,
    presence_context TEXT NOT NULL,
    device_usage_patterns TEXT NOT NULL,
    correlation_scores TEXT NOT NULL,
    confidence REAL NOT NULL,
    PRIMARY KEY (month, weather_context, presence_context)
) STRICT, WITHOUT ROWID
""",
    """
CREATE TABLE seasonal_monthly (
    month TEXT NOT NULL,
    season TEXT NOT NULL,
    seasonal_activity_level REAL NOT NULL,
    year_over_year_comparison TEXT NOT NULL,
    trend_direction TEXT NOT NULL CHECK (trend_direction IN ('rising', 'steady', 'falling', 'unknown')),
    days INTEGER NOT NULL,
    activity TEXT NOT NULL,
    PRIMARY KEY (month, season)
) STRICT, WITHOUT ROWID
""",
)

# `device_id` is the entity that acts; what has no column of its own is in `pattern_metadata`.
_PATTERNS = (
    """
CREATE TABLE patterns (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    pattern_type TEXT NOT NULL,
    device_id TEXT NOT NULL,
    pattern_metadata TEXT NOT NULL,
    description TEXT NOT NULL,
    confidence REAL NOT NULL,
    confidence_low REAL NOT NULL,
    confidence_high REAL NOT NULL,
    effect REAL NOT NULL,
    q_value REAL NOT NULL,
    occurrences INTEGER NOT NULL,
    life TEXT NOT NULL CHECK (life IN ('emerging', 'stable', 'fading', 'gone')),
    first_seen TEXT NOT NULL,
    last_seen TEXT NOT NULL,
    aggregate_date_range TEXT,
    aggregate_source TEXT NOT NULL DEFAULT 'daily',
    aggregate_count INTEGER,
    created_at INTEGER NOT NULL
) STRICT
""",
    "CREATE INDEX patterns_by_type ON patterns (pattern_type, life)",
)

_SUGGESTIONS = (
    """
CREATE TABLE suggestions (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    pattern_id INTEGER REFERENCES patterns (id) ON DELETE SET NULL,
    description_only TEXT NOT NULL,
    proposal TEXT NOT NULL,
    features TEXT NOT NULL,
    automation_yaml TEXT,
    status TEXT NOT NULL DEFAULT 'draft',
    reason TEXT,
    confidence REAL NOT NULL,
    safety_score INTEGER NOT NULL CHECK (safety_score BETWEEN 0 AND 100),
    category TEXT,
    rank REAL,
    backtest TEXT,
    automation_id TEXT,
    outcomes TEXT NOT NULL DEFAULT '',
    snoozed_until INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT
""",
    "CREATE INDEX suggestions_by_status ON suggestions (status)",
    "CREATE INDEX suggestions_by_pattern ON suggestions (pattern_id)",
    """
CREATE TABLE suggestion_feedback (
    id INTEGER PRIMARY KEY,
    suggestion_id INTEGER NOT NULL REFERENCES suggestions (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    feedback_text TEXT,
    created_at INTEGER NOT NULL
) STRICT
""",
    "CREATE INDEX suggestion_feedback_by_suggestion ON suggestion_feedback (suggestion_id)",
    """
CREATE TABLE automation_versions (
    id INTEGER PRIMARY KEY,
    automation_id TEXT NOT NULL,
    suggestion_id INTEGER REFERENCES suggestions (id) ON DELETE SET NULL,
    yaml_content TEXT NOT NULL,
    deployed_at INTEGER NOT NULL,
    safety_score INTEGER NOT NULL CHECK (safety_score BETWEEN 0 AND 100),
    reason TEXT NOT NULL
) STRICT
""",
    "CREATE INDEX automation_versions_by_automation ON automation_versions (automation_id, deployed_at)",
    "CREATE INDEX automation_versions_by_suggestion ON automation_versions (suggestion_id)",
)

ROUTINES = (*_DAILY, *_LONGER, *_PATTERNS, *_SUGGESTIONS)
