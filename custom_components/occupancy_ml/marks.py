"""How far learning has come, kept in the store so that a restart goes on where it was."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
import json

from .engine.events import MINUTE_US, Event
from .engine.store import Store

_KEY = "host_progress"

# What a kill may have lost, and more: the last flush and the recorder's last commit.
_OVERLAP_US = 15 * MINUTE_US


@dataclass(slots=True)
class Marks:
    """What is done.

    Attributes:
        complete: entities whose history was read to its end; from then on they were listened to.
        read_until_us: how far the history of the others was read, microseconds UTC.
        replay_due: history was stored that features do not know yet.
        trained_once: the first training has run.
        night_us: when the last night (or first training) ended.
        heard_until_us: where the listening ended that was before a gap still to be read, microseconds UTC;
            None where there is none.
    """

    complete: set[str] = field(default_factory=set)
    read_until_us: dict[str, int] = field(default_factory=dict)
    replay_due: bool = False
    trained_once: bool = False
    night_us: int | None = None
    heard_until_us: int | None = None

    def note_start(self, last_ingest_us: int) -> None:
        """Note a gap in what was listened to; one that was not read yet began earlier, and stays.

        Args:
            last_ingest_us: when events were last stored before this start.
        """
        if self.heard_until_us is None or last_ingest_us < self.heard_until_us:
            self.heard_until_us = last_ingest_us

    def starts(self, entity_ids: Iterable[str], oldest_us: int) -> Mapping[str, int]:
        """From when the recorder has to be read, for each entity, microseconds UTC.

        Args:
            entity_ids: those watched now.
            oldest_us: nothing before this is of use.
        """
        watched = set(entity_ids)
        # An entity that left a room and returned was not listened to in between.
        self.complete &= watched
        self.read_until_us = {k: v for k, v in self.read_until_us.items() if k in watched}
        live_us = oldest_us if self.heard_until_us is None else self.heard_until_us - _OVERLAP_US
        return {
            entity_id: max(
                oldest_us,
                live_us if entity_id in self.complete else self.read_until_us.get(entity_id, oldest_us),
            )
            for entity_id in sorted(watched)
        }

    def missed(self, events: Iterable[Event], listening_since_us: int) -> set[int]:
        """The minutes of these events in which nobody listened.

        Outside of them the recorder may know more, too: of what changes too often not all is kept.
        """
        heard_until_us = self.heard_until_us or 0
        return {e.time_us // MINUTE_US for e in events if heard_until_us < e.time_us < listening_since_us}

    def advance(self, entity_ids: Iterable[str], until_us: int) -> None:
        """Note that history was read up to a time."""
        for entity_id in entity_ids:
            if entity_id not in self.complete:
                self.read_until_us[entity_id] = until_us

    def finish(self, entity_ids: Iterable[str]) -> None:
        """Note that the history of these was read to its end."""
        self.complete.update(entity_ids)
        self.read_until_us.clear()
        self.heard_until_us = None

    def rename(self, old: str, new: str) -> None:
        """Let an entity's marks follow its new id."""
        if old in self.complete:
            self.complete.discard(old)
            self.complete.add(new)
        if (until_us := self.read_until_us.pop(old, None)) is not None:
            self.read_until_us[new] = until_us


def load(store: Store) -> Marks:
    """Read the marks; a fresh file has none."""
    text = store.metadata.get(_KEY)
    if text is None:
        return Marks()
    stored = json.loads(text)
    return Marks(
        complete=set(stored["complete"]),
        read_until_us=dict(stored["read_until_us"]),
        replay_due=stored["replay_due"],
        trained_once=stored["trained_once"],
        night_us=stored["night_us"],
        heard_until_us=stored.get("heard_until_us"),  # not written by older versions
    )


def save(store: Store, marks: Marks) -> None:
    """Write the marks."""
    store.metadata.set(
        _KEY,
        json.dumps(
            {
                "complete": sorted(marks.complete),
                "read_until_us": marks.read_until_us,
                "replay_due": marks.replay_due,
                "trained_once": marks.trained_once,
                "night_us": marks.night_us,
                "heard_until_us": marks.heard_until_us,
            }
        ),
    )


def note_start(store: Store) -> None:
    """Note up to when was listened, at a start, before anything of the present is stored."""
    if (last_us := store.metadata.get_us("last_ingest_at")) is not None:
        marks = load(store)
        marks.note_start(last_us)
        save(store, marks)
