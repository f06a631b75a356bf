"""The echo state network of a home: what happened lately, as a vector that fades."""

from __future__ import annotations

import numpy as np

from .bins import Floats

UNITS = 24
_CYCLE = 0.8
_INPUT = 0.5
_LEAK = 0.35
_PI = "31415926535897932384626433832795028841971693993751058209749445923078164062862089986280348253421170679"


def step(state: Floats, inputs: Floats) -> Floats:
    """(UNITS,) the state a quarter of an hour later, driven by (k,) inputs."""
    digits = np.array([int(digit) for digit in _PI])
    number = (np.arange(UNITS)[:, None] * 7 + np.arange(len(inputs))[None] * 13) % len(digits)
    weights = np.where(digits[number] < 5, -_INPUT, _INPUT)
    drive = _CYCLE * np.roll(state, 1) + weights @ inputs
    result: Floats = (1 - _LEAK) * state + _LEAK * np.tanh(drive)
    return result
