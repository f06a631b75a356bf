"""One process: its members, how they are combined, its intervals; predictions first, learning after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .baselines import Climatology, KaplanMeier, Member, nearest_days
from .bins import BINS, CAP, HORIZONS, LEVELS, Floats, cdf_of, quantiles, residuals
from .intervals import Conformal
from .kernel_semi_markov import KernelSemiMarkov
from .rows import Rows, joined
from .stacking import Stack

BASELINES = ("kaplan_meier", "climatology", "persistence", "nearest_days")


@dataclass(frozen=True, slots=True)
class Answer:
    """Forecasts of n moments.

    Attributes:
        members: (M, n, BINS) distributions of the members, nan where one has nothing to say.
        pooled: (n, BINS) the members combined.
        cdf: (n, BINS) as it is told.
        later: (L, n, len(HORIZONS)) P(occupied then) by its sources.
        occupied: (n, len(HORIZONS)) as it is told.
    """

    members: Floats
    pooled: Floats
    cdf: Floats
    later: Floats
    occupied: Floats

    @property
    def quantiles(self) -> Floats:
        """(n, len(LEVELS)) minutes, inf beyond 24 hours."""
        return quantiles(self.cdf, np.repeat(np.array(LEVELS)[None], len(self.cdf), axis=0))


class ProcessModel:
    """Everything learned of one process."""

    def __init__(self, members: Sequence[Member] = ()) -> None:
        self.kernel, self.climatology = KernelSemiMarkov(), Climatology()
        self.members: list[Member] = [self.kernel, self.climatology, KaplanMeier(), *members]
        self.stacks = [Stack(len(self.members)) for _ in (0, 1)]
        self.later_stacks = [[Stack(4) for _ in HORIZONS] for _ in (0, 1)]
        self.conformal = [Conformal(), Conformal()]

    def fit(self, rows: Rows) -> None:
        """Fit all members anew."""
        for member in self.members:
            member.fit(rows)

    def update(self, rows: Rows) -> None:
        """Let all members learn from later rows."""
        for member in self.members:
            member.update(rows)

    def predict(self, rows: Rows) -> Answer:
        """Forecasts of both directions, each by what is believed."""
        n = len(rows)
        kernel, near, _ = self.kernel.cdf(rows)
        climate, usual = self.climatology.cdf(rows)
        parts = [kernel, climate, *(cdf_of(member.hazard(rows)) for member in self.members[2:])]
        members = np.stack(parts)
        pooled, told = np.full((n, BINS), np.nan), np.full((n, BINS), np.nan)
        occupied = np.full((n, len(HORIZONS)), np.nan)
        now = rows.chance[:, None] * np.ones(len(HORIZONS))
        later = np.stack([near, usual, now, np.full_like(now, np.nan)])
        for side in (0, 1):
            ours = rows.believed == bool(side)
            if not ours.any():
                continue
            pooled[ours] = self.stacks[side].pool(members[:, ours])
            told[ours] = self.conformal[side].told(pooled[ours])
            left = 1 - pooled[ours][:, [h // 5 - 1 for h in HORIZONS]]
            # Who stayed is as now; who changed is as usual then.
            if side:
                later[3, ours] = left + (1 - left) * usual[ours]
            else:
                later[3, ours] = (1 - left) * usual[ours]
            for column, stack in enumerate(self.later_stacks[side]):
                occupied[ours, column] = stack.pool(later[:, ours, column : column + 1])[:, 0]
        return Answer(members, pooled, told, later, occupied)

    def learn(self, rows: Rows, answer: Answer) -> None:
        """Learn how to combine and how wide to be, from forecasts and what then came."""
        for side in (0, 1):
            ours = (rows.believed == bool(side)) & np.isfinite(rows.wait)
            if not ours.any():
                continue
            wait = rows.wait[ours]
            self.stacks[side].learn(residuals(answer.members[:, ours], np.repeat(wait[None], len(answer.members), 0)))
            known = np.isfinite(answer.pooled[ours, 0])
            ends = np.round(rows.time_us[ours] / 60e6 + wait)
            _, stay, count = np.unique(ends, return_inverse=True, return_counts=True)
            self.conformal[side].learn(answer.pooled[ours][known], wait[known], np.ones(int(known.sum())))
            for column, stack in enumerate(self.later_stacks[side]):
                then = rows.later[ours, column]
                told = answer.later[:, ours, column]
                stack.learn(np.where(then >= 0, told - then, np.nan)[:, :, None])


def oracle(rows: Rows) -> Rows:
    """The rows as somebody would see them who knows the state by hindsight."""
    return replace(rows, believed=rows.state == 1, elapsed=np.nan_to_num(rows.held))


def baseline_cdfs(past: Rows, rows: Rows) -> tuple[Floats, Floats]:
    """(4, n, BINS) distributions and (4, n, len(HORIZONS)) P(occupied then) of the baselines, told the true state."""
    seen, known = oracle(past), oracle(rows)
    meier, climate = KaplanMeier(), Climatology()
    meier.fit(seen)
    climate.fit(seen)
    usual, then = climate.cdf(known)
    near, near_then = nearest_days(seen, known)
    never = np.zeros((len(rows), BINS))
    now = (rows.state == 1)[:, None] * np.ones(len(HORIZONS))
    return np.stack([meier.cdf(known), usual, never, near]), np.stack([now, then, now, near_then])


__all__ = ["BASELINES", "CAP", "Answer", "ProcessModel", "baseline_cdfs", "joined", "oracle"]
