"""Whether published forecasts keep their promise: `scripts/forecasts published HOME FORECASTS.csv`.

Forecasts as `scripts/replay HOME --forecasts` wrote them are held against the home's `truth.csv`, gaps under five minutes
filled first and then stays under five minutes dropped. A process and direction keeps its promise where what was published
has skill above 0 against the better of Kaplan-Meier and climatology, both told the true state and learned from every
earlier day, 80 % lies inside the day-block interval of the coverage of the 80 % interval, and 0 inside that of the signed
error. Day-block intervals: 5th to 95th percentile of the mean over 500 resamples of days.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Mapping
import csv
from dataclasses import dataclass
from datetime import datetime
import json
import math
from pathlib import Path
import sys
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from custom_components.occupancy_ml.engine.forecast.bins import CAP, HORIZONS, LEVELS
from custom_components.occupancy_ml.engine.forecast.gate import pinball

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

DAY = 1440
_SHORT, _STEP, _SLOT = 5, 15, 30
_LEAST_ALIKE = 8
_LEAST_EVENTS = 30
_NEAR = 20.0
_WITHIN = (15, 30, 60)
_AHEAD = HORIZONS[1:]
_RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Truth:
    """A home's truth, a number a minute.

    Attributes:
        begin: POSIX seconds of the first minute.
        areas: names, `home` last.
        state: (minutes, areas) 1 occupied, 0 vacant, nan unknown.
        slot: (minutes,) half hour of the local day, those of weekends from 48 on.
    """

    begin: float
    areas: tuple[str, ...]
    state: Floats
    slot: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Scored:
    """The forecasts of a process in one direction whose truth is known.

    Attributes:
        events: changes of this direction in the days that are scored.
        minute: (n,) when, in minutes of the truth.
        published: (n,) whether it was.
        quantiles: (n, 5) minutes, cut at 24 hours.
        none: (n,) P(not within 24 hours).
        wait: (n,) minutes until it came, cut at 24 hours.
        loss: (n,) mean quantile loss.
        climatology: (n,) that of climatology.
        meier: (n,) that of Kaplan-Meier.
        median: (n,) the marginal median of all earlier waits, minutes.
        squared: (n, len(_AHEAD)) squared errors of P(occupied) ahead.
        usual: (n, len(_AHEAD)) those of climatology.
    """

    events: int
    minute: NDArray[np.int64]
    published: Bools
    quantiles: Floats
    none: Floats
    wait: Floats
    loss: Floats
    climatology: Floats
    meier: Floats
    median: Floats
    squared: Floats
    usual: Floats


def main(arguments: list[str]) -> int:
    """Score, print a table and what it comes to."""
    parser = argparse.ArgumentParser(prog="scripts/forecasts published", description=__doc__)
    parser.add_argument("home", type=Path, help="folder with home.json and truth.csv")
    parser.add_argument("forecasts", type=Path, help="CSV of scripts/replay --forecasts")
    parser.add_argument("--after", type=int, default=28, help="days that are only learned from")
    given = parser.parse_args(arguments)
    found = scored(given.home, given.forecasts, given.after)
    print("\n".join([*table(found), "", *more(found)]))
    return 0


def read_truth(folder: Path) -> Truth:
    """The truth of a home; intervals of an area, several joined by +, or `away`."""
    told = json.loads((folder / "home.json").read_text(encoding="utf-8"))
    zone, areas = ZoneInfo(told["time_zone"]), (*told["areas"], "home")
    with (folder / "truth.csv").open(encoding="utf-8", newline="") as file:
        spans = [
            (_seconds(row["start"]), _seconds(row["end"]), row["area_id"]) for row in csv.DictReader(file)
        ]
    begin = math.floor(min(start for start, _, _ in spans) / 60) * 60
    minutes = int((max(end for _, end, _ in spans) - begin) // 60)
    state = np.full((minutes, len(areas)), np.nan)
    for start, end, where in spans:
        first, last = (int((time - begin) // 60) for time in (start, end))
        state[first:last] = 0
        for area in where.split("+"):
            if area in areas:
                state[first:last, areas.index(area)] = 1
        state[first:last, -1] = where != "away"
    local = [datetime.fromtimestamp(begin + 60 * minute, zone) for minute in range(0, minutes, _SLOT)]
    halves = [48 * (at.weekday() >= 5) + 2 * at.hour + at.minute // 30 for at in local]
    return Truth(begin, areas, state, np.repeat(np.array(halves), _SLOT)[:minutes])


def scored(folder: Path, forecasts: Path, after: int) -> dict[str, Scored]:
    """What came of the forecasts from a day on, by process and direction, in order of the home's areas."""
    truth = read_truth(folder)
    by_area: dict[str, list[dict[str, str]]] = defaultdict(list)
    with forecasts.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_area[row["area_id"]].append(row)
    found = {}
    for number, area in enumerate(truth.areas):
        raw = truth.state[:, number]
        if np.isnan(raw).any() or area not in by_area:
            continue
        rows = by_area[area]
        minute = np.array([int((_seconds(row["time"]) - truth.begin) // 60) for row in rows])
        for side, name in ((1, "becomes vacant"), (0, "becomes occupied")):
            one = _scored(truth, raw, side, minute, rows, after)
            if one is not None:
                found[f"{area.replace('_', ' ')} {name}"] = one
    return found


def _scored(
    truth: Truth, raw: Floats, side: int, minute: NDArray[np.int64], rows: list[dict[str, str]], after: int
) -> Scored | None:
    state = _without_short(raw)
    changes = np.flatnonzero(np.diff(state)) + 1
    starts, ends = np.r_[0, changes], np.r_[changes, math.inf]
    episode = np.searchsorted(changes, np.arange(len(state)), side="right")
    wait, elapsed = ends[episode] - np.arange(len(state)), np.arange(len(state)) - starts[episode]
    wait = np.minimum(wait, CAP)
    usable = (state == side) & (raw == side)
    ours = state[starts] == side
    scorable = (minute >= after * DAY) & (minute < len(state) - DAY)
    chosen = [n for n in np.flatnonzero(scorable).tolist() if usable[minute[n]] and rows[n]["p15"]]
    ahead = np.array(_AHEAD)
    losses: list[tuple[float, ...]] = []
    for n in chosen:
        at = int(minute[n])
        past = np.arange(at % _STEP, at - DAY, _STEP)
        past = past[usable[past]]
        alike = past[truth.slot[past] == truth.slot[at]]
        alike = past if len(alike) < _LEAST_ALIKE else alike
        if len(alike) < _LEAST_ALIKE:
            losses.append((math.nan,) * (3 + len(ahead)))
            continue
        before = ours & (starts < at)
        meier = _meier(starts[before], ends[before], at, int(elapsed[at]))
        usual = np.quantile(wait[alike], LEVELS)
        there = (state[alike[:, None] + ahead].mean(axis=0) - state[at + ahead]) ** 2
        median = float(np.median(wait[past]))
        losses.append((_loss(usual, wait[at]), _loss(meier, wait[at]), median, *there))
    if not losses:
        return None
    base = np.array(losses)
    kept = np.flatnonzero(np.isfinite(base).all(axis=1))
    if not len(kept):
        return None
    lines = [rows[chosen[n]] for n in kept.tolist()]
    when = minute[chosen][kept]
    names = [f"q{round(100 * level)}" for level in LEVELS]
    told = np.array([[float(line[name] or CAP) for name in names] for line in lines])
    told = np.minimum(told, CAP)
    came = wait[when]
    said = np.array([[float(line[f"p{minutes}"]) for minutes in _AHEAD] for line in lines])
    return Scored(
        int(((changes >= after * DAY) & (state[changes] != side)).sum()),
        when,
        np.array([line["published"] == "1" for line in lines]),
        told,
        np.array([float(line["none_24h"]) for line in lines]),
        came,
        pinball(told, came),
        base[kept, 0],
        base[kept, 1],
        base[kept, 2],
        (said - state[when[:, None] + ahead]) ** 2,
        base[kept, 3:],
    )


def _without_short(state: Floats) -> NDArray[np.int64]:
    """Gaps under five minutes filled, then stays under five minutes dropped; those at the ends stay."""
    found = state.astype(np.int64)
    for value in (0, 1):
        edges = np.r_[0, np.flatnonzero(np.diff(found)) + 1, len(found)]
        for first, end in zip(edges[1:-2].tolist(), edges[2:-1].tolist(), strict=True):
            if found[first] == value and end - first < _SHORT:
                found[first:end] = 1 - value
    return found


def _meier(starts: Floats, ends: Floats, at: int, elapsed: int) -> Floats:
    """Minutes left by level of Kaplan-Meier, of stays that lasted longer than this one has."""
    lasted, over = np.minimum(ends, at) - starts, ends <= at
    lasted, over = lasted[lasted > elapsed], over[lasted > elapsed]
    lengths = np.unique(lasted[over])
    left = [1 - (over & (lasted == length)).sum() / (lasted >= length).sum() for length in lengths]
    place = np.searchsorted(1 - np.cumprod(left), LEVELS)
    result: Floats = np.minimum(np.r_[lengths - elapsed, CAP][place], CAP)
    return result


def _loss(quantiles: Floats, wait: float) -> float:
    return float(pinball(quantiles[None], np.array([wait]))[0])


def covered(of: Scored) -> Floats:
    """(n,) whether the 80 % interval holds what came; the mass beyond 24 hours counts in proportion."""
    inside = (of.quantiles[:, 0] <= of.wait) & (of.wait <= of.quantiles[:, -1])
    beyond = np.maximum(0.0, 0.9 - np.maximum(0.1, 1 - of.none)) / np.maximum(of.none, 1e-9)
    result: Floats = np.where(of.wait < CAP, inside, beyond)
    return result


def resampled(days: NDArray[np.int64], *sums: Floats) -> tuple[Floats, ...]:
    """By resample of the days, the sum of each of several (n,) values."""
    _, place = np.unique(days, return_inverse=True)
    by_day = np.stack([np.bincount(place, value) for value in sums])
    count = by_day.shape[1]
    picked = np.random.default_rng(0).integers(0, count, (_RESAMPLES, count))
    return tuple(by_day[:, picked].sum(axis=2))


@dataclass(frozen=True, slots=True)
class Kept:
    """How the published forecasts of a process and direction did; intervals as (low, high).

    Attributes:
        share: of all moments that were published.
        skill: against the better of Kaplan-Meier and climatology.
        coverage: of the 80 % interval.
        error: mean absolute error of changes within 24 hours, minutes.
        signed: mean signed error, late above 0.
        within: share of these within 20 minutes.
        sure: share whose 80 % interval lies within 20 minutes of the stated time, and how often that was true.
    """

    events: int
    share: float
    skill: float
    skill_in: tuple[float, float]
    coverage: float
    coverage_in: tuple[float, float]
    error: float
    signed: float
    signed_in: tuple[float, float]
    within: float
    sure: tuple[float, float]

    def broken(self) -> list[str]:
        """What is not kept."""
        found = []
        if self.skill <= 0:
            found.append("skill")
        if not self.coverage_in[0] <= 0.8 <= self.coverage_in[1]:
            found.append("coverage")
        if not self.signed_in[0] <= 0 <= self.signed_in[1]:
            found.append("bias")
        return found


def kept(of: Scored, chosen: Bools) -> Kept | None:
    """How some of the forecasts did; None without any."""
    if not chosen.any():
        return None
    days, one = of.minute[chosen] // DAY, np.ones(int(chosen.sum()))
    mine, usual, meier = of.loss[chosen], of.climatology[chosen], of.meier[chosen]
    inside = covered(of)[chosen]
    came = of.wait[chosen] < CAP
    late = np.where(came, of.quantiles[chosen, len(LEVELS) // 2] - of.wait[chosen], 0.0)
    sums = resampled(days, one, mine, usual, meier, inside, late, came.astype(np.float64))
    count, ours, theirs, others, held, signed, arrived = sums
    middle = of.quantiles[chosen, len(LEVELS) // 2]
    sure = (of.quantiles[chosen, 0] >= middle - _NEAR) & (of.quantiles[chosen, -1] <= middle + _NEAR)
    near = (np.abs(late) <= _NEAR) & came
    best = max(min(usual.mean(), meier.mean()), 1e-9)
    return Kept(
        of.events,
        float(chosen.mean()),
        float(1 - mine.mean() / best),
        _between(1 - ours / np.maximum(np.minimum(theirs, others), 1e-9)),
        float(inside.mean()),
        _between(held / count),
        float(np.abs(late)[came].mean()) if came.any() else math.nan,
        float(late[came].mean()) if came.any() else math.nan,
        _between(signed / np.maximum(arrived, 1)),
        float(near[came].mean()) if came.any() else math.nan,
        (float(sure.mean()), float(near[sure].mean()) if sure.any() else math.nan),
    )


def _between(values: Floats) -> tuple[float, float]:
    low, high = np.quantile(values, (0.05, 0.95))
    return float(low), float(high)


def table(found: Mapping[str, Scored]) -> list[str]:
    """Lines of a table of what was published, and what it comes to."""
    lines = [
        "| process | events | published | skill | coverage of 80 % | mean error | signed error | within 20 min | sure of that | and right | broken |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    often = [name for name, of in found.items() if of.events >= _LEAST_EVENTS]
    told = {name: one for name, of in found.items() if (one := kept(of, of.published)) is not None}
    for name, one in told.items():
        lines.append(
            f"| {name} | {one.events} | {one.share:.3f} | {one.skill:.3f} {_text(one.skill_in, 2)} | {one.coverage:.3f} "
            f"{_text(one.coverage_in, 2)} | {one.error:.1f} | {one.signed:+.1f} {_text(one.signed_in, 0)} | {one.within:.3f} | "
            f"{one.sure[0]:.3f} | {one.sure[1]:.3f} | {', '.join(one.broken()) or 'nothing'} |"
        )
    if told:
        inside = np.concatenate([covered(found[name])[found[name].published] for name in told])
        lines.append(
            f"Published: {sum(name in told for name in often)} of {len(often)} with {_LEAST_EVENTS} changes or more, "
            f"{len(told)} of {len(found)} in all; all kept in {sum(not one.broken() for one in told.values())}; "
            f"pooled coverage {inside.mean():.3f}."
        )
    kept_back = [name for name in found if name not in told]
    lines.append(f"Kept back: {', '.join(kept_back) or 'nothing'}.")
    return lines


def more(found: Mapping[str, Scored]) -> list[str]:
    """Lines of a table of all moments, published or not: errors in minutes, shares, and skill ahead against climatology."""
    lines = [
        "| process | moments | CRPS | climatology | Kaplan-Meier | width of 80 % | median error | of the marginal median "
        f"| within {', '.join(map(str, _WITHIN))} min | Brier skill {', '.join(map(str, _AHEAD))} min ahead |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, of in found.items():
        came = of.wait < CAP
        error = np.abs(of.quantiles[:, len(LEVELS) // 2] - of.wait)[came]
        plain = np.abs(of.median - of.wait)[came]
        width = (of.quantiles[:, -1] - of.quantiles[:, 0]).mean()
        within = [(error <= minutes).mean() for minutes in _WITHIN]
        skill = 1 - of.squared.mean(axis=0) / np.maximum(of.usual.mean(axis=0), 1e-9)
        lines.append(
            f"| {name} | {len(of.wait)} | {of.loss.mean():.1f} | {of.climatology.mean():.1f} | {of.meier.mean():.1f} | "
            f"{width:.0f} | {_middle(error):.1f} | {_middle(plain):.1f} | {_list(within)} | {_list(skill)} |"
        )
    return lines


def _middle(values: Floats) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _list(values: Iterable[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _text(bounds: tuple[float, float], digits: int) -> str:
    return f"[{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
