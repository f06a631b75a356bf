"""Tables of the report card: what stood beside what was shown, and the daily sums of its scores."""

from __future__ import annotations

# `model` is what the model said before corrections and baselines, `rules` the bits of `occupancy.rules.RULES`.
# Daily sums of version 1 know no minutes and no flips, and their rule was scored otherwise: they start anew.
REPORT = (
    "ALTER TABLE predictions ADD COLUMN model REAL CHECK (model BETWEEN 0 AND 1)",
    "ALTER TABLE predictions ADD COLUMN rules INTEGER",
    "DROP TABLE daily_scores",
    """
CREATE TABLE daily_scores (
    room INTEGER NOT NULL REFERENCES rooms (id),
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    truth TEXT NOT NULL,
    n INTEGER NOT NULL CHECK (n >= 0),
    brier_sum REAL NOT NULL,
    log_loss_sum REAL NOT NULL,
    occupied_minutes INTEGER NOT NULL CHECK (occupied_minutes >= 0),
    vacant_minutes INTEGER NOT NULL CHECK (vacant_minutes >= 0),
    missed_minutes INTEGER NOT NULL CHECK (missed_minutes BETWEEN 0 AND occupied_minutes),
    false_minutes INTEGER NOT NULL CHECK (false_minutes BETWEEN 0 AND vacant_minutes),
    flips INTEGER NOT NULL,
    true_flips INTEGER NOT NULL,
    PRIMARY KEY (room, day, model, truth)
) STRICT, WITHOUT ROWID
""",
    # Little-endian float32, (3, 10) by tenth of probability: moments, sum of what was said, occupied moments.
    """
CREATE TABLE daily_reliability (
    room INTEGER NOT NULL REFERENCES rooms (id),
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    truth TEXT NOT NULL,
    bins BLOB NOT NULL CHECK (length(bins) = 120),
    PRIMARY KEY (room, day, model, truth)
) STRICT, WITHOUT ROWID
""",
    # Bytes, (2, 48) by local half hour: moments, occupied moments.
    """
CREATE TABLE daily_truth (
    room INTEGER NOT NULL REFERENCES rooms (id),
    day TEXT NOT NULL,
    truth TEXT NOT NULL,
    half_hours BLOB NOT NULL CHECK (length(half_hours) = 96),
    PRIMARY KEY (room, day, truth)
) STRICT, WITHOUT ROWID
""",
)
