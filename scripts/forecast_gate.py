"""What the gate lets through by chance: `scripts/forecasts gate`. SIMULATED days, no home.

The gain of a day over the baselines is drawn with heavy tails (Student's t, four degrees of freedom), alike its neighbours (a
moving average of 0.3), of standard deviation 1 and a mean that stays as it is. The gate learns for four weeks; what it publishes
in the four weeks after is counted.
"""

from __future__ import annotations

import argparse

import numpy as np

from custom_components.occupancy_ml.engine.forecast.baselines import BASELINES
from custom_components.occupancy_ml.engine.forecast.bins import HORIZONS
from custom_components.occupancy_ml.engine.forecast.gate import Gate

_MEANS = (-0.1, 0.0, 0.1, 0.2, 0.3, 0.4)
_BEFORE = _AFTER = 28
_ALIKE = 0.3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="scripts/forecasts gate", description=__doc__)
    parser.add_argument("--lives", type=int, default=500, help="how many for each mean")
    given = parser.parse_args()
    print("| mean gain of a day | ever published | of the days | published and lost |")
    print("|---|---|---|---|")
    rng = np.random.default_rng(1)
    noise = rng.standard_t(4, (given.lives, _BEFORE + _AFTER + 1)) / np.sqrt(2.0)
    days = (noise[:, 1:] + _ALIKE * noise[:, :-1]) / np.sqrt(1 + _ALIKE**2)
    for mean in _MEANS:
        told = [_published(mean + gains) for gains in days]
        ever = np.mean([count > 0 for count, _ in told])
        share = np.mean([count / _AFTER for count, _ in told])
        lost = np.mean([count > 0 and gain <= 0 for count, gain in told])
        print(f"| {mean:+.1f} | {ever:.2f} | {share:.2f} | {lost:.2f} |")


def _published(gains: np.ndarray[tuple[int], np.dtype[np.float64]]) -> tuple[int, float]:
    """Of the later days how many were published, and what they gained."""
    gate, usual = Gate(), np.full((len(BASELINES), 1), 30.0)
    squared, error = np.full((1 + len(BASELINES), 1, len(HORIZONS)), 0.2), np.zeros(1)
    count, gained = 0, 0.0
    for day, gain in enumerate(gains.tolist()):
        if day >= _BEFORE and gate.open:
            count, gained = count + 1, gained + gain
        gate.learn(day, 3, usual[0] - gain, usual, squared, error)
    return count, gained


if __name__ == "__main__":
    main()
