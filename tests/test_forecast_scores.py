"""How forecasts did, in the report card and for monitoring."""

from __future__ import annotations

import json
from typing import Any

from homeassistant.core import HomeAssistant
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.snapshot import ForecastReport
from custom_components.occupancy_ml.forecast_scores import (
    async_forecast_scores,
    by_direction,
    over_directions,
    score_as_json,
    worst_bias,
)
from custom_components.occupancy_ml.monitor import async_readiness
from tests.a_home import KITCHEN, coordinator_of, set_up
from tests.house import build_house


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass, {"kitchen": KITCHEN})


async def test_the_scores_of_a_young_home_say_that_nothing_was_measured(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    scores = await async_forecast_scores(coordinator_of(entry), 14)
    assert set(scores["kitchen"]) == {"to_occupied", "to_vacant"}
    for told in scores["kitchen"].values():
        assert json.loads(json.dumps(told)) == told
        assert told["events"] == 0
        assert told["skill"] is None
        assert told["reason"]


def test_a_measured_score_is_told_as_json() -> None:
    report = ForecastReport(
        process="kitchen",
        to_occupied=True,
        moments=900,
        events=40,
        published=0.8,
        reason=None,
        crps=30.5,
        baselines={"climatology": 33.0},
        skill=0.076,
        coverage_80=0.81,
        width_80=95.0,
        mean_error=21.0,
        bias=-2.5,
        within={15: 0.5, 20: 0.6},
        brier={30: (0.1, 0.12)},
        confidence=((12, 0.35, 0.4), (0, 0.0, 0.0)),
        sure=0.1,
        sure_true=None,
        weights={"kernel": 0.7},
    )
    told = score_as_json(report)
    assert json.loads(json.dumps(told)) == told
    assert told["within"] == {"15": 0.5, "20": 0.6}
    assert told["brier"] == {"30": [0.1, 0.12]}
    assert told["confidence"] == [{"n": 12, "said": 0.35, "came": 0.4}, None]
    assert (told["sure"], told["sure_true"]) == (0.1, None)
    assert not {"process", "to_occupied"} & set(told)


async def test_the_report_card_and_monitoring_tell_them(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    card: Any = await hass.services.async_call(DOMAIN, "evaluate", {}, blocking=True, return_response=True)
    assert set(card["rooms"]["kitchen"]["forecasts"]) == {"to_occupied", "to_vacant"}
    assert set(card["home"]["forecasts"]) == {"to_occupied", "to_vacant"}
    assert set(card["sleep"]) == {"forecasts"}
    one: Any = await hass.services.async_call(
        DOMAIN, "evaluate", {"room": "kitchen"}, blocking=True, return_response=True
    )
    assert set(one) == {"days", "rooms"}
    readiness = await async_readiness(coordinator_of(entry))
    assert readiness["rooms"]["kitchen"]["forecasts"] == card["rooms"]["kitchen"]["forecasts"]
    assert readiness["forecasts"] == card["home"]["forecasts"]
    assert readiness["sleep"]["forecasts"] == card["sleep"]["forecasts"]


scores = st.fixed_dictionaries(
    {
        "published": st.just(1.0),
        "events": st.integers(0, 100),
        "skill": st.one_of(st.none(), st.floats(-5, 1)),
    }
)


@given(scores, scores)
def test_both_directions_count_by_their_changes(one: dict[str, Any], other: dict[str, Any]) -> None:
    mean = over_directions({"to_occupied": one, "to_vacant": other}, "skill")
    counted = [each for each in (one, other) if each["skill"] is not None and each["events"]]
    if not counted:
        assert mean is None
    else:
        assert mean is not None
        assert min(each["skill"] for each in counted) - 1e-9 <= mean
        assert mean <= max(each["skill"] for each in counted) + 1e-9
        if one == other:
            assert mean == pytest.approx(one["skill"])


def test_a_process_without_scores_has_no_mean() -> None:
    assert over_directions(None, "skill") is None
    assert over_directions({}, "skill") is None
    young = {"to_occupied": {"published": 0.0, "events": 3, "within": {}, "brier": {"30": [0.1, 0.2]}}}
    assert over_directions(young, "within", "15") is None
    assert over_directions(young, "brier", "30", 0) == pytest.approx(0.1)


def test_a_direction_that_is_kept_back_does_not_count_beside_one_that_is_published() -> None:
    told = {
        "to_occupied": {"published": 0.4, "events": 10, "skill": 0.2},
        "to_vacant": {"published": 0.0, "events": 90, "skill": -0.3},
    }
    assert over_directions(told, "skill") == pytest.approx(0.2)
    assert set(by_direction(told, "skill")) == {"to_occupied"}
    # Where none is published, both show how far they are.
    told["to_occupied"]["published"] = 0.0
    assert over_directions(told, "skill") == pytest.approx(-0.25)


def test_late_one_way_and_early_the_other_is_no_bias_of_nothing() -> None:
    late = {"published": 1.0, "events": 10, "bias": 20.0}
    early = {"published": 1.0, "events": 10, "bias": -25.0}
    assert worst_bias({"to_occupied": late, "to_vacant": early}) == -25.0
    assert worst_bias({"to_occupied": late, "to_vacant": {**early, "published": 0.0}}) == 20.0
    assert worst_bias(None) is None
