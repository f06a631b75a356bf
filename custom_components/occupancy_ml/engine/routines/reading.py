"""A stored local day, read once: what of it were acts, what was on how long, what the sky was like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import numpy as np
from numpy.typing import NDArray

from ..events import DAY_US, MINUTE_US, NO_STATE, Cause, Origin
from ..home import Role, Sensor
from ..localtime import LocalClock
from ..store.event_log import EventLog, WordColumns
from .acts import Acts, Day, Ints, Spans
from .cast import EYES, SWITCHED, Cast, is_sky
from .patterns import Act

# A sensor that was quiet for so long and sees somebody reports an arrival; anything sooner is the same stay.
_EYES_QUIET_MS = 5 * 60_000
# What switches twice within this bounced.
_HANDS_QUIET_MS = 10_000
# More acts of one kind a day are chatter of a device, not of a person.
CHATTER = 150
_EVENTS_AT_ONCE_US = DAY_US // 24
_ON = {"playing": "on", "buffering": "on", "on": "on"}
_OFF = {"off": "off", "idle": "off", "standby": "off", "paused": "off"}


def meaning(sensor: Sensor, state: str) -> str | None:
    """What a new state of an entity is called as an act, None where it is none."""
    role, domain = sensor.role, sensor.entity_id.partition(".")[0]
    if state in NO_STATE or is_sky(sensor):
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
    yield None
    texts = {int(number): events.state_text(int(number)) for number in np.unique(columns.state)}
    yield None
    yield from _day(
        columns, texts, [cast.sensor(e) for e in watched], clock, day, len(columns.time_us) - before
    )


def _day(
    columns: WordColumns,
    texts: Mapping[int, str],
    sensors: Sequence[Sensor],
    clock: LocalClock,
    day: date,
    count: int,
) -> Iterator[Day | None]:
    start_us, end_us = clock.day_bounds(day)
    order = np.lexsort((columns.time_us, columns.entity))
    entity, state = columns.entity[order], columns.state[order]
    time_us, cause, origin = columns.time_us[order], columns.cause[order], columns.origin[order]
    yield None
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = entity[1:] != entity[:-1]
    previous = np.where(first, -1, np.roll(state, 1))
    quiet_ms = np.where(first, 1 << 40, (time_us - np.roll(time_us, 1)) // 1000)
    # What an entity says at first may only be how things are, unless somebody is known to have done it.
    told = ~first | (cause != Cause.UNKNOWN) | (origin == Origin.IMPORT)
    nothing = np.array([number for number, text in texts.items() if text in NO_STATE], dtype=np.int64)
    changed = (state != previous) & told & ~np.isin(previous, nothing) & ~np.isin(state, nothing)
    yield None
    width = max(texts, default=0) + 1
    kinds, kind = np.unique(entity * width + state, return_inverse=True)
    named = [
        _named(sensors[int(code) // width], texts[int(code) % width]) if len(sensors) else None
        for code in kinds
    ]
    tokens = tuple(sorted({act for act in named if act is not None}))
    number_of = {act: number for number, act in enumerate(tokens)}
    token = np.array([-1 if act is None else number_of[act] for act in named], dtype=np.int64)[kind]
    yield None
    today = (time_us >= start_us) & (time_us < end_us)
    eyes = np.array([sensor.role in EYES for sensor in sensors], dtype=np.bool_)[entity]
    apart = quiet_ms >= np.where(eyes, _EYES_QUIET_MS, 0)
    happened = np.flatnonzero(changed & today & (token >= 0) & apart)
    happened = happened[np.argsort(time_us[happened], kind="stable")]
    happened = happened[_unbounced(token[happened], time_us[happened] // 1000)]
    yield None
    acts = Acts(
        tokens,
        (time_us[happened] - start_us) // 1000,
        minutes_of_day(clock, time_us[happened]),
        token[happened],
        cause[happened] == Cause.AUTOMATION,
    )
    yield None
    compact = _compact(acts)
    dropped = {acts.tokens[number] for number in np.unique(acts.token).tolist()} - set(compact.tokens)
    yield Day(
        day,
        (end_us - start_us) // 1000,
        count,
        compact,
        _spans(entity, time_us, cause, token, tokens, today, first, clock, sensors),
        _sky(sensors, entity, time_us, state, texts, start_us),
        frozenset(act.entity_id for act in dropped),
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
    switched = np.array([sensor.role in SWITCHED for sensor in sensors], dtype=np.bool_)[entity]
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
        if sensor.role is not Role.PERSON and not is_sky(sensor):
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
