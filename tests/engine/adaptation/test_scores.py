"""Daily sums are those of the raw rows, of one truth at a time, at the same moments for all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
import math
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.adaptation.scores import RIVAL, rule_shares, score_day
from custom_components.occupancy_ml.engine.adaptation.truth import truth_at
from custom_components.occupancy_ml.engine.events import MINUTE_US, Event
from custom_components.occupancy_ml.engine.features import WINDOW_US
from custom_components.occupancy_ml.engine.home import Home, Role, Sensor
from custom_components.occupancy_ml.engine.occupancy.rules import RULES, TIMEOUTS, bit
from custom_components.occupancy_ml.engine.store import DailyScore, Store
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from tests.engine.adaptation.days import CLOCK, moments, say, tell
from tests.engine.living import flat

DAY = date(2026, 3, 3)
OLD = "binary_sensor.kitchen_by_the_old_one"
HOME = flat()


def compared(*entity_ids: str) -> Home:
    """The flat, whose kitchen is compared with entities."""
    rivals = tuple(Sensor(entity_id, Role.RIVAL, "kitchen") for entity_id in entity_ids)
    return replace(HOME, sensors=(*HOME.sensors, *rivals))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home.db", CLOCK.day_bounds(DAY)[0])
    yield opened
    opened.close()


def scored(store: Store, day: date, home: Home = HOME) -> dict[tuple[str, str], DailyScore]:
    for _ in score_day(store, home, CLOCK, day):
        pass
    text = day.isoformat()
    return {(score.model, score.truth): score for score in store.scores.read(text, text, "kitchen")}


@pytest.mark.parametrize("seed", range(3))
def test_the_sums_are_those_of_the_raw_rows(store: Store, seed: int) -> None:
    chance = np.random.default_rng(seed)
    for day in (DAY - timedelta(days=1), DAY):
        times = moments(day)
        keep = chance.random(len(times)) < 0.8  # Home Assistant was away now and then
        times = [time_us for time_us, kept in zip(times, keep, strict=True) if kept]
        shown = chance.random(len(times)).tolist()
        say(store, "kitchen", times, shown, chance.random(len(times)).tolist(),
            chance.integers(0, 32, len(times)).tolist())  # fmt: skip
        known = [time_us for time_us in times if chance.random() < 0.7]
        tell(store, "kitchen", known, (chance.random(len(known)) < 0.4).tolist())
        found = scored(store, day)
    # From scratch, one row at a time.
    labels = {label.end_us: bool(label.target) for label in store.labels.read(0, 2**62, "kitchen")}
    rows = [p for p in store.predictions.read("kitchen", *CLOCK.day_bounds(DAY)) if p.time_us in labels]
    said = {
        "shown": [(p.probability, p.occupied) for p in rows],
        "model": [(p.model or 0.0, (p.model or 0.0) >= 0.5) for p in rows],
        **{
            name: [(float(bool((p.rules or 0) & bit(name))), bool((p.rules or 0) & bit(name))) for p in rows]
            for name in (*TIMEOUTS, "last_room")
        },
    }
    for model, each in said.items():
        brier, log_loss = 0.0, 0.0
        missed = false = flips = true_flips = 0
        before: tuple[int, bool, bool] | None = None
        bins: dict[int, list[float]] = defaultdict(lambda: [0, 0.0, 0])
        for row, (p, on) in zip(rows, each, strict=True):
            there = labels[row.time_us]
            brier += (p - there) ** 2
            clipped = min(max(p, 0.001), 0.999)
            log_loss -= math.log(clipped if there else 1 - clipped)
            missed += 5 * (there and not on)
            false += 5 * (on and not there)
            if before is not None and row.time_us - before[0] == WINDOW_US:
                flips += on != before[1]
                true_flips += there != before[2]
            before = (row.time_us, on, there)
            box = bins[min(int(p * 10), 9)]
            box[0] += 1
            box[1] += p
            box[2] += there
        score = found[model, "hindsight"]
        assert score.n == len(rows)
        assert score.brier_sum == pytest.approx(brier)
        assert score.log_loss_sum == pytest.approx(log_loss)
        assert (score.missed_minutes, score.false_minutes) == (missed, false)
        assert score.occupied_minutes == 5 * sum(labels[row.time_us] for row in rows)
        assert score.occupied_minutes + score.vacant_minutes == 5 * len(rows)
        assert (score.flips, score.true_flips) == (flips, true_flips)
        if model in ("shown", "model"):
            kept = store.database.scalar(
                "SELECT bins FROM daily_reliability WHERE day = ? AND model = ?", (DAY.isoformat(), model)
            )
            by_bin = np.frombuffer(kept, "<f4").reshape(3, 10).T
            assert [pytest.approx(bins[number]) for number in range(10)] == by_bin.tolist()
    # What is behind a rule's on and off comes from the day before alone.
    earlier = store.scores.read("2026-03-02", "2026-03-02", "kitchen")
    for name in (*TIMEOUTS, "last_room"):
        (rule,) = [score for score in earlier if score.model == name]
        on_occupied = rule.occupied_minutes - rule.missed_minutes
        off_minutes = rule.missed_minutes + rule.vacant_minutes - rule.false_minutes
        share = (rule.occupied_minutes + 0.5) / (5 * rule.n + 1)
        when_on = (on_occupied + 10 * share) / (on_occupied + rule.false_minutes + 10)
        when_off = (rule.missed_minutes + 10 * share) / (off_minutes + 10)
        chances = [when_on if (p.rules or 0) & bit(name) else when_off for p in rows]
        errors = sum((p - labels[row.time_us]) ** 2 for p, row in zip(chances, rows, strict=True))
        assert found[f"{name}_calibrated", "hindsight"].brier_sum == pytest.approx(errors)
    assert rule_shares(None) == (0.5, 0.5)


def test_truths_are_told_apart(store: Store) -> None:
    times = moments(DAY)
    say(store, "kitchen", times, [0.9] * len(times))
    tell(store, "kitchen", times, [True] * len(times))
    tell(store, "kitchen", times[:100], [False] * 100, LabelSource.REFERENCE)
    tell(store, "kitchen", times[50:60], [True] * 10, LabelSource.CORRECTION)
    # Told beforehand, what was shown is no prediction: nothing of it counts.
    tell(store, "kitchen", times[60:70], [False] * 10, LabelSource.CORRECTION, known_at_us=times[60] - 1)
    found = scored(store, DAY)
    n = {truth: score.n for (model, truth), score in found.items() if model == "shown"}
    assert n == {"hindsight": len(times), "reference": 100, "correction": 10}
    mean = {truth: found["shown", truth].brier_sum / n[truth] for truth in n}
    assert mean == pytest.approx({"hindsight": 0.01, "reference": 0.81, "correction": 0.01})
    # All are scored at the same moments.
    assert {truth: {s.n for (_, t), s in found.items() if t == truth} for truth in n} == {
        truth: {count} for truth, count in n.items()
    }


def test_a_correction_that_is_taken_back_leaves_the_day(store: Store) -> None:
    times = moments(DAY)
    say(store, "kitchen", times, [0.9] * len(times))
    (label_id,) = tell(store, "kitchen", times[:1], [False], LabelSource.CORRECTION)
    assert ("shown", "correction") in scored(store, DAY)
    store.labels.withdraw(label_id, times[-1])
    assert scored(store, DAY) == {}


def test_a_label_tells_of_moments_after_its_begin_up_to_its_end() -> None:
    label = Label(0, 2 * WINDOW_US, 1.0, 1.0, LabelSource.REFERENCE, 9, "kitchen")
    vague = replace(label, target=0.6, start_us=2 * WINDOW_US, end_us=3 * WINDOW_US)
    times = np.arange(5, dtype=np.int64) * WINDOW_US
    labels = [label, vague]
    assert truth_at(labels, LabelSource.REFERENCE, "kitchen", times).tolist() == [-1, 1, 1, -1, -1]
    assert truth_at(labels, LabelSource.HINDSIGHT, "kitchen", times).tolist() == [-1] * 5
    assert truth_at(labels, LabelSource.REFERENCE, "hall", times).tolist() == [-1] * 5
    later = replace(label, target=0.0, start_us=WINDOW_US, known_at_us=10)
    assert truth_at([later, label], LabelSource.REFERENCE, "kitchen", times).tolist() == [-1, 1, 0, -1, -1]


@pytest.mark.parametrize(("day", "windows"), [(date(2026, 3, 29), 276), (date(2026, 10, 25), 300)])
def test_days_of_23_and_of_25_hours(tmp_path: Path, day: date, windows: int) -> None:
    store = Store.open(tmp_path / "home.db", CLOCK.day_bounds(day)[0])
    times = moments(day)
    say(store, "kitchen", times, [0.5] * len(times))
    tell(store, "kitchen", times, [False] * len(times))
    assert scored(store, day)["shown", "hindsight"].n == windows
    slots, _ = store.scores.half_hours("kitchen", "hindsight", day.isoformat(), "2027-01-01")
    assert slots.sum() == windows
    # The hour from two to three is missing in spring and comes twice in autumn.
    assert slots[3:7].tolist() == [6, *[0 if windows < 288 else 12] * 2, 6]
    store.close()


def test_what_a_room_is_compared_with(store: Store) -> None:
    home = compared(OLD, "input_boolean.new")
    times = moments(DAY)
    truth = [number // 24 % 2 == 1 for number in range(len(times))]
    say(store, "kitchen", times, [0.7 if there else 0.3 for there in truth])
    tell(store, "kitchen", times, truth)
    states = [Event(times[0] - 3 * MINUTE_US, OLD, "off")]
    states += [
        Event(time_us - 30_000_000, OLD, ("on" if there else "unavailable"))
        for time_us, there in zip(times, truth, strict=True)
    ]
    # Its first state came in the middle of the day: of this day it cannot be judged.
    states.append(Event(times[100], "input_boolean.new", "on"))
    store.events.append(states, {OLD: (Role.RIVAL, "kitchen"), "input_boolean.new": (Role.RIVAL, "kitchen")})
    found = scored(store, DAY, home)
    assert {model for model, _ in found if model.startswith(RIVAL)} == {f"{RIVAL}{OLD}"}
    assert found[f"{RIVAL}{OLD}", "hindsight"].brier_sum == 0
    assert found[f"{RIVAL}{OLD}", "hindsight"].n == found["shown", "hindsight"].n == len(times)
    store.scores.rename(f"{RIVAL}{OLD}", f"{RIVAL}binary_sensor.renamed")
    assert {s.model for s in store.scores.read("2026-03-03", "2026-03-03")} >= {
        f"{RIVAL}binary_sensor.renamed"
    }


def test_the_bits_of_the_rules_are_stored_so_they_stay() -> None:
    assert [(name, bit(name)) for name in RULES] == [
        ("motion_1m", 1), ("motion_5m", 2), ("motion_15m", 4), ("motion_30m", 8), ("last_room", 16), ("persons", 32),
    ]  # fmt: skip
