"""Sleep by hindsight: long rests in the bedroom, from the first to the last."""

from __future__ import annotations

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.labels.episodes import sleep_chance
from custom_components.occupancy_ml.engine.whereabouts import Hindsight
from custom_components.occupancy_ml.engine.whereabouts.model import Counts


def asleep(*stays: tuple[int, bool]) -> list[tuple[int, int]]:
    """The sleeps [begin, end) of somebody who is by turns so many minutes in the bedroom (True) and elsewhere."""
    there = np.concatenate([np.full(minutes, in_bedroom) for minutes, in_bedroom in stays])
    occupied = np.where(np.stack([there, ~there], axis=1), 0.99, 0.01)
    n = len(there)
    counts = Counts(np.zeros((2, 2)), np.zeros((4, 3, 4, 2)), np.zeros((0, 4, 2)))
    found = Hindsight(np.arange(n), np.ones(n, np.int64), occupied, np.full(n, 0.99), counts, 0.0)
    sleeping = np.concatenate([[False], sleep_chance(found, [0], []) >= 0.5, [False]])
    edges = np.flatnonzero(np.diff(sleeping)).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


@pytest.mark.parametrize(
    ("stays", "slept"),
    [
        ([(60, False), (400, True), (60, False)], [(60, 460)]),
        ([(60, False), (170, True), (60, False)], []),
        ([(60, False), (200, True), (20, False), (200, True), (60, False)], [(60, 480)]),
        # Up, washed, and back to dress: they woke when they got up.
        ([(60, False), (400, True), (15, False), (5, True), (60, False)], [(60, 460)]),
        # Undressed, washed, and to bed.
        ([(60, False), (5, True), (15, False), (400, True), (60, False)], [(80, 480)]),
        ([(60, False), (200, True), (40, False), (200, True), (60, False)], [(60, 260), (300, 500)]),
    ],
)
def test_sleep_is_from_the_first_to_the_last_long_rest(
    stays: list[tuple[int, bool]], slept: list[tuple[int, int]]
) -> None:
    assert asleep(*stays) == slept
