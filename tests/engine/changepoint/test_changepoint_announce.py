"""Announced changes: where, when, and none where there is none."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.changepoint import (
    Announcer,
    Change,
    Detector,
    GammaPoisson,
    Model,
    NormalGamma,
    Update,
    home_streams,
    single,
)


def announced(values: NDArray[np.float64]) -> list[Change]:
    detector = Detector([single(str(column), NormalGamma()) for column in range(values.shape[1])])
    announcer = Announcer(detector.names)
    return [change for row in values for change in announcer.update(detector.update(row))]


def test_planted_changes_are_announced_once_where_they_were() -> None:
    random = np.random.default_rng(21)
    levels = np.repeat([0.0, 5.0, -3.0, 0.0], 80)
    changes = announced((levels + random.normal(0, 0.5, len(levels)))[:, None])
    assert [change.step for change in changes] == pytest.approx([80, 160, 240], abs=1)
    assert all(5 <= change.seen_at - change.step <= 10 for change in changes)


def test_streams_are_announced_by_their_own_changes() -> None:
    random = np.random.default_rng(22)
    values = random.normal(0, 0.5, (200, 3))
    values[60:, 0] += 6
    values[130:, 2] -= 6
    changes = announced(values)
    assert [(change.stream, change.step) for change in changes] == [("0", 60), ("2", 130)]


@pytest.mark.parametrize("seed", range(5))
def test_a_stationary_stream_is_quiet(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 1, (1000, 4))
    # 4000 updates of standard normal noise; the beginning of a stream is no change.
    assert len(announced(values)) <= 2


def test_a_single_odd_value_is_no_change() -> None:
    random = np.random.default_rng(3)
    values = random.normal(0, 1, (200, 1))
    values[120] += 12
    assert [change for change in announced(values) if change.step > 121] == []


@pytest.mark.parametrize(
    ("model", "rates"),
    [(NormalGamma(log1p=True), [0.3, 2.0, 1.0]), (GammaPoisson(), [0.3, 2.0, 0.05])],
)
def test_a_home_whose_routine_stays_announces_nothing(model: Model, rates: list[float]) -> None:
    random = np.random.default_rng(4)
    detector = Detector(home_streams(["a", "b", "c"], counts=model))
    announcer = Announcer(detector.names)
    changes: list[Change] = []
    for _ in range(1000):
        counts = random.poisson(rates)
        changes += announcer.update(detector.update([*counts, *(counts > 0)]))
    assert len(changes) <= 2


def test_an_announcer_keeps_what_it_knows_of_streams_that_stay() -> None:
    random = np.random.default_rng(23)
    values = random.normal(0, 0.5, (120, 2))
    values[60:, 1] += 6
    streams = [single(name, NormalGamma()) for name in "ab"]
    detector = Detector(streams)
    announcer = Announcer(detector.names)
    changes: list[Change] = []
    for step, row in enumerate(values):
        if step == 63:
            detector = detector.with_streams(streams[1:])
            announcer = announcer.with_streams(detector.names)
        changes += announcer.update(detector.update(row if step < 63 else row[1:]))
    assert [(change.stream, change.step) for change in changes] == [("b", 60)]


def _told(step: int, probability: float, mode: int) -> Update:
    """What a detector of one stream, as old as its steps, may have said."""
    one = np.array([0.0])
    return Update(
        step=step,
        log_evidence=one,
        mean_run_length=one + mode,
        mean_log_run_length=one,
        mode_run_length=np.array([mode]),
        recent=np.array([[probability]]),
        change_probability=np.array([probability]),
        age=np.array([step]),
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        # (step, P(run length <= 5), mode) of each update; then (location, announced at).
        ([(100, 0.1, 100), (101, 0.1, 6)], []),  # never suspected
        ([(100, 0.9, 1), (105, 0.6, 6)], []),  # still suspected
        ([(100, 0.9, 1), (106, 0.4, 7)], [(99, 105)]),  # the young run outlived the lag
        ([(100, 0.9, 1), (101, 0.1, 101)], []),  # the old run is back, and began with the stream
        ([(100, 0.9, 1), (101, 0.1, 60)], []),  # the old run is back
        ([(100, 0.9, 1), (110, 0.4, 10)], [(100, 109)]),
        ([(100, 0.9, 1), (110, 0.4, 11)], []),
        ([(100, 0.9, 1), (106, 0.4, 6), (107, 0.6, 3), (108, 0.4, 3)], [(100, 105)]),  # the same change again
        ([(100, 0.9, 1), (106, 0.4, 6), (107, 0.6, 2), (112, 0.4, 6)], [(100, 105), (106, 111)]),
        ([(5, 0.9, 5), (6, 0.4, 6)], []),  # the beginning of the stream
    ],
)
def test_the_rule_step_by_step(told: list[tuple[int, float, int]], expected: list[tuple[int, int]]) -> None:
    announcer = Announcer(["a"])
    changes = [change for update in told for change in announcer.update(_told(*update))]
    assert changes == [Change("a", step, seen_at) for step, seen_at in expected]
