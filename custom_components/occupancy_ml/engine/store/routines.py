"""What routines are computed from and what was found: aggregates by day, week and month, and patterns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
import json
from typing import Any

from .database import Database, Row
from .names import Names, rename_within

DAILY = (
    "acts_daily",
    "time_based_daily",
    "co_occurrence_daily",
    "sequence_daily",
    "room_based_daily",
    "duration_daily",
    "anomaly_daily",
)
WEEKLY = ("session_weekly", "day_type_weekly")
MONTHLY = ("contextual_monthly", "seasonal_monthly")
PERIOD = {
    **dict.fromkeys(DAILY, "date"),
    **dict.fromkeys(WEEKLY, "week"),
    **dict.fromkeys(MONTHLY, "month"),
}
"""The column of each table that says which day, week or month a row is of."""

ENTITIES = frozenset({"entity_id", "first_entity", "then_entity"})
ROOMS = frozenset({"area_id", "room"})
"""The columns that are numbers of names."""


class Aggregates:
    """The ten tables of aggregates. A day, week or month is always written whole."""

    def __init__(self, database: Database, entities: Names, rooms: Names) -> None:
        self._database = database
        self._entities = entities
        self._rooms = rooms
        self._columns: dict[str, tuple[str, ...]] = {}

    def replace(self, table: str, period: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Put rows in place of all that a table has of a period; how many there are now.

        Args:
            table: one of `PERIOD`.
            period: the day, week or month.
            rows: every column but that of the period by name; names of entities and rooms as text, lists and
                mappings become JSON.
        """
        columns = self._columns_of(table)
        own = PERIOD[table]
        with self._database.transaction():
            self._database.execute(f"DELETE FROM {table} WHERE {own} = ?", (period,))
            self._database.executemany(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
                [
                    tuple(period if name == own else self._stored(name, row[name]) for name in columns)
                    for row in rows
                ],
            )
        return len(rows)

    def read(self, table: str, columns: Sequence[str], since: str, until: str) -> list[Row]:
        """Some columns of the rows of the periods [since, until], in the order of the key.

        Entities and rooms come as text; JSON stays text (the reader knows which he needs).
        """
        own = PERIOD[table]
        unknown = set(columns) - set(self._columns_of(table))
        if unknown:
            raise ValueError(f"{table} has no {sorted(unknown)}")
        found = self._database.all(
            f"SELECT {', '.join(columns)} FROM {table} WHERE {own} BETWEEN ? AND ? ORDER BY {self._key(table)}",
            (since, until),
        )
        return self._named(columns, found)

    def _named(self, columns: Sequence[str], rows: list[Row]) -> list[Row]:
        by_column: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for number, name in enumerate(columns if rows else ()):
            kind = self._entities if name in ENTITIES else self._rooms if name in ROOMS else None
            if kind is not None:
                # Thousands of rows a day share some dozens of names.
                texts = {each: None if each is None else kind.text(each) for each in set(by_column[number])}
                by_column[number] = [texts[each] for each in by_column[number]]
        return list(zip(*by_column, strict=True))

    def sums(
        self, table: str, keys: Sequence[str], values: Sequence[str], since: str, until: str
    ) -> list[Row]:
        """Sums of some columns over the periods [since, until], by others; entities and rooms come as text."""
        unknown = {*keys, *values} - set(self._columns_of(table))
        if unknown:
            raise ValueError(f"{table} has no {sorted(unknown)}")
        own, by = PERIOD[table], ", ".join(keys)
        found = self._database.all(
            f"SELECT {by}, {', '.join(f'sum({name})' for name in values)} FROM {table}"
            f" WHERE {own} BETWEEN ? AND ? GROUP BY {by} ORDER BY {by}",
            (since, until),
        )
        return self._named((*keys, *values), found)

    def periods(self, table: str) -> list[str]:
        """The days, weeks or months a table has rows of, in order."""
        own = PERIOD[table]
        return [row[0] for row in self._database.all(f"SELECT DISTINCT {own} FROM {table} ORDER BY {own}")]

    def rename(self, old: str, new: str) -> None:
        """An entity has another id now. To be called before the names themselves are joined."""
        before, after = self._entities.find(old), self._entities.find(new)
        quoted = json.dumps(old), json.dumps(new)
        # What was done is a key of these: the entity, then the state.
        acts = json.dumps(f"{old}=")[:-1], json.dumps(f"{new}=")[:-1]
        with self._database.transaction():
            for table in PERIOD:
                for column in self._columns_of(table):
                    if column in ENTITIES and before is not None and after is not None and before != after:
                        self._database.execute(
                            f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {column} = ?", (after, before)
                        )
                        self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (before,))
                    elif column in _JSON:
                        for text, other in (quoted, acts):
                            self._database.execute(
                                f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE instr({column}, ?)",
                                (text, other, text),
                            )
            for column in ("pattern_metadata", "key", "description"):
                rename_within(self._database, "patterns", column, old, new)
            self._database.execute("UPDATE patterns SET device_id = ? WHERE device_id = ?", (new, old))

    def _stored(self, name: str, value: Any) -> Any:
        if value is None:
            return None
        if name in ENTITIES:
            return self._entities.intern(value)
        if name in ROOMS:
            return self._rooms.intern(value)
        if isinstance(value, (list, tuple, dict)):
            return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return value

    def _columns_of(self, table: str) -> tuple[str, ...]:
        if table not in self._columns:
            if table not in PERIOD:
                raise ValueError(f"{table} is no table of aggregates")
            self._columns[table] = tuple(
                row[0]
                for row in self._database.all("SELECT name FROM pragma_table_info(?) ORDER BY cid", (table,))
            )
        return self._columns[table]

    def _key(self, table: str) -> str:
        rows = self._database.all("SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk", (table,))
        return ", ".join(row[0] for row in rows)


_JSON = frozenset({
    "sequence", "device_usage", "devices_used", "sessions", "activity_patterns", "device_usage_diff",
    "device_usage_patterns", "correlation_scores", "activity", "transition_patterns",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A row of `patterns`, as it is stored. `pattern_metadata` is JSON; days are local ISO dates."""

    key: str
    pattern_type: str
    device_id: str
    pattern_metadata: str
    description: str
    confidence: float
    confidence_low: float
    confidence_high: float
    effect: float
    q_value: float
    occurrences: int
    life: str
    first_seen: str
    last_seen: str
    aggregate_date_range: str | None
    aggregate_source: str
    aggregate_count: int | None
    created_at: int
    id: int | None = None


_PATTERN_COLUMNS = tuple(field.name for field in fields(PatternRow))
_WRITTEN = tuple(name for name in _PATTERN_COLUMNS if name not in ("id", "created_at"))
_UPSERT = (
    f"INSERT INTO patterns ({', '.join((*_WRITTEN, 'created_at'))})"
    f" VALUES ({', '.join('?' * (len(_WRITTEN) + 1))})"
    f" ON CONFLICT (key) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _WRITTEN)}"
)


class PatternTable:
    """The table `patterns`: what was ever found, by key. What is gone is forgotten where the retention says so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, rows: Iterable[PatternRow]) -> None:
        """Store patterns; one of a known key takes the place of the old, and keeps its id and its creation."""
        self._database.executemany(
            _UPSERT,
            [(*(getattr(row, name) for name in _WRITTEN), row.created_at) for row in rows],
        )

    def read(
        self, pattern_types: Iterable[str] | None = None, lives: Iterable[str] | None = None
    ) -> list[PatternRow]:
        """Patterns of some types and stages of life, or of all, by id."""
        conditions, parameters = [], []
        for column, chosen in (("pattern_type", pattern_types), ("life", lives)):
            if chosen is not None:
                conditions.append(f"{column} IN (SELECT value FROM json_each(?))")
                parameters.append(json.dumps(sorted(chosen)))
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = self._database.all(
            f"SELECT {', '.join(_PATTERN_COLUMNS)} FROM patterns {where} ORDER BY id", parameters
        )
        return [PatternRow(*row) for row in rows]
