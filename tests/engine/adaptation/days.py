"""What the tests of the report card share: days of predictions and of truth, written straight into a store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np

from custom_components.occupancy_ml.engine.adaptation.scores import score_day
from custom_components.occupancy_ml.engine.features import WINDOW_US
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.occupancy.rules import bit
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from custom_components.occupancy_ml.engine.store.predictions import Prediction

ZONE = "Europe/Berlin"
CLOCK = LocalClock(ZONE)


def moments(day: date) -> list[int]:
    """The moments of a local day at which predictions are kept."""
    start_us, end_us = CLOCK.day_bounds(day)
    return list(range(-(-start_us // WINDOW_US) * WINDOW_US, end_us, WINDOW_US))


def say(
    store: Store,
    room_id: str,
    times: Sequence[int],
    shown: Sequence[float],
    model: Sequence[float] | None = None,
    rules: Sequence[int] | None = None,
) -> None:
    """Keep predictions of a room."""
    models = shown if model is None else model
    masks = [0] * len(times) if rules is None else rules
    store.predictions.write(
        [
            Prediction(room_id, time_us, chance, chance >= 0.5, "model", other, mask)
            for time_us, chance, other, mask in zip(times, shown, models, masks, strict=True)
        ]
    )


def tell(
    store: Store,
    room_id: str,
    times: Sequence[int],
    occupied: Sequence[bool],
    source: LabelSource = LabelSource.HINDSIGHT,
    known_at_us: int | None = None,
) -> list[int]:
    """Label the window before each moment; the ids of the labels."""
    return [
        store.labels.add(
            Label(
                time_us - WINDOW_US,
                time_us,
                float(there),
                1.0,
                source,
                times[-1] + WINDOW_US if known_at_us is None else known_at_us,
                room_id,
            )
        )
        for time_us, there in zip(times, occupied, strict=True)
    ]


def a_day(
    store: Store,
    home: Home,
    room_id: str,
    day: date,
    seed: int,
    *,
    shown_error: float,
    model_error: float,
    rule_error: float,
    rule: str = "motion_5m",
    source: LabelSource = LabelSource.HINDSIGHT,
) -> None:
    """A day whose truth changes every two hours, at other times each day, with so much doubt in what was said; scored."""
    chance = np.random.default_rng(seed)
    times = moments(day)
    truth = ((np.arange(len(times)) + 29 * seed) // 24 % 2).astype(bool)
    wrong = chance.random(len(times)) < rule_error
    say(
        store,
        room_id,
        times,
        np.where(truth, 1 - shown_error, shown_error).tolist(),
        np.where(truth, 1 - model_error, model_error).tolist(),
        np.where(truth ^ wrong, bit(rule), 0).tolist(),
    )
    tell(store, room_id, times, truth.tolist(), source)
    for _ in score_day(store, home, CLOCK, day):
        pass
