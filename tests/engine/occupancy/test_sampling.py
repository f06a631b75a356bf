"""Corrections are weighed as a chosen sample: how often people speak of a kind does not move how often it is true."""

from __future__ import annotations

from hypothesis import given, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.occupancy.sampling import sampling_weights


def rows(
    usual: float, occupied: int, vacant: int
) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """Targets and which were corrected: a thousand rows of hindsight, then corrections."""
    hindsight = np.zeros(1000)
    hindsight[: round(1000 * usual)] = 1.0
    targets = np.concatenate([hindsight, np.ones(occupied), np.zeros(vacant)])
    return targets, np.arange(len(targets)) >= 1000


@given(st.sampled_from([0.05, 0.3, 0.9]), st.integers(500, 2000), st.integers(500, 2000))
def test_many_corrections_count_in_the_share_in_which_they_are_true(
    usual: float, occupied: int, vacant: int
) -> None:
    targets, corrected = rows(usual, occupied, vacant)
    factors = sampling_weights(targets, np.full(len(targets), 2.0), corrected)
    assert (factors[~corrected] == 1).all()
    said = factors[corrected]
    assert (targets[corrected] * said).sum() / said.sum() == pytest.approx(usual, abs=0.02)
    # They teach as much as before, in sum.
    assert said.sum() == pytest.approx(corrected.sum(), rel=0.02)


def test_what_is_said_against_the_usual_counts_less_the_more_often_it_is_said() -> None:
    factors = []
    for occupied in (1, 5, 50):
        targets, corrected = rows(0.1, occupied, 0)
        factors.append(float(sampling_weights(targets, np.ones(len(targets)), corrected)[-1]))
    assert 1 > factors[0] > factors[1] > factors[2] > 0.1


@pytest.mark.parametrize(("usual", "occupied", "vacant"), [(0.0, 0, 3), (1.0, 4, 0), (0.2, 0, 0)])
def test_where_nothing_speaks_against_what_is_usual_nothing_changes(
    usual: float, occupied: int, vacant: int
) -> None:
    targets, corrected = rows(usual, occupied, vacant)
    assert (sampling_weights(targets, np.ones(len(targets)), corrected) == 1).all()


def test_without_anything_else_to_tell_what_is_usual_nothing_changes() -> None:
    everything = np.ones(3, dtype=bool)
    assert (sampling_weights(np.array([1.0, 1.0, 0.0]), np.ones(3), everything) == 1).all()
