"""Scores of a day that is over: what was shown, and what a home has without it, against hindsight."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from .features import FEATURE_SET_VERSION, WINDOW_US
from .home import Home
from .localtime import LocalClock
from .store import Store
from .store.labels import LabelSource
from .store.pairing import pair
from .store.predictions import DailyScore

Floats = NDArray[np.float64]

QUALITY_DAYS = 14
# Only windows of which hindsight is nearly sure are scored.
_SURE = 0.9
_PRIOR_DAYS = 28
# A rule says on or off; as a probability it is given this much doubt.
_DOUBT = 0.05


def score_day(store: Store, home: Home, clock: LocalClock, day: date) -> Iterator[None]:
    """Write the scores of all rooms over a local day.

    Yields:
        Nothing, after every room.
    """
    start_us, end_us = clock.day_bounds(day)
    first_us, _ = clock.day_bounds(day - timedelta(days=_PRIOR_DAYS))
    for room in home.rooms:
        shown = store.predictions.series(room.room_id, start_us, end_us)
        ends, targets = _truth(store, room.room_id, start_us, end_us)
        at = np.searchsorted(shown.time_us, ends)
        at = np.minimum(at, max(len(shown.time_us) - 1, 0))
        there = shown.time_us[at] == ends if len(shown.time_us) else np.zeros(len(ends), dtype=bool)
        if there.any():
            ends, targets, at = ends[there], targets[there], at[there]
            table = store.features.read(room.room_id, start_us - WINDOW_US, end_us, FEATURE_SET_VERSION)
            active = np.isin(ends, table.window_end_us[table.activity > 0])
            past_ends, past = _truth(store, room.room_id, first_us, start_us)
            models = {
                "shown": shown.probability[at],
                "prior": _prior(clock, past_ends, past, ends),
                "timeout_300": np.where(active, 1 - _DOUBT, _DOUBT),
            }
            store.scores.write(
                [_score(room.room_id, day, name, chance, targets) for name, chance in models.items()]
            )
        yield


def quality(store: Store, room_ids: list[str], today: date) -> float | None:
    """Skill of what was shown against the time-of-day prior: 1 - log loss / log loss, over QUALITY_DAYS."""
    since = (today - timedelta(days=QUALITY_DAYS)).isoformat()
    sums = {"shown": 0.0, "prior": 0.0}
    for score in store.scores.read(since, today.isoformat()):
        if score.model in sums and score.room_id in room_ids:
            sums[score.model] += score.log_loss_sum
    return 1 - sums["shown"] / sums["prior"] if sums["prior"] > 0 else None


def _truth(store: Store, room_id: str, start_us: int, end_us: int) -> tuple[NDArray[np.int64], Floats]:
    """Ends of the windows of which something sure is known, and whether they were occupied (1.0) or not."""
    ends = np.arange(-(-start_us // WINDOW_US) + 1, end_us // WINDOW_US + 1, dtype=np.int64) * WINDOW_US
    labels = store.labels.read(start_us, end_us, room_id)
    labels = [label for label in labels if label.source is not LabelSource.AWAY]
    chosen = pair(ends - WINDOW_US, ends, room_id, labels)
    known = chosen >= 0
    if not known.any():
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    targets = np.array([label.target for label in labels])[chosen[known]]
    sure = (targets >= _SURE) | (targets <= 1 - _SURE)
    return ends[known][sure], np.round(targets[sure])


def _prior(clock: LocalClock, past_ends: NDArray[np.int64], past: Floats, ends: NDArray[np.int64]) -> Floats:
    """(n,) the share of earlier days' windows at the same half hour that were occupied."""
    _, past_slots = clock.days_and_half_hours(past_ends)
    _, slots = clock.days_and_half_hours(ends)
    share = (past.sum() + 0.5) / (len(past) + 1.0)
    taken, seen = np.bincount(past_slots, past, 48), np.bincount(past_slots, minlength=48)
    result: Floats = ((taken + 2 * share) / (seen + 2.0))[slots]
    return result


def _score(room_id: str, day: date, model: str, chance: Floats, targets: Floats) -> DailyScore:
    p = np.clip(chance, 1e-3, 1 - 1e-3)
    log_loss = -(targets * np.log(p) + (1 - targets) * np.log(1 - p))
    return DailyScore(
        room_id=room_id,
        day=day.isoformat(),
        model=model,
        truth="hindsight",
        n=len(targets),
        brier_sum=float(((p - targets) ** 2).sum()),
        log_loss_sum=float(log_loss.sum()),
    )
