"""The contract views, which outside readers may rely on."""

from __future__ import annotations

# Pairing: the whole window lies within the label's interval, so no feature has seen
# anything after the label's end. One label a row: the strongest source, then what was
# known last. A label of the whole home says something about a room only when the home
# was empty. `pairing.pair` is the same rule in Python.
# Each row finds its label by itself, so the first rows come at once and any condition
# narrows the search. What was said is looked up by its end: what lasts a day at most
# ends within a day of the window, and what lasts longer is rare. Hindsight is weaker
# than all of it and never overlaps (`Labels.replace_hindsight`): the one that begins
# last before the window is the only one that may hold it.
_IS_LONG = "end_us - start_us > 86400000000"
_SAID = f"""
SELECT id, source, known_at_us FROM labels INDEXED BY labels_said
WHERE source <> 'hindsight' AND kind = 'occupancy' AND superseded_at_us IS NULL
  AND start_us <= f.window_start_us AND end_us >= f.window_end_us AND ({_IS_LONG}) = """
_TRAINING_DATASET = f"""
CREATE VIEW vw_clr_training_dataset AS
SELECT r.room_id AS room_id, f.window_start_us AS window_start, f.window_end_us AS window_end,
       f.feature_set_version AS feature_set_version, f.computed_at_us AS computed_at,
       f.activity AS activity, f.vector AS vector,
       l.target AS target, l.weight AS weight, l.source AS source, l.id AS label_id
FROM rooms r CROSS JOIN features f ON f.room = r.id
CROSS JOIN labels l ON l.end_us >= f.window_end_us AND l.id = coalesce(
    (
        SELECT said.id FROM (
            {_SAID} 0 AND room = r.id AND end_us <= f.window_start_us + 86400000000
            UNION ALL {_SAID} 1 AND room = r.id
            UNION ALL {_SAID} 0 AND room IS NULL AND target = 0 AND end_us <= f.window_start_us + 86400000000
            UNION ALL {_SAID} 1 AND room IS NULL AND target = 0
        ) said
        ORDER BY CASE said.source WHEN 'correction' THEN 0 WHEN 'reference' THEN 1 WHEN 'helper' THEN 2
                                  WHEN 'away' THEN 3 ELSE 4 END,
                 said.known_at_us DESC, said.id DESC
        LIMIT 1
    ),
    (
        SELECT id FROM labels
        WHERE room = r.id AND start_us <= f.window_start_us
          AND source = 'hindsight' AND kind = 'occupancy' AND superseded_at_us IS NULL
        ORDER BY start_us DESC LIMIT 1
    )
)
"""

_LATEST_ARTIFACT = """
CREATE VIEW vw_clr_latest_model_artifact AS
SELECT r.room_id AS room_id, a.id AS artifact_id, a.run_id AS run_id, a.created_us AS created_at,
       a.feature_set_version AS feature_set_version, a.payload AS payload, a.metrics AS metrics
FROM clr_model_artifacts a JOIN rooms r ON r.id = a.room
WHERE a.in_service = 1
"""

_FEATURE_STREAM = """
CREATE VIEW vw_bocpd_feature_stream AS
SELECT r.room_id AS room_id, f.window_start_us AS window_start, f.window_end_us AS window_end,
       f.feature_set_version AS feature_set_version, f.activity AS activity
FROM rooms r JOIN features f ON f.room = r.id
"""

_LATEST_STATE = """
CREATE VIEW vw_bocpd_latest_state AS
SELECT stream, updated_us AS updated_at, run_id, payload
FROM bocpd_model_state
"""

_FEATURE_SNAPSHOT = """
CREATE VIEW vw_latest_feature_snapshot AS
SELECT r.room_id AS room_id, f.window_start_us AS window_start, f.window_end_us AS window_end,
       f.feature_set_version AS feature_set_version, f.computed_at_us AS computed_at,
       f.activity AS activity, f.vector AS vector
FROM rooms r CROSS JOIN features f ON f.room = r.id
WHERE f.window_end_us = (SELECT max(n.window_end_us) FROM features n WHERE n.room = r.id)
  AND f.feature_set_version = (
      SELECT max(n.feature_set_version) FROM features n
      WHERE n.room = r.id AND n.window_end_us = f.window_end_us
  )
"""

VIEWS_1: tuple[str, ...] = (
    _LATEST_ARTIFACT,
    _FEATURE_STREAM,
    _LATEST_STATE,
    _FEATURE_SNAPSHOT,
)

# The view of pairs as version 1 had it sorted all pairs before it gave the first.
VIEWS_7: tuple[str, ...] = (
    f"CREATE INDEX labels_said ON labels (room, {_IS_LONG}, end_us) WHERE source <> 'hindsight'",
    "DROP VIEW IF EXISTS vw_clr_training_dataset",
    _TRAINING_DATASET,
)

# Rows of corrections, whose windows begin and end anywhere, are examples for training: they are no part of the stream, and
# not the newest of a room.
_IS_WINDOW = "f.window_end_us % 300000000 = 0 AND f.window_end_us - f.window_start_us = 300000000"

VIEWS_9: tuple[str, ...] = (
    "DROP VIEW IF EXISTS vw_bocpd_feature_stream",
    f"{_FEATURE_STREAM.rstrip()}\nWHERE {_IS_WINDOW}\n",
    "DROP VIEW IF EXISTS vw_latest_feature_snapshot",
    f"""
CREATE VIEW vw_latest_feature_snapshot AS
SELECT r.room_id AS room_id, f.window_start_us AS window_start, f.window_end_us AS window_end,
       f.feature_set_version AS feature_set_version, f.computed_at_us AS computed_at,
       f.activity AS activity, f.vector AS vector
FROM rooms r CROSS JOIN features f ON f.room = r.id
WHERE (f.window_end_us, f.feature_set_version) = (
    SELECT f.window_end_us, f.feature_set_version FROM features f
    WHERE f.room = r.id AND {_IS_WINDOW}
    ORDER BY f.window_end_us DESC, f.feature_set_version DESC LIMIT 1
)
""",
)
