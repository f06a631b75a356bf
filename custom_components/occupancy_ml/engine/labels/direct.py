"""Labels told outright: by a reference sensor, or by every person being away."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter

from ..events import Event
from ..home import Home, Role
from ..store.labels import Label, LabelSource

_REFERENCE_WEIGHT = 1.0
# Visitors and pets stay when the last person with a phone leaves.
_AWAY_WEIGHT = 0.5


def reference_labels(
    home: Home, events: Iterable[Event], before: Mapping[str, Event], start_us: int, end_us: int
) -> list[Label]:
    """Stretches in which the reference entities of a room said on or off, within [start, end).

    A room that has several is occupied where any says so, and vacant where all that are known say that.

    Args:
        home: names the reference entities.
        events: the events of the span, in order.
        before: the last event of each entity before the span.
        start_us: begin of the span.
        end_us: its end; also when the labels are known.
    """
    rooms = {s.entity_id: s.room_id for s in home.sensors if s.role is Role.REFERENCE and s.room_id}
    edges: dict[str, list[tuple[int, int, int]]] = {}
    for entity_id, begin, stop, state in _stretches(rooms, events, before, start_us, end_us):
        if state in ("on", "off"):
            on = int(state == "on")
            edges.setdefault(rooms[entity_id], []).extend(((begin, 1, on), (stop, -1, -on)))
    return [
        Label(
            start_us=begin,
            end_us=stop,
            target=float(occupied),
            weight=_REFERENCE_WEIGHT,
            source=LabelSource.REFERENCE,
            known_at_us=end_us,
            room_id=room_id,
        )
        for room_id, found in edges.items()
        for begin, stop, occupied in _merged(found)
    ]


def _merged(edges: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, bool]]:
    """(begin, end, whether any is on) while any is known, from (time, change of those known, of those on)."""
    known = on = begin_us = 0
    before: bool | None = None
    for time_us, changes in groupby(sorted(edges), key=itemgetter(0)):
        for _, more_known, more_on in changes:
            known, on = known + more_known, on + more_on
        now = on > 0 if known else None
        if now is not before:
            if before is not None:
                yield begin_us, time_us, before
            before, begin_us = now, time_us


def away_labels(
    home: Home, events: Iterable[Event], before: Mapping[str, Event], start_us: int, end_us: int
) -> list[Label]:
    """Stretches in which every person entity was away: every room vacant. Arguments as above."""
    persons = {s.entity_id: s.room_id for s in home.sensors if s.role is Role.PERSON}
    if not persons:
        return []
    edges: list[tuple[int, int]] = []
    for _, begin, stop, state in _stretches(persons, events, before, start_us, end_us):
        if state not in ("home", "unknown", "unavailable", ""):
            edges += [(begin, 1), (stop, -1)]
    labels, away, since = [], 0, start_us
    for time_us, change in sorted(edges):
        if away == len(persons) and time_us > since:
            labels += [
                Label(
                    start_us=since,
                    end_us=time_us,
                    target=0.0,
                    weight=_AWAY_WEIGHT,
                    source=LabelSource.AWAY,
                    known_at_us=end_us,
                    room_id=room.room_id,
                )
                for room in home.rooms
            ]
        away, since = away + change, time_us
    return labels


def _stretches(
    entities: Mapping[str, str | None],
    events: Iterable[Event],
    before: Mapping[str, Event],
    start_us: int,
    end_us: int,
) -> list[tuple[str, int, int, str]]:
    """(entity, begin, end, state) of every stretch in one state, cut to the span."""
    now = {entity_id: (start_us, before[entity_id].state) for entity_id in entities if entity_id in before}
    done = []
    for event in events:
        if event.entity_id in entities:
            if event.entity_id in now:
                begin, state = now[event.entity_id]
                done.append((event.entity_id, begin, event.time_us, state))
            now[event.entity_id] = (event.time_us, event.state)
    done += [(entity_id, begin, end_us, state) for entity_id, (begin, state) in now.items()]
    return [stretch for stretch in done if stretch[2] > stretch[1]]
