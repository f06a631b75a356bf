"""Reading rows of a damaged file, as far as they can be read, and judging whether a row is sound."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import date
import json
import re
import sqlite3
from typing import Any
import zlib

# So many ids are tried one by one where a table cannot be walked through.
_MOST_IDS = 100_000
# What a text becomes that is no UTF-8; no text of ours holds it.
_UNREADABLE = "\N{REPLACEMENT CHARACTER}"

type DamagedRow = dict[str, Any]


def readable(raw: bytes) -> str:
    """The text factory of a damaged file: damaged text is no reason to stop at a row."""
    return raw.decode("utf-8", "replace")


def rows_by_id(old: sqlite3.Connection, table: str) -> Iterator[DamagedRow]:
    """Rows of a table with an `id`, in its order: from both ends, and one by one between."""
    found: dict[int, DamagedRow] = {}

    def read(sql: str, parameters: tuple[int, ...] = ()) -> bool:
        return _read(
            old, sql, parameters, lambda row: isinstance(row["id"], int) and found.update({row["id"]: row})
        )

    if not read(f"SELECT * FROM {table} ORDER BY id"):
        first_gap = max(found, default=0) + 1
        read(f"SELECT * FROM {table} WHERE id > ? ORDER BY id DESC", (first_gap,))
        last = max(found, default=0)
        _each(lambda number: read(f"SELECT * FROM {table} WHERE id = ?", (number,)), first_gap, last, found)
    return iter([found[number] for number in sorted(found)])


def rows_by_key(old: sqlite3.Connection, table: str, key: tuple[str, ...]) -> Iterator[DamagedRow]:
    """Rows of a table in the order of its key: from both ends up to what cannot be read."""
    found: dict[tuple[Any, ...], DamagedRow] = {}

    def keep(row: DamagedRow) -> None:
        found.setdefault(tuple(row[name] for name in key), row)

    if not _read(old, f"SELECT * FROM {table} ORDER BY {', '.join(key)}", (), keep):
        backwards = ", ".join(f"{name} DESC" for name in key)
        _read(old, f"SELECT * FROM {table} ORDER BY {backwards}", (), keep)
    return iter(list(found.values()))


def _read(
    old: sqlite3.Connection, sql: str, parameters: tuple[int, ...], keep: Callable[[DamagedRow], object]
) -> bool:
    """Whether a query could be read to its end."""
    try:
        cursor = old.execute(sql, parameters)
        names = [column[0] for column in cursor.description]
        for values in cursor:
            keep(dict(zip(names, values, strict=True)))
    except sqlite3.DatabaseError:
        return False
    return True


def _each(read: Callable[[int], bool], first: int, last: int, found: Mapping[int, DamagedRow]) -> None:
    for number in range(first, min(last, first + _MOST_IDS)):
        if number not in found:
            with suppress(sqlite3.Error):
                read(number)


def is_json(text: object) -> bool:
    """Whether a value is the text of a JSON object."""
    return isinstance(text, str) and text.startswith("{") and _parses(text)


def is_sound(row: DamagedRow) -> bool:
    """Whether what a row says can be read: its texts, the JSON among them, its periods, what is compressed."""
    return all(_is_sound(name, value) for name, value in row.items())


def _is_sound(name: str, value: object) -> bool:
    if isinstance(value, str):
        if _UNREADABLE in value or (value[:1] in ("{", "[") and not _parses(value)):
            return False
        if name in ("date", "day"):
            return _is_day(value)
        if name == "week":
            return re.fullmatch(r"\d{4}-W\d\d", value) is not None
        if name == "month":
            return _is_day(f"{value}-01")
    elif isinstance(value, bytes) and name == "acts":
        try:
            zlib.decompress(value)
        except zlib.error:
            return False
    return True


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
