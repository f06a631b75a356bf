"""The model's states, its parameters, and the matrices they make.

A chain is in a room, active or still (asleep, reading), or outside: with R rooms
S = 2 R + 1 states, in the order active rooms, still rooms, outside. The constants
below are prior beliefs about any home. They were chosen on the recorded homes named in
docs/figures.md; the emission and movement rates are then learned from each home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..home import Home, Role, RoomKind
from ..senses import ACTIVITY_ROLES

Floats = NDArray[np.float64]

# P(a sensor of the room fires within a minute), by context (rows: quiet before, fired within
# the last quarter of an hour) and by who is there (columns: nobody, somebody still, somebody
# active). The second row is nearly flat: a sensor that goes on firing tells little more than
# its first signal did, because false alarms come in bursts just as movements do.
_FIRE_PRIOR = np.array([[0.003, 0.02, 0.35], [0.5, 0.5, 0.6]])
# How many minutes of evidence the first row is worth.
_FIRE_PRIOR_MINUTES = np.array([10_000.0, 1_000.0, 1_000.0])

# P(a presence sensor is on), by whether its room is occupied (columns: no, yes).
_PRESENCE_PRIOR = np.array([0.03, 0.85])
_PRESENCE_PRIOR_MINUTES = 10.0
# P(no person entity is home), by whether anybody is (columns: nobody, somebody).
_ALL_AWAY = np.array([0.95, 0.05])

# Chances a minute: an active person sits down, a still one gets up.
_SETTLE = 0.08
_RISE = 0.02
_MOVE = 0.06  # an active person goes to another room
# Nobody lingers where people only pass, nor long where they wash: (settle, rise, move).
_HABITS = {RoomKind.PASSAGE: (0.02, 0.2, 0.3), RoomKind.BATHROOM: (0.04, 0.05, 0.12)}
_MOVE_PRIOR = 2.0  # moves of evidence that the even spread over the other rooms is worth

# When a sensor fires somewhere, whoever it was may have moved and is not still.
_MOVE_ON_FIRE = 0.3
_RISE_ON_FIRE = 0.2

# With a sensor on every way out, people pass unnoticed almost never; without, now and then.
_UNNOTICED = 3e-6
_UNNOTICED_ON_FIRE = 9e-6
_UNWATCHED = 0.004
# What a person does who makes an outer door move, and what nobody's doing explains it.
_DOOR_LEAVE = 0.5
_DOOR_OPEN = 0.3
_DOOR_ARRIVE = 0.6
_DOOR_OUTSIDE = 0.03
_DOOR_BY_NOBODY = 0.003
_DOOR_FROM_STILL = 0.2
_EXIT_ELSEWHERE = 0.3  # how much likelier the rooms at the door are than the others

# The second chain is seldom in: most homes look like one group moving through.
_SECOND_ARRIVES = 0.01

# How much a room draws people at night (22:00 to 07:00) and by day, by its kind.
_DRAW = {
    RoomKind.BEDROOM: (4.0, 0.6),
    RoomKind.LIVING: (0.5, 2.0),
    RoomKind.KITCHEN: (0.4, 1.0),
    RoomKind.BATHROOM: (0.7, 0.7),
    RoomKind.OFFICE: (0.3, 1.0),
    RoomKind.PASSAGE: (0.5, 0.5),
    RoomKind.OTHER: (0.5, 1.0),
}
_NIGHT_FROM, _NIGHT_TO = 22, 7


@dataclass(frozen=True, slots=True)
class Layout:
    """The home as the model sees it: rooms, presence sensors and exits by index.

    Attributes:
        room_ids: (R,) the rooms in order.
        kinds: (R,) what they are for.
        sensed: (R,) whether anything in the room can fire.
        presence_rooms: (K,) the room of each presence sensor.
        exit_rooms: rooms an outer door leads into; empty where no door is watched.
        has_persons: whether person entities are watched.
    """

    room_ids: tuple[str, ...]
    kinds: tuple[RoomKind, ...]
    sensed: tuple[bool, ...]
    presence_rooms: tuple[int, ...]
    exit_rooms: tuple[int, ...]
    has_persons: bool

    @classmethod
    def of(cls, home: Home) -> Self:
        """The layout of a home."""
        index = {room.room_id: number for number, room in enumerate(home.rooms)}
        sensed = {s.room_id for s in home.sensors if s.role in ACTIVITY_ROLES}
        exits = {index[s.room_id] for s in home.sensors if s.role is Role.EXIT_DOOR and s.room_id}
        return cls(
            room_ids=tuple(index),
            kinds=tuple(room.kind for room in home.rooms),
            sensed=tuple(room_id in sensed for room_id in index),
            presence_rooms=tuple(
                index[s.room_id] for s in home.sensors if s.role is Role.PRESENCE and s.room_id
            ),
            exit_rooms=tuple(sorted(exits)),
            has_persons=any(s.role is Role.PERSON for s in home.sensors),
        )

    @property
    def states(self) -> int:
        """S, the number of states of one chain."""
        return 2 * len(self.room_ids) + 1


@dataclass(frozen=True, slots=True)
class Counts:
    """Expected counts from smoothing, the statistics of an EM step.

    Attributes:
        moves: (R, R) moves between rooms.
        fires: (2, 3, R, 2) minutes by context, who was there, room, and whether a sensor fired.
        levels: (K, 2, 2) minutes by presence sensor, whether its room was occupied, and whether it was on.
    """

    moves: Floats
    fires: Floats
    levels: Floats


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is learned from a home.

    Attributes:
        moves: (R, R) where somebody goes who leaves a room; rows sum to one.
        fire: (2, 3, R) P(a sensor fires within a minute) by context, who is there, and room.
        level: (K, 2) P(a presence sensor is on) by whether its room is occupied.
    """

    moves: Floats
    fire: Floats
    level: Floats

    @classmethod
    def prior(cls, layout: Layout) -> Self:
        """What is believed before anything is learned."""
        rooms = len(layout.room_ids)
        return cls.learned(
            layout,
            Counts(np.zeros((rooms, rooms)), np.zeros((2, 3, rooms, 2)), np.zeros((len(layout.presence_rooms), 2, 2))),
        )

    @classmethod
    def learned(cls, layout: Layout, counts: Counts) -> Self:
        """The M step: posterior means of the rates under the priors above."""
        rooms = len(layout.room_ids)
        others = 1.0 - np.eye(rooms)
        moves = counts.moves * others + _MOVE_PRIOR / rooms * others
        moves /= np.maximum(moves.sum(axis=1, keepdims=True), 1e-12)
        weight = _FIRE_PRIOR_MINUTES[:, None]
        fire = np.repeat(_FIRE_PRIOR[:, :, None], rooms, axis=2)
        fire[0] = (counts.fires[0, :, :, 1] + weight * fire[0]) / (counts.fires[0].sum(axis=-1) + weight)
        # Somebody there never makes a sensor fire less.
        fire = np.maximum.accumulate(np.clip(fire, 0.0, 0.98), axis=1)
        fire[:, :, ~np.array(layout.sensed, dtype=bool)] = 0.0
        level = (counts.levels[:, :, 1] + _PRESENCE_PRIOR_MINUTES * _PRESENCE_PRIOR) / (
            counts.levels.sum(axis=-1) + _PRESENCE_PRIOR_MINUTES
        )
        return cls(moves, fire, np.clip(level, 0.002, 0.998))

    def to_json(self) -> dict[str, Any]:
        """Plain lists."""
        return {"moves": self.moves.tolist(), "fire": self.fire.tolist(), "level": self.level.tolist()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        level = np.array(value["level"], dtype=np.float64).reshape(-1, 2)
        return cls(np.array(value["moves"]), np.array(value["fire"]), level)


@dataclass(frozen=True, slots=True)
class Transition:
    """A step of both chains: the sum over terms of weight * (first, second) transition matrices (S, S)."""

    terms: tuple[tuple[Floats, Floats, float], ...]

    def forward(self, belief: Floats) -> Floats:
        """The joint belief (S, S) one step later."""
        first, second, weight = self.terms[0]
        out = weight * (first.T @ belief @ second)
        for first, second, weight in self.terms[1:]:
            out += weight * (first.T @ belief @ second)
        return out

    def backward(self, message: Floats) -> Floats:
        """The backward message (S, S) one step earlier."""
        first, second, weight = self.terms[0]
        out = weight * (first @ message @ second.T)
        for first, second, weight in self.terms[1:]:
            out += weight * (first @ message @ second.T)
        return out


class Tables:
    """Transition matrices by local hour and kind of step, made when first needed."""

    def __init__(self, layout: Layout, parameters: Parameters) -> None:
        self._layout = layout
        self._parameters = parameters
        self._cache: dict[tuple[bool, str, int], Transition] = {}

    def quiet(self, hour: int, minutes: int = 1) -> Transition:
        """Some minutes in which nothing was heard."""
        return self._get(hour, "quiet", minutes)

    def fire(self, hour: int) -> Transition:
        """A moment in which a sensor fired."""
        return self._get(hour, "fire", 1)

    def door(self, hour: int) -> Transition:
        """A moment in which an outer door opened."""
        return self._get(hour, "door", 1)

    def _get(self, hour: int, kind: str, minutes: int) -> Transition:
        night = hour >= _NIGHT_FROM or hour < _NIGHT_TO
        key = (night, kind, minutes)
        if key not in self._cache:
            self._cache[key] = self._make(night, kind, minutes)
        return self._cache[key]

    def _make(self, night: bool, kind: str, minutes: int) -> Transition:
        if kind == "door":
            first, second = self._door(night, 1.0), self._door(night, _SECOND_ARRIVES)
            idle, idle_second = self._walk(night, True, 1.0), self._walk(night, True, _SECOND_ARRIVES)
            return Transition(
                (
                    (first, idle_second, 1.0),
                    (idle, second, 1.0),
                    (first, second, 1.0),
                    (idle, idle_second, _DOOR_BY_NOBODY),
                )
            )
        fired = kind == "fire"
        first, second = self._walk(night, fired, 1.0), self._walk(night, fired, _SECOND_ARRIVES)
        power = np.linalg.matrix_power
        return Transition(((power(first, minutes), power(second, minutes), 1.0),))

    def _draw(self, night: bool) -> Floats:
        return np.array([_DRAW[kind][0 if night else 1] for kind in self._layout.kinds])

    def _ways(self, night: bool) -> tuple[Floats, Floats, Floats]:
        """Moves (R, R), readiness to leave by room (R,), and where who arrives turns up (R,)."""
        draw = self._draw(night)
        moves = self._parameters.moves * draw
        moves /= np.maximum(moves.sum(axis=1, keepdims=True), 1e-12)
        exits = list(self._layout.exit_rooms) or [
            number for number, kind in enumerate(self._layout.kinds) if kind is RoomKind.PASSAGE
        ]
        near = np.full(len(draw), _EXIT_ELSEWHERE if exits else 1.0)
        near[exits] = 1.0
        arrive = draw * near**2
        return moves, near, arrive / arrive.sum()

    def _walk(self, night: bool, fired: bool, arrives: float) -> Floats:
        moves, near, arrive = self._ways(night)
        rooms = len(near)
        alone = rooms == 1
        habits = np.array([_HABITS.get(kind, (_SETTLE, _RISE, _MOVE)) for kind in self._layout.kinds])
        settle, rise, move = habits.T
        if fired:
            settle, rise, move = np.zeros(rooms), np.maximum(rise, _RISE_ON_FIRE), np.maximum(move, _MOVE_ON_FIRE)
        if alone:
            move = np.zeros(rooms)
        if self._layout.exit_rooms:
            cross = _UNNOTICED_ON_FIRE if fired else _UNNOTICED
        else:
            cross = 3 * _UNWATCHED if fired else _UNWATCHED
        leave = (_UNNOTICED if self._layout.exit_rooms else _UNWATCHED) * near
        out = np.zeros((2 * rooms + 1, 2 * rooms + 1))
        stay = 1 - settle - leave
        out[:rooms, :rooms] = (stay * move)[:, None] * moves + np.diag(stay * (1 - move))
        out[:rooms, rooms : 2 * rooms] = np.diag(settle)
        out[:rooms, -1] = leave
        to_room = 0.0 if alone else 0.3
        out[rooms:-1, :rooms] = rise[:, None] * ((1 - to_room - leave)[:, None] * np.eye(rooms) + to_room * moves)
        out[rooms:-1, -1] = rise * leave
        out[rooms:-1, rooms:-1] = np.diag(1 - rise)
        out[-1, :rooms] = cross * arrives * arrive
        out[-1, -1] = 1 - cross * arrives
        return out

    def _door(self, night: bool, arrives: float) -> Floats:
        moves, near, arrive = self._ways(night)
        rooms = len(near)
        out = np.zeros((2 * rooms + 1, 2 * rooms + 1))
        out[:rooms, :rooms] = _DOOR_OPEN * 0.5 * (moves + np.eye(rooms))
        out[:rooms, -1] = _DOOR_LEAVE * near
        out[rooms:-1, :rooms] = 0.02 * np.eye(rooms)
        out[rooms:-1, -1] = _DOOR_FROM_STILL * 0.5 * _DOOR_LEAVE
        out[-1, :rooms] = _DOOR_ARRIVE * arrives * arrive
        out[-1, -1] = _DOOR_OUTSIDE * arrives
        return out


class Emissions:
    """Likelihoods of what was heard, as arrays that multiply the joint belief (S, S)."""

    # A level that stays on says the same thing every minute: most of what it says was said before.
    LEVEL_WEIGHT = 0.05

    def __init__(self, layout: Layout, parameters: Parameters) -> None:
        rooms = len(layout.room_ids)
        self._rooms = rooms
        self._layout = layout
        self._parameters = parameters
        silent = 1.0 - parameters.fire
        # Ratio of silence with somebody there to silence with nobody: (2, 3, R) -> (2, R) twice.
        self._quiet_active = silent[:, 2] / silent[:, 0]
        self._quiet_still = silent[:, 1] / silent[:, 0]
        self._columns = np.arange(rooms)
        self._fires = {
            (room, context): self._fire(room, context) for room in range(rooms) for context in (0, 1)
        }
        self._levels: dict[bytes, Floats] = {}

    def quiet(self, fired: tuple[int, ...], contexts: NDArray[np.int64]) -> Floats:
        """(S,) for each chain: a minute in which the rooms not in `fired` stayed silent; contexts is (R,) of 0 or 1."""
        out = np.ones(2 * self._rooms + 1)
        out[: self._rooms] = self._quiet_active[contexts, self._columns]
        out[self._rooms : -1] = self._quiet_still[contexts, self._columns]
        for room in fired:
            out[room] = out[self._rooms + room] = 1.0
        return out

    def fire(self, room: int, context: int) -> Floats:
        """(S, S): a sensor of the room fired."""
        return self._fires[room, context]

    def levels(self, levels: NDArray[np.int8]) -> Floats | None:
        """(S, S): presence sensors (K,) and last the persons, each 1 on, 0 off, -1 unknown; None says nothing."""
        if not (levels >= 0).any():
            return None
        key = levels.tobytes()
        if key not in self._levels:
            if len(self._levels) >= 4096:
                self._levels.clear()
            self._levels[key] = self._level(levels)
        return self._levels[key]

    def occupancy(self, belief: Floats) -> Floats:
        """(R,) P(somebody is in the room) of a joint belief (S, S) that sums to one."""
        rooms = self._rooms
        first, second = belief.sum(axis=1), belief.sum(axis=0)
        blocks = belief[:-1, :-1].reshape(2, rooms, 2, rooms)
        both = np.einsum("arbr->r", blocks)
        total = first[:rooms] + first[rooms:-1] + second[:rooms] + second[rooms:-1] - both
        return np.clip(total, 0.0, 1.0)

    def _fire(self, room: int, context: int) -> Floats:
        nobody, still, active = self._parameters.fire[context, :, room]
        if active == 0.0:  # a room without sensors cannot fire; a door without a room may
            return np.ones((2 * self._rooms + 1, 2 * self._rooms + 1))
        silent = np.ones(2 * self._rooms + 1)
        silent[room] = (1 - active) / (1 - nobody)
        silent[self._rooms + room] = (1 - still) / (1 - nobody)
        return 1.0 - (1.0 - nobody) * np.outer(silent, silent)

    def _level(self, levels: NDArray[np.int8]) -> Floats:
        size = 2 * self._rooms + 1
        out = np.ones((size, size))
        for number, room in enumerate(self._layout.presence_rooms):
            if levels[number] < 0:
                continue
            empty, taken = self._parameters.level[number]
            if not levels[number]:
                empty, taken = 1 - empty, 1 - taken
            elsewhere = np.ones(size)
            elsewhere[room] = elsewhere[self._rooms + room] = 0.0
            nobody = np.outer(elsewhere, elsewhere)
            out *= nobody * empty**self.LEVEL_WEIGHT + (1 - nobody) * taken**self.LEVEL_WEIGHT
        if levels[-1] >= 0:
            nobody_home, somebody = _ALL_AWAY if levels[-1] == 0 else 1 - _ALL_AWAY
            out *= somebody**self.LEVEL_WEIGHT
            out[-1, -1] *= (nobody_home / somebody) ** self.LEVEL_WEIGHT
        return out
