"""Stacking, conformal intervals and the gate: optimal, calibrated, honest."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest
from scipy.optimize import minimize

from custom_components.occupancy_ml.engine.forecast.bins import (
    BINS,
    CAP,
    HORIZONS,
    LEVELS,
    cdf_of,
    quantiles,
    residuals,
)
from custom_components.occupancy_ml.engine.forecast.combining import Answer, Pool, Said, combined
from custom_components.occupancy_ml.engine.forecast.gate import Gate, error_of_mean, pinball
from custom_components.occupancy_ml.engine.forecast.intervals import Conformal
from custom_components.occupancy_ml.engine.forecast.judging import Past, tell_gates
from custom_components.occupancy_ml.engine.forecast.stacking import Stack, simplex_weights
from tests.engine.forecast.made import history, rows

RNG = np.random.default_rng(9)


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 6), st.integers(0, 10_000))
def test_weights_solve_the_quadratic_programme(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(size, 12))
    gram = factor @ factor.T / 12
    found = simplex_weights(gram, 0.0)
    best = minimize(
        lambda w: w @ gram @ w,
        np.full(size, 1 / size),
        bounds=[(0, 1)] * size,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assert found.sum() == pytest.approx(1.0)
    assert (found >= 0).all()
    # Weights too small to matter are left out, which costs a little.
    assert found @ gram @ found <= best.fun * 1.03 + 1e-4


def test_held_strongly_weights_are_equal() -> None:
    gram = np.diag([1.0, 4.0, 9.0])
    assert simplex_weights(gram, 1e6) == pytest.approx(np.full(3, 1 / 3), abs=1e-3)
    assert simplex_weights(gram, 0.0).argmax() == 0


def test_days_away_do_not_say_who_is_right_about_the_others() -> None:
    rng = np.random.default_rng(3)
    stack = Stack(2)
    for number in range(28):
        usual = np.stack([rng.normal(0, 0.1, (96, BINS)), rng.normal(0, 0.2, (96, BINS))])
        away = np.stack([np.full((96, BINS), 0.95), np.full((96, BINS), 0.6)])
        stack.learn(away if number in (10, 11, 12) else usual)
        if number == 9:
            before = stack.weights
    assert before[0] > 0.6
    assert stack.weights[0] > 0.6


def test_a_first_day_without_any_error_says_nothing_of_what_is_usual() -> None:
    stack = Stack(2)
    for number in range(30):
        stack.learn(np.stack([np.zeros((9, 1)), np.full((9, 1), 0.1 if number else 0.0)]))
    assert stack.weights[0] > 0.8


def test_who_has_weight_and_nothing_to_say_leaves_it_to_the_others() -> None:
    """Of a room in which nobody ever was at this hour the kernel knows nothing."""
    pools = [Pool(1)]
    for stack in pools[0].later:
        stack.weights = np.array([1.0, 0.0, 0.0, 0.0])
    cdf, usual = cdf_of(np.full((1, 1, BINS), 0.01)), np.full((1, len(HORIZONS)), 0.9)
    said = Said(cdf, np.full_like(usual, np.nan), usual, np.array([0.99]), np.array([True]))
    assert (combined(said, pools, np.array([0])).occupied > 0.9).all()


def test_the_better_member_earns_weight_and_a_silent_one_is_passed_over() -> None:
    stack = Stack(3)
    waits = RNG.exponential(100, (30, 60))
    members = [cdf_of(np.full((60, BINS), 1 - np.exp(-5 / mean))) for mean in (100, 600, 20)]
    for day in waits:
        stack.learn(np.stack([residuals(cdf, np.minimum(day, CAP)) for cdf in members]))
    assert stack.weights.argmax() == 0
    silent = np.stack([np.full((2, 4), np.nan), np.full((2, 4), 0.5), np.full((2, 4), 0.7)])
    pooled = stack.pool(silent)
    assert ((pooled >= 0.5) & (pooled <= 0.7)).all()
    other = Stack(3)
    other.restore(stack.to_json())
    assert np.array_equal(other.weights, stack.weights)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_intervals_of_a_wrong_model_come_to_hold_what_they_promise(factor: float) -> None:
    conformal = Conformal()
    inside = []
    for day in range(400):
        waits = np.minimum(RNG.exponential(60, 20), CAP)
        cdf = cdf_of(np.full((20, BINS), 1 - np.exp(-5 / (60 * factor))))
        told = quantiles(conformal.told(cdf), np.repeat(np.array(LEVELS)[None], 20, 0))
        if day > 150:
            inside.append(((told[:, 0] <= waits) & (waits <= told[:, -1])).mean())
        conformal.learn(cdf, waits)
    assert np.mean(inside) == pytest.approx(0.8, abs=0.012)


def test_what_is_told_stays_a_distribution() -> None:
    conformal = Conformal()
    for wait in (1.0, CAP, 5.0, CAP, 700.0):
        conformal.learn(cdf_of(np.full((3, BINS), 0.01)), np.full(3, wait))
        told = conformal.told(cdf_of(np.full((1, BINS), 0.01)))
        assert (np.diff(told) >= 0).all()
        assert ((told >= 0) & (told <= 1)).all()


def test_levels_are_learned_from_moments_at_which_something_is_told() -> None:
    """Uncertain ones, in which all came at once, do not make the others' intervals any different."""
    process = history(8, lambda day: [480, 1080])
    known = rows(process, 6)
    known = known.take(known.state == 1)
    unsure = np.arange(len(known)) % 2 == 0
    mixed = replace(known, chance=np.where(unsure, 0.6, 0.99), wait=np.where(unsure, 5.0, known.wait))
    learned = []
    for each in (mixed, mixed.take(~unsure)):
        pool, n = Pool(1), len(each)
        cdf = cdf_of(np.full((n, BINS), 0.02))
        later = np.full((4, n, len(HORIZONS)), 0.5)
        for _ in pool.learn(each, Answer(cdf[None], cdf, cdf, later, later[0])):
            pass
        learned.append(pool.conformal.levels.tolist())
    assert learned[0] == learned[1]
    assert learned[0] != pytest.approx(list(LEVELS), abs=0.01)


@pytest.mark.parametrize("days", [8, 28])
def test_intervals_hold_what_they_promise_from_the_first_weeks_on(days: int) -> None:
    """Levels are read off what came, and what comes next is one change more, outside of it as well as inside."""
    rng, inside = np.random.default_rng(days), []
    cdf = cdf_of(np.full((4, BINS), 1 - np.exp(-5 / 60)))
    for _ in range(300):
        conformal = Conformal()
        for _ in range(days):
            conformal.learn(cdf, np.minimum(rng.exponential(60, 4), CAP))
        wait = np.minimum(rng.exponential(60, 50), CAP)
        told = quantiles(conformal.told(cdf[:1]), np.array(LEVELS)[None])[0]
        inside.append(((told[0] <= wait) & (wait <= told[-1])).mean())
    assert np.mean(inside) == pytest.approx(0.8, abs=0.01)


def test_days_away_move_neither_levels_nor_gates() -> None:
    process = history(8, lambda day: [480, 1080])
    known = rows(process, 6)
    known = known.take(known.state == 0)
    gone = np.arange(len(known)) % 3 == 0
    mixed = replace(known, away=gone, wait=np.where(gone, CAP, known.wait))
    learned = []
    for each in (mixed, mixed.take(~gone)):
        n = len(each)
        cdf = cdf_of(np.full((n, BINS), 0.02))
        answer = Answer(
            cdf[None], cdf, cdf, np.full((4, n, len(HORIZONS)), 0.5), np.full((n, len(HORIZONS)), 0.5)
        )
        pool, gates = Pool(1), (Gate(), Gate())
        for _ in pool.learn(each, answer):
            pass
        guesses = np.full((4, n, len(HORIZONS)), 0.4)
        tell_gates(gates, 1, Past.of(each, np.full((4, n, len(LEVELS)), 60.0), guesses), answer)
        learned.append((pool.conformal.to_json(), gates[0].to_json()))
    assert learned[0] == learned[1]
    assert learned[0][1] != Gate().to_json()


def test_pinball_is_the_mean_quantile_loss() -> None:
    told = np.array([[10.0, 20.0, 30.0, 40.0, np.inf]])
    loss = [
        2 * max(q * (25 - v), (q - 1) * (25 - v)) for q, v in zip(LEVELS, (10, 20, 30, 40, CAP), strict=True)
    ]
    assert pinball(told, np.array([25.0]))[0] == pytest.approx(np.mean(loss))


def day_of(gate: Gate, number: int, gain: float, events: int = 3, late: float = 0.0) -> None:
    base = RNG.uniform(20, 40, (4, 40))
    squared = np.full((5, 40, len(HORIZONS)), 0.2)
    squared[0, :, :2] = 0.1
    error = np.where(np.arange(40) % 4 == 0, np.nan, RNG.choice([-30.0, 30.0], 40) + late)
    gate.learn(number, events, base.min(axis=0) - gain, base, squared, error)


def state(gate: Gate) -> tuple[bool, str | None]:
    return gate.open, gate.reason


def test_the_gate_opens_for_the_better_and_says_why_it_is_shut() -> None:
    gate = Gate()
    for number in range(9):
        day_of(gate, number, 5.0)
        assert not state(gate)[0]
        assert "days" in str(state(gate)[1])
    for number in range(9, 15):
        day_of(gate, number, 5.0)
    assert state(gate)[0]
    assert state(gate)[1] is None
    assert gate.horizons == HORIZONS[:2]
    for number in range(15, 50):
        day_of(gate, number, -15.0)
    assert not state(gate)[0]
    assert "baseline" in str(state(gate)[1])
    other = Gate()
    other.restore(gate.to_json())
    assert other.to_json() == gate.to_json()


def test_a_changed_routine_shuts_the_gate_until_it_wins_anew() -> None:
    gate = Gate()
    for number in range(15):
        day_of(gate, number, 5.0)
    assert gate.open
    gate.forget()
    assert state(gate) == (False, "fewer than 10 days were scored since its routine changed")
    assert gate.horizons == ()
    restored = Gate()
    restored.restore(gate.to_json())
    for each in (gate, restored):
        for number in range(15, 24):
            day_of(each, number, 5.0)
            assert state(each) == (False, "fewer than 10 days were scored since its routine changed")
        day_of(each, 24, 5.0)
        assert each.open


def test_what_gains_on_the_mean_by_chance_alone_is_not_published() -> None:
    opened = 0
    for _ in range(40):
        gate = Gate()
        for number in range(20):
            # Better than the best baseline now and then, worse as often.
            base = np.full((4, 20), 30.0)
            own = base[0] - RNG.normal(0.0, 10.0)
            gate.learn(number, 3, own, base, np.full((5, 20, len(HORIZONS)), 0.2), np.zeros(20))
        opened += gate.open
    assert opened < 20


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
def test_the_error_of_a_mean_allows_for_days_alike_their_neighbours(alike: float) -> None:
    noise = np.random.default_rng(11).normal(0.0, 10.0, (29, 4000))
    days = noise[1:] + alike * noise[:-1]
    told, true = np.sqrt((error_of_mean(days) ** 2).mean()), days.mean(axis=0).std()
    assert told == pytest.approx(true, rel=0.15)


def test_what_is_late_on_the_mean_is_not_published() -> None:
    gate = Gate()
    for number in range(15):
        day_of(gate, number, 5.0, late=40.0)
    assert not gate.open
    assert gate.reason == "its times were late on the mean"


@pytest.mark.parametrize("now_late", [0.0, -12.0])
def test_what_was_late_and_is_so_no_more_is_published_again(now_late: float) -> None:
    gate = Gate()
    for number in range(25):
        day_of(gate, number, 5.0, late=40.0 if number < 15 else now_late)
        if number == 16:
            assert state(gate) == (False, "its times were late on the mean")
    assert gate.open


def test_a_few_minutes_on_the_mean_do_not_matter() -> None:
    gate = Gate()
    for number in range(15):
        base = RNG.uniform(20, 40, (4, 40))
        squared = np.full((5, 40, len(HORIZONS)), 0.2)
        gate.learn(number, 3, base.min(axis=0) - 5.0, base, squared, np.full(40, -3.0))
    assert gate.open


def test_stated_times_come_to_be_neither_early_nor_late() -> None:
    conformal = Conformal()
    errors: list[float] = []
    for day in range(120):
        waits = np.minimum(RNG.exponential(60, 20), CAP)
        cdf = cdf_of(np.full((20, BINS), 1 - np.exp(-5 / 60)))
        told = quantiles(conformal.told(cdf), np.full((20, 1), 0.5))[:, 0]
        if day > 30:
            errors += (told - waits).tolist()
        conformal.learn(cdf, waits)
    # The median of such waits is 18 minutes early on the mean.
    assert abs(np.mean(errors)) < 5


def test_calibration_goes_on_after_a_restart() -> None:
    one, other = Conformal(), Conformal()
    cdf = cdf_of(np.full((20, BINS), 0.05))
    for _ in range(5):
        one.learn(cdf, RNG.exponential(200, 20).clip(max=CAP))
    other.restore(one.to_json())
    assert np.array_equal(one.levels, other.levels)
    assert np.array_equal(one.told(cdf), other.told(cdf))


def test_where_nothing_happens_nothing_is_published() -> None:
    gate = Gate()
    for number in range(20):
        day_of(gate, number, 5.0, events=0)
    assert not gate.open
    assert "changed fewer" in str(gate.reason)
