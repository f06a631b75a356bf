"""Two chains, or company: what is shown is the mean of both, by how likely each is."""

from __future__ import annotations

from .company import Company
from .filter import CORRECTION, Filter
from .model import Floats, Layout, Parameters
from .observations import Minute


class Mixture:
    """What is known now.

    Attributes:
        pair: the filter of two chains.
        company: rooms on their own.
    """

    def __init__(self, layout: Layout, parameters: Parameters, hour: int = 12) -> None:
        self.pair = Filter(layout, parameters, hour)
        self.company = Company(layout, parameters)

    @property
    def parameters(self) -> Parameters:
        """What was learned from the home."""
        return self.pair.parameters

    def use(self, parameters: Parameters) -> None:
        """Go on with other parameters."""
        self.pair.use(parameters)
        self.company.use(parameters)

    def step(self, minute: Minute, hour: int) -> None:
        """Take in a minute that is over; hour is the local hour of day."""
        silence = self.pair.emissions.silence(minute)
        told = self.pair.step(minute, hour, silence)
        self.company.step(minute, hour, silence, told)

    def peek(self, minute: Minute, hour: int) -> tuple[Floats, float]:
        """`occupancy` and `anyone_home` if the running minute ended now. What has not fired yet may still fire."""
        belief, told = self.pair.peek(minute, hour)
        rooms, chance = self.company.peek(minute, hour, told)
        return self._there(belief, rooms, chance), self._anyone(belief, chance)

    def correct(self, room: int, occupied: bool) -> None:
        """Believe a person who says that somebody, or nobody, is in the room."""
        self.pair.correct(room, occupied)
        self.company.correct(room, occupied, CORRECTION)

    def occupancy(self) -> Floats:
        """(R,) P(somebody is in the room)."""
        return self._there(self.pair.belief, self.company.rooms, self.company.chance)

    def anyone_home(self) -> float:
        """P(somebody is home)."""
        return self._anyone(self.pair.belief, self.company.chance)

    def after_a_gap(self, kept: float, fresh: Floats) -> None:
        """Nobody listened for a while: `kept` is still believed, the rest is the belief `fresh` (S, S) of the pair."""
        self.pair.belief = kept * self.pair.belief + (1 - kept) * fresh
        self.company.restart()

    def _there(self, belief: Floats, rooms: Floats, chance: float) -> Floats:
        return (1 - chance) * self.pair.occupancy(belief) + chance * (1 - rooms[:, 0])

    def _anyone(self, belief: Floats, chance: float) -> float:
        return (1 - chance) * self.pair.anyone_home(belief) + chance
