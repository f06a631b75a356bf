"""Drift: quiet on stable days, quick on changes; the queue serves the urgent first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.adaptation.drift import Drift, stability
from custom_components.occupancy_ml.engine.adaptation.retraining import Cause, Queue

FIRST = date(2026, 3, 2)


def alarms(
    values: np.ndarray, features: np.ndarray | None = None, events: Sequence[int] | None = None
) -> list[tuple[int, date]]:
    drift = Drift()
    found = []
    for number, value in enumerate(values.tolist()):
        day = FIRST + timedelta(days=number)
        row = np.zeros((4, 2)) if features is None else np.repeat(features[number : number + 1], 4, axis=0)
        since = drift.learn(day, value, 4 if events is None else events[number], row)
        if since is not None:
            found.append((number, since))
    return found


def test_stable_days_rarely_alarm() -> None:
    rng = np.random.default_rng(1)
    false = sum(len(alarms(rng.normal(0, 5, 74))) for _ in range(60))
    # In 60 times 60 days after the reference: two in five years of a room.
    assert false <= 6


def test_a_change_is_noticed_in_days_and_dated() -> None:
    rng = np.random.default_rng(2)
    delays = []
    for _ in range(40):
        values = np.concatenate([rng.normal(0, 5, 30), rng.normal(15, 5, 20)])
        found = [a for a in alarms(values) if a[0] >= 30]
        assert found
        delays.append(found[0][0] - 29)
        assert abs((found[0][1] - FIRST).days - 30) <= 20
    assert np.median(delays) <= 6


def test_getting_better_is_a_change_too() -> None:
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.normal(0, 5, 20), rng.normal(-20, 5, 12)])
    assert alarms(values)


def test_days_on_which_they_are_away_and_rooms_hardly_used_alarm_nobody() -> None:
    rng = np.random.default_rng(6)
    values, events = rng.normal(0, 5, 60), [4] * 60
    # A week away: nothing changes, and what is said of it is far better or far worse than usual.
    values[30:37], events[30:37] = -900.0, [0] * 7
    assert alarms(values, events=events) == []
    values[20:] += 40
    assert alarms(values, events=[1, *[0] * 9] * 6) == []
    assert alarms(values)


def test_one_odd_day_is_no_new_routine() -> None:
    values = np.tile([1.0, -1.0], 20)
    values[25] = 500.0
    assert alarms(values) == []


def test_what_moved_explains_the_alarm_and_the_watch_survives_a_restart() -> None:
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(0, 1, 20), rng.normal(8, 1, 10)])
    features = rng.normal(size=(30, 2))
    features[20:, 1] += 6
    drift = Drift()
    for number, value in enumerate(values.tolist()):
        since = drift.learn(FIRST + timedelta(days=number), value, 4, features[number][None])
        if since is not None:
            break
        again = Drift()
        again.restore(drift.to_json())
        assert again.to_json() == drift.to_json()
        drift = again
    assert drift.explain(["same", "moved"])[:1] == ["moved"] or number < 24


def test_the_stability_index_is_zero_for_the_same_and_grows() -> None:
    rng = np.random.default_rng(5)
    sample = rng.normal(size=400)
    assert stability(sample, sample) == pytest.approx(0.0, abs=0.01)
    assert stability(sample, sample + 0.5) < stability(sample, sample + 2)


def test_the_queue_serves_the_urgent_first_and_each_once() -> None:
    queue = Queue()
    for process, cause in (
        ("hall", Cause.REQUEST),
        ("den", Cause.SCHEDULE),
        ("bath", Cause.SCHEDULE),
        ("hall", Cause.ALARM),
        ("hall", Cause.REQUEST),
        ("attic", Cause.CORRECTION),
    ):
        queue.add(process, cause)
    assert list(queue) == ["hall", "attic", "den", "bath"]
    again = Queue()
    again.restore(queue.to_json())
    assert list(again) == list(queue)
    assert queue.take("hall") is Cause.ALARM
    assert queue.take("hall") is None
    assert list(queue) == ["attic", "den", "bath"]
    assert len(queue) == 3
