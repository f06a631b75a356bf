"""A day of a home as its detectors see it: acts, spans of being on, and the sky above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
import zlib

import numpy as np
from numpy.typing import NDArray

from ..events import DAY_US, MINUTE_US, NO_STATE, Cause, Origin
from ..home import Home, Role, Sensor
from ..localtime import LocalClock
from ..payload import Array, pack, unpack
from ..store.event_log import EventLog, WordColumns
from .patterns import Act

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EYES = frozenset({Role.MOTION, Role.PRESENCE})
"""They see people; nobody switches them."""
HANDS = frozenset(
    {
        Role.LIGHT,
        Role.MEDIA,
        Role.ROUTINE_ONLY,
        Role.APPLIANCE,
        Role.DOOR,
        Role.OPENING,
        Role.EXIT_DOOR,
        Role.PERSON,
    }
)
"""Their changes are somebody's doing."""
_SWITCHED = frozenset({Role.LIGHT, Role.MEDIA, Role.ROUTINE_ONLY, Role.APPLIANCE})
_SKY = ("sun.", "weather.", "binary_sensor.workday")
"""Beginnings of entities that tell of the world outside: conditions, never acts."""

# A sensor that was quiet for so long and sees somebody reports an arrival; anything sooner is the same stay.
_EYES_QUIET_MS = 5 * 60_000
# What switches twice within this bounced.
_HANDS_QUIET_MS = 10_000
# More acts of one kind a day are chatter of a device, not of a person.
CHATTER = 150
_EVENTS_AT_ONCE_US = DAY_US // 12
_ON = {"playing": "on", "buffering": "on", "on": "on"}
_OFF = {"off": "off", "idle": "off", "standby": "off", "paused": "off"}
_KIND = "acts"


@dataclass(frozen=True, slots=True)
class Acts:
    """Acts of a local day, in order of time.

    Attributes:
        tokens: what can happen, sorted; `token` points into it.
        at_ms: (n,) milliseconds since the day began.
        minute: (n,) minute on the home's clock, 0 to 1439.
        token: (n,) which act.
        automatic: (n,) whether an automation did it.
    """

    tokens: tuple[Act, ...]
    at_ms: Ints
    minute: Ints
    token: Ints
    automatic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class Spans:
    """How long entities were on, of spans that ended on this day.

    Attributes:
        entity_ids: sorted; `entity` points into it.
        entity: (n,) which entity.
        minute: (n,) minute on the home's clock at which it went on.
        seconds: (n,) how long it was on.
        by_hand: (n,) whether the end was a person's or the device's own doing, not an automation's.
    """

    entity_ids: tuple[str, ...]
    entity: Ints
    minute: Ints
    seconds: Floats
    by_hand: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Day:
    """One local day.

    Attributes:
        day: which.
        length_ms: 23, 24 or 25 hours.
        events: how many stored events it was made from.
        acts: what happened.
        spans: what was on how long; not kept in the file.
        sky: by entity, (milliseconds since the day began, state) of what tells of the world or who is home,
            the first at or before 0 where it is known.
    """

    day: date
    length_ms: int
    events: int
    acts: Acts
    spans: Spans
    sky: Mapping[str, tuple[tuple[int, str], ...]]


class Cast:
    """Who can act: the sensors of a home by entity id."""

    def __init__(self, home: Home) -> None:
        self._of = {sensor.entity_id: sensor for sensor in home.sensors}
        self.rooms = tuple(room.room_id for room in home.rooms)
        self.persons = tuple(s.entity_id for s in home.sensors if s.role is Role.PERSON)

    def __contains__(self, entity_id: str) -> bool:
        return entity_id in self._of

    def sensor(self, entity_id: str) -> Sensor:
        """The sensor of an entity."""
        return self._of[entity_id]

    def room(self, entity_id: str) -> str | None:
        """The room of an entity, None where it has none or is gone."""
        sensor = self._of.get(entity_id)
        return None if sensor is None else sensor.room_id

    def sees(self, entity_id: str) -> bool:
        """Whether it only sees people."""
        sensor = self._of.get(entity_id)
        return sensor is not None and sensor.role in EYES

    def switched(self, entity_id: str) -> bool:
        """Whether it is something that people switch."""
        sensor = self._of.get(entity_id)
        return sensor is not None and sensor.role in _SWITCHED

    def siblings(self, one: str, other: str) -> bool:
        """Whether two entities are the same thing seen twice: one entity, or parts of one device."""
        if one == other:
            return True
        first, second = self._of.get(one), self._of.get(other)
        if first is None or second is None:
            return False
        return first.device_id is not None and first.device_id == second.device_id

    def may_follow(self, tokens: Sequence[Act]) -> NDArray[np.bool_]:
        """(n, n): which act may be an answer to which.

        An answer is somebody's hand, not the same thing again, and what only sees people concerns its own room.
        """
        found = [self._of.get(act.entity_id) for act in tokens]
        sees = np.array([sensor is not None and sensor.role in EYES for sensor in found], dtype=np.bool_)
        entity = _codes([act.entity_id for act in tokens])
        device = _codes([None if sensor is None else sensor.device_id for sensor in found])
        room = _codes([None if sensor is None else sensor.room_id for sensor in found])
        same = (entity[:, None] == entity) | ((device[:, None] == device) & (device >= 0))
        near = ~sees[:, None] | ((room[:, None] == room) & (room >= 0))
        allowed: NDArray[np.bool_] = near & ~sees & ~same
        return allowed

    @property
    def watched(self) -> list[str]:
        """Entities whose events are read: hands, eyes and the sky; what only measures is left out."""
        return sorted(e for e, s in self._of.items() if s.role in EYES | HANDS or e.startswith(_SKY))

    @property
    def remembered(self) -> list[str]:
        """Entities of which the state at a day's beginning matters."""
        return sorted(e for e, s in self._of.items() if s.role in HANDS or e.startswith(_SKY))


def _codes(names: Sequence[str | None]) -> Ints:
    """A number for each name, the same for the same one, -1 for none."""
    numbers = {
        name: number for number, name in enumerate(sorted({name for name in names if name is not None}))
    }
    return np.array([-1 if name is None else numbers[name] for name in names], dtype=np.int64)


def meaning(sensor: Sensor, state: str) -> str | None:
    """What a new state of an entity is called as an act, None where it is none."""
    role, domain = sensor.role, sensor.entity_id.partition(".")[0]
    if state in NO_STATE or sensor.entity_id.startswith(_SKY):
        return None
    if role in EYES or role in (Role.DOOR, Role.OPENING, Role.EXIT_DOOR):
        return "on" if state == "on" else None
    if role is Role.PERSON:
        return state if state == "home" else "not_home"
    if role is Role.MEDIA:
        return _ON.get(state) or _OFF.get(state)
    if domain == "cover":
        return state if state in ("open", "closed") else None
    return state if len(state) <= 32 else None


def read_day(events: EventLog, cast: Cast, clock: LocalClock, day: date) -> Iterator[Day | None]:
    """Read a local day from the store, a bounded slice at a time.

    Yields:
        None after each slice, at last the day.
    """
    start_us, end_us = clock.day_bounds(day)
    watched = cast.watched
    place = {entity_id: number for number, entity_id in enumerate(watched)}
    remembered = cast.remembered
    back = np.array([place[entity_id] for entity_id in remembered], dtype=np.int64)
    parts: list[WordColumns] = []
    for begin in range(start_us - DAY_US, start_us, _EVENTS_AT_ONCE_US):
        part = events.words(begin, min(begin + _EVENTS_AT_ONCE_US, start_us), remembered)
        parts.append(WordColumns(part.time_us, back[part.entity], part.state, part.cause, part.origin))
        yield None
    # Eyes need only be known to have been quiet.
    eyes = [entity_id for entity_id in watched if entity_id not in set(remembered)]
    seen = np.array([place[entity_id] for entity_id in eyes], dtype=np.int64)
    part = events.words(start_us - 2 * _EYES_QUIET_MS * 1000, start_us, eyes)
    parts.append(WordColumns(part.time_us, seen[part.entity], part.state, part.cause, part.origin))
    before = sum(len(part.time_us) for part in parts)
    for begin in range(start_us, end_us, _EVENTS_AT_ONCE_US):
        parts.append(events.words(begin, min(begin + _EVENTS_AT_ONCE_US, end_us), watched))
        yield None
    columns = WordColumns(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in WordColumns.__slots__)
    )
    texts = {int(number): events.state_text(int(number)) for number in np.unique(columns.state)}
    yield None
    yield _day(columns, texts, [cast.sensor(e) for e in watched], clock, day, len(columns.time_us) - before)


def _day(
    columns: WordColumns,
    texts: Mapping[int, str],
    sensors: Sequence[Sensor],
    clock: LocalClock,
    day: date,
    count: int,
) -> Day:
    start_us, end_us = clock.day_bounds(day)
    order = np.lexsort((columns.time_us, columns.entity))
    entity, state = columns.entity[order], columns.state[order]
    time_us, cause, origin = columns.time_us[order], columns.cause[order], columns.origin[order]
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = entity[1:] != entity[:-1]
    previous = np.where(first, -1, np.roll(state, 1))
    quiet_ms = np.where(first, 1 << 40, (time_us - np.roll(time_us, 1)) // 1000)
    # What an entity says at first may only be how things are, unless somebody is known to have done it.
    told = ~first | (cause != Cause.UNKNOWN) | (origin == Origin.IMPORT)
    nothing = np.array([number for number, text in texts.items() if text in NO_STATE], dtype=np.int64)
    changed = (state != previous) & told & ~np.isin(previous, nothing) & ~np.isin(state, nothing)
    width = max(texts, default=0) + 1
    kinds, kind = np.unique(entity * width + state, return_inverse=True)
    named = [
        _named(sensors[int(code) // width], texts[int(code) % width]) if len(sensors) else None
        for code in kinds
    ]
    tokens = tuple(sorted({act for act in named if act is not None}))
    number_of = {act: number for number, act in enumerate(tokens)}
    token = np.array([-1 if act is None else number_of[act] for act in named], dtype=np.int64)[kind]
    today = (time_us >= start_us) & (time_us < end_us)
    eyes = np.array([sensor.role in EYES for sensor in sensors], dtype=np.bool_)[entity]
    apart = quiet_ms >= np.where(eyes, _EYES_QUIET_MS, 0)
    happened = np.flatnonzero(changed & today & (token >= 0) & apart)
    happened = happened[np.argsort(time_us[happened], kind="stable")]
    happened = happened[_unbounced(token[happened], time_us[happened] // 1000)]
    acts = Acts(
        tokens,
        (time_us[happened] - start_us) // 1000,
        minutes_of_day(clock, time_us[happened]),
        token[happened],
        cause[happened] == Cause.AUTOMATION,
    )
    return Day(
        day,
        (end_us - start_us) // 1000,
        count,
        _compact(acts),
        _spans(entity, time_us, cause, token, tokens, today, first, clock, sensors),
        _sky(sensors, entity, time_us, state, texts, start_us),
    )


def _named(sensor: Sensor, state: str) -> Act | None:
    word = meaning(sensor, state)
    return None if word is None else Act(sensor.entity_id, word)


def _unbounced(token: Ints, at_ms: Ints) -> NDArray[np.bool_]:
    """Which acts are not a repetition of the same act within seconds; acts by time."""
    order = np.lexsort((at_ms, token))
    kept = np.ones(len(order), dtype=np.bool_)
    kept[1:] = (token[order][1:] != token[order][:-1]) | (np.diff(at_ms[order]) >= _HANDS_QUIET_MS)
    found = np.empty(len(order), dtype=np.bool_)
    found[order] = kept
    return found


def _compact(acts: Acts) -> Acts:
    """The same acts without tokens that nothing points to, and without chatter."""
    counts = np.bincount(acts.token, minlength=len(acts.tokens))
    alive = (counts > 0) & (counts <= CHATTER)
    kept = alive[acts.token]
    number = np.cumsum(alive) - 1
    tokens = tuple(act for act, lives in zip(acts.tokens, alive.tolist(), strict=True) if lives)
    return Acts(tokens, acts.at_ms[kept], acts.minute[kept], number[acts.token[kept]], acts.automatic[kept])


def _spans(
    entity: Ints,
    time_us: Ints,
    cause: Ints,
    token: Ints,
    tokens: tuple[Act, ...],
    today: NDArray[np.bool_],
    first: NDArray[np.bool_],
    clock: LocalClock,
    sensors: Sequence[Sensor],
) -> Spans:
    """Spans of being on that ended today; rows by entity, then time. Only what can be switched has spans."""
    on = np.array([act.state in ("on", "open", "heat", "cool") for act in tokens] + [False], dtype=np.bool_)[
        token
    ]
    switched = np.array([sensor.role in _SWITCHED for sensor in sensors], dtype=np.bool_)[entity]
    ends = np.flatnonzero(today & ~first & ~on & switched & (token >= 0))
    ends = ends[on[ends - 1]]
    entity_ids = tuple(sensor.entity_id for sensor in sensors)
    return Spans(
        entity_ids,
        entity[ends],
        minutes_of_day(clock, time_us[ends - 1]),
        (time_us[ends] - time_us[ends - 1]) / 1e6,
        cause[ends] != Cause.AUTOMATION,
    )


def _sky(
    sensors: Sequence[Sensor],
    entity: Ints,
    time_us: Ints,
    state: Ints,
    texts: Mapping[int, str],
    start_us: int,
) -> dict[str, tuple[tuple[int, str], ...]]:
    found: dict[str, tuple[tuple[int, str], ...]] = {}
    for number, sensor in enumerate(sensors):
        if sensor.role is not Role.PERSON and not sensor.entity_id.startswith(_SKY):
            continue
        rows = np.flatnonzero(entity == number)
        if not len(rows):
            continue
        at_ms = (time_us[rows] - start_us) // 1000
        begin = max(int(np.searchsorted(at_ms, 0, side="right")) - 1, 0)
        found[sensor.entity_id] = tuple(
            (int(ms), texts[int(code)]) for ms, code in zip(at_ms[begin:], state[rows][begin:], strict=True)
        )[:200]
    return found


def minutes_of_day(clock: LocalClock, times_us: Ints) -> Ints:
    """(n,) minutes 0 to 1439 on the home's clock of moments in microseconds UTC."""
    quarters, back = np.unique(times_us // (15 * MINUTE_US), return_inverse=True)
    starts = np.array(
        [
            (moment.hour * 60 + moment.minute)
            for moment in (clock.at(int(q) * 15 * MINUTE_US) for q in quarters)
        ],
        dtype=np.int64,
    )
    return (starts[back] + times_us % (15 * MINUTE_US) // MINUTE_US) % 1440 if len(quarters) else times_us


def pack_acts(day: Day) -> bytes:
    """Acts and sky of a day as bytes."""
    header = {
        "day": day.day.isoformat(),
        "length_ms": day.length_ms,
        "tokens": [[act.entity_id, act.state] for act in day.acts.tokens],
        "sky": {entity_id: [list(each) for each in told] for entity_id, told in sorted(day.sky.items())},
    }
    arrays: dict[str, Array] = {
        "at_ms": day.acts.at_ms,
        "minute": day.acts.minute,
        "token": day.acts.token,
        "automatic": day.acts.automatic,
    }
    return zlib.compress(pack(_KIND, header, arrays), 6)


def unpack_acts(data: bytes, events: int = 0) -> Day:
    """The day that `pack_acts` packed, without its spans.

    Raises:
        PayloadError: the bytes are damaged.
    """
    header, arrays = unpack(_KIND, zlib.decompress(data))
    nothing = np.zeros(0, dtype=np.int64)
    return Day(
        date.fromisoformat(header["day"]),
        header["length_ms"],
        events,
        Acts(
            tuple(Act(*each) for each in header["tokens"]),
            arrays["at_ms"],
            arrays["minute"],
            arrays["token"],
            arrays["automatic"],
        ),
        Spans((), nothing, nothing, nothing.astype(np.float64), nothing.astype(np.bool_)),
        {entity_id: tuple((ms, text) for ms, text in told) for entity_id, told in header["sky"].items()},
    )
