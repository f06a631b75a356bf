"""What chance would give: intervals, shrunk odds, scan scores, and false-discovery rates by permutation."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# How many observations of "as chance has it" an effect is shrunk by.
_SHRINK = 3.0
_Z95 = 1.959963984540054


def uniforms(seed: int, *shape: int) -> Floats:
    """Numbers of [0, 1) that only depend on the seed: the splitmix64 sequence (Steele et al. 2014).

    The engine draws no chance of its own; permutations must be the same on every machine and every night.
    """
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        z = (np.arange(1, count + 1, dtype=np.uint64) + np.uint64(seed * 0x2545F491 % (1 << 63))) * np.uint64(
            0x9E3779B97F4A7C15
        )
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    found: Floats = (z >> np.uint64(11)).astype(np.float64) / float(1 << 53)
    return found.reshape(shape)


def wilson(hits: float, trials: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927), in [0, 1]."""
    if trials <= 0:
        return 0.0, 1.0
    rate, z2 = hits / trials, _Z95 * _Z95
    middle = rate + z2 / (2 * trials)
    half = _Z95 * math.sqrt(max(rate * (1 - rate), 0.0) / trials + z2 / (4 * trials * trials))
    scale = 1 + z2 / trials
    # At the ends it touches the share itself, which rounding must not undo.
    return max(0.0, min(rate, (middle - half) / scale)), min(1.0, max(rate, (middle + half) / scale))


def log_odds(hits: float, trials: float, expected: float) -> float:
    """Log-odds of a share over those of chance, shrunk: a few observations of chance are added to both.

    Args:
        hits: how often it was seen.
        trials: how often it could have been.
        expected: how many of the trials chance alone would give.
    """
    chance = min(max(expected, 0.02) / max(trials, 1e-9), 0.98)
    share = (hits + _SHRINK * chance) / (trials + _SHRINK)
    share = min(share, 1 - 0.5 / (trials + _SHRINK + 1))
    return math.log(share / (1 - share)) - math.log(chance / (1 - chance))


def surprise(hits: ArrayLike, trials: ArrayLike, expected: ArrayLike) -> Floats:
    """Log likelihood ratio of as many hits or more against chance; 0 where chance gives as many (Kulldorff 1997)."""
    n = np.maximum(np.asarray(trials, dtype=np.float64), 1e-9)
    e = np.clip(np.asarray(expected, dtype=np.float64), 1e-3, n * 0.999)
    h = np.minimum(np.asarray(hits, dtype=np.float64), n)
    with np.errstate(divide="ignore", invalid="ignore"):
        seen = np.where(h > 0, h * np.log(h / e), 0.0)
        unseen = np.where(n - h > 0, (n - h) * np.log((n - h) / (n - e)), 0.0)
    found: Floats = np.where(h > e, seen + unseen, 0.0)
    return found


def q_values(scores: ArrayLike, by_chance: ArrayLike) -> Floats:
    """False-discovery rate at each score: what chance gives at least as high, over what there is.

    Args:
        scores: (m,) of what was found.
        by_chance: (b, m) the same scores after b permutations; all m are pooled.

    Returns:
        (m,) in [0, 1], never lower for a lower score (Storey and Tibshirani 2003, pooled null).
    """
    found = np.asarray(scores, dtype=np.float64)
    null = np.asarray(by_chance, dtype=np.float64)
    if not len(found):
        return np.zeros(0)
    ordered = np.sort(null.ravel())
    order = np.argsort(-found, kind="stable")
    above = len(ordered) - np.searchsorted(ordered, found[order], side="left")
    # One more than seen: no number of permutations shows that something never happens by chance.
    expected = (above + 1) / max(null.shape[0], 1)
    ranked = np.searchsorted(-found[order], -found[order], side="right")
    rates = np.minimum(expected / ranked, 1.0)
    result = np.empty(len(found))
    result[order] = np.minimum.accumulate(rates[::-1])[::-1]
    return result


def shuffled(seed: int, groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """A permutation of the indices 0 to n - 1 that stays within groups. `groups` (n,) must be sorted."""
    order: NDArray[np.int64] = np.lexsort((uniforms(seed, len(groups)), groups))
    return order
