"""The grid of a forecast: bins of five minutes over 24 hours, and what is read off a distribution on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEP = 5
"""Minutes of a bin."""
BINS = 288
"""Bins of 24 hours."""
CAP = STEP * BINS
"""Minutes beyond which a change is "not within 24 hours"."""
LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)
"""The quantiles that are told."""
HORIZONS = (5, 15, 30, 60, 120, 240)
"""Minutes ahead at which P(occupied) is told."""

EDGES: Floats = STEP * np.arange(BINS + 1).astype(np.float64)


def cdf_of(hazard: Floats) -> Floats:
    """(n, BINS) P(the change has come by the end of each bin), from (n, BINS) hazards in [0, 1]."""
    result: Floats = 1.0 - np.cumprod(1.0 - hazard, axis=-1, dtype=np.float64)
    return result


def hazard_of(cdf: Floats) -> Floats:
    """(n, BINS) hazards of distributions; 1 where everything has come already, nan where nothing is known."""
    before = np.concatenate([np.zeros((*cdf.shape[:-1], 1)), cdf[..., :-1]], axis=-1)
    left = 1.0 - before
    return np.where(~(left <= 1e-12), np.clip((cdf - before) / np.maximum(left, 1e-12), 0.0, 1.0), 1.0)


def quantiles(cdf: Floats, levels: Floats) -> Floats:
    """(n, k) minutes by which P reaches each level, linear within a bin; inf beyond 24 hours.

    Args:
        cdf: (n, BINS) of n forecasts.
        levels: (n, k) probabilities.
    """
    full = np.concatenate([np.zeros((len(cdf), 1)), cdf], axis=1)
    # The first edge at which the distribution reaches the level.
    after = np.count_nonzero(full[:, None, :] < levels[:, :, None], axis=2)
    inside = np.minimum(after, BINS)
    rows = np.arange(len(cdf))[:, None]
    high, low = full[rows, inside], full[rows, np.maximum(inside - 1, 0)]
    share = np.clip((levels - low) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    minutes = (np.maximum(inside - 1, 0) + share) * STEP
    return np.where(after > BINS, np.inf, np.where(after == 0, 0.0, minutes))


def frequencies(wait: Floats) -> Floats:
    """(BINS,) share of waits that were over by the end of each bin."""
    result: Floats = np.searchsorted(np.sort(wait), EDGES[1:], side="right") / len(wait)
    result[-1] = (wait < EDGES[-1]).mean()
    return result


def at(cdf: Floats, minutes: Floats) -> Floats:
    """(n, k) P(the change has come by so many minutes), linear within a bin; minutes (n, k), cut at 24 hours."""
    full = np.concatenate([np.zeros((len(cdf), 1)), cdf], axis=1)
    place = np.clip(minutes / STEP, 0.0, BINS)
    low = np.minimum(place.astype(np.int64), BINS - 1)
    rows = np.arange(len(cdf))[:, None]
    share = place - low
    result: Floats = full[rows, low] * (1 - share) + full[rows, low + 1] * share
    return result


def crps(cdf: Floats, wait: Floats) -> Floats:
    """(n,) continuous ranked probability score in minutes, over the 24 hours (Gneiting and Raftery 2007, eq. 21).

    Args:
        cdf: (n, BINS).
        wait: (n,) minutes until the change came, anything from 24 hours on for "not within".
    """
    residual = residuals(cdf, wait)
    result: Floats = (residual**2).sum(axis=-1) * STEP
    return result


def residuals(cdf: Floats, wait: Floats) -> Floats:
    """(..., BINS) the distribution, at the middle of each bin, less whether the change had come by then."""
    full = np.concatenate([np.zeros((*cdf.shape[:-1], 1)), cdf], axis=-1)
    middle = 0.5 * (full[..., 1:] + full[..., :-1])
    come = np.clip((EDGES[1:] - wait[..., None]) / STEP, 0.0, 1.0)
    result: Floats = middle - come
    return result
