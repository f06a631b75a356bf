"""Schema version 2: smaller rows of raw events, and what is counted without reading it all.

What many events share (origin, cause, role, room) stands once in `event_contexts`. A state is one value, whose type
says what it is. The state before is that of the entity's row before. Triggers keep `row_counts` right, whoever writes.
"""

from __future__ import annotations

# 0 stands for no role or no room, so that each combination stands once.
_CONTEXTS = """
CREATE TABLE event_contexts (
    id INTEGER PRIMARY KEY,
    origin INTEGER NOT NULL,
    cause INTEGER NOT NULL,
    role INTEGER NOT NULL,
    room INTEGER NOT NULL,
    UNIQUE (origin, cause, role, room)
) STRICT
"""

# `state`: an integer is one of the `states`, a text the state itself, a real the number whose shortest text is the
# state. The references into the tables of names are not declared: checking them would halve the ingest, and names
# are written in the same transaction and never deleted while referred to.
_RAW_EVENTS = """
CREATE TABLE compact_events (
    time_us INTEGER NOT NULL,
    entity INTEGER NOT NULL,
    state ANY NOT NULL,
    context INTEGER NOT NULL,
    attributes TEXT,
    PRIMARY KEY (time_us, entity)
) STRICT, WITHOUT ROWID
"""

_COUNTED = ("raw_events", "features")


def _counting(table: str) -> tuple[str, ...]:
    return (
        f"INSERT INTO row_counts SELECT '{table}', count(*) FROM {table}",
        f"CREATE TRIGGER {table}_added AFTER INSERT ON {table}"
        f" BEGIN UPDATE row_counts SET n = n + 1 WHERE name = '{table}'; END",
        f"CREATE TRIGGER {table}_removed AFTER DELETE ON {table}"
        f" BEGIN UPDATE row_counts SET n = n - 1 WHERE name = '{table}'; END",
    )


# Short numbers become texts, as `States` stores them, so that the same event again is known. SQLite writes exponents
# in another way than Python does.
_STATE = """
CASE WHEN state IS NOT NULL THEN state
     WHEN typeof(value) = 'integer' THEN CAST(value AS TEXT)
     WHEN typeof(value) = 'real' AND length(CAST(value AS TEXT)) <= 8 AND instr(CAST(value AS TEXT), 'e') = 0
     THEN CAST(value AS TEXT)
     ELSE value END
"""

STATEMENTS_2: tuple[str, ...] = (
    _CONTEXTS,
    "INSERT INTO event_contexts (origin, cause, role, room)"
    " SELECT DISTINCT origin, cause, coalesce(role, 0), coalesce(room, 0) FROM raw_events",
    _RAW_EVENTS,
    "INSERT INTO compact_events"
    f" SELECT e.time_us, e.entity, {_STATE}, c.id, e.attributes"
    " FROM raw_events e CROSS JOIN event_contexts c ON c.origin = e.origin AND c.cause = e.cause"
    " AND c.role = coalesce(e.role, 0) AND c.room = coalesce(e.room, 0)"
    " ORDER BY e.time_us, e.entity",
    "DROP TABLE raw_events",
    "ALTER TABLE compact_events RENAME TO raw_events",
    # What hindsight did not say is a small part of the labels: readiness counts it alone.
    "CREATE INDEX labels_told ON labels (room, source, kind, superseded_at_us)"
    " WHERE source <> 'hindsight' OR kind <> 'occupancy' OR superseded_at_us IS NOT NULL",
    "CREATE TABLE row_counts (name TEXT PRIMARY KEY, n INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    *(statement for table in _COUNTED for statement in _counting(table)),
)
