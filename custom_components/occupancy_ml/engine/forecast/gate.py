"""The gate: a forecast is published only where it has beaten the best baseline on this home, out of sample.

Per process and direction, over the last four weeks of scored moments; for P(occupied) per minutes ahead as well. Days
are the unit, since moments of one day overlap: what counts is the lower bound of the mean gain of a day. A forecast
reaches into the next day, so what one day gains the next may gain by the same events: the error of the mean allows for
that (Diebold and Mariano 1995; Newey and West 1987, one lag).
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from .baselines import BASELINES
from .bins import CAP, HORIZONS, LEVELS, STEP, Floats

_DAYS = 28
_LEAST_DAYS = 10
_LEAST_EVENTS = 8
# Opened where the gain of a day is above 0 by so many standard errors of its mean (80 %, one-sided).
_ERRORS = 0.84
# Shut where stated times are early or late on the mean by more than this share of their mean error, and by more
# than the grid can tell apart.
_BIAS = 0.3


def pinball(quantiles: Floats, wait: Floats) -> Floats:
    """(...) mean over the levels of twice the quantile loss: the CRPS as told by the quantiles, in minutes.

    Args:
        quantiles: (..., len(LEVELS)) minutes, cut at 24 hours.
        wait: (...) minutes until the change came, cut at 24 hours.
    """
    levels = np.array(LEVELS)
    late = wait[..., None] - np.minimum(quantiles, CAP)
    result: Floats = 2 * np.maximum(levels * late, (levels - 1) * late).mean(axis=-1)
    return result


def error_of_mean(days: Floats) -> Floats:
    """(k,) standard errors of the means of (n, k) daily values, each of which may be alike its neighbours."""
    around = days - days.mean(axis=0)
    variance = (around**2).sum(axis=0) / (len(days) - 1)
    alike = (around[1:] * around[:-1]).sum(axis=0) / (len(days) - 1)
    result: Floats = np.sqrt((variance + np.maximum(alike, 0.0)) / len(days))
    return result


def _late(days: Floats) -> float:
    """By how much the stated times of (n, 11) days were late, in all; 0 where it is not worth mentioning."""
    came, late, size = days[:, 8:].sum(axis=0).tolist()
    return late if abs(late) > max(_BIAS * size, STEP * came) else 0.0


class Gate:
    """One process and direction."""

    def __init__(self) -> None:
        # By day: ordinal, moments, events, sums of the losses of the model and of each baseline, changes, their errors and their size.
        self._days: deque[list[float]] = deque(maxlen=_DAYS)
        # By day: for each horizon moments and sums of squared errors of the model and of each baseline.
        self._ahead: deque[Floats] = deque(maxlen=_DAYS)
        self.open = False
        self._since = ""
        self.reason: str | None = self._too_few()
        self.horizons: tuple[int, ...] = ()

    def learn(
        self, day: int, events: int, model: Floats, baselines: Floats, squared: Floats, error: Floats
    ) -> None:
        """Take in a day.

        Args:
            day: proleptic ordinal.
            events: changes that came.
            model: (n,) losses of the model.
            baselines: (4, n) of the baselines; nan where one has nothing to say.
            squared: (1 + 4, n, len(HORIZONS)) squared errors of P(occupied); nan where not known.
            error: (n,) minutes by which the stated time was late; nan where no change came.
        """
        known = np.isfinite(model) & np.isfinite(baselines).all(axis=0)
        if known.any():
            losses = [model[known].sum(), *baselines[:, known].sum(axis=1)]
            errors = [np.isfinite(error).sum(), np.nansum(error), np.nansum(np.abs(error))]
            self._days.append([day, int(known.sum()), events, *losses, *errors])
            both = np.isfinite(squared).all(axis=0)
            sums = np.where(both, squared, 0.0).sum(axis=1)
            self._ahead.append(np.concatenate([both.sum(axis=0)[None], sums]))
        self._decide()

    def _decide(self) -> None:
        days = np.array(self._days, dtype=np.float64).reshape(-1, 11)
        if len(days) < _LEAST_DAYS:
            self._shut(self._too_few())
            return
        if days[:, 2].sum() < _LEAST_EVENTS:
            self._shut(f"it changed fewer than {_LEAST_EVENTS} times in the days that were scored")
            return
        gain = days[:, 4:8] - days[:, 3:4]
        sure = gain.mean(axis=0) / np.maximum(error_of_mean(gain), 1e-9)
        worst = int(sure.argmin())
        # What is open stays open as long as it gains at all.
        if sure[worst] <= (0.0 if self.open else _ERRORS):
            self._shut(f"it does not surely beat the baseline {BASELINES[worst].replace('_', ' ')}")
            return
        # What is right again need not wait until what was wrong is forgotten; early once and late once is no bias.
        late = _late(days)
        if late * _late(days[-_LEAST_DAYS:]) > 0:
            self._shut(f"its times were {'late' if late > 0 else 'early'} on the mean")
            return
        self.open, self.reason = True, None
        ahead = np.array(self._ahead).sum(axis=0)
        self.horizons = tuple(
            minutes
            for column, minutes in enumerate(HORIZONS)
            if ahead[0, column] and ahead[1, column] < ahead[2:, column].min()
        )

    def forget(self) -> None:
        """The routine changed: what was won before says nothing any more, and nothing is published until it wins anew."""
        self._days.clear()
        self._ahead.clear()
        self._since = " since its routine changed"
        self._shut(self._too_few())

    def _too_few(self) -> str:
        return f"fewer than {_LEAST_DAYS} days were scored{self._since}"

    def _shut(self, reason: str) -> None:
        self.open, self.reason, self.horizons = False, reason, ()

    def to_json(self) -> dict[str, Any]:
        """The whole state."""
        return {
            "days": [list(map(float, day)) for day in self._days],
            "ahead": [a.tolist() for a in self._ahead],
            "open": self.open,
            "reason": self.reason,
            "horizons": list(self.horizons),
            "since": self._since,
        }

    def restore(self, value: dict[str, Any]) -> None:
        """Take over what `to_json` gave.

        Raises:
            ValueError: it is of another form.
        """
        if any(len(day) != 11 for day in value["days"]):
            raise ValueError("the days are of another form")
        self._days = deque(value["days"], maxlen=_DAYS)
        self._ahead = deque((np.array(a) for a in value["ahead"]), maxlen=_DAYS)
        self.open, self.reason, self.horizons = value["open"], value["reason"], tuple(value["horizons"])
        self._since = value.get("since", "")
