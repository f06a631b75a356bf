"""Raw events: appended once, read in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
import json
import math

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US, Event
from ..home import Role
from .contexts import Context, Contexts
from .database import Database, Row
from .names import Names, States

# Two states of one microsecond: the last counts, as it does for whoever heard them. The same
# event again, from the recorder or a file, changes nothing.
_INSERT = """
INSERT INTO raw_events (time_us, entity, state, context, attributes) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (time_us, entity) DO UPDATE SET
    state = excluded.state, context = excluded.context, attributes = excluded.attributes
WHERE state IS NOT excluded.state
"""
# The names are joined only to order simultaneous events the same way in every file,
# whatever numbers their entities got; CROSS JOIN keeps the scan in the order of time.
_PAGE = """
SELECT e.time_us, n.entity_id, e.state, e.context, e.attributes
FROM raw_events e CROSS JOIN entities n ON n.id = e.entity
WHERE e.time_us >= :after_us AND e.time_us < :end_us
  AND (e.time_us > :after_us OR n.entity_id > :after_entity)
  {only}
ORDER BY e.time_us, n.entity_id LIMIT :batch
"""
_AMONG = "AND e.entity IN (SELECT value FROM json_each(:entities))"
# In SQLite the other columns of a query with max() come from the row of the maximum.
_LAST = """
SELECT max(e.time_us), n.entity_id, e.state, e.context, e.attributes
FROM raw_events e CROSS JOIN entities n ON n.id = e.entity
WHERE e.time_us >= :start_us AND e.time_us < :end_us
  AND e.entity IN (SELECT value FROM json_each(:entities))
GROUP BY e.entity
"""
_HOUR_US = 60 * MINUTE_US


# Words only: numbers are stored as texts or reals.
_WORDS = """
SELECT e.time_us, e.entity, e.state, c.cause, c.origin
FROM raw_events e CROSS JOIN event_contexts c ON c.id = e.context
WHERE e.time_us >= :start_us AND e.time_us < :end_us AND typeof(e.state) = 'integer'
  AND e.entity IN (SELECT value FROM json_each(:entities))
ORDER BY e.time_us, e.entity
"""


@dataclass(frozen=True, slots=True)
class WordColumns:
    """Events whose state is a word, in columns of one length n, by time.

    Attributes:
        time_us: (n,) microseconds UTC.
        entity: (n,) index into the entity ids that were asked for.
        state: (n,) a number for each state; `EventLog.state_text` knows the word.
        cause, origin: (n,) `Cause` and `Origin` as numbers.
    """

    time_us: NDArray[np.int64]
    entity: NDArray[np.int64]
    state: NDArray[np.int64]
    cause: NDArray[np.int64]
    origin: NDArray[np.int64]


class EventLog:
    """The table `raw_events`. Key of an event: its entity and its time in microseconds."""

    def __init__(self, database: Database, entities: Names, rooms: Names) -> None:
        self._database = database
        self._entities = entities
        self._rooms = rooms
        self._roles = Names(database, "roles", "role")
        self._states = States(Names(database, "states", "state"))
        self._contexts = Contexts(database)

    def append(self, events: Sequence[Event], roles: Mapping[str, tuple[Role, str | None]]) -> int:
        """Store events in one transaction, in any order; those already there are left as they are.

        Where an entity has two states at the same microsecond, the later of the call, and of the calls, stays.

        Args:
            events: what happened.
            roles: role and room of each watched entity at this time; entities that are
                not in it are stored without.

        Returns:
            How many were new, or another state of a moment that was known.

        Raises:
            StoreError: subclasses; nothing of the call is stored and it may be repeated.
        """
        if not events:
            return 0
        with self._database.transaction():
            return max(0, self._database.executemany(_INSERT, self._rows(events, roles)))

    def _rows(
        self, events: Sequence[Event], roles: Mapping[str, tuple[Role, str | None]]
    ) -> Iterable[tuple[object, ...]]:
        store, intern = self._states.store, self._contexts.intern
        numbers: dict[str, tuple[int, int, int]] = {}
        rows: dict[tuple[int, int], tuple[object, ...]] = {}
        for event in events:
            entity_id = event.entity_id
            known = numbers.get(entity_id)
            if known is None:
                role, room_id = roles.get(entity_id, (None, None))
                known = numbers[entity_id] = (
                    self._entities.intern(entity_id),
                    0 if role is None else self._roles.intern(role.value),
                    0 if room_id is None else self._rooms.intern(room_id),
                )
            context = intern(Context(int(event.origin), int(event.cause), known[1], known[2]))
            key = (event.time_us, known[0])
            rows[key] = (*key, store(event.state), context, _attributes_text(event.attributes))
        return rows.values()

    def read(
        self, start_us: int, end_us: int, entity_ids: Iterable[str] | None = None, batch: int = 5000
    ) -> Iterator[list[Event]]:
        """Events of [start_us, end_us) by (time, entity id), in lists of at most `batch`.

        The state before is that of the entity's event before within the span, None for its first.
        No cursor stays open between two lists: writes may happen there.
        """
        sql = _PAGE.format(only="" if entity_ids is None else _AMONG)
        parameters: dict[str, object] = {
            "after_us": start_us,
            "after_entity": "",
            "end_us": end_us,
            "batch": batch,
        }
        if entity_ids is not None:
            parameters["entities"] = json.dumps(self._known(entity_ids))
        before: dict[str, str] = {}
        while True:
            events = [self._event(row, before) for row in self._database.all(sql, parameters)]
            if events:
                yield events
            if len(events) < batch:
                return
            parameters["after_us"] = events[-1].time_us
            parameters["after_entity"] = events[-1].entity_id

    def words(self, start_us: int, end_us: int, entity_ids: Sequence[str]) -> WordColumns:
        """Events of [start_us, end_us) of some entities in columns, without those whose state is a number."""
        numbers = [self._entities.find(entity_id) for entity_id in entity_ids]
        place = {number: index for index, number in enumerate(numbers) if number is not None}
        rows = self._database.all(
            _WORDS, {"start_us": start_us, "end_us": end_us, "entities": json.dumps(sorted(place))}
        )
        table = np.array(rows, dtype=np.int64).reshape(len(rows), 5)
        entity = table[:, 1].copy()
        if len(rows):
            known, back = np.unique(entity, return_inverse=True)
            entity = np.array([place[int(number)] for number in known], dtype=np.int64)[back]
        return WordColumns(
            table[:, 0].copy(), entity, table[:, 2].copy(), table[:, 3].copy(), table[:, 4].copy()
        )

    def state_text(self, number: int) -> str:
        """The word of a state of `words`."""
        return self._states.load(number)

    def last_before(self, time_us: int, entity_ids: Iterable[str]) -> dict[str, Event]:
        """The newest event before a time of each entity; entities without one are left out."""
        wanted = set(self._known(entity_ids))
        span = self.span()
        found: dict[str, Event] = {}
        if span is None:
            return found
        # Most sensors fired within the last hours. Looking back in growing steps finds
        # them without an index that would add half the size of the table.
        end_us, step_us = min(time_us, span[1] + 1), _HOUR_US
        while wanted and end_us > span[0]:
            start_us = end_us - step_us
            rows = self._database.all(
                _LAST, {"start_us": start_us, "end_us": end_us, "entities": json.dumps(sorted(wanted))}
            )
            for event in (self._event(row, {}) for row in rows):
                found[event.entity_id] = event
                wanted.discard(self._entities.intern(event.entity_id))
            end_us, step_us = start_us, step_us * 4
        return found

    def span(self) -> tuple[int, int] | None:
        """Times of the first and of the last event, None when there are none."""
        first = self._database.scalar("SELECT min(time_us) FROM raw_events")
        if first is None:
            return None
        return first, self._database.scalar("SELECT max(time_us) FROM raw_events")

    def newest_us(self, until_us: int) -> int | None:
        """The time of the newest event up to a time, None where there is none."""
        newest: int | None = self._database.scalar(
            "SELECT max(time_us) FROM raw_events WHERE time_us <= ?", (until_us,)
        )
        return newest

    def count(self, start_us: int | None = None, end_us: int | None = None) -> int:
        """How many events are stored, of [start_us, end_us) where given."""
        if start_us is None and end_us is None:
            return self._database.row_count("raw_events")
        conditions = ["time_us >= ?"] * (start_us is not None) + ["time_us < ?"] * (end_us is not None)
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        bounds = [bound for bound in (start_us, end_us) if bound is not None]
        return int(self._database.scalar(f"SELECT count(*) FROM raw_events {where}", bounds))

    def entity_ids(self) -> list[str]:
        """All entities that ever had an event here, sorted."""
        return self._entities.all()

    def rename(self, old: str, new: str) -> None:
        """Continue an entity's history under a new id, joined with what is already there.

        Where both have an event at the same microsecond, that of the new id stays.
        """
        old_number = self._entities.find(old)
        if old_number is None or old == new:
            return
        new_number = self._entities.find(new)
        with self._database.transaction():
            if new_number is None:
                self._database.execute("UPDATE entities SET entity_id = ? WHERE id = ?", (new, old_number))
            else:
                self._database.execute(
                    "UPDATE OR IGNORE raw_events SET entity = ? WHERE entity = ?", (new_number, old_number)
                )
                self._database.execute("DELETE FROM raw_events WHERE entity = ?", (old_number,))
                self._database.execute("DELETE FROM entities WHERE id = ?", (old_number,))
        self._entities.forget()

    def _known(self, entity_ids: Iterable[str]) -> list[int]:
        numbers = (self._entities.find(entity_id) for entity_id in entity_ids)
        return sorted({number for number in numbers if number is not None})

    def _event(self, row: Row, before: dict[str, str]) -> Event:
        time_us, entity_id, stored, context, attributes = row
        state = self._states.load(stored)
        origin, cause = self._contexts.told(context)
        event = Event(
            time_us=time_us,
            entity_id=entity_id,
            state=state,
            previous=before.get(entity_id),
            origin=origin,
            cause=cause,
            attributes=None if attributes is None else json.loads(attributes),
        )
        before[entity_id] = state
        return event


def _attributes_text(attributes: Mapping[str, str | float | int | bool] | None) -> str | None:
    if attributes is None:
        return None
    # JSON knows no infinities; an attribute that is not a number says nothing.
    kept = {
        key: value
        for key, value in attributes.items()
        if not isinstance(value, float) or math.isfinite(value)
    }
    return json.dumps(kept, sort_keys=True, separators=(",", ":"))
