"""Times of day that return: a scan over the clock, against days that are turned by chance.

The scan statistic of Kulldorff (1997) on the circle of the day: for each window of half an hour or an hour, and
each set of days of the week, on how many days did it happen, against how many chance would give. Chance is the same
days, each turned by its own random angle of some hours: what happens together within a day stays together, and so does
the rhythm of waking and sleeping. What is expected of a window is what the whole day has, or the hours before it, or
those after, or for one day of the week and for weekends what the other days have then, whichever is most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .chance import surprise, uniforms

_BIN = 10  # minutes
_BINS = 1440 // _BIN
_WIDTHS = (3, 6)
_SETS: tuple[tuple[int, ...], ...] = (
    (0, 1, 2, 3, 4, 5, 6),
    (0, 1, 2, 3, 4),
    (5, 6),
    *((day,) for day in range(7)),
)
# A single day of the week is believed less readily than every day: as many as there are of its kind share one
# belief (weighted tests, Genovese, Roeder and Wasserman 2006).
_PRIORS = np.log([{7: 1.0, 5: 2.0, 2: 2.0, 1: 7.0}[len(days)] for days in _SETS])
PERMUTATIONS = 40
_AT_MOST = 3
_LEAST_DAYS = 4
# One day of the week alone must have come back so often.
_LEAST_OF_ONE = 6
# Hours to either side that are the surroundings of a time.
_AROUND = 15  # bins
# So much more often than chance, at least.
_LEAST_RATIO = 1.6


@dataclass(frozen=True, slots=True)
class Return:
    """A time that returns.

    Attributes:
        minute: typical minute of the day, the median.
        spread: four of five lie within so many minutes of it.
        weekdays: on which days of the week.
        hits: (k,) which days (index into the days given) had it.
        opportunities: how many of the days given are such days.
        expected: how many chance would give.
        score: log likelihood ratio, less what the days of the week cost.
    """

    minute: int
    spread: float
    weekdays: tuple[int, ...]
    hits: NDArray[np.int64]
    opportunities: int
    expected: float
    score: float


def returns(
    day: NDArray[np.int64], minute: NDArray[np.int64], weekdays: NDArray[np.int64], seed: int
) -> tuple[list[Return], NDArray[np.float64]]:
    """The times at which something returns.

    Args:
        day: (n,) index of the day of each occurrence.
        minute: (n,) its minute of the day.
        weekdays: (d,) the day of the week of every day looked at, Monday 0.
        seed: of the permutations.

    Returns:
        At most three times, the clearest first, and (PERMUTATIONS,) the best score of each permutation.
    """
    seen = np.zeros((len(weekdays), _BINS), dtype=np.bool_)
    seen[day, minute // _BIN] = True
    of_set = np.array([np.isin(weekdays, days) for days in _SETS], dtype=np.float64)  # (sets, d)
    trials = of_set.sum(axis=1)
    covered = [_covered(seen, width) for width in _WIDTHS]
    hits = [of_set @ each for each in covered]
    expected = np.stack([np.maximum(_around(each), _elsewhere(each, trials)) for each in hits])
    scores = np.stack([_scores(each, trials, expected[number]) for number, each in enumerate(hits)])
    turns = np.floor((2 * uniforms(seed, PERMUTATIONS, len(weekdays)) - 1) * (_AROUND + 1)).astype(np.int64)
    turns %= _BINS
    null = np.zeros(PERMUTATIONS)
    for number, each in enumerate(covered):
        # The best of all windows of days turned by chance, all permutations in one product.
        twice = np.hstack([each, each]).astype(np.float32)
        turned = sliding_window_view(twice, _BINS, axis=1)[np.arange(len(weekdays)), turns]
        counts = np.matmul(of_set.astype(np.float32), turned)  # (permutations, sets, bins)
        null = np.maximum(null, _scores(counts, trials, expected[number]).max(axis=(1, 2)))
    found: list[Return] = []
    while len(found) < _AT_MOST:
        width, days, begin = np.unravel_index(int(np.argmax(scores)), scores.shape)
        score = float(scores[width, days, begin])
        if score <= 0:
            break
        one = _return(
            day,
            minute,
            weekdays,
            _SETS[days],
            int(begin),
            _WIDTHS[width],
            float(expected[width, days, begin]),
            score,
        )
        if one is not None:
            found.append(one)
        blocked = (int(begin) + np.arange(-12, _WIDTHS[width] + 12)) % _BINS
        scores[:, :, blocked] = 0.0
    return found, null


def _covered(seen: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """(d, bins): whether the window that begins at a bin holds anything."""
    covered = seen.copy()
    for shift in range(1, width):
        covered |= np.roll(seen, -shift, axis=1)
    return covered


def _around(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sets, bins): what a window is expected to hold: the mean of the day, of the hours before or of those after.

    The most of these counts: where people get up, all that they do all day begins, and none of it is a time of its own.
    """
    before = np.mean([np.roll(counts, shift, axis=1) for shift in range(_AROUND + 1)], axis=0)
    after = np.mean([np.roll(counts, -shift, axis=1) for shift in range(_AROUND + 1)], axis=0)
    found: NDArray[np.float64] = np.maximum(np.maximum(before, after), counts.mean(axis=1, keepdims=True))
    return found


def _elsewhere(counts: NDArray[np.float64], trials: NDArray[np.float64]) -> NDArray[np.float64]:
    """(sets, bins): what a window would hold on a few days of the week if these were like all others.

    Without it, of what happens on every second day at some hour, one of seven weekdays had it each week.
    """
    others = np.maximum(trials[0] - trials, 1.0)[:, None]
    share: NDArray[np.float64] = (counts[0] - counts) / others * trials[:, None]
    few = np.array([len(days) < 4 for days in _SETS])[:, None]
    return np.where(few, share, 0.0)


def _scores(
    hits: NDArray[np.floating], trials: NDArray[np.float64], expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(..., sets, bins): how much more often than expected, 0 where that is too little to be looked at."""
    least = np.array([_LEAST_OF_ONE if len(days) == 1 else _LEAST_DAYS for days in _SETS])[:, None]
    # Logarithms are what a night's time goes into: few windows hold enough to need them.
    enough = np.nonzero((hits >= least) & (hits >= _LEAST_RATIO * expected))
    of_set, bins = enough[-2:]
    found = np.zeros(hits.shape)
    scores = surprise(hits[enough], trials[of_set], expected[of_set, bins]) - _PRIORS[of_set]
    found[enough] = np.maximum(scores, 0.0)
    return found


def _return(
    day: NDArray[np.int64],
    minute: NDArray[np.int64],
    weekdays: NDArray[np.int64],
    days: Sequence[int],
    begin: int,
    width: int,
    expected: float,
    score: float,
) -> Return | None:
    """The median time of a window's occurrences, and what lies around it."""
    of_days = np.isin(weekdays[day], days)
    inside = of_days & ((minute - begin * _BIN) % 1440 < width * _BIN)
    offsets = (minute[inside] - begin * _BIN) % 1440
    centre = int(np.median(offsets)) + begin * _BIN
    apart = (minute - centre + 720) % 1440 - 720
    near = of_days & (np.abs(apart) <= 45)
    # Of each day the occurrence nearest to the centre.
    order = np.lexsort((np.abs(apart[near]), day[near]))
    nearest_day, first = np.unique(day[near][order], return_index=True)
    nearest = apart[near][order][first]
    if not len(nearest):
        return None
    typical = int(np.median(nearest))
    spread = float(np.quantile(np.abs(nearest - typical), 0.8))
    return Return(
        (centre + typical) % 1440,
        max(spread, 1.0),
        tuple(days),
        nearest_day,
        int(np.isin(weekdays, days).sum()),
        expected,
        score,
    )
