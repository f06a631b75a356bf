"""Rarely, another kernel is tried: forward-chained over the last two weeks, within a fixed budget of forecasts."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import numpy as np

from ..events import DAY_US
from .bins import crps
from .kernel_semi_markov import Kernel, KernelSemiMarkov
from .rows import Rows

EVERY_US = 28 * DAY_US
"""How long a choice stands, unless a routine changes."""
DAYS = 14
"""Days that are forecast anew to compare."""

_ROWS_A_DAY = 24
_ROWS_A_SLICE = 8
# A kernel is replaced only where the other is better by so many standard errors of the daily mean.
_ERRORS = 2.0


def candidates(now: Kernel) -> tuple[Kernel, ...]:
    """The kernel as it is, and others near it: one step narrower and wider in each direction that matters."""
    found = (
        now,
        replace(now, clock=max(now.clock / 1.6, 15.0)),
        replace(now, clock=min(now.clock * 1.6, 90.0)),
        replace(now, elapsed=max(now.elapsed / 1.6, 0.4)),
        replace(now, half_life=max(now.half_life / 2, 14.0)),
        # What a changed routine made short grows again.
        replace(now, half_life=min(now.half_life * 2, Kernel().half_life)),
    )
    return tuple(dict.fromkeys(found))


def tuned(rows: Rows, now: Kernel, until_us: int) -> Generator[None, None, Kernel]:
    """The kernel that forecast the last two weeks best; the present one unless another was clearly better.

    Args:
        rows: by time, with what came.
        now: the present kernel.
        until_us: the rows before this are known.

    Yields:
        Nothing, after every bounded slice.
    """
    tried = candidates(now)
    losses: list[np.ndarray] = []
    for start_us in range(until_us - DAYS * DAY_US, until_us, DAY_US):
        day = rows.take(
            (rows.time_us >= start_us) & (rows.time_us < start_us + DAY_US) & np.isfinite(rows.wait)
        )
        past = rows.take(rows.time_us < start_us - DAY_US)
        yield
        if not len(day) or not np.isfinite(past.wait).any():
            continue
        day = day.take(np.unique(np.linspace(0, len(day) - 1, _ROWS_A_DAY).astype(np.int64)))
        table = KernelSemiMarkov(now)
        table.fit(past)
        yield
        found = []
        for first in range(0, len(day), _ROWS_A_SLICE):
            part = day.take(np.arange(first, min(first + _ROWS_A_SLICE, len(day))))
            each = [KernelSemiMarkov(kernel, tables=table).cdf(part, ahead=False)[0] for kernel in tried]
            found.append(crps(np.stack(each), np.repeat(part.wait[None], len(tried), axis=0)))
            yield
        loss = np.concatenate(found, axis=1)
        known = np.isfinite(loss).all(axis=0)
        if known.any():
            losses.append(loss[:, known].mean(axis=1))
    if len(losses) < DAYS // 2:
        return now
    gain = np.array(losses)[:, :1] - np.array(losses)
    spread = gain.std(axis=0, ddof=1) / np.sqrt(len(gain))
    sure = gain.mean(axis=0) / np.maximum(spread, 1e-9)
    best = int(sure.argmax())
    return tried[best] if sure[best] > _ERRORS else now
