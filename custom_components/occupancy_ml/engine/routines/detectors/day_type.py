"""Day types: what happens more often on weekdays, weekends or holidays than on other days."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date
import json
import math

import numpy as np
from numpy.typing import NDArray

from ..calendar import Calendar, week_of
from ..chance import q_values, shuffled, wilson
from ..patterns import WEEKDAYS, WEEKEND, Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, acts_of, name_of, opportunities

TYPES = ("weekday", "weekend", "holiday")
_PERMUTATIONS = 60
_RATE = 0.05
_LEAST_DAYS = 6
_LEAST_OF_TYPE = 4
_LEAST_LOW = 0.25
# Twice as often as on other days.
_LEAST_EFFECT = math.log(2)
_MOST_AUTOMATIC = 0.34


class DayType:
    """Per kind of day, by week."""

    pattern_type = PatternType.DAY_TYPE
    table = "day_type_weekly"

    def aggregate(self, period: Calendar, window: Window) -> Iterator[list[Row] | None]:
        """One row for each kind of day that the week had."""
        hourly = {kind: np.zeros(24) for kind in TYPES}
        days: Counter[str] = Counter()
        counts: dict[str, dict[str, list[int]]] = {kind: {} for kind in TYPES}
        for day in acts_of(window):
            kind = type_of(day.day, window.holidays)
            hand = ~day.acts.automatic
            hourly[kind] += np.bincount(day.acts.minute[hand] // 60, minlength=24)
            for token, count in enumerate(
                np.bincount(day.acts.token[hand], minlength=len(day.acts.tokens)).tolist()
            ):
                act = day.acts.tokens[token]
                if count:
                    mine = counts[kind].setdefault(f"{act.entity_id}={act.state}", [])
                    mine.extend([0] * (days[kind] - len(mine)) + [count])
            days[kind] += 1
            yield None
        total = sum(days.values())
        result: list[Row] = []
        for kind in TYPES:
            if not days[kind]:
                continue
            rest = max(total - days[kind], 1)
            elsewhere: Counter[str] = Counter()
            for other in TYPES:
                if other != kind:
                    elsewhere.update({name: sum(each) for name, each in counts[other].items()})
            result.append(
                {
                    "day_type": kind,
                    "days": days[kind],
                    "activity_patterns": {
                        "hourly": (hourly[kind] / days[kind]).round(3).tolist(),
                        "counts": counts[kind],
                    },
                    "device_usage_diff": {
                        name: round(sum(each) / days[kind] - elsewhere[name] / rest, 3)
                        for name, each in counts[kind].items()
                    },
                    "confidence": days[kind] / total,
                }
            )
        yield result

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Acts of one kind of day, against the same days with their kinds shuffled."""
        since, until = week_of(window.days[0]).name, week_of(window.days[-1]).name
        rows = window.aggregates.read(
            self.table, ("week", "day_type", "days", "activity_patterns"), since, until
        )
        yield None
        kinds: list[int] = []
        spans: list[tuple[str, int, int, dict[str, list[int]]]] = []
        for week, kind, days, activity in rows:
            spans.append((week, len(kinds), days, json.loads(activity)["counts"]))
            kinds += [TYPES.index(kind)] * days
        label = np.array(kinds, dtype=np.int64)
        _, automatic = opportunities(window)
        table: dict[Act, NDArray[np.float64]] = {}
        for _, begin, _, counts in spans:
            for name, each in counts.items():
                entity_id, _, state = name.rpartition("=")
                act = Act(entity_id, state)
                if entity_id in window.cast and automatic.get(act, 0.0) <= _MOST_AUTOMATIC:
                    table.setdefault(act, np.zeros(len(label)))[begin : begin + len(each)] = each
        acts = sorted(act for act, counts in table.items() if (counts > 0).sum() >= _LEAST_DAYS)
        usable = [kind for kind in range(len(TYPES)) if (label == kind).sum() >= _LEAST_OF_TYPE]
        if not acts or len(usable) < 2:
            yield []
            return
        counts_of = np.sqrt(np.stack([table[act] for act in acts]))  # (acts, days)
        scores = _differences(counts_of, label, usable)
        yield None
        everywhere = np.zeros(len(label), dtype=np.int64)
        null = []
        for seed in range(_PERMUTATIONS):
            null.append(_differences(counts_of, label[shuffled(4000 + seed, everywhere)], usable).ravel())
            yield None
        rates = q_values(scores.ravel(), np.stack(null)).reshape(scores.shape)
        yield [
            pattern
            for place, act in enumerate(acts)
            for column, kind in enumerate(usable)
            if scores[place, column] > 0 and rates[place, column] <= _RATE
            and (pattern := _pattern(act, kind, table[act], label, float(rates[place, column]), window, spans))
        ]  # fmt: skip


def type_of(day: date, holidays: frozenset[date]) -> str:
    """What kind of day it is."""
    if day in holidays:
        return "holiday"
    return "weekend" if day.weekday() >= 5 else "weekday"


def _differences(
    counts: NDArray[np.float64], label: NDArray[np.int64], kinds: list[int]
) -> NDArray[np.float64]:
    """(acts, kinds): Welch's statistic of the days of a kind against the others, 0 where there is no more on them."""
    found = []
    for kind in kinds:
        mine, rest = counts[:, label == kind], counts[:, label != kind]
        spread = (mine.var(axis=1) + 0.05) / mine.shape[1] + (rest.var(axis=1) + 0.05) / max(rest.shape[1], 1)
        found.append((mine.mean(axis=1) - rest.mean(axis=1)) / np.sqrt(spread))
    result: NDArray[np.float64] = np.maximum(np.stack(found, axis=1), 0.0)
    return result


def _pattern(
    act: Act,
    kind: int,
    counts: NDArray[np.float64],
    label: NDArray[np.int64],
    rate: float,
    window: Window,
    spans: list[tuple[str, int, int, dict[str, list[int]]]],
) -> Pattern | None:
    mine, rest = counts[label == kind], counts[label != kind]
    per_day, other = float(mine.mean()), float(rest.mean())
    effect = math.log((mine.sum() + 1.0) / (len(mine) + 1.0)) - math.log(
        (rest.sum() + 1.0) / (len(rest) + 1.0)
    )
    hits = int((mine > 0).sum())
    low, high = wilson(hits, len(mine))
    if effect < _LEAST_EFFECT or low < _LEAST_LOW:
        return None
    weeks = [week for week, begin, days, _ in spans if (counts[begin : begin + days] > 0).any()]
    first, last = (
        date.fromisocalendar(int(week[:4]), int(week[6:]), day)
        for week, day in ((weeks[0], 1), (weeks[-1], 7))
    )
    name = TYPES[kind]
    return Pattern(
        key=f"day_type|{act.entity_id}={act.state}|{name}",
        pattern_type=PatternType.DAY_TYPE,
        entities=(act.entity_id,),
        room_id=window.cast.room(act.entity_id),
        action=act,
        statistics=Statistics(effect, hits, len(mine), hits, hits / len(mine), low, high, rate),
        when=When(weekdays=WEEKEND if name == "weekend" else WEEKDAYS),
        first_seen=max(first, window.days[0]).isoformat(),
        last_seen=min(last, window.days[-1]).isoformat(),
        parameters={"day_type": name, "per_day": per_day, "other": other},
        source="weekly",
        aggregates=len({week for week, *_ in spans}),
        description=f"{name_of(act)} {per_day:.1f} times a day on {name}s, {other:.1f} on other days",
    )
