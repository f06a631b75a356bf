"""Episodes: who stayed where from when to when, as far as known; they outlive raw events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .database import Database
from .names import Names

_INSERT = (
    "INSERT OR REPLACE INTO episodes (room, start_us, end_us, occupied, confidence) VALUES (?, ?, ?, ?, ?)"
)


@dataclass(frozen=True, slots=True)
class Episode:
    """A stretch [start_us, end_us) of a room in one state, with the confidence in it in [0, 1]."""

    room_id: str
    start_us: int
    end_us: int
    occupied: bool
    confidence: float


class Episodes:
    """The table `episodes`."""

    def __init__(self, database: Database, rooms: Names) -> None:
        self._database = database
        self._rooms = rooms

    def replace(self, room_id: str, start_us: int, end_us: int, episodes: Sequence[Episode]) -> None:
        """Put new episodes in place of those of a room over [start_us, end_us).

        One that reaches out of the span is cut at its bounds. The new ones are stored
        as they are.

        Raises:
            ValueError: a new one is of another room.
        """
        if any(episode.room_id != room_id for episode in episodes):
            raise ValueError("only episodes of the room named can be replaced")
        with self._database.transaction():
            old = self.read(room_id, start_us, end_us)
            room = self._rooms.intern(room_id)
            self._database.execute(
                "DELETE FROM episodes WHERE room = ? AND start_us < ? AND end_us > ?",
                (room, end_us, start_us),
            )
            kept = [replace(episode, end_us=start_us) for episode in old if episode.start_us < start_us]
            kept += [replace(episode, start_us=end_us) for episode in old if episode.end_us > end_us]
            self._database.executemany(
                _INSERT,
                [(room, e.start_us, e.end_us, int(e.occupied), e.confidence) for e in (*kept, *episodes)],
            )

    def span(self, room_id: str) -> tuple[int, int] | None:
        """From when until when episodes of a room are known, None where there are none."""
        row = self._database.one(
            "SELECT min(start_us), max(end_us) FROM episodes WHERE room = ?", (self._rooms.find(room_id),)
        )
        return None if row is None or row[0] is None else (row[0], row[1])

    def read(self, room_id: str, start_us: int, end_us: int) -> list[Episode]:
        """Episodes of a room that overlap [start_us, end_us), by start."""
        rows = self._database.all(
            "SELECT start_us, end_us, occupied, confidence FROM episodes"
            " WHERE room = ? AND start_us < ? AND end_us > ? ORDER BY start_us",
            (self._rooms.find(room_id), end_us, start_us),
        )
        return [Episode(room_id, start, end, bool(occupied), sure) for start, end, occupied, sure in rows]
