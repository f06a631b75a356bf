"""The switch: a steady on or off from a probability that moves.

A wrong state costs something every minute, by what the user prefers, and so does every change of it. With costs
a minute of `missed` (off while somebody is there) and `false` (on while nobody is), on is right from the
probability false / (missed + false) on (Elkan 2001, "The foundations of cost-sensitive learning", equation 2).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..events import MINUTE_US
from ..home import Preference

ON_FROM = 0.5
OFF_BELOW = 0.35
"""Of the home: on at once when somebody is likelier there than not; off only when it is clear that nobody is."""

SURE = 0.9
"""From here on a room is on at once, whatever says so."""

COSTS = {
    Preference.COMFORT: (1.6, 0.4),
    Preference.BALANCED: (1.0, 1.0),
    Preference.ENERGY: (0.5, 1.5),
}
"""(missed, false) cost of a minute by what the user prefers."""

FLIP_COST = 10.0
"""A change to the wrong state annoys as much as so many minutes of it; one to the right state is what a switch is
for. Chosen on three recorded homes (van Kasteren A and B, Ordonez A)."""


def switch(occupied: bool | None, probability: float) -> bool:
    """The next state of the home's switch, with hysteresis."""
    return probability >= (OFF_BELOW if occupied else ON_FROM)


@dataclass(frozen=True, slots=True)
class Setting:
    """How a room switches, for a threshold that follows from the costs.

    Attributes:
        confirm: minutes for which a probability without a sensor's word must stay high before it switches on.
        drop: share of the threshold below which it may switch off.
        hold: minutes for which it must stay so low before it does.
    """

    confirm: int
    drop: float
    hold: int


SETTINGS = tuple(
    Setting(confirm, drop, hold)
    for confirm in (3, 0, 1, 5)
    for drop in (0.7, 0.5, 0.35)
    for hold in (0, 2, 5, 10, 20)
)
"""What may be learned; the first stands until something is."""


def threshold(preference: Preference) -> float:
    """The probability from which on is the cheaper state."""
    missed, false = COSTS[preference]
    return false / (missed + false)


@dataclass(frozen=True, slots=True)
class SwitchState:
    """Whether a room is on, and since when the probability speaks against that (None: it does not)."""

    on: bool
    against_us: int | None = None

    def next(
        self, setting: Setting, on_from: float, probability: float, now_us: int, *, sensed: bool, told: bool
    ) -> SwitchState:
        """The state a moment later.

        Args:
            setting: of the room.
            on_from: the threshold.
            probability: P(occupied).
            now_us: the moment, not before the last one.
            sensed: a motion or presence sensor of the room is on, or somebody acted within the minute: then on
                comes at once, and from the lower probability.
            told: a person said so: then either comes at once.
        """
        # What would keep it on also turns it on, once somebody was noticed.
        wants = probability >= (setting.drop * on_from if self.on or sensed else on_from)
        if wants == self.on:
            return SwitchState(self.on)
        if told or (wants and (sensed or probability >= SURE)):
            return SwitchState(wants)
        against_us = now_us if self.against_us is None else self.against_us
        wait_us = (setting.hold if self.on else setting.confirm) * MINUTE_US
        if now_us - against_us >= wait_us:
            return SwitchState(wants)
        return SwitchState(self.on, against_us)
