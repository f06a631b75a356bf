"""What is read off a forecast."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
import json
from typing import Any

from hypothesis import given, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us, to_us
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP, ForecastCurve
from custom_components.occupancy_ml.forecasts import (
    CHANGES,
    chance_of_change,
    change_of,
    curve_as_json,
    forecast_as_json,
    intervals_of,
    to_the_minute,
    told_in,
)
from tests.foretold import LEVELS, forecast, moved

NOW_US = to_us(datetime(2026, 3, 29, 0, 30, tzinfo=UTC))
times = st.lists(st.floats(0.01, 1440), min_size=5, max_size=5).map(lambda found: tuple(sorted(found)))


@given(times, st.floats(0, 0.1), st.lists(st.floats(0, 1500), min_size=2, max_size=20))
def test_the_chance_of_a_change_only_grows_and_passes_through_the_quantiles(
    quantiles: tuple[float, ...], none: float, minutes: list[float]
) -> None:
    told = forecast("kitchen", False, quantiles, none_24h=none)
    chances = [chance_of_change(told, each, 0) for each in sorted(minutes)]
    assert all(0 <= a <= b + 1e-12 for a, b in zip(chances, [*chances[1:], 1.0], strict=True))
    for level, time in zip(LEVELS, quantiles, strict=True):
        assert chance_of_change(told, time, 0) >= level - 1e-9
        if time > 0:
            assert (
                chance_of_change(told, np.nextafter(time, 0), 0)
                <= max(share for share, other in zip(LEVELS, quantiles, strict=True) if other == time) + 1e-6
            )


def test_the_chance_is_straight_between_quantiles() -> None:
    told = forecast("kitchen", False, (10, 20, 30, 40, 60), none_24h=0.0)
    assert chance_of_change(told, 5, 0) == pytest.approx(0.05)
    assert chance_of_change(told, 35, 0) == pytest.approx(0.625)
    assert chance_of_change(told, 1440, 0) == 1.0


def test_beyond_the_last_quantile_the_rest_comes_at_the_last_pace() -> None:
    told = forecast("kitchen", False, (10, 20, 30, 40, 60), none_24h=0.02)
    # In the 20 minutes before, what was left shrank from 0.25 to 0.1; in the next 20 it does so again.
    assert chance_of_change(told, 80, 0) == pytest.approx(1 - 0.1 * 0.4)
    assert chance_of_change(told, 600, 0) == pytest.approx(0.98)
    assert chance_of_change(forecast("kitchen", False, (5, 5, 5, 5, 5), none_24h=0.03), 5, 0) == 0.97


def test_what_rather_does_not_come_within_a_day_counts_only_up_to_it() -> None:
    told = forecast("kitchen", False, (100, 600, None, None, None), none_24h=0.7)
    assert chance_of_change(told, 600, 0) == pytest.approx(0.25)
    assert chance_of_change(told, 1440, 0) == pytest.approx(0.3)
    assert chance_of_change(told, 5000, 0) == pytest.approx(0.3)
    assert intervals_of(moved(told, NOW_US)) == {
        "50": [from_us(NOW_US + 600 * MINUTE_US), None],
        "80": [from_us(NOW_US + 100 * MINUTE_US), None],
    }


def test_a_forecast_some_minutes_old_counts_as_not_come_true_until_now() -> None:
    told = forecast("kitchen", False, (10, 20, 30, 40, 60), none_24h=0.0)
    # By 20 minutes a quarter had been expected; of the rest a third comes in the next ten.
    assert chance_of_change(told, 10, 20 * MINUTE_US) == pytest.approx(0.25 / 0.75)
    assert chance_of_change(told, 0, 20 * MINUTE_US) == 0
    assert chance_of_change(told, 10, 2000 * MINUTE_US) == 1.0


def test_a_horizon_that_is_no_better_is_not_told() -> None:
    told = replace(forecast("kitchen", False, occupied_in={5: 0.1, 30: 0.6}), told_in=(5,))
    assert (told_in(told, 5), told_in(told, 30), told_in(told, 60)) == (0.1, None, None)
    assert told_in(replace(told, published=False), 5) is None
    assert forecast_as_json(told, 0)["occupied_in"] == {"5": 0.1, "30": None}


def test_each_change_has_its_name() -> None:
    named = [
        change_of(forecast(process, state)) for process in ("kitchen", HOME, SLEEP) for state in (False, True)
    ]
    assert named == ["to_occupied", "to_vacant", "arrival", "departure", "bedtime", "wake_up"]
    assert set(named) == set(CHANGES)


def test_times_are_full_minutes() -> None:
    assert to_the_minute(NOW_US + 29_999_999) == from_us(NOW_US)
    assert to_the_minute(NOW_US + 30_000_000) == from_us(NOW_US + MINUTE_US)


def test_of_an_unpublished_forecast_only_the_reason_is_told() -> None:
    told = forecast_as_json(
        moved(forecast("kitchen", True, published=False, reason="Too few changes yet."), NOW_US),
        NOW_US,
    )
    assert told == {
        "made_at": "2026-03-29T00:30:00+00:00",
        "occupied": True,
        "published": False,
        "reason": "Too few changes yet.",
    }


def test_a_curve_is_told_by_quarters_of_an_hour() -> None:
    share = [n / 288 for n in range(1, 289)]
    curve = ForecastCurve(
        "kitchen", NOW_US, 5 * MINUTE_US, tuple(share), tuple(reversed(share)), (0.0,) * 288
    )
    told: list[Any] = curve_as_json(curve, forecast("kitchen", False))
    assert len(told) == 96
    assert told[0] == {
        "time": "2026-03-29T00:45:00+00:00",
        "occupied": round(share[2], 4),
        "changed": round(share[-3], 4),
    }
    assert told[-1]["time"] == "2026-03-30T00:30:00+00:00"
    assert told[-1]["occupied"] == 1


def test_a_published_forecast_is_told_whole() -> None:
    made = forecast(
        HOME, True, (10, 20, 30, 40, None), alternatives=((90, 0.2),), occupied_in={30: 0.5, 5: 0.9}
    )
    told = forecast_as_json(moved(made, NOW_US), NOW_US)
    assert json.loads(json.dumps(told)) == told
    assert told["transition_type"] == "departure"
    assert told["predicted_time"] == "2026-03-29T01:00:00+00:00"
    assert told["time_until"] == 30
    assert told["prediction_interval"] == {
        "50": ["2026-03-29T00:50:00+00:00", "2026-03-29T01:10:00+00:00"],
        "80": ["2026-03-29T00:40:00+00:00", None],
    }
    assert told["alternatives"] == [{"time": "2026-03-29T02:00:00+00:00", "probability": 0.2}]
    assert told["occupied_in"] == {"5": 0.9, "30": 0.5}


def test_a_time_that_passed_meanwhile_is_now() -> None:
    told = moved(forecast("kitchen", False, (0, 1, 1.5, 30, 200)), NOW_US)
    early = forecast_as_json(told, NOW_US + MINUTE_US)
    assert (early["predicted_time"], early["time_until"]) == ("2026-03-29T00:31:30+00:00", 0.5)
    late = forecast_as_json(told, NOW_US + 4 * MINUTE_US)
    assert (late["predicted_time"], late["time_until"]) == ("2026-03-29T00:34:00+00:00", 0)
    none = forecast_as_json(forecast("kitchen", False, (None,) * 5), NOW_US)
    assert (none["predicted_time"], none["time_until"]) == (None, None)


@pytest.mark.parametrize(
    ("kept_back", "hidden"),
    [
        ((), []),
        ((15,), [15]),
        ((60,), [45, 60, 75, 90, 105]),
        ((240,), list(range(135, 24 * 60 + 1, 15))),
    ],
)
def test_a_curve_does_not_tell_a_horizon_that_is_kept_back(
    kept_back: tuple[int, ...], hidden: list[int]
) -> None:
    occupied_in = dict.fromkeys((5, 15, 30, 60, 120, 240), 0.5)
    made = replace(
        forecast("kitchen", False, occupied_in=occupied_in),
        told_in=tuple(each for each in occupied_in if each not in kept_back),
    )
    curve = ForecastCurve("kitchen", NOW_US, 5 * MINUTE_US, (0.5,) * 288, (0.9,) * 288, (0.0,) * 288)
    points: list[Any] = curve_as_json(curve, made)
    assert [15 * n for n, point in enumerate(points, 1) if point["occupied"] is None] == hidden
    assert {point["changed"] for point in points} == {0.9}
