"""A correction taken back: the engine believes what it would have believed without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Snapshot, Source
from tests.engine.living import START_US, flat, live, play, pulse

EVENTS = [event for n in range(1, 40) for event in pulse(n * 400, ("hall", "kitchen", "bedroom")[n // 7 % 3])]
TOLD_US = START_US + 180 * MINUTE_US


def lived(path: Path) -> Engine:
    return live(path, flat(), EVENTS, START_US, TOLD_US)[1]


def chances(snapshot: Snapshot) -> dict[str, float | None]:
    return {room_id: room.probability for room_id, room in snapshot.rooms.items()}


@pytest.mark.parametrize("restarted", [False, True])
def test_undone_it_is_as_if_it_had_not_been_said(tmp_path: Path, restarted: bool) -> None:
    plain, engine = lived(tmp_path / "plain.db"), lived(tmp_path / "home.db")
    told = engine.relabel("bedroom", TOLD_US - MINUTE_US, TOLD_US + 60 * MINUTE_US, True, TOLD_US, "ada")
    assert told.snapshot.rooms["bedroom"].source is Source.CORRECTION
    later_us = TOLD_US + 20 * MINUTE_US
    play(plain, EVENTS, TOLD_US, later_us)
    play(engine, EVENTS, TOLD_US, later_us)
    if restarted:
        engine.close()
        engine = Engine.open(tmp_path / "home.db", flat(), later_us)
    assert not np.allclose(engine.tracker.filter.pair.belief, plain.tracker.filter.pair.belief)
    shown = engine.withdraw("bedroom", later_us).snapshot
    assert np.array_equal(engine.tracker.filter.pair.belief, plain.tracker.filter.pair.belief)
    expected = plain.tick(later_us)
    assert chances(shown) == chances(expected)
    assert {room.source for room in shown.rooms.values()} == {Source.PRIOR}
    # The moment at which it was told is no example any more.
    end_us = TOLD_US + 70 * MINUTE_US
    play(plain, EVENTS, later_us, end_us)
    play(engine, EVENTS, later_us, end_us)
    assert len(engine.store.features.read("bedroom", 0, end_us, FEATURE_SET_VERSION)) == len(
        plain.store.features.read("bedroom", 0, end_us, FEATURE_SET_VERSION)
    )
    plain.close()
    engine.close()


def test_other_corrections_go_on_to_count(tmp_path: Path) -> None:
    one, other = lived(tmp_path / "one.db"), lived(tmp_path / "other.db")
    end_us = TOLD_US + 90 * MINUTE_US
    for engine in (one, other):
        engine.relabel("kitchen", TOLD_US - MINUTE_US, end_us, True, TOLD_US, "ada")
        play(engine, EVENTS, TOLD_US, TOLD_US + 5 * MINUTE_US)
    told_us = TOLD_US + 5 * MINUTE_US
    wrong = one.relabel("kitchen", told_us, told_us + 9 * MINUTE_US, False, told_us, "bo")
    assert wrong.snapshot.rooms["kitchen"].occupied is False
    later_us = TOLD_US + 12 * MINUTE_US
    for engine in (one, other):
        play(engine, EVENTS, told_us, later_us)
    shown = one.withdraw("kitchen", later_us, wrong.label_id).snapshot
    assert np.array_equal(one.tracker.filter.pair.belief, other.tracker.filter.pair.belief)
    assert shown.rooms["kitchen"].source is Source.CORRECTION
    assert shown.rooms["kitchen"].occupied is True
    one.close()
    other.close()


def test_a_correction_of_long_ago_leaves_the_present_alone(tmp_path: Path) -> None:
    engine = lived(tmp_path / "home.db")
    told = engine.relabel("hall", START_US, START_US + 30 * MINUTE_US, True, TOLD_US, "ada")
    belief = engine.tracker.filter.pair.belief.copy()
    assert engine.withdraw("hall", TOLD_US).label_id == told.label_id
    assert np.array_equal(engine.tracker.filter.pair.belief, belief)
    assert engine.store.labels.counts() == {}
    engine.close()


def test_what_is_not_there_cannot_be_taken_back(tmp_path: Path) -> None:
    engine = lived(tmp_path / "home.db")
    told = engine.relabel("hall", START_US, TOLD_US, True, TOLD_US, "ada")
    with pytest.raises(KeyError):
        engine.withdraw("cellar", TOLD_US)
    for room_id, label_id in (("kitchen", None), ("kitchen", told.label_id), ("hall", told.label_id + 1)):
        with pytest.raises(LookupError):
            engine.withdraw(room_id, TOLD_US, label_id)
    assert engine.store.labels.counts() == {"correction": 1}
    engine.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_tap_by_mistake_taken_back_leaves_the_taps_before(tmp_path: Path, restarted: bool) -> None:
    """Those that still stood, whatever interval they had spoken of."""
    _, engine = live(tmp_path / "home.db", flat(), pulse(60, "hall"), START_US, START_US + 10 * MINUTE_US)
    engine.tell("kitchen", True, START_US + 10 * MINUTE_US, "ada")
    play(engine, [], START_US + 10 * MINUTE_US, START_US + 20 * MINUTE_US)
    now_us = START_US + 20 * MINUTE_US
    mistakes = [engine.tell("kitchen", False, now_us + n * 1_000_000, "ada").label_id for n in range(2)]
    if restarted:
        engine.close()
        engine = Engine.open(tmp_path / "home.db", flat(), now_us + 10_000_000)
    shown = engine.withdraw("kitchen", now_us + 10_000_000, mistakes[1]).snapshot.rooms["kitchen"]
    assert (shown.source, shown.occupied) == (Source.CORRECTION, False)
    shown = engine.withdraw("kitchen", now_us + 11_000_000, mistakes[0]).snapshot.rooms["kitchen"]
    assert (shown.source, shown.occupied) == (Source.CORRECTION, True)
    shown = play(engine, [], now_us, now_us + 5 * MINUTE_US)[-1].rooms["kitchen"]
    assert (shown.source, shown.occupied) == (Source.CORRECTION, True)
    shown = engine.withdraw("kitchen", now_us + 5 * MINUTE_US).snapshot.rooms["kitchen"]
    assert shown.source is Source.PRIOR
    engine.close()
