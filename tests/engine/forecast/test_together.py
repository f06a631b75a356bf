"""Asked all at once, processes say what each says when asked alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.forecast.boosting import Boosting
from custom_components.occupancy_ml.engine.forecast.gaussian_process import GaussianProcess
from custom_components.occupancy_ml.engine.forecast.model import ProcessModel
from custom_components.occupancy_ml.engine.forecast.moments import Layout, Moments
from custom_components.occupancy_ml.engine.forecast.processes import Process
from custom_components.occupancy_ml.engine.forecast.recurrent import Recurrent
from custom_components.occupancy_ml.engine.forecast.rows import Rows, rows_now, rows_of
from custom_components.occupancy_ml.engine.forecast.together import answered
from custom_components.occupancy_ml.engine.home import Home, Role, Room, Sensor
from tests.engine.forecast.made import CLOCK, FIRST, history, rows

RNG = np.random.default_rng(4)
LIVES = [
    history(21, lambda day: [480 + int(RNG.integers(-30, 31)), 1050 + int(RNG.integers(-30, 31))]),
    history(21, lambda day: [600, 640, 900 + int(RNG.integers(-50, 51)), 960]),
]


def learned(process: Process) -> tuple[ProcessModel, Rows]:
    """A model of twelve days that learned how to combine on the next, and the day to be asked for."""
    model, known = ProcessModel([Recurrent(), Boosting(), GaussianProcess()]), rows(process, 21, features=16)
    first = int(known.day[0])
    for _ in model.fit(known.take(known.day < first + 12)):
        pass
    for day in range(13, 18):
        told = known.take(known.day == first + day)
        for _ in model.learn(told, model.predict(told)):
            pass
    return model, known.take(known.day == first + 19)


@pytest.fixture(scope="module")
def models() -> list[tuple[ProcessModel, Rows]]:
    return [learned(process) for process in LIVES]


def joined(parts: list[Rows]) -> Rows:
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__slots__))


@pytest.mark.parametrize("quarter", [10, 34, 40, 71, 95])
def test_together_is_as_alone(models: list[tuple[ProcessModel, Rows]], quarter: int) -> None:
    nothing = ProcessModel([Recurrent(), Boosting(), GaussianProcess()])
    asked = [model for model, _ in models] + [nothing]
    parts = [day.take(slice(quarter, quarter + 1)) for _, day in models]
    parts.append(parts[0])
    answer = answered(asked, joined(parts))
    for n, (model, row) in enumerate(zip(asked, parts, strict=True)):
        alone = model.predict(row, briefly=True)
        assert answer.cdf[n] == pytest.approx(alone.cdf[0], abs=1e-12, nan_ok=True)
        assert answer.occupied[n] == pytest.approx(alone.occupied[0], abs=1e-12, nan_ok=True)
    assert np.isfinite(answer.cdf[:2]).all()
    assert np.isnan(answer.cdf[2]).all()


def test_where_those_with_weight_are_silent_the_others_speak(models: list[tuple[ProcessModel, Rows]]) -> None:
    model, day = models[0]
    for pool in (other := ProcessModel(model.fading[1:])).pools:
        pool.stack.weights = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    answer = answered([other], day.take(slice(40, 41)))
    # Nothing was fitted but what was taken over: the fourth, a table, has nothing to say.
    assert np.isfinite(answer.cdf).all()
    assert np.array_equal(answer.cdf, other.predict(day.take(slice(40, 41))).cdf)


def test_a_day_is_foretold_by_what_was_known_while_it_was_to_come() -> None:
    """What came of the day before it was not: its changes reach into the day."""
    model, day = learned(LIVES[0])
    eve = replace(day, wait=np.full(len(day), 5.0))
    to_come, answer = model.predict(day), model.predict(eve)
    for _ in model.learn(eve, answer):
        pass
    foretold = model.foretell(day)
    assert np.array_equal(foretold.cdf, to_come.cdf, equal_nan=True)
    assert not np.array_equal(model.predict(day).cdf, to_come.cdf, equal_nan=True)
    other = model.challenger(10.0)
    other.restore_pools(model.state()[0])
    assert other.state()[0]["earlier"] == model.state()[0]["earlier"] != model.state()[0]["pools"]


def test_rows_of_all_processes_are_those_of_each() -> None:
    layout = Layout.of(Home("UTC", (Room("den"), Room("attic")), ()), ("sensor.alarm",))
    vectors = np.random.default_rng(0).normal(size=(1, layout.size))
    vectors[0, layout.rooms * 10 :][: 2 * len(layout.processes)] = np.abs(vectors[0, :8])
    moment = Moments.of(layout, np.array([(FIRST + 600) * MINUTE_US], dtype=np.int64), vectors)
    every = rows_now(layout, moment, CLOCK)
    for number in range(len(layout.processes)):
        alone = rows_of(layout, moment, CLOCK, number, Process.of([]), Process.of([]))
        for name in Rows.__slots__:
            assert np.array_equal(
                getattr(every, name)[number],
                getattr(alone, name)[0],
                equal_nan=name not in ("believed", "free", "eve"),
            ), name


def test_a_day_off_is_what_the_workday_sensors_say() -> None:
    sensors = [Sensor(f"binary_sensor.{name}", Role.WORKDAY) for name in ("hers", "his")]
    home = Home("UTC", (Room("den"),), (*sensors, Sensor("sensor.alarm", Role.CONTEXT)))
    layout = Layout.of(home, sorted(sensor.entity_id for sensor in home.sensors))
    saturday = 6 * 1440 + (FIRST // 1440 + 4) // 7 * 7 * 1440 - 4 * 1440
    times = np.array([saturday + 600, saturday + 3 * 1440], dtype=np.int64) * MINUTE_US
    nan = float("nan")
    for told, expected in (
        ((0.0, 0.0), [True, True]),
        ((1.0, 0.0), [False, False]),
        ((nan, 0.0), [True, True]),
        ((nan, nan), [True, False]),
    ):
        vectors = np.zeros((2, layout.size))
        vectors[:, layout.rooms * 10 + 2 * len(layout.processes) + 7 :][:, :3] = [*told, 7.0]
        moments = Moments.of(layout, times, vectors)
        assert rows_of(layout, moments, CLOCK, 0, Process.of([]), Process.of([])).free.tolist() == expected
        for n in range(2):
            one = Moments.of(layout, times[n : n + 1], vectors[n : n + 1])
            assert rows_now(layout, one, CLOCK).free.tolist() == [expected[n]] * 3
