"""Gradient boosting of small trees over binned inputs (Friedman 2001; histograms as in LightGBM, Ke and others 2017)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .bins import Floats

BINS = 32


class BoostedTrees:
    """A binary classifier by log loss: trees of one depth, every level split by the best of all bins of all inputs."""

    def __init__(
        self, trees: int = 40, depth: int = 3, rate: float = 0.15, least: float = 20.0, ridge: float = 5.0
    ) -> None:
        """Nothing is fitted yet.

        Args:
            trees: how many.
            depth: levels of splits of each.
            rate: share of each tree's step that is taken.
            least: cases, by weight, that a leaf has.
            ridge: penalty on the values of leaves.
        """
        self.trees, self.depth, self.rate, self.least, self.ridge = trees, depth, rate, least, ridge
        self._edges: Floats = np.zeros((0, BINS - 1))
        self._features = np.zeros((0, 0), dtype=np.int64)
        self._cuts = np.zeros((0, 0), dtype=np.int64)
        self._leaves: Floats = np.zeros((0, 0))
        self._first = 0.0

    def fit(self, values: Floats, target: Floats, weight: Floats) -> Iterator[None]:
        """Fit to (N, F) values, (N,) targets 0 or 1, (N,) weights. Yields after each tree."""
        levels = np.linspace(0, 1, BINS + 1)[1:-1]
        self._edges = np.quantile(values, levels, axis=0).T.copy()
        binned = self._binned(values)
        yield
        nodes = 2**self.depth
        self._features = np.zeros((self.trees, nodes), dtype=np.int64)
        self._cuts = np.full((self.trees, nodes), BINS, dtype=np.int64)
        self._leaves = np.zeros((self.trees, nodes))
        mean = float(np.clip((weight @ target) / weight.sum(), 1e-6, 1 - 1e-6))
        self._first = float(np.log(mean / (1 - mean)))
        score = np.full(len(target), self._first)
        for tree in range(self.trees):
            chance = 1 / (1 + np.exp(-score))
            gradient, hessian = weight * (chance - target), weight * chance * (1 - chance)
            node = self._grow(tree, binned, gradient, hessian, weight)
            g = np.bincount(node, gradient, nodes)
            h = np.bincount(node, hessian, nodes)
            self._leaves[tree] = -self.rate * g / (h + self.ridge)
            score = score + self._leaves[tree][node]
            yield

    def _grow(
        self, tree: int, binned: NDArray[np.int64], gradient: Floats, hessian: Floats, weight: Floats
    ) -> NDArray[np.int64]:
        """Choose the splits of a tree level by level; (N,) the leaf of each case. Node 1 is the root's split."""
        count, width = binned.shape
        node = np.zeros(count, dtype=np.int64)
        column = np.arange(width)
        for level in range(self.depth):
            here = 2**level
            cell = ((node[:, None] * width + column) * BINS + binned).ravel()
            size = here * width * BINS
            sums = [
                np.bincount(cell, np.repeat(values, width), size).reshape(here, width, BINS).cumsum(axis=2)
                for values in (gradient, hessian, weight)
            ]
            left_g, left_h, left_w = (part[:, :, :-1] for part in sums)
            all_g, all_h, all_w = (part[:, :, -1:] for part in sums)
            gain = (
                left_g**2 / (left_h + self.ridge)
                + (all_g - left_g) ** 2 / (all_h - left_h + self.ridge)
                - all_g**2 / (all_h + self.ridge)
            )
            gain[(left_w < self.least) | (all_w - left_w < self.least)] = -1.0
            best = gain.reshape(here, -1).argmax(axis=1)
            feature, cut = best // (BINS - 1), best % (BINS - 1)
            cut = np.where(gain.reshape(here, -1).max(axis=1) > 1e-9, cut, BINS)
            self._features[tree, here : 2 * here], self._cuts[tree, here : 2 * here] = feature, cut
            right = binned[np.arange(count), feature[node]] > cut[node]
            node = 2 * node + right
        return node

    def _binned(self, values: Floats) -> NDArray[np.int64]:
        """(N, F) how many edges each value lies above."""
        out = np.empty(values.shape, dtype=np.int64)
        for column, edges in enumerate(self._edges):
            out[:, column] = np.searchsorted(edges, values[:, column], side="left")
        return out

    def score(self, values: Floats) -> Floats:
        """(N,) log-odds of (N, F) values."""
        binned = self._binned(values)
        total = np.full(len(values), self._first)
        rows = np.arange(len(values))[:, None]
        trees = np.arange(len(self._leaves))[None]
        node = np.zeros((len(values), len(self._leaves)), dtype=np.int64)
        for level in range(self.depth):
            at = 2**level + node
            node = 2 * node + (binned[rows, self._features[trees, at]] > self._cuts[trees, at])
        result: Floats = total + self._leaves[trees, node].sum(axis=1)
        return result

    def arrays(self) -> dict[str, Any]:
        """What was fitted."""
        return {
            "edges": self._edges,
            "features": self._features,
            "cuts": self._cuts,
            "leaves": self._leaves,
            "first": np.array([self._first]),
        }

    @classmethod
    def of(cls, arrays: dict[str, Any]) -> Self:
        """What `arrays` gave."""
        found = cls(len(arrays["leaves"]), int(np.log2(arrays["leaves"].shape[1])))
        found._edges, found._leaves = arrays["edges"], arrays["leaves"]
        found._features, found._cuts = arrays["features"], arrays["cuts"]
        found._first = float(arrays["first"][0])
        return found
