"""The forward filter: what is known now, from everything heard so far."""

from __future__ import annotations

from math import log

import numpy as np

from ..senses import DOOR, PERSONS
from .emissions import Emissions
from .model import Floats, Layout, Parameters
from .observations import CAME, HELD, Minute
from .transitions import Tables, draw

# Before anything is heard: how likely the home is empty, and how likely not only one is there who is somewhere.
_EMPTY_AT_FIRST = 0.3
_SEVERAL_AT_FIRST = 0.1
# A correction is believed about as much as that a person erred once in a thousand times.
CORRECTION = 1e-3
# Likelihood of what nothing explains.
_UNHEARD_OF = 1e-300


class Filter:
    """The joint belief (S, S) over both chains, minute by minute.

    Attributes:
        parameters: what was learned from the home.
        nearness: of its rooms, see `Parameters.nearness`.
        emissions: likelihoods of what is heard.
    """

    def __init__(self, layout: Layout, parameters: Parameters, hour: int = 12) -> None:
        self.layout = layout
        self.belief = initial_belief(layout, hour)
        self.use(parameters)

    def use(self, parameters: Parameters) -> None:
        """Go on with other parameters."""
        self.parameters = parameters
        self.nearness = parameters.nearness()
        self._tables = Tables(self.layout, parameters)
        self.emissions = Emissions(self.layout, parameters)

    def step(self, minute: Minute, hour: int, silence: Floats | None = None) -> float:
        """Take in a minute that is over; the log-likelihood of its signals, outer doors and persons aside.

        Args:
            minute: what was heard.
            hour: the local hour of day.
            silence: (R, 3) of what was not, where it is known already.
        """
        belief, told = self.peek(minute, hour)
        quiet = self.emissions.quiet(self.emissions.silence(minute) if silence is None else silence)
        belief = self._tables.quiet(hour, watched=minute.watched).forward(belief)
        belief *= quiet[:, None]
        belief *= quiet
        levels = self.emissions.levels(minute.levels)
        if levels is not None:
            belief *= levels
        self.belief, total = _normalised(belief)
        return told + log(total)

    def peek(self, minute: Minute, hour: int) -> tuple[Floats, float]:
        """Belief and log-likelihood if the running minute ended now. What has not fired yet may still fire."""
        belief, told = self.belief, 0.0
        for channel, context in minute.fires:
            if channel == DOOR:
                belief, _ = _normalised(self._tables.door(hour).forward(belief))
            elif channel == PERSONS:
                belief = self._tables.person(hour, context).forward(belief)
                belief, _ = _normalised(belief * self.emissions.persons(context % CAME))
            else:
                # Only motion sensors are held: their channel is the room.
                held = channel if context == HELD else None
                moved = self._tables.fire(hour, held, watched=minute.watched)
                belief, total = _normalised(moved.forward(belief) * self.emissions.fire(channel, context))
                told += log(total)
        return belief, told

    def correct(self, room: int, occupied: bool) -> None:
        """Believe a person who says that somebody, or nobody, is in the room."""
        # Whoever is said to be there may have come unheard: a little belief is put there first.
        if occupied:
            came = np.zeros(self.layout.states)
            came[[room, len(self.layout.room_ids) + room]] = 0.5
            self.belief = 0.98 * self.belief + 0.02 * np.outer(came, self.belief.sum(axis=0))
        self.belief, _ = _normalised(self.belief * likelihood_of(self.layout, room, occupied))

    def occupancy(self, belief: Floats | None = None) -> Floats:
        """(R,) P(somebody is in the room)."""
        return self.emissions.occupancy(self.belief if belief is None else belief)

    def anyone_home(self, belief: Floats | None = None) -> float:
        """P(somebody is home)."""
        return float(1.0 - (self.belief if belief is None else belief)[-1, -1])


def likelihood_of(layout: Layout, room: int, occupied: bool) -> Floats:
    """(S, S) of a person who says that somebody, or nobody, is in a room."""
    elsewhere = np.ones(layout.states)
    elsewhere[room] = elsewhere[len(layout.room_ids) + room] = 0.0
    nobody = np.outer(elsewhere, elsewhere)
    return nobody * CORRECTION + (1 - nobody) if occupied else nobody + (1 - nobody) * CORRECTION


def initial_belief(layout: Layout, hour: int, rhythm: Floats | None = None) -> Floats:
    """(S, S): the first chain where people are at that hour, the second most likely outside.

    Args:
        layout: the home.
        hour: the local hour of day.
        rhythm: (24, R + 1) by hour, P(somebody is in each room) and P(nobody is home), where it is known.
    """
    if rhythm is None:
        shares, empty = draw(layout, hour), _EMPTY_AT_FIRST
    else:
        shares, empty = rhythm[hour, :-1], float(rhythm[hour, -1])
    somewhere = np.tile(shares / max(float(shares.sum()), 1e-12) / 2, 2)
    belief = np.zeros((layout.states, layout.states))
    belief[:-1, -1] = (1 - empty) * (1 - _SEVERAL_AT_FIRST) * somewhere
    belief[:-1, :-1] = (1 - empty) * _SEVERAL_AT_FIRST * np.outer(somewhere, somewhere)
    belief[-1, -1] = empty
    return _normalised(belief)[0]  # a home without rooms is always empty


def _normalised(belief: Floats) -> tuple[Floats, float]:
    """The belief so that it sums to one, and what it summed to."""
    total = float(belief.sum())
    if not total > 0.0:  # nothing explains what was heard: start anew
        return np.full_like(belief, 1.0 / belief.size), _UNHEARD_OF
    return belief / total, total
