"""Facts about the file as text by key, and engine state that survives a restart."""

from __future__ import annotations

from dataclasses import dataclass

from .database import Database
from .files import SET_METADATA


class Metadata:
    """The table `metadata`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, key: str) -> str | None:
        """The value of a key, None where there is none."""
        value: str | None = self._database.scalar("SELECT value FROM metadata WHERE key = ?", (key,))
        return value

    def set(self, key: str, value: str) -> None:
        """Set the value of a key."""
        self._database.execute(SET_METADATA, (key, value))

    def get_us(self, key: str) -> int | None:
        """A time in microseconds UTC, None where there is none."""
        value = self.get(key)
        return None if value is None else int(value)

    def set_us(self, key: str, time_us: int) -> None:
        """Set a time in microseconds UTC."""
        self.set(key, str(time_us))

    def all(self) -> dict[str, str]:
        """Everything, by key."""
        return dict(self._database.all("SELECT key, value FROM metadata ORDER BY key"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State of one part of the engine as of `time_us`, as bytes that the part understands."""

    name: str
    time_us: int
    payload: bytes


class Checkpoints:
    """The table `checkpoints`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, name: str, time_us: int, payload: bytes) -> None:
        """Keep the state of a part; the one before is replaced."""
        self._database.execute(
            "INSERT INTO checkpoints VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET"
            " time_us = excluded.time_us, payload = excluded.payload",
            (name, time_us, payload),
        )

    def load(self, name: str) -> Checkpoint | None:
        """The last saved state of a part, None where there is none."""
        row = self._database.one("SELECT name, time_us, payload FROM checkpoints WHERE name = ?", (name,))
        return None if row is None else Checkpoint(*row)

    def delete(self, name: str) -> None:
        """Forget the state of a part."""
        self._database.execute("DELETE FROM checkpoints WHERE name = ?", (name,))

    def names(self) -> list[str]:
        """The parts whose state is kept, sorted."""
        return [row[0] for row in self._database.all("SELECT name FROM checkpoints ORDER BY name")]
