"""Schema version 6: episodes stand in the order in which they are read, without a number of their own.

One of a room begins at a time, so room and begin are their key: two thirds of the size, which is kept for three years.
"""

from __future__ import annotations

EPISODES = (
    """
CREATE TABLE keyed_episodes (
    room INTEGER NOT NULL REFERENCES rooms (id),
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    occupied INTEGER NOT NULL CHECK (occupied IN (0, 1)),
    confidence REAL NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    PRIMARY KEY (room, start_us),
    CHECK (start_us < end_us)
) STRICT, WITHOUT ROWID
""",
    "INSERT OR REPLACE INTO keyed_episodes"
    " SELECT room, start_us, end_us, occupied, confidence FROM episodes ORDER BY room, start_us, id",
    "DROP TABLE episodes",
    "ALTER TABLE keyed_episodes RENAME TO episodes",
)
