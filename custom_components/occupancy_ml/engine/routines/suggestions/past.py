"""The stored past of some entities, as arrays that a back-test can look things up in."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...events import DAY_US, MINUTE_US, NO_STATE, Cause, Event
from ...store import Store

# A quarter of a day at a time: a slice of some milliseconds also in a home of 200,000 events a day.
_SLICE_US = DAY_US // 4


@dataclass(frozen=True, slots=True)
class Track:
    """The states of one entity by time, real ones and gaps alike.

    Attributes:
        times_us: (n,) int64, ascending.
        states: n states; the empty text where there was none.
        automated: (n,) bool, whether an automation caused the change.
    """

    times_us: NDArray[np.int64]
    states: tuple[str, ...]
    automated: NDArray[np.bool_]

    def index_at(self, time_us: int) -> int:
        """Which state stood at a time, -1 before the first."""
        return int(np.searchsorted(self.times_us, time_us, side="right")) - 1

    def state_at(self, time_us: int) -> str:
        """The state at a time; the empty text where none is known."""
        index = self.index_at(time_us)
        return self.states[index] if index >= 0 else ""


_NOTHING = Track(np.empty(0, np.int64), (), np.empty(0, np.bool_))


@dataclass(frozen=True, slots=True)
class Past:
    """What happened in [start, end), with the states as they stood at the start.

    Attributes:
        tracks: by entity.
        rooms: by room, what was shown: "on" occupied, "off" vacant.
        persons: entities of people who live here.
    """

    start_us: int
    end_us: int
    tracks: Mapping[str, Track]
    rooms: Mapping[str, Track] = field(default_factory=dict)
    persons: tuple[str, ...] = ()

    def track(self, entity_id: str) -> Track:
        """The states of an entity; none where nothing is stored."""
        return self.tracks.get(entity_id, _NOTHING)

    def room(self, room_id: str) -> Track:
        """What was shown of a room."""
        return self.rooms.get(room_id, _NOTHING)

    def someone_home(self, time_us: int) -> bool:
        """Whether any person was home at a time."""
        return any(self.track(person).state_at(time_us) == "home" for person in self.persons)


def read_past(
    store: Store,
    start_us: int,
    end_us: int,
    entity_ids: Iterable[str],
    room_ids: Iterable[str],
    persons: Iterable[str] = (),
) -> Generator[float, None, Past]:
    """Read what a back-test needs, a bounded slice at a time.

    Yields:
        The share read.
    """
    people = tuple(persons)
    wanted = sorted({*entity_ids, *people})
    events: dict[str, list[Event]] = {entity_id: [] for entity_id in wanted}
    if wanted:
        for entity_id, event in store.events.last_before(start_us, wanted).items():
            events[entity_id].append(event)
        yield 0.0
        for begin_us in range(start_us, end_us, _SLICE_US):
            until_us = min(begin_us + _SLICE_US, end_us)
            for batch in store.events.read(begin_us, until_us, wanted, 2000):
                for event in batch:
                    events[event.entity_id].append(event)
                yield (begin_us - start_us) / (end_us - start_us)
            yield (until_us - start_us) / (end_us - start_us)
    rooms = {}
    for room_id in room_ids:
        rooms[room_id] = _shown(store, room_id, start_us, end_us)
        yield 1.0
    tracks = {entity_id: track_of(found) for entity_id, found in events.items()}
    return Past(start_us, end_us, tracks, rooms, people)


def track_of(events: Iterable[Event]) -> Track:
    """The track of one entity's events, in order; those that repeat the state say nothing."""
    times: list[int] = []
    states: list[str] = []
    automated: list[bool] = []
    for event in events:
        state = "" if event.state in NO_STATE else event.state
        if not states or state != states[-1]:
            times.append(event.time_us)
            states.append(state)
            automated.append(event.cause is Cause.AUTOMATION)
    return Track(np.array(times, np.int64), tuple(states), np.array(automated, np.bool_))


def _shown(store: Store, room_id: str, start_us: int, end_us: int) -> Track:
    """What was shown of a room every five minutes; a gap where nothing was."""
    series = store.predictions.series(room_id, start_us, end_us)
    times = series.time_us
    if not len(times):
        return _NOTHING
    changed = np.flatnonzero(np.append(True, np.diff(series.occupied)))
    states = ["on" if series.occupied[index] else "off" for index in changed]
    moments = [int(times[index]) for index in changed]
    # Two rows far apart: Home Assistant did not run, and a change in between was not seen.
    gaps = np.flatnonzero(np.diff(times) > 15 * MINUTE_US)
    for gap in gaps:
        moments += [int(times[gap]) + 5 * MINUTE_US, int(times[gap + 1])]
        states += ["", "on" if series.occupied[gap + 1] else "off"]
    order = np.argsort(np.array(moments), kind="stable")
    # A change found right after a gap stands there twice: the same state twice is one.
    kept: list[int] = []
    for index in order:
        if not kept or states[index] != states[kept[-1]]:
            kept.append(int(index))
    return Track(
        np.array([moments[index] for index in kept], np.int64),
        tuple(states[index] for index in kept),
        np.zeros(len(kept), np.bool_),
    )
