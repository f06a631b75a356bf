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
_MISSED_US = 15 * MINUTE_US


type Times = NDArray[np.int64]
type Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The states of one entity by time, real ones and gaps alike.

    Attributes:
        times_us: (n,) int64, ascending.
        codes: (n,) uint16, 0 where there was no state, else an index into `words`.
        automated: (n,) bool, whether an automation caused the change.
        words: the states by code; the first is the empty text.
    """

    times_us: Times
    codes: NDArray[np.uint16]
    automated: Flags
    words: tuple[str, ...] = ("",)

    def is_state(self, state: str) -> Flags:
        """(n,) whether each entry is this state."""
        if state not in self.words[1:]:
            return np.zeros(len(self.codes), np.bool_)
        flags: Flags = self.codes == self.words.index(state, 1)
        return flags

    def stands_at(self, moments_us: Times, state: str) -> Flags:
        """(m,) whether the entity is in this state at (m,) moments."""
        return self._look_up(moments_us, self.is_state(state))

    def known_at(self, moments_us: Times) -> Flags:
        """(m,) whether the entity has any state at (m,) moments."""
        return self._look_up(moments_us, self.codes != 0)

    def _look_up(self, moments_us: Times, flags: Flags) -> Flags:
        index = np.searchsorted(self.times_us, moments_us, side="right")
        found: Flags = np.append(False, flags)[index]
        return found


class TrackBuilder:
    """Collects the events of one entity, in order; those that repeat the state say nothing."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._codes: list[int] = []
        self._automated: list[bool] = []
        self._words: dict[str, int] = {"": 0}
        self._last = -1

    def add(self, time_us: int, state: str, automated: bool) -> None:
        """Add one event."""
        word = "" if state in NO_STATE else state
        code = self._words.setdefault(word, len(self._words))
        if code != self._last:
            self._last = code
            self._times.append(time_us)
            self._codes.append(code)
            self._automated.append(automated)

    def build(self) -> Track:
        """The track of all that was added."""
        return Track(
            np.array(self._times, np.int64),
            np.array(self._codes, np.uint16),
            np.array(self._automated, np.bool_),
            tuple(self._words),
        )


_NOTHING = TrackBuilder().build()


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """What happened in [start, end), with the states as they stood at the start.

    Attributes:
        tracks: by entity.
        rooms: by room, what was shown: "on" occupied, "off" vacant.
        persons: entities of people who live here.
        unheard: (begin, end) of the times that nothing tells of.
    """

    start_us: int
    end_us: int
    tracks: Mapping[str, Track]
    rooms: Mapping[str, Track] = field(default_factory=dict)
    persons: tuple[str, ...] = ()
    unheard: tuple[tuple[int, int], ...] = ()

    def is_heard(self, begin_us: Times, end_us: Times) -> Flags:
        """(m,) whether all of (m,) spans is told of; what comes back after a gap takes a while to say how it is."""
        heard = np.ones(len(begin_us), np.bool_)
        for deaf_us, again_us in self.unheard:
            heard &= (end_us < deaf_us) | (begin_us > again_us + _MISSED_US)
        return heard

    def track(self, entity_id: str) -> Track:
        """The states of an entity; none where nothing is stored."""
        return self.tracks.get(entity_id, _NOTHING)

    def room(self, room_id: str) -> Track:
        """What was shown of a room."""
        return self.rooms.get(room_id, _NOTHING)

    def someone_home(self, moments_us: Times) -> Flags:
        """(m,) whether any person was home at (m,) moments."""
        home = np.zeros(len(moments_us), np.bool_)
        for person in self.persons:
            home |= self.track(person).stands_at(moments_us, "home")
        return home


def read_past(
    store: Store,
    start_us: int,
    end_us: int,
    entity_ids: Iterable[str],
    room_ids: Iterable[str],
    persons: Iterable[str] = (),
    unheard: Iterable[tuple[int, int]] = (),
) -> Generator[float, None, Past]:
    """Read what a back-test needs, a bounded slice at a time.

    Yields:
        The share read.
    """
    people = tuple(persons)
    wanted = sorted({*entity_ids, *people})
    parts: list[tuple[Times, NDArray[np.int32], NDArray[np.int32], Flags]] = []
    for begin_us in range(start_us, end_us, _SLICE_US) if wanted else ():
        until_us = min(begin_us + _SLICE_US, end_us)
        found = store.events.words(begin_us, until_us, wanted)
        automated = found.cause == int(Cause.AUTOMATION)
        parts.append((found.time_us, found.entity.astype(np.int32), found.state.astype(np.int32), automated))
        yield (until_us - start_us) / (end_us - start_us)
    before = store.events.last_before(start_us, wanted) if wanted else {}
    yield 1.0
    tracks = {}
    if parts:
        times, entities, states, flags = (np.concatenate(column) for column in zip(*parts, strict=True))
        numbers, codes = np.unique(states, return_inverse=True)
        words = [store.events.state_text(int(number)) for number in numbers]
        order = np.argsort(entities, kind="stable")
        bounds = np.searchsorted(entities[order], np.arange(len(wanted) + 1))
        for index, entity_id in enumerate(wanted):
            own = order[bounds[index] : bounds[index + 1]]
            tracks[entity_id] = _track(before.get(entity_id), times[own], codes[own], flags[own], words)
            yield 1.0
    rooms = {}
    for room_id in room_ids:
        shown: list[tuple[int, bool]] = []
        for begin_us in range(start_us, end_us, DAY_US):
            read = store.predictions.read(room_id, begin_us, min(begin_us + DAY_US, end_us))
            shown += [(each.time_us, each.occupied) for each in read]
            yield 1.0
        rooms[room_id] = shown_track(shown)
    return Past(start_us, end_us, tracks, rooms, people, tuple(unheard))


def _track(before: Event | None, times: Times, states: Times, automated: Flags, words: list[str]) -> Track:
    """The track of one entity: what stood before, then its events; states are indices into the words."""
    known = ["", *(word for word in words if word not in NO_STATE)]
    if before is not None and before.is_real and before.state not in known:
        known.append(before.state)
    code_of = np.array([known.index(word) if word not in NO_STATE else 0 for word in words], np.uint16)
    codes = code_of[states]
    if before is not None:
        first = known.index(before.state) if before.is_real else 0
        times, codes = np.append(before.time_us, times), np.append(np.uint16(first), codes)
        automated = np.append(before.cause is Cause.AUTOMATION, automated)
    kept = np.append(True, codes[1:] != codes[:-1])[: len(codes)]
    return Track(times[kept], codes[kept], automated[kept], tuple(known))


def shown_track(shown: Iterable[tuple[int, bool]]) -> Track:
    """What was shown of a room every five minutes, "on" or "off"; a gap where nothing was."""
    builder = TrackBuilder()
    before_us = None
    for time_us, occupied in shown:
        # Two rows far apart: Home Assistant did not run, and a change in between was not seen.
        if before_us is not None and time_us - before_us > _MISSED_US:
            builder.add(before_us + _MISSED_US, "", False)
        builder.add(time_us, "on" if occupied else "off", False)
        before_us = time_us
    return builder.build()
