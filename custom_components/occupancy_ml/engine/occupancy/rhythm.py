"""The learned rhythm of a room: how often it is occupied at each half hour, of workdays and of days off."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..numeric import logit
from .logistic import Floats

Ints = NDArray[np.int64]

HALF_HOURS = 48
SLOTS = 2 * HALF_HOURS
"""Half hours of a workday, then those of a day off."""

# Nobody keeps time to the half hour: neighbours count too, with this standard deviation in half hours.
_SPREAD = 1.5
# How many effective labels of all days, and of both kinds of day, stand behind a half hour of its own.
_PRIOR = 3.0
_CLEAREST = 0.01


def slot_of(half_hour: int, day_off: bool) -> int:
    """The slot of a local half hour, 0 to 47."""
    return half_hour + HALF_HOURS * day_off


def rhythm(targets: Floats, worth: Floats, slots: Ints) -> Floats:
    """(SLOTS,) log-odds of the share of occupied time, smoothed and shrunk.

    Args:
        targets: (n,) in [0, 1].
        worth: (n,) of the labels, in effective labels.
        slots: (n,) as `slot_of` tells them.
    """
    return _log_odds(*_sums(targets, worth, slots, SLOTS))


def rhythm_of_days_before(targets: Floats, worth: Floats, slots: Ints, days: Ints) -> Floats:
    """(n,) the rhythm at each row as it was known then, from the days before its own; nan on the first.

    Not from all other days: what those leave out tells of the day itself, with its sign turned.

    Args:
        targets: (n,) in [0, 1].
        worth: (n,) of the labels, in effective labels.
        slots: (n,) as `slot_of` tells them.
        days: (n,) the local day of each row.
    """
    names, day = np.unique(days, return_inverse=True)
    taken, seen = _sums(targets, worth, day * SLOTS + slots, len(names) * SLOTS)
    table = _log_odds(_before(taken.reshape(-1, SLOTS)), _before(seen.reshape(-1, SLOTS)))
    table[0] = np.nan
    result: Floats = table[day, slots]
    return result


def _sums(targets: Floats, worth: Floats, cells: Ints, size: int) -> tuple[Floats, Floats]:
    """(size,) labels that were occupied, and all labels, by cell."""
    taken: Floats = np.bincount(cells, targets * worth, size).astype(np.float64)
    return taken, np.bincount(cells, worth, size).astype(np.float64)


def _before(values: Floats) -> Floats:
    """(D, SLOTS) the sums of the rows before each."""
    return np.vstack([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)[:-1]])


def _log_odds(taken: Floats, seen: Floats) -> Floats:
    """(..., SLOTS) of the share taken of what was seen, both (..., SLOTS)."""
    shape = taken.shape
    taken, seen = taken.reshape(-1, 2, HALF_HOURS), seen.reshape(-1, 2, HALF_HOURS)
    overall = (taken.sum(axis=(1, 2), keepdims=True) + 0.5) / (seen.sum(axis=(1, 2), keepdims=True) + 1.0)
    taken, seen = taken @ _KERNEL, seen @ _KERNEL
    both = (taken.sum(axis=1, keepdims=True) + _PRIOR * overall) / (seen.sum(axis=1, keepdims=True) + _PRIOR)
    share = (taken + _PRIOR * both) / (seen + _PRIOR)
    result: Floats = logit(np.clip(share, _CLEAREST, 1 - _CLEAREST)).reshape(shape)
    return result


def _kernel() -> Floats:
    apart = np.abs(np.arange(HALF_HOURS)[:, None] - np.arange(HALF_HOURS))
    apart = np.minimum(apart, HALF_HOURS - apart)
    weight: Floats = np.exp(-0.5 * (apart / _SPREAD) ** 2) / (_SPREAD * math.sqrt(2 * math.pi))
    return weight


_KERNEL = _kernel()
