"""Sensors for monitoring, how long things take, and the log lines beside them."""

from __future__ import annotations

from datetime import timedelta
import logging

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import get_instance
from homeassistant.const import EntityCategory
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import entity_registry as er
from homeassistant.util import dt as dt_util
from hypothesis import given, strategies as st
import numpy as np
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.events import from_us
from custom_components.occupancy_ml.engine.forecast.validator import packed
from custom_components.occupancy_ml.engine.snapshot import HOME as WHOLE
from custom_components.occupancy_ml.engine.store import DailyScore, JobStatus, RunStatus
from custom_components.occupancy_ml.engine.store.forecasts import ForecastScore
from custom_components.occupancy_ml.log_lines import log_line
from custom_components.occupancy_ml.metrics import KEPT, Durations
from custom_components.occupancy_ml.monitor import async_readiness
from tests.a_home import ROOMS, coordinator_of, make_entry, pass_time, set_up, settle, stored_events
from tests.house import build_house

FORECASTS = (
    *("forecast_skill", "forecast_coverage", "forecast_error", "forecast_bias", "forecast_within_15"),
    *("forecast_within_20", "forecast_crps", "forecast_brier", "forecast_retrains"),
)
LATENCIES = ("prediction_latency", "prediction_latency_median", "feature_latency", "feature_latency_median")
HOME = (
    *("events_stored", "features_stored", "labels_stored", "labelled_days", "database_size"),
    *("last_event_stored", "last_features", "degraded_parts", *LATENCIES),
    *FORECASTS,
)
ROOM = (
    *("log_loss", "skill", "retrains", "labels_stored", "labelled_days", "last_features", "model_since"),
    *FORECASTS,
)


async def with_all(hass: HomeAssistant) -> MockConfigEntry:
    """The home with the sensors for monitoring enabled."""
    build_house(hass)
    entry = make_entry(hass)
    registry = er.async_get(hass)
    ids = [f"home_{key}" for key in HOME] + [f"room_{room}_{key}" for room in ROOMS for key in ROOM]
    for unique_id in ids:
        registry.async_get_or_create(
            "sensor", DOMAIN, unique_id, suggested_object_id=unique_id, disabled_by=None
        )
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    return entry


def shown(hass: HomeAssistant, key: str) -> State:
    entity_id = er.async_get(hass).async_get_entity_id("sensor", DOMAIN, key)
    assert entity_id is not None
    state = hass.states.get(entity_id)
    assert state is not None
    return state


def value(hass: HomeAssistant, key: str) -> str:
    return shown(hass, key).state


async def test_they_are_disabled_until_wanted(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    registry = er.async_get(hass)
    found = {e.unique_id: e for e in er.async_entries_for_config_entry(registry, entry.entry_id)}
    for unique_id in [f"home_{key}" for key in HOME] + [f"room_kitchen_{key}" for key in ROOM]:
        assert found[unique_id].disabled_by is er.RegistryEntryDisabler.INTEGRATION
        assert found[unique_id].entity_category is EntityCategory.DIAGNOSTIC
    assert entry.runtime_data.monitor.data is None


async def test_they_tell_how_the_store_stands(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    entry = await with_all(hass)
    assert value(hass, "home_events_stored") == str(entry.runtime_data.monitor.data["events"])
    assert float(value(hass, "home_database_size")) > 0
    assert float(value(hass, "home_prediction_latency")) >= 0
    assert value(hass, "room_kitchen_skill") == "unknown"
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    coordinator = coordinator_of(entry)
    day = (dt_util.now() - timedelta(days=1)).date().isoformat()
    scores = [
        DailyScore("kitchen", day, model, "hindsight", 100, 10.0, loss)
        for model, loss in (("shown", 25.0), ("prior", 50.0), ("timeout_300", 80.0))
    ]
    await coordinator.run(coordinator.engine.store.scores.write, scores)
    now = dt_util.utcnow()
    await hass.services.async_call(
        DOMAIN,
        "relabel",
        {"room": "hall", "start": now - timedelta(hours=2), "end": now, "state": "occupied"},
        blocking=True,
    )
    await pass_time(hass, freezer, timedelta(minutes=6))
    assert value(hass, "home_events_stored") == str(len(await stored_events(entry)))
    assert value(hass, "home_labelled_days") == "1"
    assert shown(hass, "home_labels_stored").attributes["correction"] == 1
    assert shown(hass, "room_hall_labels_stored").attributes["correction"] == 1
    assert (value(hass, "room_hall_labelled_days"), value(hass, "room_kitchen_labelled_days")) == ("1", "0")
    assert value(hass, "room_kitchen_model_since") == "unknown"
    assert value(hass, "room_kitchen_log_loss") == "0.25"
    assert value(hass, "room_kitchen_skill") == "50.0"
    assert value(hass, "room_hall_skill") == "unknown"
    await hass.services.async_call(DOMAIN, "retrain", {"rooms": ["kitchen"]}, blocking=True)
    before = float(value(hass, "room_kitchen_retrains"))
    await pass_time(hass, freezer, timedelta(minutes=6))
    assert float(value(hass, "room_kitchen_retrains")) == before + 1
    # Windows of five minutes were closed on the way.
    assert all(float(value(hass, f"home_{key}")) >= 0 for key in LATENCIES)
    assert shown(hass, "room_kitchen_retrains").attributes["request"] == 1
    told = entry.runtime_data.monitor.data
    assert told["feature_rows"] >= 3
    assert value(hass, "home_features_stored") == str(told["feature_rows"])
    for key, time_us in (
        ("home_last_event_stored", told["last_ingest_us"]),
        ("home_last_features", told["last_feature_us"]),
        ("room_kitchen_last_features", told["rooms"]["kitchen"]["last_feature_us"]),
    ):
        assert value(hass, key) == from_us(time_us).isoformat(timespec="seconds")


async def test_what_is_degraded_is_told_with_its_reason(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await with_all(hass)
    assert value(hass, "home_degraded_parts") == "0"
    store = coordinator_of(entry).engine.store
    store.jobs.finish(
        store.jobs.start("training", "2026-01-01", 1), JobStatus.FAILED, 2, error_message="no numbers"
    )
    await pass_time(hass, freezer, timedelta(minutes=6))
    assert value(hass, "home_degraded_parts") == "1"
    assert shown(hass, "home_degraded_parts").attributes["training"] == "no numbers"


async def test_entities_left_out_of_the_recorder_are_named(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    told = await async_readiness(coordinator_of(entry))
    assert told["not_recorded"] == []
    get_instance(hass).entity_filter = lambda entity_id: not entity_id.startswith("person.")
    told = await async_readiness(coordinator_of(entry))
    assert told["not_recorded"] == ["person.ada", "person.grace"]


async def test_training_leaves_lines_that_name_nothing(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    build_house(hass)
    await set_up(hass)
    with caplog.at_level(logging.INFO, "custom_components.occupancy_ml"):
        await hass.services.async_call(DOMAIN, "retrain", {"rooms": ["bathroom"]}, blocking=True)
    lines = [record.getMessage() for record in caplog.records if DOMAIN in record.name]
    ours = [line for line in lines if line.startswith("training_")]
    assert ours[-1].startswith("training_gate_not_met room=2 cause=request rows=0 days=0 in_service=False")
    assert not [line for line in ours if any(room in line for room in ROOMS)]


def test_a_log_line_is_one_word_a_value(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("custom_components.occupancy_ml.test")
    with caplog.at_level(logging.INFO):
        log_line(logger, logging.INFO, "some_name", text="two words\nlines", share=0.123456, nothing=None)
        log_line(logger, logging.DEBUG, "other_name")
    assert [r.getMessage() for r in caplog.records if r.name == logger.name] == [
        "some_name text=two_words_lines share=0.1235 nothing=-"
    ]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=50), st.sampled_from([0.5, 0.99]))
def test_quantiles_are_those_of_numpy(durations: list[float], share: float) -> None:
    kept = Durations()
    for seconds in durations:
        kept.add(seconds)
    found = kept.quantile(share)
    assert found in durations
    below = np.quantile(durations, share, method="inverted_cdf")
    above = np.quantile(durations, min(share + 1 / len(durations), 1.0), method="inverted_cdf")
    assert below <= found <= above


def test_only_the_last_durations_are_kept() -> None:
    kept = Durations()
    assert kept.summary() == {"calls": 0, "p50_ms": None, "p99_ms": None}
    kept.add(-1.0)
    assert kept.quantile(0.5) == 0.0
    for number in range(2 * KEPT):
        kept.add(float(number))
    assert kept.summary()["calls"] == KEPT
    assert kept.quantile(0.0) == KEPT


async def test_how_forecasts_did_is_told_of_the_home_and_of_rooms(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await with_all(hass)
    assert value(hass, "room_kitchen_forecast_error") == "unknown"
    engine = coordinator_of(entry).engine
    yesterday = (dt_util.now() - timedelta(days=1)).date().isoformat()
    scored: dict[str, float | list[float]] = {
        "n": 10.0,
        "crps": 300.0,
        "baselines": [400.0, 500.0, 600.0, 700.0],
        "covered": 8.0,
        "came": 10.0,
        "error": 200.0,
        "signed": -50.0,
        "within": [5.0, 8.0],
        "ahead": [10.0] * 6,
        "brier": [0.5, 0.75, 1.0, 1.5, 2.0, 2.5],
        "brier_baselines": [3.0] * 6,
    }
    sums = {"events": 4, "published": packed(scored)}

    def store() -> None:
        forecasts = engine.store.forecasts
        forecasts.write_scores(
            [ForecastScore(process, yesterday, True, 10, 10, sums) for process in ("kitchen", WHOLE)]
        )
        for process, cause in (("kitchen", "alarm"), ("kitchen", "schedule"), (WHOLE, "schedule")):
            run = forecasts.start_run(process, cause, 1)
            forecasts.finish_run(run, RunStatus.COMPLETED, 2, rows=90)

    await coordinator_of(entry).run(store)
    before = entry.runtime_data.monitor.data["rooms"]["kitchen"]["forecast_retrains"]
    await pass_time(hass, freezer, timedelta(minutes=6))
    expected = {
        "skill": "25.0",
        "coverage": "80.0",
        "error": "20.0",
        "bias": "-5.0",
        "crps": "30.0",
        "within_15": "50.0",
        "within_20": "80.0",
        "brier": "0.1",
    }
    for part in ("home", "room_kitchen"):
        assert {key: value(hass, f"{part}_forecast_{key}") for key in expected} == expected
        assert shown(hass, f"{part}_forecast_brier").attributes["240_minutes"] == 0.25
    assert value(hass, "room_hall_forecast_skill") == "unknown"
    assert before == {}
    causes = shown(hass, "room_kitchen_forecast_retrains")
    assert (causes.state, causes.attributes["alarm"], causes.attributes["schedule"]) == ("2", 1, 1)
    assert value(hass, "home_forecast_retrains") == "1"
