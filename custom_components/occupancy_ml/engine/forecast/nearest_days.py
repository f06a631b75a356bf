"""The five nearest days, a baseline: what came when the day had gone alike."""

from __future__ import annotations

import numpy as np

from .bins import BINS, HORIZONS, Floats, frequencies
from .rows import Rows


def nearest_days(past: Rows, rows: Rows) -> tuple[Floats, Floats]:
    """What came on the five days most like the day so far (Scott and others 2011, PreHeat).

    Returns:
        (n, BINS) distributions and (n, len(HORIZONS)) P(occupied then); nan without five days.
    """
    out, later = np.full((len(rows), BINS), np.nan), np.full((len(rows), len(HORIZONS)), np.nan)
    days = np.unique(past.day)
    if len(days) < 5 or not len(rows):
        return out, later
    grid = np.full((len(days), 96), -1.0)
    index = np.full((len(days), 96), -1, dtype=np.int64)
    place = np.searchsorted(days, past.day)
    slot = (past.clock // 15).astype(np.int64)
    grid[place, slot], index[place, slot] = past.state, np.arange(len(past))
    today = np.full(96, -1.0)
    for n in range(len(rows)):
        now = int(rows.clock[n] // 15)
        today[now] = rows.state[n]
        known = (grid[:, : now + 1] >= 0) & (today[: now + 1] >= 0)
        apart = (np.abs(grid[:, : now + 1] - today[: now + 1]) * known).sum(axis=1) / np.maximum(
            known.sum(axis=1), 1
        )
        usable = np.flatnonzero((index[:, now] >= 0) & (grid[:, now] == rows.state[n]))
        usable = usable[np.isfinite(past.wait[index[usable, now]])]
        if len(usable) < 5:
            continue
        chosen = index[usable[np.argsort(apart[usable], kind="stable")[:5]], now]
        out[n] = frequencies(past.wait[chosen])
        then = past.later[chosen]
        later[n] = np.where(then >= 0, then, 0).sum(axis=0) / np.maximum((then >= 0).sum(axis=0), 1)
    return out, later
