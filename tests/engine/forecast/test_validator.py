"""Sums of scores: packed as they are stored, and added up over days."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.forecast.baselines import BASELINES
from custom_components.occupancy_ml.engine.forecast.bins import BINS, CAP, EDGES, HORIZONS, LEVELS
from custom_components.occupancy_ml.engine.forecast.telling import told_of
from custom_components.occupancy_ml.engine.forecast.validator import Told, added, packed, report_of, sums_of
from custom_components.occupancy_ml.engine.store.forecasts import ForecastScore


def a_day(seed: int) -> dict[str, Any]:
    """Sums of 96 forecasts as chance has them, some of them without a change within 24 hours."""
    numbers = np.random.default_rng(seed)
    n = 96
    quantiles = np.sort(numbers.uniform(0, 1.2 * CAP, (n, len(LEVELS))), axis=1)
    quantiles[quantiles > CAP] = np.inf
    told = Told(
        quantiles,
        numbers.uniform(0, 0.3, n),
        np.sort(numbers.random((n, 2)), axis=1),
        numbers.random((n, len(HORIZONS))),
    )
    later = np.where(
        numbers.random((n, len(HORIZONS))) < 0.1, np.nan, numbers.integers(0, 2, (n, len(HORIZONS)))
    )
    return sums_of(
        told,
        np.minimum(numbers.exponential(300, n), CAP),
        later,
        numbers.uniform(0, 900, (len(BASELINES), n)),
        numbers.random((len(BASELINES), n, len(HORIZONS))),
    )


def test_packed_sums_add_up_to_what_the_sums_do() -> None:
    days = [a_day(seed) for seed in range(5)]
    total = added(json.loads(json.dumps([packed(day) for day in days])))
    assert set(total) == set(days[0])
    for name, value in total.items():
        expected = np.sum([day[name] for day in days], axis=0)
        assert value == pytest.approx(expected.tolist(), rel=1e-6), name
    assert added([]) == {}


def test_days_stored_by_name_and_days_that_are_damaged() -> None:
    """Before sums were packed they stood by name, and had no `sure` at first."""
    early, late = a_day(1), a_day(2)
    known = {name: value for name, value in early.items() if not name.startswith("sure")}
    garbled = packed(late)
    total = added([known, packed(late), garbled[:40] + garbled[44:], "no base64", ""])
    assert total["crps"] == pytest.approx(early["crps"] + late["crps"], rel=1e-6)
    assert total["sure"] == late["sure"]


def test_the_report_says_how_often_a_sure_forecast_was_right() -> None:
    """Of ten forecasts four give the twenty minutes around their time 80 % or more; of these three come within."""
    wait = np.array([100, 110, 81, 140, 100, 100, 100, 300, 300, 300], dtype=np.float64)
    confidence = np.where(np.arange(10) < 4, 0.85, 0.5)
    told = Told(
        np.repeat([[80.0, 90.0, 100.0, 110.0, 120.0]], 10, axis=0),
        np.full(10, 0.05),
        np.stack([confidence - 0.1, confidence], axis=1),
        np.full((10, len(HORIZONS)), 0.5),
    )
    ahead = np.ones((10, len(HORIZONS)))
    sums = sums_of(told, wait, ahead, np.ones((len(BASELINES), 10)), np.ones((len(BASELINES), *ahead.shape)))
    score = ForecastScore("kitchen", "2026-03-02", True, 10, 10, {"events": 2, "published": packed(sums)})
    report = report_of("kitchen", True, [score], None, {})
    assert report.sure == pytest.approx(0.4)
    assert report.sure_true == pytest.approx(0.75)
    never = report_of("kitchen", False, [], "nothing", {})
    assert (never.sure, never.sure_true) == (0.0, None)


def test_the_confidence_of_true_distributions_comes_true_in_every_bin() -> None:
    """Waits drawn from what was told: of what was said with 30 %, three in ten come within 15 minutes."""
    rng = np.random.default_rng(4)
    n = 8_000
    middle, width = rng.uniform(30, 600, n), 3 * 30 ** rng.random(n)
    cdf = 1 / (1 + np.exp(-(EDGES[1:] - middle[:, None]) / width[:, None]))
    at_once = 1 / (1 + np.exp(middle / width))
    cdf = (cdf - at_once[:, None]) / (1 - at_once[:, None])
    drawn = rng.random(n)
    after = (cdf < drawn[:, None]).sum(axis=1)
    full = np.concatenate([np.zeros((n, 1)), cdf], axis=1)
    rows, inside = np.arange(n), np.minimum(after, BINS - 1)
    low, high = full[rows, inside], full[rows, inside + 1]
    wait = np.where(after == BINS, CAP, EDGES[inside] + 5 * (drawn - low) / (high - low))
    told = told_of(cdf, np.full((n, len(HORIZONS)), 0.5))
    nothing = np.full((n, len(HORIZONS)), np.nan)
    sums = sums_of(told, wait, nothing, np.zeros((len(BASELINES), n)), np.stack([nothing] * len(BASELINES)))
    score = ForecastScore("kitchen", "2026-03-02", True, n, n, {"published": packed(sums)})
    bins = report_of("kitchen", True, [score], None, {}).confidence
    filled = [each for each in bins if each[0] > 200]
    assert len(filled) >= 8
    for said, sure, came in filled:
        assert came == pytest.approx(sure, abs=3.5 * np.sqrt(sure * (1 - sure) / said))
