"""Stopped and started again, or killed: the engine goes on with the same bits, and nothing counts twice."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Learning, Source
from tests.engine.living import (
    START_US,
    Marked,
    at,
    at_rest,
    flat,
    live,
    minutes,
    play,
    pulse,
    rows_of,
    same_rows,
)
from tests.engine.store.helpers import crash, query
from tests.simulator import demo_home, simulate

HOUR_US = 60 * MINUTE_US
SIMULATED = simulate(demo_home(), date(2026, 3, 2), 2, 5)
BEGIN_US = SIMULATED.start_us + 5 * HOUR_US
END_US = BEGIN_US + 26 * HOUR_US
NIGHTS = [BEGIN_US + 22 * HOUR_US]
MARKED = [
    Marked(
        BEGIN_US + hours * HOUR_US,
        room,
        BEGIN_US + (hours - 1) * HOUR_US,
        BEGIN_US + (hours + 2) * HOUR_US,
        told,
    )
    for hours, room, told in ((3, "kitchen", True), (6, "office", False), (23, "bedroom", True))
]


def file_of(engine: Engine) -> dict[str, list[tuple[object, ...]]]:
    """What a reader of the file would see of the results."""
    tables = (
        "features",
        "predictions",
        "labels",
        "episodes",
        "daily_scores",
        "clr_training_runs",
        "bocpd_model_state",
    )
    return {table: query(engine.store.path, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables}


@pytest.mark.parametrize("seed", [1, 2])
def test_closing_and_opening_at_any_moment_changes_no_bit(tmp_path: Path, seed: int) -> None:
    args = (SIMULATED.home, SIMULATED.events, BEGIN_US, END_US)
    never, steady = live(tmp_path / "steady.db", *args, marked=MARKED, nights=NIGHTS)
    rng = np.random.default_rng(seed)
    chosen = set(rng.choice(np.array(list(minutes(BEGIN_US, END_US))), 25, replace=False).tolist())
    # Amid corrections that stand, and just after the night.
    chosen |= {MARKED[0].known_us + MINUTE_US, NIGHTS[0] + MINUTE_US}
    path = tmp_path / "restless.db"
    engines = [Engine.open(path, SIMULATED.home, BEGIN_US, durable=False)]

    def restless(now_us: int) -> Engine:
        if now_us in chosen:
            engines[-1].close()
            engines.append(Engine.open(path, SIMULATED.home, now_us - MINUTE_US // 2, durable=False))
        return engines[-1]

    often = play(
        engines[0],
        SIMULATED.events,
        BEGIN_US,
        END_US,
        marked=MARKED,
        nights=NIGHTS,
        before_tick=restless,
    )
    assert len(engines) == len(chosen) + 1
    assert often == never
    assert file_of(engines[-1]) == file_of(steady)
    assert engines[-1].tracker.to_payload() == steady.tracker.to_payload()
    steady.close()
    engines[-1].close()


def test_what_came_after_the_last_tick_does_not_count_twice(tmp_path: Path) -> None:
    """The buffer is emptied at shutdown: events that no tick has followed yet are in the saved state already."""
    events = [*pulse(70, "kitchen", 10), at(85, "light.kitchen", "off"), at(95, "light.kitchen", "on")]
    home = flat()
    steady = Engine.open(tmp_path / "steady.db", home, START_US)
    restless = Engine.open(tmp_path / "restless.db", home, START_US)
    for engine in (steady, restless):
        engine.tick(START_US + MINUTE_US)
        engine.ingest(events)
    restless.close()
    restless = Engine.open(tmp_path / "restless.db", home, START_US + 100_000_000)
    for now_us in minutes(START_US + MINUTE_US, START_US + 6 * MINUTE_US):
        assert restless.tick(now_us) == steady.tick(now_us)
    assert same_rows(steady, restless, START_US + 6 * MINUTE_US)
    steady.close()
    restless.close()


def test_the_same_events_again_change_nothing(tmp_path: Path) -> None:
    """A batch whose storing was cancelled is sent again."""
    events = [
        *pulse(10, "kitchen"),
        *pulse(50, "hall"),
        at(20, "light.kitchen", "off"),
        at(55, "light.kitchen", "on"),
    ]
    once = Engine.open(tmp_path / "once.db", flat(), START_US)
    again = Engine.open(tmp_path / "again.db", flat(), START_US)
    for engine in (once, again):
        assert engine.ingest(events).accepted == len(events)
    result = again.ingest(events)
    assert (result.accepted, result.duplicates) == (0, len(events))
    again.ingest(events[::-1])
    now_us = START_US + 2 * MINUTE_US
    assert once.tick(now_us) == again.tick(now_us)
    assert once.tracker.to_payload() == again.tracker.to_payload()
    once.close()
    again.close()


def test_batches_in_any_order_within_are_as_one_in_order(tmp_path: Path) -> None:
    events = sorted(
        [*pulse(10, "kitchen"), *pulse(50, "hall"), *pulse(75, "kitchen", 20)], key=lambda e: e.time_us
    )
    ordered = Engine.open(tmp_path / "ordered.db", flat(), START_US)
    mixed = Engine.open(tmp_path / "mixed.db", flat(), START_US)
    ordered.ingest(events)
    mixed.ingest(events[::-1])
    assert ordered.tick(START_US + 2 * MINUTE_US) == mixed.tick(START_US + 2 * MINUTE_US)
    ordered.close()
    mixed.close()


def test_a_kill_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    """The files as a kill leaves them are opened elsewhere: checkpoint and stored events give the same features."""
    rng = np.random.default_rng(3)
    end_us = BEGIN_US + 4 * HOUR_US
    path = tmp_path / "home.db"
    engine = Engine.open(
        path, SIMULATED.home, BEGIN_US
    )  # durable: with a checkpoint every quarter of an hour
    kills = rng.choice(
        np.array(list(minutes(BEGIN_US + HOUR_US, end_us - HOUR_US))), 4, replace=False
    ).tolist()
    copies: dict[int, Path] = {}

    def watch(now_us: int) -> Engine:
        if now_us in kills:
            copies[now_us] = crash(engine.store, tmp_path / str(now_us))
        return engine

    shown = play(engine, SIMULATED.events, BEGIN_US, end_us, before_tick=watch)
    for killed_us, copy in copies.items():
        revived = Engine.open(copy, SIMULATED.home, killed_us)
        assert revived.store.was_unclean
        assert not revived.needs_rebuild
        until_us = killed_us + HOUR_US
        later = play(revived, SIMULATED.events, killed_us - MINUTE_US, until_us)
        assert same_rows(engine, revived, until_us)
        steady = [snapshot for snapshot in shown if killed_us <= snapshot.time_us <= until_us]
        for one, other in zip(steady, later, strict=True):
            assert {r: s.probability for r, s in one.rooms.items()} == {
                r: s.probability for r, s in other.rooms.items()
            }
        revived.close()
    assert len(copies) == 4
    engine.close()


def test_a_prediction_once_shown_is_not_written_over_after_a_restart(tmp_path: Path) -> None:
    """It is scored as of the begin of its window: what was known later must not stand in its place."""
    path = tmp_path / "home.db"
    engine = Engine.open(path, flat(), START_US)
    play(engine, [], START_US, START_US + 10 * MINUTE_US)
    before = engine.store.predictions.read("kitchen", 0, 2**62)
    engine.close()
    engine = Engine.open(path, flat(), START_US + 12 * MINUTE_US)
    engine.ingest(pulse(12 * 60 + 5, "kitchen"))
    shown = engine.tick(START_US + 13 * MINUTE_US)
    assert shown.rooms["kitchen"].probability != before[-1].probability
    assert engine.store.predictions.read("kitchen", 0, 2**62) == before
    engine.tick(START_US + 15 * MINUTE_US)
    assert len(engine.store.predictions.read("kitchen", 0, 2**62)) == len(before) + 1
    engine.close()


def test_a_correction_and_its_example_survive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    end_us = START_US + 37 * MINUTE_US
    engine = Engine.open(path, flat(), START_US)
    play(engine, pulse(30, "hall"), START_US, START_US + 12 * MINUTE_US)
    told_us = START_US + 13 * MINUTE_US
    engine.relabel("bedroom", told_us, end_us, True, told_us, "ada")
    engine.close()
    engine = Engine.open(path, flat(), told_us + MINUTE_US)
    shown = play(engine, [], told_us, end_us)
    assert all(snapshot.rooms["bedroom"].source is Source.CORRECTION for snapshot in shown)
    ends, _, _ = rows_of(engine, end_us)["bedroom"]
    assert end_us in ends
    engine.close()


@pytest.mark.parametrize("withdrawn", [False, True])
def test_a_kill_takes_no_word_back(tmp_path: Path, withdrawn: bool) -> None:
    """What a person said, or took back, stands also where it came after the last checkpoint."""
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    before_us, after_us, killed_us = (START_US + n * MINUTE_US for n in (14, 16, 20))
    play(engine, pulse(30, "hall"), START_US, before_us)
    if withdrawn:
        engine.tell("bedroom", True, before_us, "ada")
    play(engine, [], before_us, after_us)
    if withdrawn:
        engine.withdraw("bedroom", after_us)
    else:
        engine.tell("bedroom", True, after_us, "ada")
    shown = play(engine, [], after_us, killed_us)[-1]
    revived = Engine.open(crash(engine.store, tmp_path / "killed"), flat(), killed_us)
    assert revived.tick(killed_us).rooms == shown.rooms
    assert (shown.rooms["bedroom"].source is Source.CORRECTION) is not withdrawn
    engine.close()
    revived.close()


def test_a_long_absence_is_not_taken_for_the_present(tmp_path: Path) -> None:
    """What moved just before the stop is hours ago after it."""
    path = tmp_path / "home.db"
    engine = Engine.open(path, flat(), START_US)
    play(engine, [*pulse(60, "hall"), *pulse(590, "kitchen", 5)], START_US, START_US + 10 * MINUTE_US)
    before = engine.tick(START_US + 10 * MINUTE_US)
    engine.close()
    later_us = START_US + 9 * HOUR_US
    engine = Engine.open(path, flat(), later_us)
    after = engine.tick(later_us)
    assert (before.rooms["kitchen"].probability or 0) > 0.5
    assert (after.rooms["kitchen"].probability or 1) < 0.4
    assert after == engine.tick(later_us)
    rows = rows_of(engine, later_us)["kitchen"][0]
    assert len(rows) == 2  # nobody listened for nine hours: there is nothing to learn from
    engine.close()


def test_what_wakes_after_a_long_silence_counts_as_now(tmp_path: Path) -> None:
    """The machine slept: the first batch comes before the first tick."""
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    play(engine, pulse(60, "hall"), START_US, START_US + 5 * MINUTE_US)
    engine.ingest([at(4 * 3600, "binary_sensor.kitchen_motion", "on")])
    shown = engine.tick(START_US + 4 * HOUR_US + 2_000_000)
    assert shown.rooms["kitchen"].occupied is True
    assert shown.rooms["hall"].occupied is False
    engine.close()


def test_a_degraded_state_outlives_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    engine = Engine.open(path, flat(), START_US)
    engine.store.metadata.set("scored_until", "not a date")
    list(engine.night(START_US + MINUTE_US))
    assert engine.tick(START_US + 2 * MINUTE_US).home.learning is Learning.DEGRADED
    engine.close()
    engine = Engine.open(path, flat(), START_US + 3 * MINUTE_US)
    assert engine.tick(START_US + 3 * MINUTE_US).home.learning is Learning.DEGRADED
    engine.close()


def test_the_home_stays_shown_as_it_was(tmp_path: Path) -> None:
    """Between the two thresholds of the switch only memory tells whether it is on."""
    path, home = tmp_path / "home.db", flat(exit_door=False)
    engine = Engine.open(path, home, START_US)
    events = [*at_rest(home, START_US + 1), *pulse(60, "kitchen")]
    play(engine, events, START_US, START_US + 2 * MINUTE_US)
    for now_us in minutes(START_US + 2 * MINUTE_US, START_US + 12 * HOUR_US):
        before = engine.tick(now_us)
        if (before.home.probability or 0.0) < 0.49:
            break
    assert 0.35 < (before.home.probability or 0.0) < 0.49
    assert before.home.occupied is True
    engine.close()
    engine = Engine.open(path, home, before.time_us)
    assert engine.tick(before.time_us) == before
    engine.close()


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    engine.close()
    engine.close()
    assert not engine.store.is_open


def test_a_home_with_other_sensors_starts_anew_and_asks_for_a_rebuild(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    engine = Engine.open(path, flat(), START_US)
    engine.ingest(pulse(10, "hall"))
    engine.close()
    engine = Engine.open(path, flat(exit_door=False), START_US + MINUTE_US)
    assert engine.needs_rebuild
    engine.close()
