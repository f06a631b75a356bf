"""One process: its members, how they are combined, its intervals; predictions first, learning after."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from .baselines import Climatology, KaplanMeier, Member, nearest_days
from .bins import BINS, CAP, HORIZONS, LEVELS, Floats, cdf_of, quantiles, residuals
from .intervals import Conformal
from .kernel_semi_markov import BY_CLOCK, Kernel, KernelSemiMarkov
from .rows import Rows
from .stacking import Stack

# The first members are tables, kept in memory and made again from the rows.
_TABLES = 4


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

    @classmethod
    def joined(cls, parts: Sequence[Answer]) -> Answer:
        """The answers to rows that were asked in parts."""
        return cls(
            np.concatenate([part.members for part in parts], axis=1),
            np.concatenate([part.pooled for part in parts]),
            np.concatenate([part.cdf for part in parts]),
            np.concatenate([part.later for part in parts], axis=1),
            np.concatenate([part.occupied for part in parts]),
        )

    @property
    def quantiles(self) -> Floats:
        """(n, len(LEVELS)) minutes, inf beyond 24 hours."""
        return quantiles(self.cdf, np.repeat(np.array(LEVELS)[None], len(self.cdf), axis=0))


class ProcessModel:
    """Everything learned of one process."""

    def __init__(self, members: Sequence[Member] = (), kernel: Kernel | None = None) -> None:
        self.kernel, self.climatology = KernelSemiMarkov(kernel), Climatology()
        by_clock = KernelSemiMarkov(BY_CLOCK, "kernel_by_clock", self.kernel)
        self.members: list[Member] = [self.kernel, self.climatology, KaplanMeier(), by_clock, *members]
        self.stacks = [Stack(len(self.members)) for _ in (0, 1)]
        self.later_stacks = [[Stack(4) for _ in HORIZONS] for _ in (0, 1)]
        self.conformal = [Conformal(), Conformal()]

    def fit(self, rows: Rows) -> Iterator[None]:
        """Fit all members anew, one a slice or more."""
        for member in self.members:
            yield from member.fit(rows) or ()
            yield

    def update(self, rows: Rows, since_us: int) -> Iterator[None]:
        """Let all members learn from the rows from a time on, given with all before them."""
        for member in self.members:
            yield from member.update(rows, since_us) or ()
            yield

    def predict(self, rows: Rows, *, briefly: bool = False) -> Answer:
        """Forecasts of both directions, each by what is believed.

        Args:
            rows: of the moments.
            briefly: do not ask members that have no weight.
        """
        return self.combined(rows, *self.asked(rows, briefly=briefly))

    def asked(self, rows: Rows, *, briefly: bool = False) -> tuple[Floats, Floats, Floats]:
        """What the members say: (M, n, BINS) distributions, and (n, len(HORIZONS)) P(occupied) of the first two."""
        kernel, near, _ = self.kernel.cdf(rows)
        climate, usual = self.climatology.cdf(rows)
        members = np.full((len(self.members), len(rows), BINS), np.nan)
        members[:2] = kernel, climate
        sides = [side for side in (0, 1) if (rows.believed == bool(side)).any()]
        for number, member in enumerate(self.members[2:], start=2):
            if not briefly or any(self.stacks[side].weights[number] > 0 for side in sides):
                members[number] = cdf_of(member.hazard(rows))
        return members, near, usual

    def combined(self, rows: Rows, members: Floats, near: Floats, usual: Floats) -> Answer:
        """The answer to rows from what `asked` gave."""
        n = len(rows)
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
            occupied[ours] = _blend(self.later_stacks[side], later[:, ours])
        return Answer(members, pooled, told, later, occupied)

    def learn(self, rows: Rows, answer: Answer) -> None:
        """Learn how to combine and how wide to be, from forecasts and what then came."""
        for side in (0, 1):
            ours = (rows.believed == bool(side)) & np.isfinite(rows.wait)
            if not ours.any():
                continue
            wait = rows.wait[ours]
            self.stacks[side].learn(
                residuals(answer.members[:, ours], np.repeat(wait[None], len(answer.members), 0))
            )
            known = np.isfinite(answer.pooled[ours, 0])
            self.conformal[side].learn(answer.pooled[ours][known], wait[known])
            for column, stack in enumerate(self.later_stacks[side]):
                then = rows.later[ours, column]
                told = answer.later[:, ours, column]
                stack.learn(np.where(then >= 0, told - then, np.nan)[:, :, None])

    def challenger(self, half_life: float) -> ProcessModel:
        """One with the same members and a shorter memory, that combines as this one does until it knows better."""
        other = ProcessModel(
            [type(member)() for member in self.members[_TABLES:]],
            replace(self.kernel.kernel, half_life=half_life),
        )
        header, _ = self.state()
        other.restore_pools(header)
        return other

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was learned but for the tables, which are made again from the rows."""
        header: dict[str, Any] = {
            "names": [member.name for member in self.members],
            "stacks": [stack.to_json() for stack in self.stacks],
            "later": [[stack.to_json() for stack in stacks] for stacks in self.later_stacks],
            "conformal": [conformal.to_json() for conformal in self.conformal],
            "kernel": asdict(self.kernel.kernel),
        }
        arrays: dict[str, Any] = {}
        for member in self.members[_TABLES:]:
            arrays |= {f"{member.name}.{name}": value for name, value in member.arrays().items()}
        return header, arrays

    def restore_pools(self, header: dict[str, Any]) -> None:
        """How members are combined, and how wide intervals are.

        Raises:
            ValueError: it was saved with other members.
        """
        if header["names"] != [member.name for member in self.members]:
            raise ValueError("the members are others now")
        for stack, value in zip(self.stacks, header["stacks"], strict=True):
            stack.restore(value)
        for stacks, values in zip(self.later_stacks, header["later"], strict=True):
            for stack, value in zip(stacks, values, strict=True):
                stack.restore(value)
        for conformal, levels in zip(self.conformal, header["conformal"], strict=True):
            conformal.restore(levels)

    def restore(self, header: dict[str, Any], arrays: dict[str, Any], rows: Rows) -> None:
        """Take over what `state` gave; the tables are made from the rows they were made from."""
        self.restore_pools(header)
        self.kernel.kernel = Kernel(**header["kernel"])
        for table in self.members[:_TABLES]:
            for _ in table.fit(rows) or ():
                pass
        for member in self.members[_TABLES:]:
            first = f"{member.name}."
            member.use({name.removeprefix(first): v for name, v in arrays.items() if name.startswith(first)})


def _blend(stacks: Sequence[Stack], later: Floats) -> Floats:
    """(n, H) the sources (L, n, H) weighted by the stack of each horizon, over those that say something."""
    known = np.isfinite(later)
    weights = np.array([stack.weights for stack in stacks]).T[:, None, :] * known
    result: Floats = (weights * np.where(known, later, 0.0)).sum(axis=0) / np.maximum(
        weights.sum(axis=0), 1e-12
    )
    return result


def oracle(rows: Rows) -> Rows:
    """The rows as somebody would see them who knows the state by hindsight."""
    return replace(rows, believed=rows.state == 1, elapsed=np.nan_to_num(rows.held))


def baseline_cdfs(past: Rows, rows: Rows) -> Generator[None, None, tuple[Floats, Floats]]:
    """The baselines, told the true state; learned from rows of the past.

    Yields:
        Nothing, after each. Returns (4, n, BINS) distributions and (4, n, len(HORIZONS)) P(occupied then).
    """
    seen, known = oracle(past), oracle(rows)
    meier, climate = KaplanMeier(), Climatology()
    meier.fit(seen)
    climate.fit(seen)
    yield
    # Who lasts longer than any before lasts on.
    lasting = np.nan_to_num(meier.cdf(known))
    yield
    usual, then = climate.cdf(known)
    yield
    near, near_then = nearest_days(seen, known)
    # Without five such days the usual ones are the nearest.
    near = np.where(np.isfinite(near), near, usual)
    near_then = np.where(np.isfinite(near_then), near_then, then)
    now = (rows.state == 1)[:, None] * np.ones(len(HORIZONS))
    return np.stack([lasting, usual, np.zeros_like(usual), near]), np.stack([now, then, now, near_then])


__all__ = ["CAP", "Answer", "ProcessModel", "baseline_cdfs", "oracle"]
