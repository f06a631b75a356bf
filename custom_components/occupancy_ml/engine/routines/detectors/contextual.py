"""Contexts: what happens more often in the dark, in some weather, or with somebody home, at the same hour of the day.

Acts are compared within each hour of the day (Mantel and Haenszel 1959): a lamp that goes on in the evening is no
lamp that goes on because it is dark, unless the same hour is sometimes light.
"""

from __future__ import annotations

from collections.abc import Iterator
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..acts import Day
from ..calendar import Calendar, month_of
from ..cast import Cast
from ..chance import log_odds, q_values, surprise, uniforms, wilson
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, acts_of, name_of, opportunities

_SLOT_MS = 600_000
_UNKNOWN = "unknown"
_WET = frozenset({"rainy", "pouring", "lightning-rainy", "snowy", "snowy-rainy", "hail", "lightning"})
_MONTHS = 12
_PERMUTATIONS = 40
_RATE = 0.05
_LEAST = 8
_LEAST_LOW = 0.3
_LEAST_EFFECT = 0.6
_MOST_AUTOMATIC = 0.34
_WORDS = {
    "dark": "while it is dark",
    "light": "while it is light",
    "wet": "in rain or snow",
    "dry": "in dry weather",
    "home": "while somebody is home",
    "away": "while nobody is home",
}


class Contextual:
    """Per weather (with daylight) and presence, by month."""

    pattern_type = PatternType.CONTEXTUAL
    table = "contextual_monthly"

    def aggregate(self, period: Calendar, window: Window) -> Iterator[list[Row] | None]:
        """One row for each context that the month had."""
        exposure: dict[tuple[str, str], NDArray[np.float64]] = {}
        acts: dict[tuple[str, str], dict[str, NDArray[np.float64]]] = {}
        for day in acts_of(window):
            _add(day, window.cast, exposure, acts)
            yield None
        total = sum(float(each.sum()) for each in exposure.values()) or 1.0
        everything: dict[str, float] = {}
        for told in acts.values():
            for name, counts in told.items():
                everything[name] = everything.get(name, 0.0) + float(counts.sum())
        result: list[Row] = []
        for (weather, presence), hours in sorted(exposure.items()):
            mine = acts.get((weather, presence), {})
            share = float(hours.sum()) / total
            result.append(
                {
                    "weather_context": weather,
                    "presence_context": presence,
                    "device_usage_patterns": {
                        "exposure": hours.round(3).tolist(),
                        "acts": {name: counts.astype(int).tolist() for name, counts in sorted(mine.items())},
                    },
                    "correlation_scores": {
                        name: round(
                            log_odds(float(counts.sum()), everything[name], share * everything[name]), 4
                        )
                        for name, counts in sorted(mine.items())
                    },
                    "confidence": share,
                }
            )
        yield result

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Acts that keep to a context, against the same acts dealt out to contexts by their share of each hour."""
        last = month_of(window.days[-1])
        since = month_of(last.first.replace(year=last.first.year - 1)).name
        columns = ("month", "weather_context", "presence_context", "device_usage_patterns")
        rows = window.aggregates.read(self.table, columns, since, last.name)[-40 * _MONTHS :]
        _, automatic = opportunities(window)
        yield None
        cells = [
            (month, (*weather.split(" "), presence), json.loads(told))
            for month, weather, presence, told in rows
        ]
        found: list[tuple[Act, str, float, float, float, list[str]]] = []
        scores: list[float] = []
        null = []
        for place, pair in enumerate((("dark", "light"), ("wet", "dry"), ("home", "away"))):
            for seed, (name, told) in enumerate(sorted(_by_act(cells, place, pair).items())):
                entity_id, _, state = name.rpartition("=")
                act = Act(entity_id, state)
                if entity_id not in window.cast or automatic.get(act, 0.0) > _MOST_AUTOMATIC:
                    continue
                hits, chances, months = told
                trials = float(hits.sum())
                expected = float((hits.sum(axis=0) * chances).sum())
                if trials < _LEAST:
                    continue
                each = np.repeat(chances, hits.sum(axis=0).astype(np.int64))
                dealt = (uniforms(5000 + 100 * place + seed, _PERMUTATIONS, len(each)) < each).sum(axis=1)
                for side, context in enumerate(pair):
                    mine = float(hits[side].sum())
                    by_chance = expected if side == 0 else trials - expected
                    scores.append(float(surprise(mine, trials, by_chance)))
                    null.append(surprise(dealt if side == 0 else trials - dealt, trials, by_chance))
                    found.append((act, context, mine, trials, by_chance, months))
                yield None
        rates = q_values(scores, np.array(null).T if null else np.zeros((1, 0)))
        months_told = len({month for month, _, _ in cells})
        yield [
            pattern
            for each, rate in zip(found, rates.tolist(), strict=True)
            if rate <= _RATE and (pattern := _pattern(each, rate, window, months_told))
        ]


def _add(
    day: Day,
    cast: Cast,
    exposure: dict[tuple[str, str], NDArray[np.float64]],
    acts: dict[tuple[str, str], dict[str, NDArray[np.float64]]],
) -> None:
    """Add a day's hours in each context, and its acts; an act counts once an hour of a day."""
    slots = day.length_ms // _SLOT_MS
    times = np.arange(slots) * _SLOT_MS + _SLOT_MS // 2
    sun = _told(day, [e for e in day.sky if e.startswith("sun.")], times)
    weather = _told(day, [e for e in day.sky if e.startswith("weather.")], times)
    persons = [_told(day, [e], times) for e in cast.persons if e in day.sky]
    names = []
    for slot in range(slots):
        light = {"above_horizon": "light", "below_horizon": "dark"}.get(sun[slot], _UNKNOWN)
        told = weather[slot]
        sky = _UNKNOWN if told in (_UNKNOWN, "unavailable") else "wet" if told in _WET else "dry"
        states = [each[slot] for each in persons if each[slot] not in (_UNKNOWN, "unavailable")]
        presence = _UNKNOWN if not states else "home" if "home" in states else "away"
        names.append((f"{light} {sky}", presence))
    # The clock's hour of a slot, from the acts nearest to it where the clocks change; else the plain one.
    hours = (times // 3_600_000).astype(np.int64) % 24
    for slot, name in enumerate(names):
        exposure.setdefault(name, np.zeros(24))[hours[slot]] += _SLOT_MS / 3_600_000
    seen = set()
    for at_ms, token in zip(
        day.acts.at_ms[~day.acts.automatic].tolist(),
        day.acts.token[~day.acts.automatic].tolist(),
        strict=True,
    ):
        act = day.acts.tokens[token]
        if cast.sees(act.entity_id):
            continue
        slot = min(at_ms // _SLOT_MS, slots - 1)
        key = (token, int(hours[slot]))
        if key not in seen:
            seen.add(key)
            mine = acts.setdefault(names[slot], {}).setdefault(f"{act.entity_id}={act.state}", np.zeros(24))
            mine[hours[slot]] += 1


def _told(day: Day, entity_ids: list[str], times: NDArray[np.int64]) -> list[str]:
    """What the first of some entities said at some times."""
    if not entity_ids:
        return [_UNKNOWN] * len(times)
    told = day.sky[min(entity_ids)]
    place = np.searchsorted([at_ms for at_ms, _ in told], times, side="right") - 1
    return [_UNKNOWN if each < 0 else told[each][1] for each in place.tolist()]


def _by_act(
    cells: list[tuple[str, tuple[str, ...], dict[str, Any]]], place: int, pair: tuple[str, str]
) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64], list[str]]]:
    """By act: (2, hours) acts on either side, (hours,) chance of the first side, months seen.

    Hours that only knew one side say nothing and are left out.
    """
    since = _known_since(cells)
    exposure: dict[str, NDArray[np.float64]] = {begin: np.zeros((2, 24)) for begin in since.values()}
    acts: dict[str, NDArray[np.float64]] = {}
    months: dict[str, list[str]] = {}
    for month, names, told in cells:
        if names[place] not in pair:
            continue
        side = pair.index(names[place])
        for begin, hours in exposure.items():
            if month >= begin:
                hours[side] += told["exposure"]
        for name, counts in told["acts"].items():
            if month >= since[name.rpartition("=")[0]]:
                acts.setdefault(name, np.zeros((2, 24)))[side] += counts
                months.setdefault(name, []).append(month)
    found = {}
    for name, counts in acts.items():
        hours = exposure[since[name.rpartition("=")[0]]]
        both = (hours > 0.5).all(axis=0)
        chances = hours[0][both] / hours[:, both].sum(axis=0)
        found[name] = counts[:, both], chances, sorted(set(months[name]))
    return found


def _known_since(cells: list[tuple[str, tuple[str, ...], dict[str, Any]]]) -> dict[str, str]:
    """By entity, the month from which it is known.

    Of months before its first act nobody knows whether it was there; nor of the days before that act, unless all that
    is known begins with that month.
    """
    first: dict[str, str] = {}
    for month, _, told in cells:
        for name in told["acts"]:
            entity_id = name.rpartition("=")[0]
            first[entity_id] = min(month, first.get(entity_id, month))
    months = sorted({month for month, _, _ in cells})
    # After the last month there is none: what was first seen in it is not known yet.
    following = dict(zip(months, [*months[1:], f"{months[-1]}+"], strict=True)) if months else {}
    return {
        entity_id: month if month == months[0] else following[month] for entity_id, month in first.items()
    }


def _pattern(
    found: tuple[Act, str, float, float, float, list[str]], rate: float, window: Window, months_told: int
) -> Pattern | None:
    act, context, hits, trials, expected, months = found
    effect = log_odds(hits, trials, expected)
    low, high = wilson(hits, trials)
    # That hands are busy while somebody is home is no news.
    if context == "home" or hits < _LEAST or effect < _LEAST_EFFECT or low < _LEAST_LOW:
        return None
    last = month_of(
        month_of(window.days[-1]).first.replace(year=int(months[-1][:4]), month=int(months[-1][5:]), day=1)
    )
    return Pattern(
        key=f"contextual|{act.entity_id}={act.state}|{context}",
        pattern_type=PatternType.CONTEXTUAL,
        entities=(act.entity_id,),
        room_id=window.cast.room(act.entity_id),
        action=act,
        statistics=Statistics(effect, int(hits), int(trials), int(hits), hits / trials, low, high, rate),
        when=When(),
        first_seen=f"{months[0]}-01",
        last_seen=min(last.last, window.days[-1]).isoformat(),
        parameters={"context": context, "expected": expected},
        source="monthly",
        aggregates=months_told,
        description=(
            f"{name_of(act)} mostly {_WORDS[context]} ({hits:.0f} of {trials:.0f} times,"
            f" {expected:.0f} expected at these hours)"
        ),
    )
