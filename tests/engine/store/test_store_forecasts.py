"""Forecasts in the store: what goes in comes out, by layout and by process, and goes when it is old."""

from __future__ import annotations

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.store import Retention, RunStatus, Store, StoreRejectedError
from custom_components.occupancy_ml.engine.store.forecasts import ForecastScore
from custom_components.occupancy_ml.engine.store.runs import INTERRUPTED
from tests.engine.store.helpers import NOW_US

QUARTER_US = DAY_US // 96


def test_moments_come_back_by_layout(store: Store) -> None:
    times = NOW_US + np.arange(4, dtype=np.int64) * QUARTER_US
    vectors = np.array([[0.5, 70_000.0, np.nan], [1, 2, 3], [4, 5, 6], [7, 8, 9]], dtype=np.float64)
    store.forecasts.add_moments(times, "a", vectors)
    store.forecasts.add_moment(NOW_US + 9 * QUARTER_US, "b", vectors[0])
    found, stored = store.forecasts.moments(NOW_US, NOW_US + DAY_US, "a")
    assert found.tolist() == times.tolist()
    assert stored[1:].tolist() == vectors[1:].tolist()
    assert np.isfinite(stored[0, :2]).all()
    assert np.isnan(stored[0, 2])
    assert store.forecasts.moments_span("a") == (times[0], times[-1])
    assert store.forecasts.moments_span("none") is None


def test_what_is_from_a_time_on_is_forgotten_however_far_ahead(store: Store) -> None:
    times = [NOW_US, NOW_US + QUARTER_US, NOW_US + 400 * DAY_US]
    for time_us in times:
        for layout in ("a", "b"):
            store.forecasts.add_moment(time_us + QUARTER_US * (layout == "b"), layout, np.ones(3))
        store.forecasts.add_told(time_us, [(room, True, True, np.ones(14)) for room in ("hall", "den")])
    store.forecasts.delete_within(NOW_US, NOW_US + 400 * DAY_US + QUARTER_US)
    far_us = NOW_US + 500 * DAY_US
    assert store.forecasts.moments(0, far_us, "a")[0].tolist() == [NOW_US]
    assert not len(store.forecasts.moments(0, far_us, "b")[0])
    for room in ("hall", "den"):
        assert store.forecasts.told(room, 0, far_us)[0].tolist() == [NOW_US]


def test_the_entities_of_a_layout_are_known_under_their_present_names(store: Store) -> None:
    assert store.forecasts.layouts() == {}
    store.forecasts.rename("sensor.alarm", "sensor.phone")
    for layout, names in (("a", ["sensor.alarm", "sun.sun"]), ("b", []), ("c", ["sensor.alarm"])):
        store.forecasts.note_layout(layout, names)
        if layout != "b":
            store.forecasts.add_moment(NOW_US, layout, np.ones(3))
    store.forecasts.rename("sensor.alarm", "sensor.phone")
    assert store.forecasts.layouts() == {"a": ("sensor.phone", "sun.sun"), "c": ("sensor.phone",)}
    store.forecasts.note_layout("a", ["sensor.phone", "sun.sun"])
    assert list(store.forecasts.layouts()) == ["c", "a"]
    store.forecasts.delete_within(NOW_US - 1, NOW_US)
    store.forecasts.note_layout("d", ["sun.sun"])
    assert store.forecasts.layouts() == {"d": ("sun.sun",)}


def test_what_was_told_scores_and_models_come_back_by_process(store: Store) -> None:
    numbers = np.arange(14).astype(np.float64)
    store.forecasts.add_told(NOW_US, [("hall", True, False, numbers), ("den", False, True, numbers + 1)])
    times, occupied, published, vectors = store.forecasts.told("den", NOW_US, NOW_US + 1)
    assert (times.tolist(), occupied.tolist(), published.tolist()) == ([NOW_US], [False], [True])
    assert vectors.tolist() == [(numbers + 1).tolist()]
    score = ForecastScore("den", "2026-03-01", True, 9, 4, {"all": {"n": 9.0}})
    store.forecasts.write_scores([score])
    assert store.forecasts.scores("2026-03-01", "2026-03-01", "den") == [score]
    assert store.forecasts.scores("2026-03-02", "2026-03-03") == []
    run_id = store.forecasts.start_run("den", "alarm", NOW_US)
    assert store.forecasts.fail_orphans(NOW_US + 1) == 1
    assert store.forecasts.runs("den") == [("den", "failed", "alarm", NOW_US, INTERRUPTED)]
    store.forecasts.finish_run(run_id, RunStatus.COMPLETED, NOW_US + 2, rows=3)
    store.forecasts.save_model("den", NOW_US, b"champion", run_id)
    store.forecasts.save_model("den", NOW_US, b"challenger", None, challenger=True)
    assert store.forecasts.models()["den"].payload == b"champion"
    assert store.forecasts.models(challenger=True)["den"].payload == b"challenger"
    store.forecasts.drop_challenger("den")
    assert store.forecasts.models(challenger=True) == {}


def test_a_fit_that_was_cut_off_by_a_crash_has_failed_at_the_next_opening(store: Store) -> None:
    store.forecasts.start_run("den", "alarm", NOW_US)
    store.database.close()
    again = Store.open(store.path, NOW_US + 1)
    assert again.forecasts.runs() == [("den", "failed", "alarm", NOW_US, INTERRUPTED)]
    with pytest.raises(StoreRejectedError, match="no row 5"):
        again.forecasts.finish_run(5, RunStatus.COMPLETED, NOW_US)
    again.close()


@pytest.mark.parametrize(("days", "kept"), [(1, 1), (100, 0)])
def test_old_moments_and_forecasts_are_forgotten(store: Store, days: int, kept: int) -> None:
    then_us = NOW_US - days * DAY_US
    store.forecasts.add_moment(then_us, "a", np.zeros(2))
    store.forecasts.add_told(then_us, [("hall", True, True, np.zeros(14))])
    for _ in store.trim(NOW_US, Retention()):
        pass
    assert len(store.forecasts.moments(0, NOW_US + 1, "a")[0]) == kept
    assert len(store.forecasts.told("hall", 0, NOW_US + 1)[0]) == kept
