"""How people move: transition matrices by time of day and by what was heard.

The constants are prior beliefs about any home, as in `model`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..home import RoomKind
from .model import Floats, Layout, Parameters
from .observations import CAME, LEFT

# Chances a minute: an active person sits down, a still one gets up.
_SETTLE = 0.08
_RISE = 0.03
_MOVE = 0.06  # an active person goes to another room
# (settle, rise, move) where that differs by the room's kind: nobody lingers where people only pass, nor
# long where they wash.
_HABITS = {
    RoomKind.BEDROOM: (0.15, 0.02, 0.06),
    RoomKind.LIVING: (0.1, 0.025, 0.06),
    RoomKind.PASSAGE: (0.02, 0.2, 0.3),
    RoomKind.BATHROOM: (0.04, 0.05, 0.12),
    RoomKind.KITCHEN: (0.04, 0.06, 0.08),
}
# At night people sleep in bedrooms, and do not sit still elsewhere for long.
_NIGHT_HABITS = _HABITS | {
    RoomKind.BEDROOM: (0.15, 0.005, 0.03),
    RoomKind.LIVING: (0.05, 0.06, 0.12),
    RoomKind.OFFICE: (0.05, 0.06, 0.12),
    RoomKind.KITCHEN: (0.03, 0.06, 0.15),
}

# When a sensor fires somewhere, whoever it was may have moved and is not still.
_MOVE_ON_FIRE = 0.12
_RISE_ON_FIRE = 0.1
_RISE_ON_FIRE_AT_NIGHT = 0.02

# Of two of whom nothing has told for long, one is believed no more: half of the chance is gone in twelve hours.
_FADE = 0.001

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
# With a telephone that comes home, or leaves, somebody does, if it was not a slip of its receiver.
_PERSON_MOVED = 0.8
_EXIT_ELSEWHERE = 0.3  # how much likelier the rooms at the door are than the others

# How much a room draws people at night (23:00 to 08:00) and by day, by its kind.
_DRAW = {
    RoomKind.BEDROOM: (4.0, 0.6),
    RoomKind.LIVING: (0.5, 2.0),
    RoomKind.KITCHEN: (0.4, 1.0),
    RoomKind.BATHROOM: (0.7, 0.7),
    RoomKind.OFFICE: (0.3, 1.0),
    RoomKind.PASSAGE: (0.5, 0.5),
    RoomKind.OTHER: (0.5, 1.0),
}
_NIGHT_FROM, _NIGHT_TO = 23, 8


@dataclass(frozen=True, slots=True)
class Transition:
    """A step of both chains: the sum over terms of weight * (first, second) transition matrices (S, S).

    Attributes:
        terms: the terms.
        fade: the share of both chains being home that is then believed no more: where one explains all that is
            heard, another that is only in company would never be got rid of.
    """

    terms: tuple[tuple[Floats, Floats, float], ...]
    fade: float = 0.0

    def forward(self, belief: Floats) -> Floats:
        """The joint belief (S, S) one step later."""
        first, second, weight = self.terms[0]
        out = first.T @ belief @ second
        if weight != 1.0:
            out *= weight
        for first, second, weight in self.terms[1:]:
            out += weight * (first.T @ belief @ second)
        if self.fade:
            home = out[:-1, :-1]
            both = self.fade * home
            home -= both
            out[:-1, -1] += 0.5 * both.sum(axis=1)
            out[-1, :-1] += 0.5 * both.sum(axis=0)
        return out

    def backward(self, message: Floats) -> Floats:
        """The backward message (S, S) one step earlier."""
        if self.fade:
            alone = 0.5 * (message[:-1, -1:] + message[-1:, :-1])
            message = message.copy()
            message[:-1, :-1] += self.fade * (alone - message[:-1, :-1])
        first, second, weight = self.terms[0]
        out = first @ message @ second.T
        if weight != 1.0:
            out *= weight
        for first, second, weight in self.terms[1:]:
            out += weight * (first @ message @ second.T)
        return out


def draw(layout: Layout, hour: int) -> Floats:
    """(R,) how much each room draws people at a local hour, by what it is for."""
    return _draw(layout, is_night(hour))


def habits(layout: Layout, night: bool) -> tuple[Floats, Floats, Floats]:
    """(R,) each: how readily who is in a room sits down, gets up, and goes elsewhere, a minute."""
    by_kind = _NIGHT_HABITS if night else _HABITS
    found = np.array([by_kind.get(kind, (_SETTLE, _RISE, _MOVE)) for kind in layout.kinds])
    settle, rise, move = found.reshape(-1, 3).T
    return settle, rise, move


class Tables:
    """Transition matrices by local hour and kind of step, made when first needed."""

    def __init__(self, layout: Layout, parameters: Parameters) -> None:
        self._layout = layout
        self._parameters = parameters
        self._cache: dict[tuple[bool, str, int, int | None, bool], Transition] = {}

    def quiet(self, hour: int, minutes: int = 1, *, watched: bool = True) -> Transition:
        """Some minutes in which nothing was heard; watched tells whether the outer doors listened."""
        return self._get(hour, "quiet", minutes, watched=watched)

    def fire(self, hour: int, held: int | None = None, *, watched: bool = True) -> Transition:
        """A moment in which a sensor fired; held is the room of one that is on since before, None otherwise."""
        return self._get(hour, "fire", 1, held, watched=watched)

    def door(self, hour: int) -> Transition:
        """A moment in which an outer door opened."""
        return self._get(hour, "door", 1)

    def person(self, hour: int, context: int) -> Transition:
        """A moment in which a person entity came home, left, or was first known; the context says which."""
        return self._get(
            hour, "came" if CAME <= context < LEFT else "left" if context >= LEFT else "known", 1
        )

    def _get(
        self, hour: int, kind: str, minutes: int, held: int | None = None, *, watched: bool = True
    ) -> Transition:
        night = is_night(hour)
        watched = watched and bool(self._layout.exit_rooms)
        key = (night, kind, minutes, held, watched)
        if key not in self._cache:
            self._cache[key] = self._make(night, kind, minutes, held, watched)
        return self._cache[key]

    def _make(self, night: bool, kind: str, minutes: int, held: int | None, watched: bool) -> Transition:
        if kind == "door":
            crossing, walking = self._door(night), self._walk(night, fired=True, watched=watched)
            return Transition(
                (
                    (crossing, walking, 1.0),
                    (walking, crossing, 1.0),
                    (crossing, crossing, 1.0),
                    (walking, walking, _DOOR_BY_NOBODY),
                )
            )
        if kind in ("known", "came", "left"):
            return self._person(night, kind)
        step = np.linalg.matrix_power(
            self._walk(night, fired=kind == "fire", held=held, watched=watched), minutes
        )
        return Transition(((step, step, 1.0),), 0.0 if kind == "fire" else 1 - (1 - _FADE) ** minutes)

    def _person(self, night: bool, kind: str) -> Transition:
        stay = np.eye(self._layout.states)
        if kind == "known":
            return Transition(((stay, stay, 1.0),))
        move = (1 - _PERSON_MOVED) * stay
        if kind == "came":
            move[:-1, :-1] = stay[:-1, :-1]
            move[-1, : len(self._layout.kinds)] = _PERSON_MOVED * self._ways(night)[2]
        else:
            move[:, -1] += _PERSON_MOVED
        return Transition(((move, stay, 0.5), (stay, move, 0.5)))

    def _ways(self, night: bool) -> tuple[Floats, Floats, Floats]:
        """Moves (R, R), readiness to leave by room (R,), and where who arrives turns up (R,)."""
        draw = _draw(self._layout, night)
        moves = self._parameters.moves * draw
        moves /= np.maximum(moves.sum(axis=1, keepdims=True), 1e-12)
        exits = list(self._layout.exit_rooms) or [
            number for number, kind in enumerate(self._layout.kinds) if kind is RoomKind.PASSAGE
        ]
        near = np.full(len(draw), _EXIT_ELSEWHERE if exits else 1.0)
        near[exits] = 1.0
        arrive = draw * near**2
        return moves, near, arrive / arrive.sum()

    def _walk(self, night: bool, *, fired: bool, watched: bool, held: int | None = None) -> Floats:
        moves, near, arrive = self._ways(night)
        rooms = len(near)
        alone = rooms == 1
        settle, rise, move = habits(self._layout, night)
        if fired:
            settle, rise, move = (
                np.zeros(rooms),
                np.maximum(rise, _RISE_ON_FIRE_AT_NIGHT if night else _RISE_ON_FIRE),
                # Whoever keeps a sensor on has not just come or gone.
                np.where(np.arange(rooms) == held, move, np.maximum(move, _MOVE_ON_FIRE)),
            )
        if alone:
            move = np.zeros(rooms)
        if watched:
            cross = _UNNOTICED_ON_FIRE if fired else _UNNOTICED
        else:
            cross = 3 * _UNWATCHED if fired else _UNWATCHED
        leave = (_UNNOTICED if watched else _UNWATCHED) * near
        out = np.zeros((2 * rooms + 1, 2 * rooms + 1))
        stay = 1 - settle - leave
        out[:rooms, :rooms] = (stay * move)[:, None] * moves + np.diag(stay * (1 - move))
        out[:rooms, rooms : 2 * rooms] = np.diag(settle)
        out[:rooms, -1] = leave
        to_room = 0.0 if alone else 0.3
        out[rooms:-1, :rooms] = rise[:, None] * (
            (1 - to_room - leave)[:, None] * np.eye(rooms) + to_room * moves
        )
        out[rooms:-1, -1] = rise * leave
        out[rooms:-1, rooms:-1] = np.diag(1 - rise)
        out[-1, :rooms] = cross * arrive
        out[-1, -1] = 1 - cross
        return out

    def _door(self, night: bool) -> Floats:
        moves, near, arrive = self._ways(night)
        rooms = len(near)
        out = np.zeros((2 * rooms + 1, 2 * rooms + 1))
        out[:rooms, :rooms] = _DOOR_OPEN * 0.5 * (moves + np.eye(rooms))
        out[:rooms, -1] = _DOOR_LEAVE * near
        out[rooms:-1, :rooms] = 0.02 * np.eye(rooms)
        out[rooms:-1, -1] = _DOOR_FROM_STILL * 0.5 * _DOOR_LEAVE
        out[-1, :rooms] = _DOOR_ARRIVE * arrive
        out[-1, -1] = _DOOR_OUTSIDE
        return out


def _draw(layout: Layout, night: bool) -> Floats:
    return np.array([_DRAW[kind][0 if night else 1] for kind in layout.kinds])


def is_night(hour: int) -> bool:
    """Whether people sleep at a local hour."""
    return hour >= _NIGHT_FROM or hour < _NIGHT_TO
