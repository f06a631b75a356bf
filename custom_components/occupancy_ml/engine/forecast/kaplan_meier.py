"""Kaplan-Meier, a member and a baseline: how long stays last, whatever the hour."""

from __future__ import annotations

from typing import Any

import numpy as np

from .bins import BINS, EDGES, Floats, hazard_of
from .rows import Rows

_LEAST = 8
"""Stays that are needed to say that none lasts so long."""


class KaplanMeier:
    """How long stays last that lasted so long already (Kaplan and Meier 1958), at any time of day."""

    name = "kaplan_meier"

    def __init__(self) -> None:
        self._lengths: list[Floats] = [np.zeros(0), np.zeros(0)]

    def fit(self, rows: Rows) -> None:
        """Each stay is met once, by its end."""
        for side in (0, 1):
            ours = np.isfinite(rows.wait) & (rows.state == side) & (rows.wait < EDGES[-1])
            ends = np.round(rows.time_us[ours] / 60e6 + rows.wait[ours])
            _, first = np.unique(ends, return_index=True)
            self._lengths[side] = np.sort((rows.held[ours] + rows.wait[ours])[first])

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
            lengths = self._lengths[int(rows.believed[n])]
            longer = lengths[np.searchsorted(lengths, rows.elapsed[n], side="right") :]
            if len(longer) >= 2:
                out[n] = np.searchsorted(longer, rows.elapsed[n] + EDGES[1:], side="right") / len(longer)
            elif len(lengths) >= _LEAST:
                out[n] = 0.0
        return out
