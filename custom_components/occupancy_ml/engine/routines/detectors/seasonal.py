"""Seasons: what months differ in, against months in another order; the year before, and trends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calendar import Calendar, season_of
from ..chance import log_odds, q_values, shuffled, surprise, wilson
from ..patterns import Act, Pattern, PatternType, Statistics
from ..window import Row, Window, acts_of, name_of

SEASONS = ("winter", "spring", "summer", "autumn")
_MONTHS = 36
_TREND_MONTHS = 6
_PERMUTATIONS = 100
_RATE = 0.05
_LEAST_MONTHS = 8
_LEAST_DAYS = 14
_LEAST_LOW = 0.3
_LEAST_EFFECT = 0.9
# Kendall's tau from which a change of level counts as a trend.
_LEAST_TAU = 0.5


class Seasonal:
    """Per season, by month."""

    pattern_type = PatternType.SEASONAL
    table = "seasonal_monthly"

    def aggregate(self, period: Calendar, window: Window) -> Iterator[list[Row] | None]:
        """The row of the month."""
        active: Counter[str] = Counter()
        total = 0
        for day in acts_of(window):
            hand = day.acts.token[~day.acts.automatic]
            total += len(hand)
            for token in np.unique(hand).tolist():
                act = day.acts.tokens[token]
                active[f"{act.entity_id}={act.state}"] += 1
            yield None
        days = len(window.days)
        if not days:
            yield []
            return
        level = total / days
        first = period.first.replace(year=period.first.year - 3).isoformat()[:7]
        past = {
            month: each
            for month, each in window.aggregates.read(self.table, ("month", "seasonal_activity_level"), first, period.name)
            if month < period.name
        }  # fmt: skip
        year_ago = f"{int(period.name[:4]) - 1}{period.name[4:]}"
        levels = [*[past[month] for month in sorted(past)][-(_TREND_MONTHS - 1) :], level]
        yield [
            {
                "season": season_of(period.name, window.time_zone),
                "seasonal_activity_level": level,
                "year_over_year_comparison": {
                    "month": year_ago, "level": past[year_ago], "ratio": level / max(past[year_ago], 1e-9)
                } if year_ago in past else {},
                "trend_direction": direction(levels),
                "days": days,
                "activity": dict(sorted(active.items())),
            }
        ]  # fmt: skip

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Acts of a season, and acts that become more or fewer; months are what is put in another order."""
        last = window.until[:7]
        columns = ("month", "season", "days", "activity")
        rows = window.aggregates.read(self.table, columns, "", last)[-_MONTHS:]
        rows = [row for row in rows if row[2] >= _LEAST_DAYS]
        yield None
        if len(rows) < _LEAST_MONTHS:
            yield []
            return
        groups = _by_beginning(rows, window)
        if not groups:
            yield []
            return
        told = [(_by_season(each.counts, each.days, each.season), each.trends()) for each in groups]
        seasons, trends = (np.concatenate(parts) for parts in zip(*told, strict=True))
        null_seasons, null_trends = [], []
        for seed in range(_PERMUTATIONS):
            mixed = [each.mixed(seed) for each in groups]
            null_seasons.append(
                np.concatenate([_by_season(each.counts, each.days, each.season) for each in mixed]).ravel()
            )
            null_trends.append(np.concatenate([each.trends() for each in mixed]))
            yield None
        season_rates = q_values(seasons.ravel(), np.stack(null_seasons)).reshape(seasons.shape)
        trend_rates = q_values(trends, np.stack(null_trends))
        found: list[Pattern | None] = []
        acts = [(group, row) for group in groups for row in range(len(group.names))]
        for place, (group, row) in enumerate(acts):
            act = (group.names[row], group.counts[row], group.days, group.months, window)
            best = int(np.argmax(seasons[place]))
            in_season = group.season == best
            is_seasonal = len(np.unique(group.season)) >= 3 and in_season.sum() >= 2
            if is_seasonal and season_rates[place, best] <= _RATE:
                found.append(_of_season(act, in_season, SEASONS[best], float(season_rates[place, best])))
            elif trend_rates[place] <= _RATE and trends[place] >= _LEAST_TAU:
                found.append(_of_trend(act, float(trend_rates[place])))
        yield [pattern for pattern in found if pattern is not None]


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """Acts of entities that are known since the same month.

    Attributes:
        names: of the acts.
        counts: (acts, months) days with each.
        days: (months,) days that were processed.
        season: (months,) index into `SEASONS`.
        months: their names, in order.
    """

    names: list[str]
    counts: NDArray[np.float64]
    days: NDArray[np.float64]
    season: NDArray[np.int64]
    months: list[str]

    def trends(self) -> NDArray[np.float64]:
        """(acts,) how much each becomes more or less, in [0, 1]."""
        return np.abs(_taus(self.counts / self.days))

    def mixed(self, seed: int) -> _Group:
        """The same with the months of the acts in another order, the seasons in theirs."""
        order = shuffled(6000 + seed, np.zeros(len(self.days), dtype=np.int64))
        return replace(self, counts=self.counts[:, order], days=self.days[order])


def _by_beginning(rows: list[tuple[Any, ...]], window: Window) -> list[_Group]:
    """The acts of months (month, season, days, activity), grouped by the month since which their entity is known.

    Of months before its first act nobody knows whether an entity was there; nor of the days before that act, unless
    all that is known begins with that month.
    """
    first: dict[str, int] = {}
    counts: dict[str, NDArray[np.float64]] = {}
    for place, row in enumerate(rows):
        for name, count in json.loads(row[3]).items():
            entity_id = name.rpartition("=")[0]
            if entity_id in window.cast:
                first.setdefault(entity_id, place)
                counts.setdefault(name, np.zeros(len(rows)))[place] = count
    names: dict[int, list[str]] = {}
    for name in sorted(counts):
        begin = first[name.rpartition("=")[0]]
        since = begin + 1 if begin else 0
        if len(rows) - since >= _LEAST_MONTHS and counts[name][since:].sum() >= _LEAST_DAYS:
            names.setdefault(since, []).append(name)
    return [
        _Group(
            named,
            np.stack([counts[name][since:] for name in named]),
            np.array([row[2] for row in rows[since:]], dtype=np.float64),
            np.array([SEASONS.index(row[1]) for row in rows[since:]], dtype=np.int64),
            [row[0] for row in rows[since:]],
        )
        for since, named in sorted(names.items())
    ]


def direction(levels: list[float]) -> str:
    """Where levels go, by Kendall's tau of level and time."""
    if len(levels) < 4:
        return "unknown"
    tau = float(_taus(np.array([levels]))[0])
    return "rising" if tau >= _LEAST_TAU else "falling" if tau <= -_LEAST_TAU else "steady"


def _taus(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) Kendall's tau-a of each row against time."""
    months = levels.shape[1]
    signs = np.sign(levels[:, None, :] - levels[:, :, None])
    result: NDArray[np.float64] = np.triu(signs, 1).sum(axis=(1, 2)) / (months * (months - 1) / 2)
    return result


def _by_season(
    counts: NDArray[np.float64], days: NDArray[np.float64], season: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(acts, seasons): how surprising the days of a season with the act are."""
    share = counts.sum(axis=1, keepdims=True) / days.sum()
    found = []
    for number in range(len(SEASONS)):
        mine = season == number
        trials = np.full((len(counts), 1), days[mine].sum())
        found.append(surprise(counts[:, mine].sum(axis=1, keepdims=True), trials, share * trials))
    return np.concatenate(found, axis=1)


type _Told = tuple[str, NDArray[np.float64], NDArray[np.float64], list[str], Window]


def _of_season(told: _Told, mine: NDArray[np.bool_], season: str, rate: float) -> Pattern | None:
    _, counts, days, _, _ = told
    hits, trials = float(counts[mine].sum()), float(days[mine].sum())
    other = float(counts[~mine].sum() / max(days[~mine].sum(), 1.0))
    effect = log_odds(hits, trials, other * trials)
    text = f"mostly in {season} ({hits / trials:.0%} of days, {other:.0%} of other days)"
    return _pattern(told, (effect, hits, trials), rate, f"season|{season}", {"season": season}, text)


def _of_trend(told: _Told, rate: float) -> Pattern | None:
    _, counts, days, _, _ = told
    half = len(days) // 2
    early, late = (
        float(counts[:half].sum() / days[:half].sum()),
        float(counts[half:].sum() / days[half:].sum()),
    )
    rising = late > early
    first, second = (early, late) if rising else (late, early)
    span = slice(half, None) if rising else slice(None, half)
    trials = float(days[span].sum())
    effect = log_odds(float(counts[span].sum()), trials, first * trials)
    word = "more" if rising else "less"
    text = f"{word} often month by month ({early:.0%} of days before, {late:.0%} lately)"
    trend = "rising" if rising else "falling"
    return _pattern(told, (effect, second * trials, trials), rate, "trend", {"trend": trend}, text)


def _pattern(
    told: _Told,
    counts: tuple[float, float, float],
    rate: float,
    key: str,
    parameters: dict[str, Any],
    text: str,
) -> Pattern | None:
    name, per_month, _, months, window = told
    effect, hits, trials = counts
    low, high = wilson(hits, trials)
    if effect < _LEAST_EFFECT or low < _LEAST_LOW:
        return None
    entity_id, _, state = name.rpartition("=")
    act = Act(entity_id, state)
    seen = [month for month, count in zip(months, per_month.tolist(), strict=True) if count]
    return Pattern(
        key=f"seasonal|{name}|{key}",
        pattern_type=PatternType.SEASONAL,
        entities=(entity_id,),
        room_id=window.cast.room(entity_id),
        action=act,
        statistics=Statistics(effect, int(hits), int(trials), int(hits), hits / trials, low, high, rate),
        first_seen=f"{seen[0]}-01",
        last_seen=min(f"{seen[-1]}-28", window.until),
        parameters=parameters,
        source="monthly",
        aggregates=len(months),
        description=f"{name_of(act)} {text}",
    )
