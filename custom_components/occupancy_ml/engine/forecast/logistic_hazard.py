"""Logistic hazard: linear in what is known, its effects on the near and on the far apart."""

from __future__ import annotations

import numpy as np

from .bins import Floats
from .hazard_regression import HazardRegression, base_columns
from .periods import EDGES, PersonPeriods
from .rows import Rows

# What is known now matters less the further ahead: by exp(-minutes / this).
_FADES_MINUTES = 90.0


class LogisticHazard(HazardRegression):
    """The member."""

    name = "logistic_hazard"

    def design(self, values: Floats, rows: Rows, cases: PersonPeriods) -> Floats:
        """Period and clock, the inputs, and the inputs fading with how far ahead it is."""
        near = np.exp(-EDGES[cases.period] * 5.0 / _FADES_MINUTES)[:, None]
        return np.concatenate([base_columns(cases), values[cases.row], values[cases.row] * near], axis=1)
