"""Scores of a day that is over: what was shown, what the model said, and what a home has without them.

All are scored at the same moments: the ends of windows of five minutes at which the prediction, the model and
the rules were kept and of which a truth is known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
import json

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..features import WINDOW_US
from ..home import Home, Role
from ..localtime import LocalClock
from ..occupancy.rules import CALIBRATED, HOME_RULES, PRIOR, ROOM_RULES, bit
from ..snapshot import HOME
from ..store import Store
from ..store.labels import LabelSource
from ..store.predictions import PredictionSeries
from ..store.scores import BINS, DailyScore, RuleCounts, ScoredDay
from .truth import TRUTHS, truth_at

Floats = NDArray[np.float64]
Moments = NDArray[np.int64]

SHOWN, MODEL = "shown", "model"
RIVAL = "rival:"

PRIOR_DAYS = 28
"""The usual half hours are counted over so many days."""

CALIBRATION_DAYS = 60
"""The share of truth behind a rule's on and off is counted over so many days."""

_MINUTES = WINDOW_US // MINUTE_US
_CLIP = 1e-3
_EVENTS_A_SLICE = 2000
_AGAIN = "score_again"


@dataclass(frozen=True, slots=True)
class Said:
    """What was said at n moments.

    Attributes:
        chance: (n,) P(occupied).
        on: (n,) whether it was called occupied.
    """

    chance: Floats
    on: NDArray[np.bool_]


def score_day(store: Store, home: Home, clock: LocalClock, day: date) -> Iterator[None]:
    """Write the scores of a local day, of all rooms and the home.

    Yields:
        Nothing, after every room.
    """
    start_us, end_us = clock.day_bounds(day)
    rivals = _rivals(store, home, start_us, end_us)
    yield
    for room_id in [*(room.room_id for room in home.rooms), HOME]:
        shown = store.predictions.series(room_id, start_us, end_us)
        if len(shown.time_us):
            named = {name: rivals[name] for name in home.rivals(room_id)}
            scored = score_room(store, clock, day, room_id, shown, rules_of(home, room_id), named)
            store.scores.replace_day(room_id, day.isoformat(), scored)
        yield


def score_again(store: Store, clock: LocalClock, start_us: int, end_us: int, now_us: int) -> None:
    """The truth of a span changed: the next night scores its local days again, however long ago they are.

    Args:
        store: the home's.
        clock: the home's.
        start_us: begin of the span.
        end_us: its end.
        now_us: the time, which tells days that were named anew from those that are being scored.
    """
    first, last = clock.at(start_us).date(), clock.at(end_us - 1).date()
    named = {(first + timedelta(days=n)).isoformat(): now_us for n in range((last - first).days + 1)}
    store.metadata.set(_AGAIN, json.dumps(days_to_score(store) | named))


def days_to_score(store: Store) -> dict[str, int]:
    """The local days, ISO, that are to be scored again, and when each was last named."""
    told = store.metadata.get(_AGAIN)
    return {} if told is None else json.loads(told)


def scored_again(store: Store, days: Mapping[str, int]) -> None:
    """They were; what was named meanwhile still waits."""
    left = {day: named_us for day, named_us in days_to_score(store).items() if days.get(day) != named_us}
    store.metadata.set(_AGAIN, json.dumps(left))


def rules_of(home: Home, room_id: str) -> tuple[str, ...]:
    """The rules that a room, or `snapshot.HOME`, is compared with."""
    if room_id != HOME:
        return ROOM_RULES
    persons = any(sensor.role is Role.PERSON for sensor in home.sensors)
    return HOME_RULES if persons else tuple(name for name in HOME_RULES if name != "persons")


def score_room(
    store: Store,
    clock: LocalClock,
    day: date,
    room_id: str,
    shown: PredictionSeries,
    rules: Sequence[str],
    rivals: Mapping[str, tuple[Moments, NDArray[np.bool_]]],
) -> ScoredDay:
    """What one local day of a room leaves behind.

    Args:
        store: holds labels and the days before.
        clock: the home's.
        day: the day.
        room_id: the room, or `snapshot.HOME`.
        shown: its predictions of the day.
        rules: names of the rules to score.
        rivals: by entity id, (k,) times and (k,) whether it was on from then.
    """
    times = shown.time_us
    labels = store.labels.read(int(times[0]) - WINDOW_US, int(times[-1]) + WINDOW_US, room_id)
    _, slots = clock.days_and_half_hours(times)
    reliability: dict[tuple[str, str], Floats] = {}
    half_hours: dict[str, Moments] = {}
    scores: list[DailyScore] = []
    for source in TRUTHS:
        truth = truth_at(labels, source, room_id, times)
        known = truth >= 0
        if not known.any():
            continue
        occupied = truth[known] == 1
        said = {
            SHOWN: Said(shown.probability, shown.occupied),
            MODEL: Said(shown.model, shown.model >= 0.5),
            **_baselines(store, day, room_id, source, rules, shown.rules, slots),
            **{
                f"{RIVAL}{entity_id}": _said_by(events, times)
                for entity_id, events in rivals.items()
                if len(events[0]) and events[0][0] <= times[0]
            },
        }
        follows = np.diff(times[known]) == WINDOW_US
        for name, each in said.items():
            chance, on = each.chance[known], each.on[known]
            scores.append(_score(room_id, day, name, source, chance, on, occupied, follows))
            if name in (SHOWN, MODEL, PRIOR):
                tenth = np.minimum((chance * BINS).astype(np.int64), BINS - 1)
                reliability[name, source.value] = np.array(
                    [np.bincount(tenth, weights, BINS) for weights in (None, chance, occupied)], np.float64
                )
        half_hours[source.value] = np.array(
            [np.bincount(slots[known], weights, 48) for weights in (None, occupied)], np.int64
        )
    return ScoredDay(tuple(scores), reliability, half_hours)


def usual_half_hours(store: Store, room_id: str, truth: str, before: date) -> Floats:
    """(48,) the share of earlier days' moments of each local half hour that were occupied."""
    first = (before - timedelta(days=PRIOR_DAYS)).isoformat()
    n, occupied = store.scores.half_hours(room_id, truth, first, before.isoformat())
    share = (occupied.sum() + 0.5) / (n.sum() + 1.0)
    result: Floats = (occupied + 2 * share) / (n + 2.0)
    return result


def rule_shares(counts: RuleCounts | None) -> tuple[float, float]:
    """The share of truth behind a rule's on and its off, from minutes of earlier days."""
    if counts is None:
        return 0.5, 0.5
    minutes = counts.on + counts.off
    share = (counts.on_occupied + counts.off_occupied + 0.5) / (minutes + 1.0)
    pull = 2 * _MINUTES
    on = (counts.on_occupied + pull * share) / (counts.on + pull)
    off = (counts.off_occupied + pull * share) / (counts.off + pull)
    return on, off


def _baselines(
    store: Store,
    day: date,
    room_id: str,
    source: LabelSource,
    rules: Sequence[str],
    masks: Moments,
    slots: Moments,
) -> dict[str, Said]:
    """The rules as they are, the rules as the share of truth behind them on earlier days, and the usual half hour."""
    first = (day - timedelta(days=CALIBRATION_DAYS)).isoformat()
    counts = store.scores.rule_counts(room_id, source.value, first, day.isoformat())
    said = {}
    for name in rules:
        on = (masks & bit(name)) > 0
        said[name] = Said(on.astype(np.float64), on)
        when_on, when_off = rule_shares(counts.get(name))
        said[name + CALIBRATED] = Said(np.where(on, when_on, when_off), on)
    usual = usual_half_hours(store, room_id, source.value, day)[slots]
    said[PRIOR] = Said(usual, usual >= 0.5)
    return said


def _rivals(
    store: Store, home: Home, start_us: int, end_us: int
) -> dict[str, tuple[Moments, NDArray[np.bool_]]]:
    """By rival, when it changed, from before the day on where it is known, and whether it was on from then."""
    names = list(dict.fromkeys(name for room in home.rooms for name in home.rivals(room.room_id)))
    if not names:
        return {}
    changes: dict[str, list[tuple[int, bool]]] = {name: [] for name in names}
    for name, event in store.events.last_before(start_us, names).items():
        changes[name].append((event.time_us, event.state == "on"))
    for batch in store.events.read(start_us, end_us, names, _EVENTS_A_SLICE):
        for event in batch:
            # Gone is off: that is what an automation made of it.
            changes[event.entity_id].append((event.time_us, event.state == "on"))
    return {
        name: (np.array([t for t, _ in found], np.int64), np.array([on for _, on in found], np.bool_))
        for name, found in changes.items()
    }


def _said_by(events: tuple[Moments, NDArray[np.bool_]], times: Moments) -> Said:
    on = events[1][np.searchsorted(events[0], times, side="right") - 1]
    return Said(on.astype(np.float64), on)


def _score(
    room_id: str,
    day: date,
    model: str,
    source: LabelSource,
    chance: Floats,
    on: NDArray[np.bool_],
    occupied: NDArray[np.bool_],
    follows: NDArray[np.bool_],
) -> DailyScore:
    """The sums of n moments; follows (n - 1,) says which of them come right after the one before."""
    p = np.clip(chance, _CLIP, 1 - _CLIP)
    log_loss = -np.where(occupied, np.log(p), np.log1p(-p))
    present = int(occupied.sum())
    return DailyScore(
        room_id=room_id,
        day=day.isoformat(),
        model=model,
        truth=source.value,
        n=len(occupied),
        brier_sum=float(((chance - occupied) ** 2).sum()),
        log_loss_sum=float(log_loss.sum()),
        occupied_minutes=_MINUTES * present,
        vacant_minutes=_MINUTES * (len(occupied) - present),
        missed_minutes=_MINUTES * int((occupied & ~on).sum()),
        false_minutes=_MINUTES * int((on & ~occupied).sum()),
        flips=int(((on[1:] != on[:-1]) & follows).sum()),
        true_flips=int(((occupied[1:] != occupied[:-1]) & follows).sum()),
    )
