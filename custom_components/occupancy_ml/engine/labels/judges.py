"""Who judges the rooms: reference entities, and what rooms are compared with.

One that is named later often has a past, from the recorder or as a sensor of the room. The last week is labelled and
scored with it in the next night, as if it had been named before.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
from datetime import timedelta
import json

from ..events import DAY_US
from ..home import Home, Role
from ..localtime import LocalClock
from ..store import Store
from .direct import reference_labels

CHECKPOINT = "engine.judges"
"""Those that were taken in, as (role, room, entity)."""

_DAYS = 7

type Judge = tuple[str, str, str]


def take_in(store: Store, home: Home, clock: LocalClock, now_us: int) -> None:
    """Label what new reference entities told in the last week, and have that week scored again with all that are new.

    To be called when the history of all entities is stored. Safe to repeat.

    Raises:
        StoreError: subclasses; nothing was changed.
    """
    now = _judges(home)
    before = _load(store)
    if now == before:
        return
    with store.transaction():
        # Before the first night, and in a file of an older version, there is nothing to make up for.
        if before is not None and (new := now - before):
            _label(store, home, {room for role, room, _ in new if role == Role.REFERENCE}, now_us)
            if store.metadata.get("scored_until") is not None:
                week = clock.at(now_us).date() - timedelta(days=_DAYS)
                store.metadata.set("scored_until", week.isoformat())
        _save(store, now, now_us)


def rename(store: Store, old: str, new: str, now_us: int) -> None:
    """An entity has another id now."""
    if (judges := _load(store)) is not None:
        renamed = {(role, room, new if entity == old else entity) for role, room, entity in judges}
        _save(store, renamed, now_us)


def _label(store: Store, home: Home, rooms: set[str], now_us: int) -> None:
    """What references of rooms with a new one told until then, since the night goes on from there."""
    until_us = store.metadata.get_us("labelled_until")
    start_us = now_us - _DAYS * DAY_US
    if not rooms or until_us is None or not start_us < until_us <= now_us:
        return
    # Those that were named before are asked again: a room is vacant only where none of its references objects.
    sensors = tuple(s for s in home.sensors if s.role is Role.REFERENCE and s.room_id in rooms)
    named = sorted(sensor.entity_id for sensor in sensors)
    events = [event for batch in store.events.read(start_us, until_us, named) for event in batch]
    before = store.events.last_before(start_us, named)
    for label in reference_labels(replace(home, sensors=sensors), events, before, start_us, until_us):
        store.labels.add(replace(label, known_at_us=now_us))


def _judges(home: Home) -> set[Judge]:
    found = {
        (Role.RIVAL.value, room.room_id, rival) for room in home.rooms for rival in home.rivals(room.room_id)
    }
    return found | {
        (sensor.role.value, sensor.room_id, sensor.entity_id)
        for sensor in home.sensors
        if sensor.role is Role.REFERENCE and sensor.room_id
    }


def _load(store: Store) -> set[Judge] | None:
    saved = store.checkpoints.load(CHECKPOINT)
    if saved is None:
        return None
    # Of another form it is made anew.
    with contextlib.suppress(TypeError, ValueError):
        return {(role, room, entity) for role, room, entity in json.loads(saved.payload)}
    return None


def _save(store: Store, judges: set[Judge], now_us: int) -> None:
    store.checkpoints.save(CHECKPOINT, now_us, json.dumps(sorted(judges)).encode())
