"""Sufficient statistics of every run of every channel, one block of arrays a model.

Axis 0 is the run (oldest first), axis 1 the channel. A step predicts the new values
under all runs at once, takes them into the statistics and appends a run that has seen
nothing. Formulas: Murphy (2007) for the normal, textbook conjugacy for the others.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
import math
from typing import override

import numpy as np
from numpy.typing import NDArray

from ..numeric import gammaln
from .models import BetaBernoulli, Channel, GammaPoisson, Model, NormalGamma

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Squares of values must stay finite.
LARGEST_VALUE = 1e100


class Block(ABC):
    """The channels of one model.

    Attributes:
        rows: which channels of the detector these are, ascending.
        stats: (statistics, capacity, channels); a view of the first `size` runs is in use.
        prior: (statistics, channels), what a run that has seen nothing carries.
    """

    def __init__(self, rows: Ints, prior: Floats, capacity: int) -> None:
        self.rows = rows
        self.prior = prior
        self.stats = np.repeat(prior[:, None, :], capacity, axis=1)

    def grow(self, capacity: int, size: int) -> None:
        """Makes room for `capacity` runs, keeping the first `size`."""
        stats = np.repeat(self.prior[:, None, :], capacity, axis=1)
        stats[:, :size] = self.stats[:, :size]
        self.stats = stats

    def select(self, order: Ints) -> None:
        """Keeps the runs of `order` (kept, channels): for each channel which old run comes there."""
        kept = np.take_along_axis(self.stats, order[None], axis=1)
        self.stats[:, : len(order)] = kept

    @abstractmethod
    def check(self, values: Floats) -> str | None:
        """Why finite `values` are none of this model's, None when they are."""

    @abstractmethod
    def observe(self, values: Floats, seen: NDArray[np.bool_] | None, size: int) -> Floats:
        """One step.

        Args:
            values: (channels,), finite; anything where not seen.
            seen: which are observed; None for all.
            size: runs in use; the run appended stands at this index.

        Returns:
            (size, channels) log predictive density, 0 where not seen.
        """


class NormalGammaBlock(Block):
    """Statistics: observations, mean, rate of the inverse gamma, log of that rate."""

    def __init__(self, rows: Ints, models: Sequence[NormalGamma], capacity: int) -> None:
        prior = np.array(
            [[0.0, model.mean, model.rate, math.log(model.rate)] for model in models], dtype=np.float64
        ).T.copy()
        super().__init__(rows, prior, capacity)
        self._strength = np.array([model.strength for model in models])
        self._shape_half = np.array([model.shape for model in models]) + 0.5
        self._log1p = np.array([model.log1p for model in models])
        pairs = sorted({(model.strength, model.shape) for model in models})
        self._pairs = np.array(pairs)
        self._pair = np.array([pairs.index((m.strength, m.shape)) for m in models], dtype=np.intp)
        self._table = np.empty(0)
        # Observations of the fullest run at most; unknown until the first look, as state may be restored.
        self._most = self._largest = 0
        self._extend_table(64)
        self._most = self._largest

    def _extend_table(self, length: int) -> None:
        """Log normalisers of Student's t by observations seen; nothing else moves them."""
        n = np.arange(length, dtype=np.float64)[:, None]
        kappa = self._pairs[:, 0] + n
        alpha = self._pairs[:, 1] + 0.5 * n
        normaliser = gammaln(alpha + 0.5) - gammaln(alpha) - 0.5 * np.log(2.0 * np.pi * (kappa + 1.0) / kappa)
        self._table = np.ascontiguousarray(normaliser).ravel()
        self._largest = length - 1

    @override
    def check(self, values: Floats) -> str | None:
        if np.any(np.abs(values) > LARGEST_VALUE):
            return "a value is too large"
        if np.any(values[self._log1p] < 0.0):
            return "a count is negative"
        return None

    @override
    def observe(self, values: Floats, seen: NDArray[np.bool_] | None, size: int) -> Floats:
        if self._log1p.any():
            values = np.where(self._log1p, np.log1p(np.where(self._log1p, values, 0.0)), values)
        n, mean, rate, log_rate = self.stats[:, :size]
        # An update adds one observation at most, so the maximum is looked up only when it may not fit.
        self._most += 1
        if self._most > self._largest:
            self._most = int(n.max())
            if self._most >= self._largest:
                self._extend_table(2 * (self._most + 1))
        pairs = len(self._pairs)
        cell = n.astype(np.intp)
        if pairs > 1:
            cell *= pairs
            cell += self._pair
        log_density: Floats = self._table.take(cell)
        kappa = n + self._strength
        per_observation = 1.0 / (kappa + 1.0)
        deviation = values - mean
        if seen is not None:
            deviation *= seen
        share = deviation * per_observation
        gain = deviation
        gain *= share
        gain *= kappa
        gain *= 0.5
        log_growth = np.log1p(gain / rate)
        kappa = n * 0.5
        kappa += self._shape_half
        kappa *= log_growth
        log_density -= kappa
        log_density -= 0.5 * log_rate
        if seen is None:
            n += 1.0
        else:
            log_density *= seen
            n += seen
        mean += share
        rate += gain
        log_rate += log_growth
        self.stats[:, size] = self.prior
        return log_density


class BetaBernoulliBlock(Block):
    """Statistics: pseudo-counts of ones and of zeros."""

    def __init__(self, rows: Ints, models: Sequence[BetaBernoulli], capacity: int) -> None:
        prior = np.array([[model.ones, model.zeros] for model in models], dtype=np.float64).T.copy()
        super().__init__(rows, prior, capacity)

    @override
    def check(self, values: Floats) -> str | None:
        return None if np.all((values == 0.0) | (values == 1.0)) else "a yes-or-no value is neither 0 nor 1"

    @override
    def observe(self, values: Floats, seen: NDArray[np.bool_] | None, size: int) -> Floats:
        ones, zeros = self.stats[:, :size]
        is_one = values == 1.0
        share = np.where(is_one, ones, zeros)
        share /= ones + zeros
        log_density: Floats = np.log(share)
        if seen is None:
            ones += is_one
            zeros += ~is_one
        else:
            log_density *= seen
            ones += is_one & seen
            zeros += ~is_one & seen
        self.stats[:, size] = self.prior
        return log_density


class GammaPoissonBlock(Block):
    """Statistics: shape and rate of the gamma, log gamma of the shape."""

    def __init__(self, rows: Ints, models: Sequence[GammaPoisson], capacity: int) -> None:
        prior = np.array(
            [[model.shape, model.rate, float(gammaln(model.shape))] for model in models], dtype=np.float64
        ).T.copy()
        super().__init__(rows, prior, capacity)

    @override
    def check(self, values: Floats) -> str | None:
        if np.any(values < 0.0) or np.any(values != np.floor(values)):
            return "a count is no natural number"
        return "a value is too large" if np.any(values > 1e15) else None

    @override
    def observe(self, values: Floats, seen: NDArray[np.bool_] | None, size: int) -> Floats:
        shape, rate, log_gamma = self.stats[:, :size]
        counts = values if seen is None else values * seen
        larger = shape + counts
        log_gamma_larger = gammaln(larger)
        log_density: Floats = (
            log_gamma_larger
            - log_gamma
            - gammaln(counts + 1.0)
            - shape * np.log1p(1.0 / rate)
            - counts * np.log1p(rate)
        )
        shape[:] = larger
        log_gamma[:] = log_gamma_larger
        if seen is None:
            rate += 1.0
        else:
            log_density *= seen
            rate += seen
        self.stats[:, size] = self.prior
        return log_density


def make_blocks(channels: Sequence[Channel], capacity: int) -> dict[str, Block]:
    """One block a model that occurs, keyed by the model's class name."""
    rows: dict[type[Model], list[int]] = {}
    for row, channel in enumerate(channels):
        rows.setdefault(type(channel.model), []).append(row)
    blocks: dict[str, Block] = {}
    for kind, members in sorted(rows.items(), key=lambda item: item[0].__name__):
        index = np.array(members, dtype=np.int64)
        models = [channels[row].model for row in members]
        if kind is NormalGamma:
            normal = [model for model in models if isinstance(model, NormalGamma)]
            blocks[kind.__name__] = NormalGammaBlock(index, normal, capacity)
        elif kind is BetaBernoulli:
            binary = [model for model in models if isinstance(model, BetaBernoulli)]
            blocks[kind.__name__] = BetaBernoulliBlock(index, binary, capacity)
        else:
            counts = [model for model in models if isinstance(model, GammaPoisson)]
            blocks[kind.__name__] = GammaPoissonBlock(index, counts, capacity)
    return blocks
