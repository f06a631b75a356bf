"""The report card: sums over days, one truth stated a row, nothing but the daily sums needed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
import json
from pathlib import Path
from typing import Any

import pytest

from custom_components.occupancy_ml.engine.adaptation.gate import CHECKPOINT, load
from custom_components.occupancy_ml.engine.adaptation.report import merits, quality, report_card
from custom_components.occupancy_ml.engine.adaptation.scores import RIVAL
from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.store import DailyScore, Store
from custom_components.occupancy_ml.engine.store.labels import LabelSource
from tests.engine.adaptation.days import CLOCK, a_day
from tests.engine.living import flat

HOME = flat()
TODAY = date(2026, 3, 20)
NOW_US = CLOCK.day_bounds(TODAY)[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home.db", NOW_US)
    yield opened
    opened.close()


def fill(store: Store, days: int, source: LabelSource = LabelSource.HINDSIGHT) -> None:
    for number in range(days):
        day = TODAY - timedelta(days=days - number)
        a_day(
            store,
            HOME,
            "kitchen",
            day,
            number,
            shown_error=0.1,
            model_error=0.2,
            rule_error=0.05,
            source=source,
        )


def card(store: Store, days: int = 14, today: date = TODAY) -> dict[str, Any]:
    cards = report_card(store.database.all, ["kitchen"], today, days)
    told: dict[str, Any] = json.loads(json.dumps(cards["kitchen"]))  # it has to be JSON
    return told


def row(told: dict[str, Any], model: str, truth: str = "hindsight") -> dict[str, Any]:
    (found,) = [r for r in told["rows"] if (r["model"], r["truth"]) == (model, truth)]
    return dict(found)


def test_it_adds_up_the_days(store: Store) -> None:
    fill(store, 20)
    for days, of in ((14, 14), (60, 20)):
        told = card(store, days)
        daily = [s for s in store.scores.read("2026-01-01", "2026-12-31", "kitchen")
                 if s.day >= (TODAY - timedelta(days=days)).isoformat()]  # fmt: skip
        for model in ("shown", "model", "motion_5m", "motion_5m_calibrated", "last_room", "prior"):
            ours = [s for s in daily if s.model == model]
            n = sum(s.n for s in ours)
            figures = row(told, model)
            assert (figures["days"], figures["moments"], len(ours)) == (of, n, of)
            assert figures["brier"] == pytest.approx(sum(s.brier_sum for s in ours) / n, abs=1e-4)
            assert figures["log_loss"] == pytest.approx(sum(s.log_loss_sum for s in ours) / n, abs=1e-4)
            wrong = sum(s.missed_minutes for s in ours), sum(s.false_minutes for s in ours)
            per_day = 288 / n
            assert figures["missed_minutes_a_day"] == pytest.approx(wrong[0] * per_day, abs=0.06)
            assert figures["false_minutes_a_day"] == pytest.approx(wrong[1] * per_day, abs=0.06)
            assert figures["flips_a_day"] == pytest.approx(sum(s.flips for s in ours) * per_day, abs=0.06)
        shown = row(told, "shown")
        assert shown["brier"] == pytest.approx(0.01)
        assert (shown["balanced_accuracy"], shown["true_flips_a_day"]) == (1.0, pytest.approx(11.5, abs=0.5))
        assert sum(b["n"] for b in shown["reliability"] if b) == shown["moments"]
        filled = {number: each for number, each in enumerate(shown["reliability"]) if each}
        assert {number: (each["said"], each["occupied"]) for number, each in filled.items()} == {
            1: (0.1, 0.0),
            9: (0.9, 1.0),
        }
        assert row(told, "prior")["skill"] == 0
        prior = row(told, "prior")
        assert shown["skill"] == pytest.approx(1 - shown["log_loss"] / prior["log_loss"], rel=0.01)


def test_truth_is_stated_and_the_most_independent_one_goes_first(store: Store) -> None:
    assert card(store)["truth"] is None
    assert card(store)["rows"] == []
    fill(store, 3)
    told = card(store)
    assert (told["truth"], told["independent"]) == ("hindsight", False)
    assert "hindsight" in told["note"]
    assert {r["truth"] for r in told["rows"]} == {"hindsight"}
    fill(store, 3, LabelSource.CORRECTION)
    assert card(store)["truth"] == "correction"
    fill(store, 3, LabelSource.REFERENCE)
    told = card(store)
    assert (told["truth"], told["independent"]) == ("reference", True)
    assert {r["truth"] for r in told["rows"]} == {"reference", "correction", "hindsight"}


def test_an_hour_of_a_reference_is_too_little_to_go_by(store: Store) -> None:
    fill(store, 3)
    day = (TODAY - timedelta(days=1)).isoformat()
    store.scores.write([DailyScore("kitchen", day, "shown", "reference", 12, 1.0, 2.0, 30, 30)])
    assert card(store)["truth"] == "hindsight"


@pytest.mark.parametrize(("moments", "told"), [(1, False), (100, False), (144, True)])
def test_a_few_corrections_are_too_little_to_judge_a_home_by(store: Store, moments: int, told: bool) -> None:
    day = (TODAY - timedelta(days=1)).isoformat()
    for model, error in (("shown", 0.9), ("last_room", 0.2), ("prior", 0.3)):
        sums = (moments * error, 2 * moments * error)
        store.scores.write([DailyScore("kitchen", day, model, "correction", moments, *sums, 360, 360)])
    assert (card(store)["truth"] is not None) == told
    assert len(card(store)["rows"]) == 3
    assert ("too little" in card(store)["note"]) != told
    assert ("kitchen" in merits(store.database.all, ["kitchen"], TODAY)) == told
    assert (quality(store.database.all, ["kitchen"], TODAY) is not None) == told


@pytest.mark.parametrize("kept", ['{"kitchen": {"name": "x", "why": "y"}}', '{"kitchen": 1}', "[1]", "no"])
def test_a_rule_that_was_kept_in_another_form_is_left_aside(store: Store, kept: str) -> None:
    store.checkpoints.save(CHECKPOINT, NOW_US, kept.encode())
    assert load(store, HOME) == {}
    assert card(store)["shows_baseline"] is None


def test_it_needs_nothing_but_the_daily_sums(store: Store) -> None:
    fill(store, 20)
    before = [card(store, days) for days in (14, 60)]
    merit = merits(store.database.all, ["kitchen"], TODAY)
    for _ in range(25):  # the clock is believed only so far a night
        list(store.trim(NOW_US + 62 * DAY_US))
    store.database.execute("DELETE FROM labels")
    assert store.database.scalar("SELECT count(*) FROM predictions") == 0
    assert [card(store, days) for days in (14, 60)] == before
    assert merits(store.database.all, ["kitchen"], TODAY) == merit


def test_years_later_only_what_was_shown_what_the_model_said_and_the_prior_are_kept(store: Store) -> None:
    fill(store, 3)
    for _ in range(60):
        list(store.trim(NOW_US + 130 * DAY_US))
    assert {score.model for score in store.scores.read("2026-01-01", "2026-12-31")} == {
        "shown",
        "model",
        "prior",
    }
    for table in ("daily_reliability", "daily_truth"):
        assert store.database.scalar(f"SELECT count(*) FROM {table}") == 0
    for _ in range(400):
        list(store.trim(NOW_US + 1200 * DAY_US))
    assert store.database.scalar("SELECT count(*) FROM daily_scores") == 0


def test_a_rival_that_is_better_is_told(store: Store) -> None:
    fill(store, 10)
    # It is there since the day before yesterday, and its errors are compared with ours on those days alone.
    for ago, error in ((2, 1.44), (1, 1.44)):
        day = (TODAY - timedelta(days=ago)).isoformat()
        store.scores.write(
            [DailyScore("kitchen", day, f"{RIVAL}binary_sensor.old", "hindsight", 288, error, 9.0, 720, 720)]
        )
    told = card(store)
    assert row(told, f"{RIVAL}binary_sensor.old")["shown_better_by"] == -1.0
    assert "binary_sensor.old was better: what was shown erred 100% more." in told["says"]
    merit = merits(store.database.all, ["kitchen"], TODAY)["kitchen"]
    assert merit.rivals == (("binary_sensor.old", -1.0),)
    # A rival is no baseline: it does not decide what the best rule is.
    assert told["best_baseline"] == merit.best == "motion within 5 minutes"


def test_a_rule_without_any_error_is_told_though_no_percentage_is(store: Store) -> None:
    day = (TODAY - timedelta(days=1)).isoformat()
    store.scores.write(
        [DailyScore("kitchen", day, model, "hindsight", 288, error, error, 720, 720)
         for model, error in (("shown", 1.0), ("motion_1m", 0.0))]
    )  # fmt: skip
    told = card(store)
    assert (told["better_by"], told["best_baseline"]) == (None, "motion within 1 minute")
    assert told["says"] == ["motion within 1 minute made no error at these moments."]
    assert merits(store.database.all, ["kitchen"], TODAY) == {}


def test_the_few_numbers_of_the_sensors(store: Store) -> None:
    assert merits(store.database.all, ["kitchen"], TODAY) == {}
    assert quality(store.database.all, ["kitchen"], TODAY) is None
    fill(store, 10)
    merit = merits(store.database.all, ["kitchen", "hall"], TODAY)["kitchen"]
    told = card(store)
    assert (merit.gain, merit.best) == (told["better_by"], told["best_baseline"])
    assert (merit.minutes_wrong, merit.truth, merit.days) == (0.0, "hindsight", 10.0)
    skill = quality(store.database.all, ["kitchen"], TODAY)
    assert skill == pytest.approx(row(told, "shown")["skill"], abs=1e-3)
    assert quality(store.database.all, ["hall"], TODAY) is None
