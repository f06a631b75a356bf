"""Names stored once: the text of entities, rooms, roles and states by integer."""

from __future__ import annotations

import math
import re

from .database import Database

# Words that return (on, off, heat) are stored once; a text that never returns would only
# grow the table, so beyond this many it stands in the event's own row, as numbers do.
VOCABULARY = 10_000
_REAL_BYTES = 8

type Stored = int | float | str


def storable(text: str) -> str:
    """The text in a form that UTF-8 can hold: lone surrogates become escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def rename_within(database: Database, table: str, column: str, old: str, new: str) -> None:
    """Put an entity's new id in place of its old one where a text names it, but not where another's id holds it."""
    named = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
    for number, text in database.all(f"SELECT id, {column} FROM {table} WHERE instr({column}, ?)", (old,)):
        database.execute(
            f"UPDATE OR IGNORE {table} SET {column} = ? WHERE id = ?",
            (named.sub(lambda _: new, text), number),
        )


class Names:
    """The texts of one table, cached both ways.

    The tables are small (entities, rooms, roles, at most `VOCABULARY` states), so all
    of one is held in memory.
    """

    def __init__(self, database: Database, table: str, column: str) -> None:
        self._database = database
        self._table = table
        self._column = column
        self._ids: dict[str, int] = {}
        self._texts: dict[int, str] = {}
        self._loaded = False
        database.on_rollback(self.forget)

    def forget(self) -> None:
        """Drop the cache: what was written since may have been rolled back."""
        self._ids.clear()
        self._texts.clear()
        self._loaded = False

    def find(self, text: str) -> int | None:
        """The id of a text, None where it is not stored."""
        self._load()
        return self._ids.get(text)

    def intern(self, text: str) -> int:
        """The id of a text, stored now where it is new."""
        self._load()
        found = self._ids.get(text)
        if found is not None:
            return found
        kept = storable(text)
        found = self._ids.get(kept)
        if found is None:
            self._database.execute(
                f"INSERT INTO {self._table} ({self._column}) VALUES (?) ON CONFLICT DO NOTHING", (kept,)
            )
            found = int(
                self._database.scalar(f"SELECT id FROM {self._table} WHERE {self._column} = ?", (kept,))
            )
            self._ids[kept] = found
            self._texts[found] = kept
        return found

    def text(self, number: int) -> str:
        """The text of an id.

        Raises:
            StoreDamagedError: there is none of that id.
        """
        self._load()
        found = self._texts.get(number)
        if found is None:
            self.forget()
            self._load()
            found = self._texts.get(number)
        if found is None:
            raise self._database.damage(f"{self._table} lacks row {number}")
        return found

    def all(self) -> list[str]:
        """All texts, sorted."""
        self._load()
        return sorted(self._texts.values())

    def __len__(self) -> int:
        self._load()
        return len(self._texts)

    def _load(self) -> None:
        if self._loaded:
            return
        self._texts = dict(self._database.all(f"SELECT id, {self._column} FROM {self._table}"))
        self._ids = {text: number for number, text in self._texts.items()}
        self._loaded = True


class States:
    """State texts in one column, so that each reads back exactly.

    An integer is one of the `states`, a text the state itself, a real the number whose shortest text is the state.
    """

    def __init__(self, names: Names, vocabulary: int = VOCABULARY) -> None:
        self._names = names
        self._vocabulary = vocabulary

    def store(self, text: str) -> Stored:
        """The value that stands for a text."""
        number = self._names.find(text)
        if number is not None:
            return number
        value = _number(text)
        if value is not None:
            # Most numbers have fewer characters than a real has bytes.
            return value if len(text) > _REAL_BYTES and _keeps(value, text) else storable(text)
        if len(self._names) < self._vocabulary:
            return self._names.intern(text)
        return storable(text)

    def load(self, stored: Stored) -> str:
        """The text that a value stands for.

        Raises:
            StoreDamagedError: it names a state that is missing.
        """
        if isinstance(stored, int):
            return self._names.text(stored)
        return stored if isinstance(stored, str) else repr(stored)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _keeps(value: float, text: str) -> bool:
    """Whether SQLite gives the number back and its shortest text is this very one."""
    # SQLite drops the sign of a negative zero.
    return math.isfinite(value) and repr(value) == text and text != "-0.0"
