"""Kaplan-Meier, a member and a baseline: how long stays last, whatever the hour."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bins import BINS, EDGES, Floats, hazard_of
from .rows import Rows

_SEEN = 15.0
"""Minutes between two moments."""

_LEAST = 8
"""Stays that are needed to say that none lasts so long."""


class KaplanMeier:
    """How long stays last that lasted so long already (Kaplan and Meier 1958), at any time of day."""

    name = "kaplan_meier"

    def __init__(self) -> None:
        self._stays = [(np.zeros(0), np.zeros(0)) for _ in (0, 1)]

    def fit(self, rows: Rows) -> None:
        """Each stay counts once."""
        self._stays = [stays(rows, bool(side)) for side in (0, 1)]

    def update(self, rows: Rows, since_us: int) -> None:
        """A table is made anew from all rows."""
        self.fit(rows)

    def arrays(self) -> dict[str, Any]:
        """Nothing: a table is made again from the rows."""
        return {}

    def use(self, arrays: dict[str, Any]) -> None:
        """Nothing to take over."""

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) hazards."""
        return hazard_of(self.cdf(rows))

    def cdf(self, rows: Rows) -> Floats:
        """(n, BINS) distributions of the rest of the stay; nan where too few lasted as long."""
        out = np.full((len(rows), BINS), np.nan)
        for n in range(len(rows)):
            lengths, weights = self._stays[int(rows.believed[n])]
            first = int(np.searchsorted(lengths, rows.elapsed[n], side="right"))
            if len(lengths) - first >= 2:
                share = np.concatenate([[0.0], np.cumsum(weights[first:])])
                over = np.searchsorted(lengths[first:], rows.elapsed[n] + EDGES[1:], side="right")
                out[n] = share[over] / share[-1]
            elif len(lengths) >= _LEAST:
                out[n] = 0.0
        return out


def stays(rows: Rows, occupied: bool) -> tuple[Floats, Floats]:
    """The stays of a state that moments fell into: (n,) minutes, ascending, and (n,) how many each stands for.

    A stay shorter than the time between two moments is met by chance: it stands for those that were not met (Horvitz
    and Thompson 1952).
    """
    ours = np.isfinite(rows.wait) & (rows.state == occupied) & (rows.wait < EDGES[-1])
    ends = np.round(rows.time_us[ours] / 60e6 + rows.wait[ours])
    _, first = np.unique(ends, return_index=True)
    lengths = np.sort((rows.held[ours] + rows.wait[ours])[first])
    return lengths, np.maximum(_SEEN / np.maximum(lengths, 1.0), 1.0)
