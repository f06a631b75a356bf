"""A home that gets another room, or another name for an entity, keeps what its entities said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.adaptation.retraining import Cause
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.forecast.filling import filled
from custom_components.occupancy_ml.engine.forecast.forecaster import Forecaster
from custom_components.occupancy_ml.engine.forecast.moments import MOMENT_US, Layout, Moments
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.renaming import rename_entity
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.store import Store

START_US = 20_600 * DAY_US
NOW_US = START_US + 2 * DAY_US
HOUR_US = 60 * MINUTE_US
HOME = Home(
    "UTC",
    (Room("den", RoomKind.LIVING),),
    (Sensor("binary_sensor.den", Role.MOTION, "den", "motion"), Sensor("sensor.alarm", Role.CONTEXT)),
)
HALL = replace(
    HOME,
    rooms=(*HOME.rooms, Room("hall")),
    sensors=(*HOME.sensors, Sensor("binary_sensor.hall", Role.MOTION, "hall", "motion")),
)
WEATHER = replace(HOME, sensors=(*HOME.sensors, Sensor("a.weather", Role.CONTEXT)))
RENAMED = replace(HOME, sensors=(HOME.sensors[0], Sensor("sensor.phone_alarm", Role.CONTEXT)))


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days, in which a number counts the moments."""
    path = tmp_path_factory.mktemp("layout") / "home.db"
    engine = Engine.open(path, HOME, START_US, durable=False)
    for number, now_us in enumerate(range(START_US, NOW_US, 5 * MINUTE_US)):
        den = Event(now_us - 1, "binary_sensor.den", "on" if number % 12 == 0 else "off")
        engine.ingest([den, Event(now_us - 1, "sensor.alarm", str(number // 3))])
        engine.tick(now_us)
    engine.close()
    return path


def said(store: Store, layout: Layout, key: str, entity_id: str) -> dict[int, float]:
    """What an entity said, by moment."""
    times, vectors = store.forecasts.moments(START_US, NOW_US, key)
    column = Moments.of(layout, times, vectors).context[:, layout.context.index(entity_id)]
    told = np.isfinite(column)
    return dict(zip(times[told].tolist(), column[told].tolist(), strict=True))


@pytest.mark.parametrize(
    ("home", "entity_id"),
    [(RENAMED, "sensor.phone_alarm"), (WEATHER, "sensor.alarm"), (HALL, "sensor.alarm")],
)
def test_what_an_entity_said_outlives_a_change_of_layout(
    lived: Path, tmp_path: Path, home: Home, entity_id: str
) -> None:
    path = tmp_path / "home.db"
    path.write_bytes(lived.read_bytes())
    engine = Engine.open(path, HOME, NOW_US, durable=False)
    layout, key = engine.forecasts.layout, engine.forecasts.key
    before = said(engine.store, layout, key, "sensor.alarm")
    assert len(before) > 180
    engine.close()

    def prepare(store: Store) -> None:
        if home is RENAMED:
            rename_entity(store, "sensor.alarm", entity_id, NOW_US)

    engine = Engine.open(path, home, NOW_US, durable=False, prepare=prepare)
    assert engine.needs_rebuild
    for _ in engine.rebuild(NOW_US):
        pass
    engine.tick(NOW_US)
    for _ in engine.night(NOW_US + MINUTE_US):
        pass
    forecasts = engine.forecasts
    assert forecasts.key != key
    after = said(engine.store, forecasts.layout, forecasts.key, entity_id)
    assert len(after) > 180
    assert after.items() <= before.items()
    assert said(engine.store, layout, key, "sensor.alarm") == before
    if home is WEATHER:
        assert said(engine.store, forecasts.layout, forecasts.key, "a.weather") == {}
    engine.close()


def test_a_night_that_is_stopped_while_moments_are_made_leaves_none_out(lived: Path, tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    path.write_bytes(lived.read_bytes())
    engine = Engine.open(path, HALL, NOW_US, durable=False)
    for _ in engine.rebuild(NOW_US):
        pass
    store, layout, key = engine.store, engine.forecasts.layout, engine.forecasts.key
    stopped = filled(store, layout, key, START_US, NOW_US)
    while store.forecasts.moments_span(key) is None:
        next(stopped)
    stopped.close()
    few = len(store.forecasts.moments(START_US, NOW_US, key)[0])
    assert finished(filled(store, layout, key, START_US, NOW_US)) is not None
    assert len(store.forecasts.moments(START_US, NOW_US, key)[0]) > max(180, few)
    assert finished(filled(store, layout, key, START_US, NOW_US)) is None
    engine.close()


def test_one_sensor_more_and_it_is_still_known_since_when_all_is_as_it_is(
    lived: Path, tmp_path: Path
) -> None:
    path = tmp_path / "home.db"
    path.write_bytes(lived.read_bytes())
    engine = Engine.open(path, HOME, NOW_US, durable=False)
    engine.forecasts.learner.queue.add("den", Cause.ALARM)
    engine.close()
    before = engine.forecasts.to_json()
    more = replace(HOME, sensors=(*HOME.sensors, Sensor("binary_sensor.desk", Role.MOTION, "den", "motion")))
    engine = Engine.open(path, more, NOW_US, durable=False)
    assert engine.needs_rebuild
    assert engine.forecasts.to_json() == before
    engine.close()


def test_a_home_as_it_was_before_finds_its_own_moments(lived: Path, tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    path.write_bytes(lived.read_bytes())
    store = Store.open(path, NOW_US)
    mine, other = Forecaster(store, HOME), Forecaster(store, HALL)
    times, vectors = store.forecasts.moments(START_US, NOW_US, mine.key)
    store.forecasts.add_moments(times, other.key, np.zeros((len(times), other.layout.size)))
    again, same = store.forecasts.moments(START_US, NOW_US, mine.key)
    assert again.tolist() == times.tolist()
    assert np.array_equal(same, vectors, equal_nan=True)
    assert times[1] - times[0] == MOMENT_US
    store.close()


@pytest.mark.parametrize("home", [HOME, HALL])
def test_since_when_is_known_of_the_past_that_was_imported_or_made_anew(tmp_path: Path, home: Home) -> None:
    """Nobody was in the den for five hours when Home Assistant started; it was believed some hours of them."""
    motion = [
        Event(time_us, "binary_sensor.den", state)
        for hour in range(48 - 5)
        for time_us, state in (
            (START_US + hour * HOUR_US, "on"),
            (START_US + hour * HOUR_US + 20 * MINUTE_US, "off"),
        )
    ]
    hall = [
        Event(NOW_US - n * 10 * MINUTE_US, "binary_sensor.hall", ("on", "off")[n % 2]) for n in range(1, 30)
    ]
    engine = Engine.open(tmp_path / "home.db", home, NOW_US, durable=False)
    engine.tick(NOW_US)
    engine.import_events(motion + (hall if home is HALL else []))
    for _ in engine.rebuild(NOW_US + MINUTE_US):
        pass
    for minute in range(2, 10):
        engine.tick(NOW_US + minute * MINUTE_US)
    for _ in engine.night(NOW_US + 10 * MINUTE_US):
        pass
    quarter_us = NOW_US + 15 * MINUTE_US
    engine.tick(quarter_us)
    forecasts = engine.forecasts
    times, vectors = engine.store.forecasts.moments(quarter_us, quarter_us + 1, forecasts.key)
    moment = Moments.of(forecasts.layout, times, vectors)
    engine.close()
    assert moment.chance[0, 0] < 0.5
    assert 120 < moment.elapsed[0, 0] < 400
