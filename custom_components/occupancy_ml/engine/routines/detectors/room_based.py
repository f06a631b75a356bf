"""Rooms: when each is busy, and where people go from there."""

from __future__ import annotations

from collections.abc import Iterator
import json

import numpy as np
from numpy.typing import NDArray

from ..acts import Day
from ..cast import EYES, Cast
from ..chance import log_odds, q_values, surprise, uniforms, wilson
from ..patterns import Pattern, PatternType, Statistics, When
from ..window import Row, Window, clock_text, pages

_SLOT_MIN = 10
_SLOTS = 1440 // _SLOT_MIN
_GAP_MS = 10 * 60_000
_DAYS = 56
_RATE = 0.05
_LEAST_DAYS = 5
_LEAST_LOW = 0.35
# Half as often again as the rooms' own shares would have it.
_LEAST_EFFECT = 0.4
_PERMUTATIONS = 40
_LEAST_MOVES = 10
# Hours to either side that are the surroundings of an hour, and how much more than they it must be.
_AROUND = 3
_LEAST_RATIO = 1.3
_LEAST_MOVE_LOW = 0.15
# So often is a step dealt anew that would lead to where it began.
_DRAWS = 6


class RoomBased:
    """Activity, transitions, peak hours."""

    pattern_type = PatternType.ROOM_BASED
    table = "room_based_daily"

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """One row for each room that had an act, automations left out."""
        acts, cast = day.acts, window.cast
        room_of = np.array([_index(cast, act.entity_id) for act in acts.tokens], dtype=np.int64)
        shows = np.array([_shows(cast, act.entity_id) for act in acts.tokens], dtype=np.bool_)
        if not len(room_of):
            yield []
            return
        done = ~acts.automatic & (room_of[acts.token] >= 0)
        token, minute, at_ms = acts.token[done], acts.minute[done], acts.at_ms[done]
        room = room_of[token]
        seen = shows[token]
        moves = _moves(room[seen], at_ms[seen], minute[seen] // 60, len(cast.rooms))
        rows: list[Row] = []
        for number in np.unique(room).tolist():
            mine = room == number
            slots = np.unique(minute[mine] // _SLOT_MIN)
            hours = np.bincount(slots * _SLOT_MIN // 60, minlength=24)
            usage: dict[str, int] = {}
            for each, count in enumerate(np.bincount(token[mine], minlength=len(acts.tokens)).tolist()):
                if count:
                    entity_id = acts.tokens[each].entity_id
                    usage[entity_id] = usage.get(entity_id, 0) + count
            targets = np.flatnonzero(moves[number].any(axis=1)).tolist()
            rows.append(
                {
                    "area_id": cast.rooms[number],
                    "activity_level": len(slots) / _SLOTS,
                    "device_usage": usage,
                    "transition_patterns": [
                        [cast.rooms[to], hour, int(moves[number, to, hour])]
                        for to in targets
                        for hour in np.flatnonzero(moves[number, to]).tolist()
                    ],
                    "peak_activity_hours": np.flatnonzero((hours == hours.max()) & (hours > 0)).tolist(),
                    "hourly_activity": hours.tolist(),
                }
            )
        yield rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Hours at which a room is busy on most days, and ways that people usually go on."""
        window = window.last(_DAYS)
        number = {day.isoformat(): index for index, day in enumerate(window.days)}
        columns = ("date", "area_id", "hourly_activity", "transition_patterns")
        busy: dict[str, NDArray[np.float64]] = {}
        moves: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
        for page in pages(window, self.table, columns):
            for day, room, hours, told in page:
                if room in window.cast.rooms:
                    grid = busy.setdefault(room, np.zeros((len(window.days), 24)))
                    grid[number[day]] = np.array(json.loads(hours)) > 0
                    for to, hour, count in json.loads(told):
                        moves.setdefault((room, to), []).append((number[day], hour, count))
            yield None
        patterns: list[Pattern] = []
        for part in _peaks(busy, window):
            if part is not None:
                patterns += part
            yield None
        for part in _ways(moves, window):
            if part is not None:
                patterns += part
            yield None
        yield patterns


def _index(cast: Cast, entity_id: str) -> int:
    room = cast.room(entity_id)
    return -1 if room is None or room not in cast.rooms else cast.rooms.index(room)


def _shows(cast: Cast, entity_id: str) -> bool:
    """Whether its acts show where somebody is: not those of doors, which stand between rooms, nor remote switches."""
    return entity_id in cast and cast.sensor(entity_id).role in EYES


def _moves(
    room: NDArray[np.int64], at_ms: NDArray[np.int64], hour: NDArray[np.int64], rooms: int
) -> NDArray[np.int64]:
    """(rooms, rooms, hours): how often somebody went straight on from one to the other."""
    found = np.zeros((rooms, rooms, 24), dtype=np.int64)
    if len(room) > 1:
        went = (room[1:] != room[:-1]) & (np.diff(at_ms) <= _GAP_MS)
        np.add.at(found, (room[:-1][went], room[1:][went], hour[1:][went]), 1)
    return found


def _peaks(busy: dict[str, NDArray[np.float64]], window: Window) -> Iterator[list[Pattern] | None]:
    """One pattern a room: the hours at which it is busy on more days than its days, turned by chance, would give."""
    days = len(window.days)
    rooms = sorted(room for room, grid in busy.items() if (grid.sum(axis=1) > 0).sum() >= _LEAST_DAYS)
    scores, null, expected = [], [], []
    for seed, room in enumerate(rooms):
        grid = busy[room]
        share = _around(grid.sum(axis=0))
        turns = np.floor((2 * uniforms(7000 + seed, _PERMUTATIONS, days) - 1) * (_AROUND + 1)).astype(
            np.int64
        )
        index = (np.arange(24) + turns[:, :, None]) % 24
        counts = grid[np.arange(days)[None, :, None], index].sum(axis=1)  # (permutations, hours)
        scores.append(surprise(grid.sum(axis=0), np.full(24, days), share))
        null.append(surprise(counts, np.full(24, days), share))
        expected.append(share)
        yield None
    if not rooms:
        return
    rates = q_values(np.concatenate(scores), np.concatenate(null, axis=1)).reshape(len(rooms), 24)
    found = []
    for place, room in enumerate(rooms):
        hits = busy[room].sum(axis=0)
        hours = [
            hour
            for hour in range(24)
            if rates[place, hour] <= _RATE
            and wilson(hits[hour], days)[0] >= _LEAST_LOW
            and hits[hour] >= _LEAST_RATIO * expected[place][hour]
        ]
        if hours:
            best = max(hours, key=lambda hour: hits[hour])
            on = np.flatnonzero(busy[room][:, hours].any(axis=1))
            low, high = wilson(hits[best], days)
            stats = Statistics(
                log_odds(hits[best], days, expected[place][best]), int(hits[best]), days, int(hits[best]),
                float(hits[best] / days), low, high, float(rates[place, hours].max()),
            )  # fmt: skip
            found.append(
                Pattern(
                    key=f"room_based|busy|{room}",
                    pattern_type=PatternType.ROOM_BASED,
                    entities=_seeing(window.cast, room),
                    room_id=room,
                    statistics=stats,
                    when=When(hours=tuple(hours)),
                    first_seen=window.days[int(on[0])].isoformat(),
                    last_seen=window.days[int(on[-1])].isoformat(),
                    parameters={"kind": "busy"},
                    description=f"{room} is busiest {_hours_text(hours)} (up to {int(hits[best])} of {days} days)",
                )
            )
    yield found


def _around(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(24,) what an hour is expected to hold: the mean of the day, or of the hours around it."""
    near = np.mean([np.roll(counts, shift) for shift in range(-_AROUND, _AROUND + 1)], axis=0)
    found: NDArray[np.float64] = np.maximum(near, counts.mean())
    return found


def _ways(
    moves: dict[tuple[str, str], list[tuple[int, int, int]]], window: Window
) -> Iterator[list[Pattern] | None]:
    """Ways that are taken more often than the rooms' own share of the same hour of the same day would give."""
    rooms = sorted({room for way in moves for room in way})
    place = {room: number for number, room in enumerate(rooms)}
    table = [
        (day * 24 + hour, place[way[0]], place[way[1]], count)
        for way, told in sorted(moves.items())
        for day, hour, count in told
    ]
    if not table:
        return
    yield None
    each = np.array(table, dtype=np.int64)
    steps = np.repeat(each[:, :3], each[:, 3], axis=0)
    steps = steps[np.argsort(steps[:, 0], kind="stable")]
    size = len(rooms)

    def counted(to: NDArray[np.int64]) -> NDArray[np.float64]:
        apart = steps[:, 1] != to
        pairs = steps[apart, 1] * size + to[apart]
        return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.float64)

    counts = counted(steps[:, 2])
    begins = np.searchsorted(steps[:, 0], steps[:, 0], side="left")
    lengths = np.searchsorted(steps[:, 0], steps[:, 0], side="right") - begins
    yield None
    mixed = []
    for number in range(_PERMUTATIONS):
        mixed.append(counted(_dealt(steps, begins, lengths, 8000 + number)))
        yield None
    chance = np.stack(mixed)
    leaves = np.maximum(counts.sum(axis=1), 1.0)
    expected = chance.mean(axis=0) + 0.5
    trials = np.repeat(leaves[:, None], size, axis=1)
    scores = np.where(counts >= _LEAST_MOVES, surprise(counts, trials, expected), 0.0)
    others = (chance.sum(axis=0) - chance) / (_PERMUTATIONS - 1) + 0.5
    null = surprise(chance, trials, others).reshape(_PERMUTATIONS, -1)
    ways = np.flatnonzero(scores.ravel() > 0)
    rates = q_values(scores.ravel()[ways], null)
    found = []
    for way, rate in zip(ways.tolist(), rates.tolist(), strict=True):
        one, to = divmod(way, size)
        count, left = int(counts[one, to]), int(leaves[one])
        low, high = wilson(count, left)
        effect = log_odds(count, left, float(expected[one, to]))
        if rate <= _RATE and low >= _LEAST_MOVE_LOW and effect >= _LEAST_EFFECT:
            days = sorted({day for day, _, _ in moves[rooms[one], rooms[to]]})
            found.append(
                Pattern(
                    key=f"room_based|way|{rooms[one]}|{rooms[to]}",
                    pattern_type=PatternType.ROOM_BASED,
                    entities=_seeing(window.cast, rooms[to]) + _seeing(window.cast, rooms[one]),
                    room_id=rooms[one],
                    statistics=Statistics(effect, count, left, len(days), count / left, low, high, rate),
                    first_seen=window.days[days[0]].isoformat(),
                    last_seen=window.days[days[-1]].isoformat(),
                    parameters={"kind": "way", "to_room": rooms[to]},
                    description=f"From {rooms[one]} people go on to {rooms[to]} ({count} of {left} times)",
                )
            )
    yield found


def _dealt(
    steps: NDArray[np.int64], begins: NDArray[np.int64], lengths: NDArray[np.int64], seed: int
) -> NDArray[np.int64]:
    """(n,) where each step would lead by chance: to where another of its block led, but never to where it is.

    Args:
        steps: (n, 3) block, room, next room; by block.
        begins: (n,) where the block of each step begins.
        lengths: (n,) how many steps it has.
        seed: of the draws.
    """
    to = steps[:, 1].copy()
    for draw in uniforms(seed, _DRAWS, len(steps)):
        stays = to == steps[:, 1]
        drawn = begins + np.floor(draw * lengths).astype(np.int64)
        to[stays] = steps[drawn[stays], 2]
    return to


def _seeing(cast: Cast, room: str) -> tuple[str, ...]:
    """The sensors that see a room, or whatever is watched in it."""
    own = [entity_id for entity_id in cast.watched if cast.room(entity_id) == room]
    return tuple(e for e in own if cast.sees(e)) or tuple(own)


def _hours_text(hours: list[int]) -> str:
    """Hours as stretches of clock time."""
    runs: list[list[int]] = []
    for hour in hours:
        if runs and hour == runs[-1][-1] + 1:
            runs[-1].append(hour)
        else:
            runs.append([hour])
    return " and ".join(f"{clock_text(run[0] * 60)} to {clock_text((run[-1] + 1) % 24 * 60)}" for run in runs)
