"""Members become one forecast: how they are weighted, and how wide it is, by process and direction."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .bins import BINS, HORIZONS, LEVELS, STEP, Floats, quantiles, residuals
from .intervals import Conformal
from .processes import Bools, Ints
from .rows import Rows
from .stacking import Stack, pooled_by

_AHEAD = np.array([minutes // STEP - 1 for minutes in HORIZONS])


@dataclass(frozen=True, slots=True)
class Said:
    """What the members say of n moments.

    Attributes:
        members: (M, n, BINS) distributions, nan where one has nothing to say.
        near: (n, len(HORIZONS)) P(occupied then) by the kernel, nan where not known.
        usual: the same by climatology.
        chance: (n,) P(occupied) now.
        believed: (n,) whether it is believed to be occupied.
    """

    members: Floats
    near: Floats
    usual: Floats
    chance: Floats
    believed: Bools


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

    def take(self, chosen: Ints) -> Answer:
        """Those of some of the moments."""
        return Answer(
            self.members[:, chosen],
            self.pooled[chosen],
            self.cdf[chosen],
            self.later[:, chosen],
            self.occupied[chosen],
        )

    @property
    def quantiles(self) -> Floats:
        """(n, len(LEVELS)) minutes, inf beyond 24 hours."""
        return quantiles(self.cdf, np.repeat(np.array(LEVELS)[None], len(self.cdf), axis=0))


class Pool:
    """One process and direction: the weights of members and of sources of P(occupied), the levels of intervals."""

    def __init__(self, members: int) -> None:
        self.stack = Stack(members)
        self.later = [Stack(4) for _ in HORIZONS]
        self.conformal = Conformal()

    def to_json(self) -> dict[str, Any]:
        """The whole state."""
        return {
            "stack": self.stack.to_json(),
            "later": [stack.to_json() for stack in self.later],
            "conformal": self.conformal.to_json(),
        }

    def restore(self, value: dict[str, Any]) -> None:
        """Take over what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is of another form.
        """
        self.stack.restore(value["stack"])
        for stack, stored in zip(self.later, value["later"], strict=True):
            stack.restore(stored)
        self.conformal.restore(value["conformal"])

    def learn(self, rows: Rows, answer: Answer) -> Generator[None]:
        """Learn from forecasts of one direction and what then came.

        Args:
            rows: moments whose wait is known.
            answer: what was said of them.

        Yields:
            Nothing, after every bounded slice.
        """
        if not len(rows):
            return
        self.stack.learn(residuals(answer.members, np.repeat(rows.wait[None], len(answer.members), 0)))
        yield
        known = np.isfinite(answer.pooled[:, 0]) & rows.judged
        self.conformal.learn(answer.pooled[known], rows.wait[known])
        yield
        for column, stack in enumerate(self.later):
            then, told = rows.later[:, column], answer.later[:, :, column]
            stack.learn(np.where(then >= 0, told - then, np.nan)[:, :, None])
            yield


def combined(said: Said, pools: Sequence[Pool], which: Ints) -> Answer:
    """The forecasts of moments.

    Args:
        said: what the members say of n moments, which may be of several processes.
        pools: how to combine.
        which: (n,) the pool of each moment.
    """
    n, members = len(said.chance), said.members
    pooled = pooled_by(np.array([pool.stack.weights for pool in pools])[which], members)
    told = np.empty((n, BINS))
    for number, pool in enumerate(pools):
        ours = np.flatnonzero(which == number)
        if len(ours):
            told[ours] = pool.conformal.told(pooled[ours])
    left = 1 - pooled[:, _AHEAD]
    now = np.repeat(said.chance[:, None], len(HORIZONS), axis=1)
    # Who stayed is as now; who changed is as usual then.
    changed = (1 - left) * said.usual
    changed = np.where(said.believed[:, None], left + changed, changed)
    later = np.stack([said.near, said.usual, now, changed])
    known = np.isfinite(later)
    shares = np.concatenate([stack.weights for pool in pools for stack in pool.later])
    weights = shares.reshape(len(pools), len(HORIZONS), -1)[which].transpose(2, 0, 1) * known
    # Who has no weight speaks where nobody else does.
    weights = np.where(weights.sum(axis=0) > 0, weights, known / len(later))
    occupied = (weights * np.where(known, later, 0.0)).sum(axis=0) / weights.sum(axis=0)
    return Answer(members, pooled, told, later, occupied)
