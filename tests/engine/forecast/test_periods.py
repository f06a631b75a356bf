"""Person-periods: how rows are thinned out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from custom_components.occupancy_ml.engine.forecast.periods import sampled
from tests.engine.forecast.made import history, rows


def test_rows_are_thinned_out_evenly_whatever_their_number() -> None:
    # Each row is worth five periods: beyond 1800 rows the step is more than one, and has to be rounded.
    known = rows(history(30, lambda day: []), 30)
    known = replace(known, wait=np.full(len(known), 35.0))
    for count in range(1700, len(known)):
        part = known.take(np.arange(count))
        taken = sampled(part, 0)
        gaps = np.diff(np.searchsorted(part.time_us, taken.time_us))
        assert 0 < len(taken) <= count
        assert gaps.max() - gaps.min() <= 1
