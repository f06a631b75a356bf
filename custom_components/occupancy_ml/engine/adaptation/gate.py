"""Where a room's model does not beat its best baseline, the baseline is shown until it does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
import json
import logging

import numpy as np
from numpy.typing import NDArray

from ..home import Home
from ..occupancy.rules import CALIBRATED, PRIOR, ROOM_RULES, Baseline, words
from ..store import Store
from ..store.labels import LabelSource
from ..store.scores import DailyScore
from .scores import CALIBRATION_DAYS, MODEL, rule_shares, usual_half_hours

_LOGGER = logging.getLogger(__name__)

CHECKPOINT = "engine.baselines"
"""What is in service, by room, for a restart and for the report card."""

GATE_DAYS = 14

# A baseline takes over when it erred less by this share and by this much a moment, over days enough and on most of
# them; the model comes back as soon as it erred no more. The gap between the two keeps the room from changing
# sides every night. Where nearly all moments are vacant, and easily known to be, nothing can be told.
_BETTER = 0.9
_WORTH = 0.005
_MOST_DAYS = 2 / 3
_LEAST_DAYS = 5
_LEAST_MOMENTS = 3 * 288
_LEAST_MINUTES = 120
# Hindsight that is sure of few moments is sure of the easy ones: of the night in a bedroom, and never of the day.
_LEAST_SHARE = 0.75

_CANDIDATES = (*(name + CALIBRATED for name in ROOM_RULES), PRIOR)
# What people said afterwards is no sample of all moments: they speak up where the model was wrong.
_JUDGES = (LabelSource.REFERENCE, LabelSource.HINDSIGHT)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Squared errors of a room over the last days, at the same moments.

    Attributes:
        truth: against what.
        moments: how many in all.
        rarer: minutes of them in the rarer of the two states.
        model: (d,) sum of a day, of the model.
        baselines: by name, (d,) sum of a day.
    """

    truth: str
    moments: int
    rarer: int
    model: NDArray[np.float64]
    baselines: Mapping[str, NDArray[np.float64]]


def choose(evidence: Evidence | None, serving: str | None) -> str | None:
    """The baseline to show, None for the model.

    Args:
        evidence: of the last days; None where there is too little, which speaks for neither.
        serving: the baseline that is shown now.
    """
    if evidence is None or not evidence.baselines:
        return serving
    errors = {name: float(days.sum()) for name, days in evidence.baselines.items()}
    model = float(evidence.model.sum())
    best = min(errors, key=lambda name: (errors[name], name))
    if serving in errors:
        if model <= errors[serving]:
            return None
        return best if errors[best] < _BETTER * errors[serving] else serving
    enough = evidence.rarer >= _LEAST_MINUTES and len(evidence.model) >= _LEAST_DAYS
    usually = float(np.mean(evidence.baselines[best] < evidence.model)) >= _MOST_DAYS
    better = errors[best] < min(_BETTER * model, model - _WORTH * evidence.moments)
    return best if enough and usually and better else None


def update(
    store: Store, home: Home, today: date, now_us: int, serving: Mapping[str, Baseline]
) -> Iterator[dict[str, Baseline] | None]:
    """Decide for every room and keep the decision.

    Yields:
        None after every room, at last the baselines in service.
    """
    found: dict[str, Baseline] = {}
    for room in home.rooms:
        before = serving.get(room.room_id)
        evidence = _evidence(store, room.room_id, today)
        name = choose(evidence, None if before is None else before.name)
        if evidence is not None and name is not None:
            found[room.room_id] = _baseline(store, room.room_id, evidence.truth, name, today)
        elif before is not None and name is not None and (kept := _unjudged(before, today)) is not None:
            found[room.room_id] = kept
        yield None
    save(store, found, now_us)
    yield found


def save(store: Store, baselines: Mapping[str, Baseline], now_us: int) -> None:
    """Keep what is in service."""
    payload = {room_id: asdict(baseline) for room_id, baseline in baselines.items()}
    store.checkpoints.save(CHECKPOINT, now_us, json.dumps(payload).encode())


def load(store: Store, home: Home) -> dict[str, Baseline]:
    """What is in service, of the rooms that are still there."""
    saved = store.checkpoints.load(CHECKPOINT)
    rooms = {room.room_id for room in home.rooms}
    try:
        kept = {} if saved is None else json.loads(saved.payload)
        return {
            room_id: Baseline(**{**value, "half_hours": tuple(value["half_hours"])})
            for room_id, value in kept.items()
            if room_id in rooms
        }
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        _LOGGER.info("The saved baselines do not fit: %r", error)
        return {}


def _evidence(store: Store, room_id: str, today: date) -> Evidence | None:
    first = (today - timedelta(days=GATE_DAYS)).isoformat()
    last = (today - timedelta(days=1)).isoformat()
    scores = store.scores.read(first, last, room_id)
    for source in _JUDGES:
        days: dict[str, dict[str, DailyScore]] = {}
        for score in scores:
            if score.truth == source:
                days.setdefault(score.day, {})[score.model] = score
        whole = [models for models in days.values() if models.keys() >= {MODEL, *_CANDIDATES}]
        moments = sum(models[MODEL].n for models in whole)
        sure = source is not LabelSource.HINDSIGHT or moments >= _LEAST_SHARE * 288 * len(whole)
        if moments >= _LEAST_MOMENTS and sure:
            return Evidence(
                source.value,
                moments,
                min(
                    sum(models[MODEL].occupied_minutes for models in whole),
                    sum(models[MODEL].vacant_minutes for models in whole),
                ),
                np.array([models[MODEL].brier_sum for models in whole]),
                {name: np.array([models[name].brier_sum for models in whole]) for name in _CANDIDATES},
            )
    return None


def _unjudged(before: Baseline, today: date) -> Baseline | None:
    """What goes on to be shown though nothing tells whether it is better; None where nothing has for long."""
    # One of an earlier version does not say when it was judged; the clock may have been ahead then.
    judged = min(date.fromisoformat(before.judged), today) if before.judged else today
    if (today - judged).days > CALIBRATION_DAYS:
        return None
    return replace(before, judged=judged.isoformat())


def _baseline(store: Store, room_id: str, truth: str, name: str, today: date) -> Baseline:
    reason = f"the rule '{words(name)}' was better here over the last {GATE_DAYS} days"
    if name == PRIOR:
        usual = usual_half_hours(store, room_id, truth, today)
        return Baseline(name, 0.0, 0.0, tuple(usual.tolist()), reason, today.isoformat())
    first = (today - timedelta(days=CALIBRATION_DAYS)).isoformat()
    counts = store.scores.rule_counts(room_id, truth, first, today.isoformat())
    on, off = rule_shares(counts.get(name))
    return Baseline(name, on, off, (), reason, today.isoformat())
