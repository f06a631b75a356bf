"""The switch: a steady on or off from a probability that moves."""

from __future__ import annotations

# On at once when somebody is likelier there than not; off only when it is clear that nobody is.
ON_FROM = 0.5
OFF_BELOW = 0.35


def switch(occupied: bool | None, probability: float) -> bool:
    """The next state of the switch, with hysteresis."""
    return probability >= (OFF_BELOW if occupied else ON_FROM)
