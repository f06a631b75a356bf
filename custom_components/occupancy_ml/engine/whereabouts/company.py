"""More people than two chains can follow: guests, a large family.

Beside the two chains of `filter` every room has a chain of its own, which knows nothing of the others: somebody comes,
sits down, leaves. Which of the two explains what is heard is weighed minute by minute, with a small chance of change
(Herbster and Warmuth 1998, "Tracking the best expert", fixed share). At a party three rooms fire within a minute, which two
chains could explain only by people who run.
"""

from __future__ import annotations

from math import exp, log

import numpy as np

from ..senses import DOOR
from .emissions import LEVEL_WEIGHT, PERSONS
from .model import Floats, Layout, Parameters
from .observations import Minute
from .transitions import habits, is_night

# Chances a minute: company begins, and is over; somebody comes into an empty room.
_BEGIN, _END = 1e-5, 1 / 120
_COME = 0.003
_EMPTY_AT_FIRST = np.array([0.9, 0.05, 0.05])
# No minute decides for itself: nats of evidence it may bring at most.
_MOST = 4.0


class Company:
    """Rooms on their own, and how likely it is that only this explains what was heard.

    Attributes:
        rooms: (R, 3) P(nobody, somebody still, somebody active) in each room if there is company.
        chance: P(company).
    """

    def __init__(self, layout: Layout, parameters: Parameters) -> None:
        self._layout = layout
        self.use(parameters)
        self._columns = np.arange(2 * len(layout.room_ids))
        self.restart()

    def restart(self) -> None:
        """Forget what was heard."""
        self.rooms: Floats = np.tile(_EMPTY_AT_FIRST, (len(self._layout.room_ids), 1))
        self.chance = _BEGIN

    def use(self, parameters: Parameters) -> None:
        """Go on with other parameters."""
        count = len(self._layout.room_ids)
        fire = np.clip(parameters.fire, 1e-9, None)  # (C, 3, 2 R)
        self._fire = np.concatenate([fire, fire[-1:]])  # a sensor that is held fires as one that just did
        silent = (1.0 - parameters.fire) / (1.0 - parameters.fire[:, :1])
        self._quiet = np.concatenate([silent, np.ones((1, 3, 2 * count))])  # DEAF
        self._level = parameters.level
        self._steps = {night: self._step(night) for night in (False, True)}

    def step(self, minute: Minute, hour: int, log_likelihood: float) -> None:
        """Take in a minute that is over.

        Args:
            minute: what was heard.
            hour: the local hour of day.
            log_likelihood: of the same signals by the two chains, outer doors aside.
        """
        self.rooms, self.chance = self._after(minute, hour, log_likelihood, whole=True)

    def peek(self, minute: Minute, hour: int, log_likelihood: float) -> tuple[Floats, float]:
        """`rooms` and `chance` if the running minute ended now. What has not fired yet may still fire."""
        return self._after(minute, hour, log_likelihood, whole=False)

    def _after(
        self, minute: Minute, hour: int, log_likelihood: float, *, whole: bool
    ) -> tuple[Floats, float]:
        count = len(self.rooms)
        likelihood = np.ones((2 * count, 3))
        fired = list(minute.channels)
        if whole:
            likelihood = self._quiet[minute.contexts, :, self._columns]
            likelihood[fired] = 1.0
        for channel, context in minute.fires:
            if channel != DOOR:
                likelihood[channel] *= self._fire[context, :, channel]
        by_room = likelihood[:count] * likelihood[count:]
        several = 0.0
        if whole:
            for number, room in enumerate(self._layout.presence_rooms):
                if (level := minute.levels[number]) >= 0:
                    empty, taken = np.abs(1 - level - self._level[number])
                    by_room[room] *= np.array([empty, taken, taken]) ** LEVEL_WEIGHT
            several = LEVEL_WEIGHT * log(PERSONS[minute.levels[-1], -1]) if minute.levels[-1] >= 0 else 0.0
        rooms = np.einsum("rs,rst->rt", self.rooms, self._steps[is_night(hour)]) * by_room
        totals = np.maximum(rooms.sum(axis=1), 1e-300)
        rooms /= totals[:, None]
        # Company in one room only, or in none, is none.
        gain = float(np.log(totals).sum()) + several + log(_apart(rooms[:, 0])) - log_likelihood
        before = self.chance * (1 - _END) + (1 - self.chance) * _BEGIN
        odds = before / (1 - before) * exp(min(max(gain, -_MOST), _MOST))
        return rooms, odds / (1 + odds)

    def correct(self, room: int, occupied: bool, doubt: float) -> None:
        """Believe a person who says that somebody, or nobody, is in the room."""
        likelihood = np.array([doubt, 1.0, 1.0] if occupied else [1.0, doubt, doubt])
        self.rooms[room] *= likelihood
        self.rooms[room] /= self.rooms[room].sum()

    def _step(self, night: bool) -> Floats:
        """(R, 3, 3) transition matrices of a minute."""
        settle, rise, move = habits(self._layout, night)
        out = np.zeros((len(settle), 3, 3))
        out[:, 0, 2], out[:, 0, 0] = _COME, 1 - _COME
        out[:, 1, 2], out[:, 1, 1] = rise, 1 - rise
        out[:, 2, 0], out[:, 2, 1], out[:, 2, 2] = move, settle, 1 - move - settle
        return out


def _apart(empty: Floats) -> float:
    """P(two rooms or more are occupied), of rooms that are each empty with a chance of their own (R,); above 0."""
    empty = np.clip(empty, 1e-9, 1.0)
    none = float(np.prod(empty))
    one = none * float((1 / empty - 1).sum())
    return max(1.0 - none - one, 1e-6)
