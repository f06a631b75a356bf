"""Intervals, effects and false-discovery rates."""

from __future__ import annotations

from hypothesis import given, strategies as st
import numpy as np
import pytest
from scipy.stats import binomtest

from custom_components.occupancy_ml.engine.routines.chance import (
    log_odds,
    q_values,
    shuffled,
    surprise,
    uniforms,
    wilson,
)


@given(st.integers(1, 400), st.data())
def test_the_interval_is_wilsons(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    expected = binomtest(hits, trials).proportion_ci(method="wilson")
    assert wilson(hits, trials) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_chance_is_even_and_always_the_same() -> None:
    numbers = uniforms(7, 200, 50)
    assert np.array_equal(numbers, uniforms(7, 200, 50))
    assert not np.array_equal(numbers, uniforms(8, 200, 50))
    assert numbers.min() >= 0
    assert numbers.max() < 1
    counts = np.histogram(numbers, bins=20, range=(0, 1))[0]
    assert abs(counts - 500).max() < 5 * np.sqrt(500)
    assert abs(np.corrcoef(numbers[:-1].ravel(), numbers[1:].ravel())[0, 1]) < 0.03


def test_shuffles_stay_within_their_group() -> None:
    groups = np.repeat(np.arange(10), 30)
    order = shuffled(3, groups)
    assert sorted(order.tolist()) == list(range(300))
    assert np.array_equal(groups[order], groups)
    assert not np.array_equal(order, np.arange(300))


def test_effects_are_shrunk() -> None:
    once, often = log_odds(1, 1, 0.05), log_odds(60, 60, 3.0)
    assert 0 < once < often
    assert log_odds(5, 100, 5.0) == pytest.approx(0, abs=1e-9)
    assert log_odds(0, 100, 30.0) < 0


def test_only_more_than_chance_surprises() -> None:
    scores = surprise([2, 5, 9, 10], [10, 10, 10, 10], [5, 5, 5, 5])
    assert scores[0] == scores[1] == 0
    assert 0 < scores[2] < scores[3]


def test_rates_hold_where_nothing_is_there() -> None:
    """Among scores that are chance alone, a rate of 5 % is rarely passed."""
    false = 0
    for seed in range(200):
        draws = -np.log1p(-uniforms(seed, 41, 30))
        false += int((q_values(draws[0], draws[1:]) <= 0.05).any())
    assert false <= 20


@given(st.lists(st.floats(0, 50), min_size=1, max_size=20))
def test_a_higher_score_never_has_a_higher_rate(scores: list[float]) -> None:
    rates = q_values(scores, -np.log1p(-uniforms(1, 20, len(scores))) * 10)
    ordered = rates[np.argsort(scores, kind="stable")]
    assert (np.diff(ordered) <= 1e-12).all()
    assert ((rates > 0) & (rates <= 1)).all()
