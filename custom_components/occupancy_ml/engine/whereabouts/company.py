"""More people than two chains can follow: guests, a large family.

Beside the two chains of `filter` every room has a chain of its own, which knows nothing of the others: somebody comes,
sits down, leaves. Which of the two explains what is heard is weighed minute by minute, with a small chance of change
(Herbster and Warmuth 1998, "Tracking the best expert", fixed share). At a party three rooms fire within a minute, which two
chains could explain only by people who run.
"""

from __future__ import annotations

from math import exp, log, prod

import numpy as np

from .emissions import LEVEL_WEIGHT, PERSONS, PERSONS_WEIGHT
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
        self.restart()

    def restart(self) -> None:
        """Forget what was heard."""
        self.rooms: Floats = np.tile(_EMPTY_AT_FIRST, (len(self._layout.room_ids), 1))
        self.chance = _BEGIN

    def use(self, parameters: Parameters) -> None:
        """Go on with other parameters."""
        fire = np.clip(parameters.fire, 1e-9, None).transpose(2, 0, 1)  # (2 R, C, 3)
        # A sensor that is held fires as one that just did.
        self._fire = np.concatenate([fire, fire[:, -1:]], axis=1)
        self._levels = np.stack([1 - parameters.level, parameters.level], axis=1) ** LEVEL_WEIGHT  # (K, 2, 3)
        self._steps = {night: self._step(night) for night in (False, True)}

    def step(
        self, minute: Minute, hour: int, silence: Floats, log_likelihood: float, length: int = 1
    ) -> None:
        """Take in a minute that is over, or several that were alike.

        Args:
            minute: what was heard.
            hour: the local hour of day.
            silence: (R, 3) of what was not, see `Emissions.silence`.
            log_likelihood: of the same signals by the two chains, outer doors aside, a minute.
            length: how many minutes.
        """
        fired = self._fired(minute)
        likelihood = silence.copy() if fired is None else silence * fired
        for number, room in enumerate(self._layout.presence_rooms):
            if (level := minute.levels[number]) >= 0:
                likelihood[room] *= self._levels[number, level]
        if minute.levels[-1] >= 0:
            at_home = minute.levels[-1]
            log_likelihood -= PERSONS_WEIGHT[at_home] * log(PERSONS[at_home, -1])
        for _ in range(length):
            self.rooms, self.chance = self._after(likelihood, hour, log_likelihood)

    def peek(self, minute: Minute, hour: int, log_likelihood: float) -> tuple[Floats, float]:
        """`rooms` and `chance` if the running minute ended now. What has not fired yet may still fire."""
        return self._after(self._fired(minute), hour, log_likelihood)

    def _fired(self, minute: Minute) -> Floats | None:
        """(R, 3) likelihoods of the signals, by room and by who is in it; None without any."""
        if not minute.fires:
            return None
        count = len(self.rooms)
        likelihood = np.ones((count, 3))
        for channel, context in minute.fires:
            if channel >= 0:
                likelihood[channel % count] *= self._fire[channel, context]
        return likelihood

    def _after(self, likelihood: Floats | None, hour: int, log_likelihood: float) -> tuple[Floats, float]:
        rooms: Floats = np.einsum("rs,rst->rt", self.rooms, self._steps[is_night(hour)])
        if likelihood is not None:
            rooms *= likelihood
        totals = np.maximum(rooms.sum(axis=1), 1e-300)
        rooms /= totals[:, None]
        # Company in one room only, or in none, is none.
        gain = sum(map(log, totals.tolist())) + log(_apart(rooms[:, 0].tolist())) - log_likelihood
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


def _apart(empty: list[float]) -> float:
    """P(two rooms or more are occupied), of rooms that are each empty with a chance of their own; above 0."""
    empty = [max(chance, 1e-9) for chance in empty]
    none = prod(empty)
    one = none * sum(1 / chance - 1 for chance in empty)
    return max(1.0 - none - one, 1e-6)
