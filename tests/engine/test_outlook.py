"""What is told of the moment around each room: what happened last, where, and who noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.numeric import logit
from custom_components.occupancy_ml.engine.occupancy.rules import PRIOR, Baseline
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Source, ago
from tests.engine.living import START_US, at, flat, live, play, pulse


def reasons(engine: Engine, now_us: int) -> dict[str, list[str]]:
    snapshot = engine.tick(now_us)
    return {
        room_id: [reason.words({"hall": "Hall"}, ago(now_us)) for reason in state.reasons]
        for room_id, state in snapshot.rooms.items()
    }


def test_a_walk_through_the_home_is_told_room_by_room(tmp_path: Path) -> None:
    events = [
        *pulse(60, "kitchen"),
        at(300, "light.kitchen", "off"),
        at(320, "light.kitchen", "on"),
        *pulse(400, "hall"),
    ]
    shown, engine = live(tmp_path / "home.db", flat(), events, START_US, START_US + 8 * MINUTE_US)
    told = reasons(engine, START_US + 485_000_000)
    assert told["hall"][0] == "motion here 65 s ago, and nobody has left since"
    assert told["bedroom"][0] in ("nothing was seen here yet", "somebody may be here unseen")
    assert told["kitchen"][0] in (
        "motion in Hall 65 s ago",
        "a light switched here 3 min ago, and somebody may still be here",
    )
    # The sum is the probability, at every minute and for every room.
    for snapshot in shown:
        for state in snapshot.rooms.values():
            total = sum(reason.contribution for reason in state.reasons)
            assert total == pytest.approx(logit(np.float64(state.probability or 0.0)), abs=1e-9)
    # A restart forgets none of it.
    engine.close()
    again = Engine.open(tmp_path / "home.db", flat(), START_US + 485_000_000)
    assert reasons(again, START_US + 485_000_000) == told
    play(again, [], START_US + 485_000_000, START_US + 10 * MINUTE_US)
    again.close()


def test_a_baseline_of_a_room_says_nothing_of_the_home(tmp_path: Path) -> None:
    """That the bedroom is usually occupied at night does not bring anybody home."""
    events = [at(0, "person.ada", "home"), *pulse(60, "bedroom"), *pulse(300, "kitchen"), *pulse(600, "hall")]
    events += [at(620, "binary_sensor.front_door", "on"), at(630, "binary_sensor.front_door", "off")]
    events += [at(900, "person.ada", "not_home"), at(905, "person.bo", "not_home")]
    home = flat(persons=True)
    _, engine = live(tmp_path / "home.db", home, events, START_US, START_US + 60 * MINUTE_US)
    engine.predictor.baselines = {"bedroom": Baseline(PRIOR, 0.0, 0.0, (0.9,) * 48, "as usual")}
    snapshot = engine.tick(START_US + 61 * MINUTE_US)
    assert (snapshot.rooms["bedroom"].source, snapshot.rooms["bedroom"].occupied) == (Source.BASELINE, True)
    assert snapshot.home.occupied is False
    assert snapshot.home.probability is not None
    assert snapshot.home.probability < 0.1
    engine.close()
