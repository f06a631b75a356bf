"""The model's states, its parameters, and the matrices they make.

A chain is in a room, active or still (asleep, reading), or outside: with R rooms
S = 2 R + 1 states, in the order active rooms, still rooms, outside. The constants
below are prior beliefs about any home. They were chosen on a few recorded homes
(docs/decisions.md, 4); the emission and movement rates are then learned from each home.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..home import Home, Role, RoomKind
from ..senses import HAND_ROLES
from .observations import CONTEXTS

Floats = NDArray[np.float64]

# P(a channel fires within a minute): motion sensors of a room, and what only a hand does (doors, drawers,
# switches); by how lately it had fired (rows: not within a quarter of an hour, within that, within five
# minutes, in the minute before) and by who is there (columns: nobody, somebody asleep, somebody who sits,
# somebody active). False alarms come in bursts just as movements do: what a sensor says again at once tells
# little more than its first signal did.
_FIRE_PRIOR = np.array(
    [
        [
            [0.004, 0.006, 0.02, 0.35],
            [0.025, 0.05, 0.08, 0.35],
            [0.08, 0.12, 0.2, 0.45],
            [0.45, 0.5, 0.55, 0.75],
        ],
        [
            [0.001, 0.001, 0.005, 0.2],
            [0.006, 0.012, 0.03, 0.2],
            [0.02, 0.04, 0.06, 0.25],
            [0.15, 0.2, 0.2, 0.4],
        ],
    ]
)
# How many minutes of evidence that is worth, by the same rows and columns.
_FIRE_PRIOR_MINUTES = np.array(
    [[10_000.0, 1_000.0, 1_000.0], [1_000.0, 500.0, 500.0], [500.0, 250.0, 250.0], [250.0, 250.0, 250.0]]
)

# How many moves of evidence the even spread over the other rooms is worth.
_MOVE_PRIOR = 2.0

# P(a presence sensor is on) with nobody in its room, and with somebody, in whatever way.
_PRESENCE_PRIOR = np.array([0.03, 0.85, 0.85, 0.85])
_PRESENCE_PRIOR_MINUTES = 10.0
# On for who makes something fire less than this share of how often it is on for who is still: a mat.
_MAT = 0.5


@dataclass(frozen=True, slots=True)
class Layout:
    """The home as the model sees it: rooms, presence sensors and exits by index.

    Attributes:
        room_ids: (R,) the rooms in order.
        kinds: (R,) what they are for.
        sensed: (2 R,) whether anything in the channel can fire: motion in each room, then what a hand does.
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
        moved = {s.room_id for s in home.sensors if s.role in (Role.MOTION, Role.PRESENCE)}
        handled = {s.room_id for s in home.sensors if s.role in HAND_ROLES}
        exits = {index[s.room_id] for s in home.sensors if s.role is Role.EXIT_DOOR and s.room_id}
        return cls(
            room_ids=tuple(index),
            kinds=tuple(room.kind for room in home.rooms),
            sensed=tuple(room_id in channel for channel in (moved, handled) for room_id in index),
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


def _fire_prior(layout: Layout) -> Floats:
    """(C, 3, 2 R): who is still in a bedroom sleeps, who is still elsewhere sits."""
    asleep = [kind is RoomKind.BEDROOM for kind in layout.kinds]
    columns = np.array([[0, 1 if sleeps else 2, 3] for sleeps in asleep], dtype=np.int64).reshape(-1, 3)
    rows = _FIRE_PRIOR[:, :, columns]  # (2, C, R, 3)
    prior: Floats = rows.transpose(1, 3, 0, 2).reshape(CONTEXTS, 3, 2 * len(asleep))
    return prior


@dataclass(frozen=True, slots=True)
class Counts:
    """Expected counts from smoothing, the statistics of an EM step.

    Attributes:
        moves: (R, R) moves between rooms.
        fires: (C, 3, 2 R, 2) minutes by context, who was there, channel, and whether a sensor fired.
        levels: (K, 4, 2) minutes by presence sensor, who was in its room (nobody, somebody still, somebody active, and of
            those the minutes in which something fired there), and whether it was on.
    """

    moves: Floats
    fires: Floats
    levels: Floats


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is learned from a home.

    Attributes:
        moves: (R, R) where somebody goes who leaves a room; rows sum to one.
        fire: (C, 3, 2 R) P(a channel fires within a minute) by context, who is there, and channel.
        level: (K, 3) P(a presence sensor is on) by who is in its room.
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
            Counts(
                np.zeros((rooms, rooms)),
                np.zeros((CONTEXTS, 3, 2 * rooms, 2)),
                np.zeros((len(layout.presence_rooms), 4, 2)),
            ),
        )

    @classmethod
    def learned(cls, layout: Layout, counts: Counts) -> Self:
        """The M step: posterior means of the rates under the priors above."""
        rooms = len(layout.room_ids)
        others = 1.0 - np.eye(rooms)
        moves = counts.moves * others + _MOVE_PRIOR / max(rooms, 1) * others
        moves /= np.maximum(moves.sum(axis=1, keepdims=True), 1e-12)
        weight = _FIRE_PRIOR_MINUTES[:, :, None]
        prior = _fire_prior(layout)
        heard = counts.fires[..., 1] + weight * prior
        fire = heard / (counts.fires.sum(axis=-1) + weight)
        # Somebody there never makes a sensor fire less.
        fire = np.maximum.accumulate(np.clip(fire, 0.0, 0.98), axis=1)
        fire[:, :, ~np.array(layout.sensed, dtype=bool)] = 0.0
        on, of = counts.levels[:, :, 1], counts.levels.sum(axis=-1)
        # Nobody, somebody still, somebody active who makes something fire, and somebody in any way.
        on = np.column_stack([on[:, [0, 1, 3]], on[:, 1] + on[:, 2]])
        of = np.column_stack([of[:, [0, 1, 3]], of[:, 1] + of[:, 2]])
        empty, still, acting, either = (
            (on + _PRESENCE_PRIOR_MINUTES * _PRESENCE_PRIOR) / (of + _PRESENCE_PRIOR_MINUTES)
        ).T
        # A mat tells of who is still, hardly of who makes other sensors fire. Any other sensor has one rate for both.
        mat = acting < _MAT * still
        level = np.stack([empty, np.where(mat, still, either), np.where(mat, acting, either)], axis=1)
        # Somebody there never switches it off.
        level[:, 1:] = np.maximum(level[:, 1:], level[:, :1])
        return cls(moves, fire, np.clip(level, 0.002, 0.998))

    def nearness(self) -> Floats:
        """(R, R) how near each other room is, by how often people go from one to the other; rows sum to one."""
        both = self.moves + self.moves.T
        np.fill_diagonal(both, 0.0)
        result: Floats = both / np.maximum(both.sum(axis=1, keepdims=True), 1e-12)
        return result

    def to_json(self) -> dict[str, Any]:
        """Plain lists."""
        return {"moves": self.moves.tolist(), "fire": self.fire.tolist(), "level": self.level.tolist()}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        rooms = len(value["moves"])
        moves = np.array(value["moves"], dtype=np.float64).reshape(rooms, rooms)
        level = np.array(value["level"], dtype=np.float64).reshape(-1, 3)
        return cls(moves, np.array(value["fire"]), level)
