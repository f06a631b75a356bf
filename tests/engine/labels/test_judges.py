"""A reference or a rival that is named later judges the week before too, where its past is stored."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.adaptation.scores import RIVAL
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.home import Role, Sensor
from custom_components.occupancy_ml.engine.labels.judges import CHECKPOINT
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.renaming import rename_entity
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from tests.engine.adaptation.days import CLOCK, a_day
from tests.engine.living import flat

HOME = flat()
TODAY = date(2026, 3, 20)
NOW_US = CLOCK.day_bounds(TODAY)[0] + 180 * MINUTE_US
LABELLED_US = NOW_US - DAY_US
DAYS = [TODAY - timedelta(days=ago) for ago in (4, 3, 2, 1)]
MAT, OLD = "binary_sensor.kitchen_mat", "binary_sensor.kitchen_by_the_old_one"
JUDGED = replace(
    HOME,
    sensors=(*HOME.sensors, Sensor(MAT, Role.REFERENCE, "kitchen"), Sensor(OLD, Role.RIVAL, "kitchen")),
)
CHORES = ("routine_changes", "switches", "forecasts", "routines", "suggestions")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of four days that were labelled and scored without the two."""
    found = tmp_path / "home.db"
    engine = Engine.open(found, HOME, NOW_US)
    for number, day in enumerate(DAYS):
        a_day(engine.store, HOME, "kitchen", day, number, shown_error=0.2, model_error=0.2, rule_error=0.2)
    engine.store.metadata.set("scored_until", TODAY.isoformat())
    engine.store.metadata.set_us("labelled_until", LABELLED_US)
    engine.take_in_judges(NOW_US)
    engine.close()
    return found


def told(engine: Engine) -> list[Label]:
    return engine.store.labels.read(0, 2**62, "kitchen", sources=[LabelSource.REFERENCE])


def named(path: Path) -> Engine:
    """The home in which both are named, and what the recorder has of them: two hours on, two hours off."""
    engine = Engine.open(path, JUDGED, NOW_US)
    first_us = NOW_US - 9 * DAY_US + MINUTE_US  # between two moments
    engine.import_events(
        [
            Event(first_us + number * 120 * MINUTE_US, entity_id, "on" if number % 2 else "off")
            for number in range(9 * 12)
            for entity_id in (MAT, OLD)
        ]
    )
    engine.take_in_judges(NOW_US)
    return engine


def test_its_past_becomes_labels_once_and_the_week_is_scored_with_it(path: Path) -> None:
    engine = named(path)
    labels = told(engine)
    # Known now, of the last week, as far as the last night labelled without it.
    assert {label.known_at_us for label in labels} == {NOW_US}
    assert min(label.start_us for label in labels) == NOW_US - 7 * DAY_US
    assert max(label.end_us for label in labels) == LABELLED_US
    engine.take_in_judges(NOW_US + MINUTE_US)
    assert told(engine) == labels
    list(engine.night(NOW_US, without=CHORES))
    later = told(engine)
    assert sum(label.end_us - label.start_us for label in later) == 7 * DAY_US  # none is said twice
    for day in DAYS:
        text = day.isoformat()
        scores = {(s.model, s.truth): s for s in engine.store.scores.read(text, text, "kitchen")}
        assert scores["shown", "reference"].n == scores[f"{RIVAL}{OLD}", "reference"].n == 288
        assert scores[f"{RIVAL}{OLD}", "reference"].brier_sum == 0
    engine.close()


def test_a_second_one_does_not_deny_what_the_first_told(path: Path) -> None:
    named(path).close()
    other = "binary_sensor.kitchen_chair"
    home = replace(JUDGED, sensors=(*JUDGED.sensors, Sensor(other, Role.REFERENCE, "kitchen")))
    engine = Engine.open(path, home, NOW_US)
    before = told(engine)
    engine.import_events([Event(NOW_US - 9 * DAY_US, other, "off")])
    engine.take_in_judges(NOW_US)
    assert told(engine) == before
    engine.close()


def test_a_renamed_one_is_not_new(path: Path) -> None:
    engine = named(path)
    labels = told(engine)
    engine.close()
    sensors = tuple(
        replace(s, entity_id="binary_sensor.mat") if s.entity_id == MAT else s for s in JUDGED.sensors
    )
    engine = Engine.open(
        path,
        replace(JUDGED, sensors=sensors),
        NOW_US,
        prepare=lambda store: rename_entity(store, MAT, "binary_sensor.mat", NOW_US),
    )
    engine.store.metadata.set("scored_until", TODAY.isoformat())
    engine.take_in_judges(NOW_US)
    assert told(engine) == labels
    assert engine.store.metadata.get("scored_until") == TODAY.isoformat()
    engine.close()


def test_a_file_of_an_older_version_knows_its_judges_already(path: Path) -> None:
    engine = Engine.open(path, JUDGED, NOW_US)
    engine.store.checkpoints.save(CHECKPOINT, NOW_US, b"[1]")
    engine.take_in_judges(NOW_US)
    assert engine.store.metadata.get("scored_until") == TODAY.isoformat()
    engine.close()
