"""The gate: a baseline is shown only where it is clearly better, and goes when it no longer is."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from hypothesis import given, strategies as st
import numpy as np
import pytest
from scipy.special import logit

from custom_components.occupancy_ml.engine.adaptation.gate import CHECKPOINT, Evidence, choose, load, update
from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.occupancy.rules import CALIBRATED, Baseline
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Source
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.labels import LabelSource
from tests.engine.adaptation.days import CLOCK, a_day
from tests.engine.living import flat, play, pulse

HOME = flat()
TODAY = date(2026, 3, 20)
NOW_US = CLOCK.day_bounds(TODAY)[0] + 180 * MINUTE_US
RULE = f"motion_5m{CALIBRATED}"


def evidence(model: float, days: int = 10, rarer: int = 900, **baselines: float) -> Evidence:
    """Mean squared errors over days of 288 moments."""
    return Evidence(
        "hindsight",
        days * 288,
        rarer,
        np.full(days, model * 288),
        {name: np.full(days, error * 288) for name, error in baselines.items()},
    )


def test_it_opens_only_where_enough_days_say_clearly_that_a_rule_is_better() -> None:
    assert choose(None, None) is None
    assert choose(evidence(0.10, prior=0.05, last_room=0.07), None) == "prior"
    assert choose(evidence(0.10, prior=0.095), None) is None  # by too small a share
    assert choose(evidence(0.010, prior=0.006), None) is None  # by what nobody would notice
    assert choose(evidence(0.10, days=4, prior=0.05), None) is None
    assert choose(evidence(0.10, rarer=60, prior=0.05), None) is None
    # One terrible day of the model is no rule.
    days = np.array([10.0, 1, 1, 1, 1, 1, 1, 1])
    assert choose(Evidence("hindsight", 8 * 288, 900, days, {"prior": np.full(8, 1.2)}), None) is None


def test_it_closes_when_the_model_errs_no_more() -> None:
    assert choose(evidence(0.055, prior=0.05), "prior") == "prior"
    assert choose(evidence(0.05, prior=0.05), "prior") is None
    assert choose(evidence(0.10, prior=0.05, last_room=0.048), "prior") == "prior"
    assert choose(evidence(0.10, prior=0.05, last_room=0.04), "prior") == "last_room"
    assert choose(evidence(0.10, last_room=0.04), "prior") == "last_room"
    assert choose(None, "prior") == "prior"  # too little to tell is no sign that the model is as good


@given(st.floats(0.001, 0.5), st.floats(0.001, 0.5))
def test_it_never_changes_sides_twice_on_the_same_evidence(model: float, rule: float) -> None:
    told = evidence(model, prior=rule)
    once = choose(told, None)
    assert choose(told, once) == once


def fill(
    store: Store, days: int, *, model: float, rule: float, source: LabelSource = LabelSource.HINDSIGHT
) -> None:
    for number in range(days):
        day = TODAY - timedelta(days=days - number)
        a_day(store, HOME, "kitchen", day, number, shown_error=model, model_error=model, rule_error=rule,
              source=source)  # fmt: skip


def decide(store: Store, today: date, serving: dict[str, Baseline]) -> dict[str, Baseline]:
    (found,) = [each for each in update(store, HOME, today, NOW_US, serving) if each is not None]
    return found


def test_the_baseline_says_the_share_of_truth_behind_the_rule(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home.db", NOW_US)
    fill(store, 14, model=0.4, rule=0.1)
    found = decide(store, TODAY, {})
    assert set(found) == {"kitchen"}
    baseline = found["kitchen"]
    assert baseline.name == RULE
    assert baseline.on == pytest.approx(0.9, abs=0.03)
    assert baseline.off == pytest.approx(0.1, abs=0.03)
    assert baseline.reason == "the rule 'motion within 5 minutes' was better here over the last 14 days"
    assert load(store, HOME) == found
    # Two better weeks later the model is back.
    for number in range(14):
        a_day(store, HOME, "kitchen", TODAY + timedelta(days=number), 50 + number, shown_error=0.05,
              model_error=0.05, rule_error=0.1)  # fmt: skip
    assert decide(store, TODAY + timedelta(days=14), found) == {}
    store.checkpoints.save(CHECKPOINT, NOW_US, b'{"kitchen": {"of": "another version"}}')
    assert load(store, HOME) == {}
    store.close()


def test_what_people_said_afterwards_does_not_open_it(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home.db", NOW_US)
    fill(store, 14, model=0.4, rule=0.0, source=LabelSource.CORRECTION)
    assert decide(store, TODAY, {}) == {}
    store.close()


def test_a_reference_outweighs_hindsight(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home.db", NOW_US)
    fill(store, 14, model=0.4, rule=0.0, source=LabelSource.REFERENCE)
    assert decide(store, TODAY, {})["kitchen"].name == RULE
    store.close()


def test_the_room_shows_the_rule_says_so_and_a_restart_keeps_it(tmp_path: Path) -> None:
    start_us = CLOCK.day_bounds(TODAY)[0]
    path = tmp_path / "home.db"
    engine = Engine.open(path, HOME, start_us)
    fill(engine.store, 14, model=0.4, rule=0.1)
    engine.store.metadata.set("scored_until", TODAY.isoformat())
    play(engine, [], start_us, NOW_US)
    list(engine.night(NOW_US))
    for _ in range(2):
        quiet = engine.tick(NOW_US + MINUTE_US).rooms["kitchen"]
        assert (quiet.source, quiet.occupied) == (Source.BASELINE, False)
        assert quiet.probability == pytest.approx(0.1, abs=0.03)
        assert (
            quiet.unknown_reason == "the rule 'motion within 5 minutes' was better here over the last 14 days"
        )
        assert quiet.model is not None
        assert quiet.model != quiet.probability
        assert engine.tick(NOW_US + MINUTE_US).rooms["hall"].source is not Source.BASELINE
        engine.close()
        engine = Engine.open(path, HOME, NOW_US + MINUTE_US)
    shift_s = (NOW_US - 1772438400 * 10**6) / 1e6  # `pulse` counts from START_US
    engine.ingest(pulse(shift_s + 70, "kitchen", 5))
    busy = engine.tick(NOW_US + 2 * MINUTE_US).rooms["kitchen"]
    assert (busy.source, busy.occupied) == (Source.BASELINE, True)
    assert busy.probability == pytest.approx(0.9, abs=0.03)
    assert sum(reason.contribution for reason in busy.reasons) == pytest.approx(logit(busy.probability or 0))
    # A person knows better than any rule.
    told = engine.relabel("kitchen", NOW_US, NOW_US + 5 * MINUTE_US, False, NOW_US + 2 * MINUTE_US, None)
    assert told.snapshot.rooms["kitchen"].source is Source.CORRECTION
    assert told.snapshot.rooms["kitchen"].occupied is False
    engine.close()


def test_a_rule_goes_on_while_nothing_tells_but_not_for_ever(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home.db", NOW_US)
    fill(store, 14, model=0.4, rule=0.1)
    serving = decide(store, TODAY, {})
    for day in (20, 40, 60):
        kept = decide(store, TODAY + timedelta(days=day), serving)
        assert kept == serving == load(store, HOME)
    assert decide(store, TODAY + timedelta(days=61), serving) == {}
    # One of an earlier version says nothing of when it was judged: it has as long from now on.
    early = decide(store, TODAY + timedelta(days=61), {"kitchen": replace(serving["kitchen"], judged="")})
    assert early["kitchen"].judged == (TODAY + timedelta(days=61)).isoformat()
    store.close()


def test_hindsight_that_is_sure_of_the_night_only_judges_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "home.db", NOW_US)
    fill(store, 14, model=0.4, rule=0.1)
    store.database.execute("UPDATE daily_scores SET n = n / 2")
    assert decide(store, TODAY, {}) == {}
    store.close()
