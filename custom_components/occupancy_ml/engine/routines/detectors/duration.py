"""Durations: how long things are on, by time of day, and which of them last as long again and again.

Chance is a life without memory: exponential durations, whose clearest window is scanned in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
import json

import numpy as np
from numpy.typing import NDArray

from ..acts import Day
from ..chance import log_odds, q_values, surprise, uniforms, wilson
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, lasting_text, name_of

# A duration is "the same" within a factor of 1.25 either way.
_HALF_WIDTH = float(np.log(1.25))
_DAYS = 56
_RATE = 0.05
_LEAST = 8
_LEAST_DAYS = 5
_LEAST_LOW = 0.45
_PERMUTATIONS = 40
_KEPT = 48
_LEAST_S = 20.0
_BLOCKS = ((0, 6, "night"), (6, 12, "morning"), (12, 18, "afternoon"), (18, 24, "evening"))
_NEAR_MS = 15 * 60_000


class Duration:
    """Per entity that can be on: lamps, players, appliances, switches."""

    pattern_type = PatternType.DURATION
    table = "duration_daily"

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """One row for each entity that was switched off today, of spans that nobody's automation ended."""
        spans = day.spans
        rows: list[Row] = []
        for number in np.unique(spans.entity).tolist():
            entity_id = spans.entity_ids[number]
            mine = (spans.entity == number) & spans.by_hand
            seconds = spans.seconds[mine]
            if not len(seconds):
                continue
            rows.append(
                {
                    "entity_id": entity_id,
                    "state": "on",
                    "avg_duration_seconds": float(seconds.mean()),
                    "min_duration_seconds": float(seconds.min()),
                    "max_duration_seconds": float(seconds.max()),
                    "duration_variance": float(seconds.var()),
                    "efficiency_score": _efficiency(day, window, entity_id, float(seconds.sum())),
                    "occurrences": len(seconds),
                    "durations": [
                        [int(minute), round(float(lasted), 1)]
                        for minute, lasted in zip(
                            spans.minute[mine][:_KEPT].tolist(), seconds[:_KEPT].tolist(), strict=True
                        )
                    ],
                }
            )
        yield rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Entities whose durations gather more closely than a life without memory would have it."""
        window = window.last(_DAYS)
        told: dict[str, list[tuple[str, int, float]]] = {}
        for day, entity_id, durations in window.read(self.table, ("date", "entity_id", "durations")):
            if entity_id in window.cast:
                told.setdefault(entity_id, []).extend(
                    (day, minute, seconds) for minute, seconds in json.loads(durations) if seconds >= _LEAST_S
                )
        yield None
        kept = sorted(
            entity_id
            for entity_id, each in told.items()
            if len(each) >= _LEAST and len({day for day, _, _ in each}) >= _LEAST_DAYS
        )
        centres, hits, scores, null = [], [], [], []
        chance = _by_chance()
        for seed, entity_id in enumerate(kept):
            logs = np.log([seconds for _, _, seconds in told[entity_id]])
            count, centre = _densest(logs)
            trials = len(logs)
            scores.append(float(surprise(count, trials, chance * trials)))
            lives = -np.log1p(-uniforms(9000 + seed, _PERMUTATIONS, trials))
            null.append([float(surprise(_densest(np.log(x))[0], trials, chance * trials)) for x in lives])
            centres.append(centre)
            hits.append(count)
            yield None
        rates = q_values(scores, np.array(null).T if null else np.zeros((1, 0)))
        patterns = []
        for entity_id, centre, count, rate in zip(kept, centres, hits, rates.tolist(), strict=True):
            trials = len(told[entity_id])
            low, high = wilson(count, trials)
            if rate <= _RATE and low >= _LEAST_LOW:
                stats = (log_odds(count, trials, chance * trials), count, trials)
                patterns.append(
                    _pattern(entity_id, told[entity_id], centre, stats, (low, high, rate), window)
                )
        yield patterns


def _densest(logs: NDArray[np.float64]) -> tuple[int, float]:
    """How many lie in the fullest window of the width of "the same", and the median of these."""
    ordered = np.sort(logs)
    ends = np.searchsorted(ordered, ordered + 2 * _HALF_WIDTH, side="right")
    counts = ends - np.arange(len(ordered))
    best = int(np.argmax(counts))
    return int(counts[best]), float(np.median(ordered[best : ends[best]]))


def _by_chance() -> float:
    """The share of exponential durations that the fullest window holds: around the mode of their logarithm."""
    low, high = np.exp(-_HALF_WIDTH), np.exp(_HALF_WIDTH)
    return float(np.exp(-low) - np.exp(-high))


def _efficiency(day: Day, window: Window, entity_id: str, total_s: float) -> float:
    """The share of the time on that fell near acts in its room, 1 where there is no room to look at."""
    acts, cast = day.acts, window.cast
    room = cast.room(entity_id)
    mine = [n for n, act in enumerate(acts.tokens) if room is not None and cast.room(act.entity_id) == room
            and act.entity_id != entity_id]  # fmt: skip
    if not mine or total_s <= 0:
        return 1.0
    times = acts.at_ms[np.isin(acts.token, mine)]
    if not len(times):
        return 0.0
    used_ms = np.minimum(np.diff(times, append=times[-1] + _NEAR_MS), _NEAR_MS).sum()
    return float(min(used_ms / 1000 / total_s, 1.0))


def _pattern(
    entity_id: str,
    told: list[tuple[str, int, float]],
    centre: float,
    counts: tuple[float, int, int],
    interval: tuple[float, float, float],
    window: Window,
) -> Pattern:
    effect, count, trials = counts
    low, high, rate = interval
    seconds = np.array([each[2] for each in told])
    same = [each for each in told if abs(np.log(each[2]) - centre) <= 2 * _HALF_WIDTH]
    days = sorted({day for day, _, _ in same})
    median = float(np.exp(centre))
    blocks = {
        name: float(np.median(inside))
        for first, last, name in _BLOCKS
        if len(inside := [s for _, minute, s in told if first * 60 <= minute < last * 60]) >= 3
    }
    act = Act(entity_id, "off")
    return Pattern(
        key=f"duration|{entity_id}",
        pattern_type=PatternType.DURATION,
        entities=(entity_id,),
        room_id=window.cast.room(entity_id),
        action=act,
        trigger=Act(entity_id, "on"),
        statistics=Statistics(effect, count, trials, len(days), count / trials, low, high, rate),
        when=When(hours=tuple(sorted({minute // 60 for _, minute, _ in same}))),
        first_seen=days[0],
        last_seen=days[-1],
        parameters={
            "median_s": median,
            "p10_s": float(np.quantile(seconds, 0.1)),
            "p90_s": float(np.quantile(seconds, 0.9)),
            "by_time_of_day_s": blocks,
        },
        description=f"{name_of(act)} about {lasting_text(median)} after it turned on ({count} of {trials} times)",
    )
