"""Schema version 8: moments of each layout stand by themselves.

One of another layout no longer takes the place of what was known at the same time: a home that gets a room, or an
entity another name, keeps what its entities said.
"""

from __future__ import annotations

# Time first: moments are read by spans of time and forgotten by age. With the rowid: a vector of a large home is longer
# than what a table without one keeps in a page.
MOMENTS = (
    """
CREATE TABLE keyed_moments (
    time_us INTEGER NOT NULL,
    layout TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (time_us, layout)
) STRICT
""",
    "INSERT INTO keyed_moments SELECT time_us, layout, vector FROM forecast_moments ORDER BY time_us",
    "DROP TABLE forecast_moments",
    "ALTER TABLE keyed_moments RENAME TO forecast_moments",
)
