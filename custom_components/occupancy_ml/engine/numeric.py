"""The few special functions that are needed. Importing scipy for them would cost some 40 MB of memory."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

_lgamma = np.frompyfunc(math.lgamma, 1, 1)


def expit(score: ArrayLike) -> Floats:
    """1 / (1 + exp(-x)), of any shape, without overflow."""
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * np.asarray(score, dtype=np.float64)))
    return result


def log_expit(score: ArrayLike) -> Floats:
    """log(1 / (1 + exp(-x))), of any shape, exact far out."""
    result: Floats = -np.logaddexp(0.0, -np.asarray(score, dtype=np.float64))
    return result


def logit(chance: ArrayLike) -> Floats:
    """log(p / (1 - p)) of probabilities of any shape."""
    p = np.asarray(chance, dtype=np.float64)
    result: Floats = np.log(p) - np.log1p(-p)
    return result


def gammaln(values: ArrayLike) -> Floats:
    """Log of the gamma function of positive numbers of any shape."""
    result: Floats = np.asarray(_lgamma(np.asarray(values, dtype=np.float64))).astype(np.float64)
    return result
