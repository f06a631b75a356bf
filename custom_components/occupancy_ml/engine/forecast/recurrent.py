"""Recurrent sequence model: a readout of the home's echo state network (Jaeger 2001).

The reservoir is a cycle of equal weights with input signs from the digits of pi (Rodan and Tino 2011): as good as a
random one, and the same every time. It is driven by who is believed to be where, and is kept with the moments.
"""

from __future__ import annotations

import numpy as np

from .bins import Floats
from .hazard_regression import HazardRegression, base_columns
from .periods import EDGES, PersonPeriods, odds_and_place
from .reservoir import UNITS
from .rows import Rows

_FADES_MINUTES = 120.0


class Recurrent(HazardRegression):
    """The member."""

    name = "recurrent"

    def chosen(self, rows: Rows) -> Floats:
        """The state of the reservoir, and the odds and time of the process itself."""
        held = np.log1p(rows.elapsed)[:, None]
        return np.concatenate([rows.features[:, -UNITS:], held, odds_and_place(rows)], axis=1)

    def design(self, values: Floats, rows: Rows, cases: PersonPeriods) -> Floats:
        """Period and clock, and the state fading with how far ahead it is."""
        near = np.exp(-EDGES[cases.period] * 5.0 / _FADES_MINUTES)[:, None]
        return np.concatenate([base_columns(cases), values[cases.row] * near], axis=1)
