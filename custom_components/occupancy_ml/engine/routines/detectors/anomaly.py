"""Anomalies: days on which an entity was far more silent, or far busier, than it is wont to be.

The score is -log10 of the chance of a count as extreme, under a negative binomial with the mean and variance of the
four weeks before (a Poisson where these show no more spread). Days of which more than an hour was not heard are no
part of these, and none of them is silent.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
import math

import numpy as np
from numpy.typing import NDArray

from ...numeric import gammaln
from ..acts import Day
from ..patterns import Pattern, PatternType, Statistics
from ..window import Row, Window

_BASELINE_DAYS = 28
_LEAST_DAYS = 10
_LEAST_SCORE = 2.0
_SEVERITY = ((6.0, "high"), (4.0, "medium"), (0.0, "low"))
_RATE = 0.05
_LATELY = 7
_LEAST_PATTERN = 2.5
# The tail is drawn on from between these scores: what is rarer was seen too seldom, and may be odd itself.
_TAIL = (0.5, 1.5)


class Anomaly:
    """Per entity and day. The one detector whose day depends on the days before."""

    pattern_type = PatternType.ANOMALY
    table = "anomaly_daily"

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """One row for each entity that was far from what is expected. A day without any event tells nothing."""
        if not day.events:
            yield []
            return
        history = _counts(window.last(_BASELINE_DAYS)) if window.days else {}
        today: dict[str, int] = defaultdict(int)
        by_hand = day.acts.token[~day.acts.automatic]
        for number, count in enumerate(np.bincount(by_hand, minlength=len(day.acts.tokens)).tolist()):
            today[day.acts.tokens[number].entity_id] += count
        rows: list[Row] = []
        for entity_id in sorted(history):
            past = history[entity_id]
            count = today.get(entity_id, 0)
            score = _score(count, past)
            if score < 0 and (day.day in window.deaf or entity_id in day.chatter):
                continue
            if entity_id in window.cast and abs(score) >= _LEAST_SCORE:
                mean, spread = float(past.mean()), math.sqrt(float(past.var()) + 1.0)
                rows.append(
                    {
                        "entity_id": entity_id,
                        "anomaly_type": "silent" if score < 0 else "busy",
                        "anomaly_score": abs(score),
                        "baseline_deviation": (count - mean) / spread,
                        "occurrences": count,
                        "severity": severity(abs(score)),
                        "detail": {"expected": mean, "days": len(past)},
                    }
                )
        yield rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """What was odd within the last week, against how odd the entities' own other days look."""
        recent = window.last(_LATELY)
        rows = recent.read(
            self.table,
            (
                "date",
                "entity_id",
                "anomaly_type",
                "anomaly_score",
                "baseline_deviation",
                "occurrences",
                "severity",
            ),
        )
        yield None
        if not rows:
            yield []
            return
        history = _counts(window.last(_BASELINE_DAYS + _LATELY))
        lately = sum(day not in window.deaf for day in recent.days)
        null: dict[str, list[float]] = {"silent": [], "busy": []}
        tested: Counter[str] = Counter()
        for past in history.values():
            # Each day in another order is a day against the others.
            others = [
                _score(int(count), np.delete(past, n)) for n, count in enumerate(past[: len(past) - lately])
            ]
            # What does little is silent on many a day, and can never be found so: it is no test (Tarone 1990).
            if _score(0, past) <= -_LEAST_PATTERN:
                tested["silent"] += 1
                null["silent"] += [-score for score in others]
            tested["busy"] += 1
            null["busy"] += others
            yield None
        rate_of: dict[tuple[str, str], float] = {}
        for kind, scores in null.items():
            mine = [row for row in rows if row[2] == kind]
            rates = _rates([row[3] for row in mine], np.array(scores), tested[kind] * lately)
            rate_of |= {(row[0], row[1]): rate for row, rate in zip(mine, rates.tolist(), strict=True)}
        patterns = []
        for day, entity_id, kind, score, deviation, count, how in rows:
            rate = rate_of[day, entity_id]
            if rate > _RATE or score < _LEAST_PATTERN or entity_id not in window.cast:
                continue
            usual = float(history[entity_id].mean()) if entity_id in history else 0.0
            patterns.append(
                Pattern(
                    key=f"anomaly|{entity_id}|{kind}|{day}",
                    pattern_type=PatternType.ANOMALY,
                    entities=(entity_id,),
                    room_id=window.cast.room(entity_id),
                    statistics=Statistics(score, count, count, 1, 1.0, 0.0, 1.0, rate),
                    first_seen=day,
                    last_seen=day,
                    parameters={
                        "kind": kind,
                        "severity": how,
                        "date": day,
                        "score": score,
                        "deviation": deviation,
                    },
                    description=f"{entity_id} was unusually {kind} on {day}: {count} times, usually {usual:.0f}",
                )
            )
        yield patterns


def _rates(scores: list[float], null: NDArray[np.float64], tests: int) -> NDArray[np.float64]:
    """False-discovery rates of scores, by the scores that other days get among the days.

    The other days are too few to show what happens once in years: their survival between two moderate
    scores is continued with its own slope, but not a steeper one than the model's.
    """
    found = np.asarray(scores, dtype=np.float64)
    if not len(null):
        return np.ones(len(found))
    near, far = ((null >= level).mean() + 1 / len(null) for level in _TAIL)
    slope = float(np.clip(np.log10(near / far) / (_TAIL[1] - _TAIL[0]), 0.3, 1.0))
    expected = tests * near * 10 ** (-slope * (found - _TAIL[0]))
    ranked = np.argsort(np.argsort(-found, kind="stable"), kind="stable") + 1
    rates: NDArray[np.float64] = np.minimum(expected / ranked, 1.0)
    return rates


def severity(score: float) -> str:
    """A score in words."""
    return next(name for least, name in _SEVERITY if score >= least)


def _counts(window: Window) -> dict[str, NDArray[np.float64]]:
    """By entity, its acts by hand on each day of a window since it was first seen there; enough days only.

    Days that were not heard are left out.
    """
    heard = [day for day in window.days if day not in window.deaf]
    number = {day.isoformat(): index for index, day in enumerate(heard)}
    found: dict[str, NDArray[np.float64]] = {}
    for day, entity_id, count in window.read("time_based_daily", ("date", "entity_id", "occurrences")):
        if day in number:
            found.setdefault(entity_id, np.zeros(len(heard)))[number[day]] += count
    cut = {
        entity_id: counts[int(np.flatnonzero(counts)[0]) :]
        for entity_id, counts in found.items()
        if counts.any()
    }
    return {entity_id: counts for entity_id, counts in cut.items() if len(counts) >= _LEAST_DAYS}


def _score(count: int, past: NDArray[np.float64]) -> float:
    """-log10 of the tail, negative for silence; 0 where there is too little to go by."""
    if len(past) < _LEAST_DAYS - 1:
        return 0.0
    # A tenth of a day of one act more: an entity that never did anything may begin to.
    mean = (float(past.sum()) + 0.5) / (len(past) + 0.5)
    # The spread of few days is itself unsure; some more is allowed for.
    variance = max(float(past.var(ddof=1)) * 1.1, mean * 1.02)
    size = mean * mean / (variance - mean)
    chances = _negative_binomial(np.arange(max(count, int(mean * 4)) + 2), mean, size)
    lower = float(chances[: count + 1].sum())
    upper = 1.0 - float(chances[:count].sum())
    # What was seen before is not unheard of, whatever the model says of it: some things have days off.
    if upper < lower:
        tail = float(chances[count:].sum()) if upper < 1e-9 else upper
        return -math.log10(max(tail, float((past >= count).mean()), 1e-15))
    return math.log10(max(lower, float((past <= count).mean()), 1e-15))


def _negative_binomial(counts: NDArray[np.int64], mean: float, size: float) -> NDArray[np.float64]:
    k = counts.astype(np.float64)
    logs = gammaln(k + size) - gammaln(k + 1) - gammaln([size])[0]
    logs += size * math.log(size / (size + mean)) + k * math.log(mean / (size + mean))
    found: NDArray[np.float64] = np.exp(logs)
    return found
