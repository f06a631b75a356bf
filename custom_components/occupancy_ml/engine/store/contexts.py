"""Contexts of events: origin, cause, role and room, stored once for all events that share them."""

from __future__ import annotations

from typing import NamedTuple

from ..events import Cause, Origin
from .database import Database

_ORIGINS = {int(origin): origin for origin in Origin}
_CAUSES = {int(cause): cause for cause in Cause}


class Context(NamedTuple):
    """What events share. Role and room are ids of their names, 0 for none, as they were when the event was stored."""

    origin: int
    cause: int
    role: int
    room: int


class Contexts:
    """The table `event_contexts`, held in memory: some hundreds of rows at most."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ids: dict[Context, int] = {}
        self._known: dict[int, tuple[Origin, Cause]] = {}
        database.on_rollback(self.forget)

    def forget(self) -> None:
        """Drop the cache: what was written since may have been rolled back."""
        self._ids.clear()
        self._known.clear()

    def intern(self, context: Context) -> int:
        """The id of a context, stored now where it is new."""
        found = self._ids.get(context)
        if found is None:
            self._database.execute(
                "INSERT INTO event_contexts (origin, cause, role, room) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                context,
            )
            found = self._ids[context] = int(
                self._database.scalar(
                    "SELECT id FROM event_contexts WHERE origin = ? AND cause = ? AND role = ? AND room = ?",
                    context,
                )
            )
        return found

    def told(self, number: int) -> tuple[Origin, Cause]:
        """Origin and cause of a context.

        Raises:
            StoreDamagedError: there is none of that id, or it is not sound.
        """
        found = self._known.get(number)
        if found is None:
            row = self._database.one("SELECT origin, cause FROM event_contexts WHERE id = ?", (number,))
            if row is None or row[0] not in _ORIGINS or row[1] not in _CAUSES:
                raise self._database.damage(f"event_contexts lacks row {number}")
            found = self._known[number] = (_ORIGINS[row[0]], _CAUSES[row[1]])
        return found
