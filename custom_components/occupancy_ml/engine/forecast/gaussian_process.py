"""Gaussian process classifier of hazards, by features of its kernel (Rahimi and Recht 2007).

The random frequencies are a quasi-random sequence (Yang and others 2014): fewer are needed, and the same every time.
"""

from __future__ import annotations

import math

import numpy as np

from .bins import Floats
from .hazard_regression import HazardRegression, base_columns
from .periods import EDGES, PersonPeriods, inputs
from .rows import Rows

_FEATURES = 48
_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23)


class GaussianProcess(HazardRegression):
    """The member."""

    name = "gaussian_process"
    penalty = 2.0

    def chosen(self, rows: Rows) -> Floats:
        """The few inputs a smooth function of which is wanted: time in the state, here and of the home, and odds."""
        values = inputs(rows)
        return np.stack(
            [np.log1p(rows.elapsed), values[:, 1], values[:, 11], values[:, 12], values[:, -4]], axis=1
        )

    def design(self, values: Floats, rows: Rows, cases: PersonPeriods) -> Floats:
        """Period and clock, and the features of the kernel over clock, how far ahead, and the inputs."""
        turn = 2 * math.pi * cases.clock / 1440.0
        ahead = np.log1p(EDGES[cases.period] * 5.0) / 2.0
        place = np.concatenate(
            [np.stack([1.5 * np.sin(turn), 1.5 * np.cos(turn), ahead], axis=1), 0.7 * values[cases.row]],
            axis=1,
        )
        frequencies, phases = _frequencies(place.shape[1])
        waves = math.sqrt(2.0 / _FEATURES) * np.cos(place @ frequencies + phases)
        return np.concatenate([base_columns(cases), 3.0 * waves], axis=1)


def _frequencies(dimensions: int) -> tuple[Floats, Floats]:
    """(dimensions, _FEATURES) normal frequencies and (_FEATURES,) phases, from a Halton sequence."""
    points = np.stack([_halton(prime, _FEATURES) for prime in _PRIMES[: dimensions + 1]], axis=1)
    return _normal(points[:, :dimensions]).T, 2 * math.pi * points[:, dimensions]


def _halton(base: int, count: int) -> Floats:
    """(count,) the sequence of van der Corput in a base, its first points left out."""
    numbers = np.arange(20, 20 + count)
    found, share = np.zeros(count), 1.0
    while numbers.any():
        share /= base
        found += share * (numbers % base)
        numbers = numbers // base
    return found


def _normal(chance: Floats) -> Floats:
    """Quantiles of the normal distribution, to 5e-4 (Abramowitz and Stegun 1964, 26.2.23)."""
    tail = np.minimum(chance, 1 - chance)
    t = np.sqrt(-2 * np.log(tail))
    size = t - (2.515517 + 0.802853 * t + 0.010328 * t**2) / (
        1 + 1.432788 * t + 0.189269 * t**2 + 0.001308 * t**3
    )
    result: Floats = np.where(chance < 0.5, -size, size)
    return result
