"""The contract views of schema version 1, which outside readers may rely on."""

from __future__ import annotations

# Pairing: the whole window lies within the label's interval, so no feature has seen
# anything after the label's end. One label a row: the strongest source, then what was
# known last. A label of the whole home says something about a room only when the home
# was empty. `pairing.pair` is the same rule in Python.
# What partitions the rows may be filtered before they are numbered, so a room and a
# span of time read fast. The plus keeps such a span from taking the place of the
# label's bounds in the search for rows, which would read the whole span a label.
_TRAINING_DATASET = """
CREATE VIEW vw_clr_training_dataset AS
SELECT room_id, window_start, window_end, feature_set_version, computed_at, activity, vector,
       target, weight, source, label_id
FROM (
    SELECT r.room_id AS room_id,
           f.window_start_us AS window_start,
           +f.window_end_us AS window_end,
           f.feature_set_version AS feature_set_version,
           f.computed_at_us AS computed_at,
           f.activity AS activity,
           f.vector AS vector,
           l.target AS target,
           l.weight AS weight,
           l.source AS source,
           l.id AS label_id,
           row_number() OVER (
               PARTITION BY r.room_id, +f.window_end_us, f.feature_set_version
               ORDER BY CASE l.source WHEN 'correction' THEN 0 WHEN 'reference' THEN 1 WHEN 'helper' THEN 2
                                      WHEN 'away' THEN 3 WHEN 'hindsight' THEN 4 ELSE 5 END,
                        l.known_at_us DESC, l.id DESC
           ) AS place
    FROM rooms r
    CROSS JOIN labels l ON l.room = r.id OR (l.room IS NULL AND l.target = 0)
    CROSS JOIN features f ON f.room = r.id
        AND f.window_end_us > l.start_us
        AND f.window_end_us <= l.end_us
        AND f.window_start_us >= l.start_us
    WHERE l.kind = 'occupancy' AND l.superseded_at_us IS NULL
)
WHERE place = 1
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
    _TRAINING_DATASET,
    _LATEST_ARTIFACT,
    _FEATURE_STREAM,
    _LATEST_STATE,
    _FEATURE_SNAPSHOT,
)
