"""What is carried over from moments of another layout: what the named entities said cannot be made again."""

from __future__ import annotations

import numpy as np

from ..store import Store
from .bins import Floats
from .moments import Layout
from .reservoir import UNITS


def context_before(store: Store, layout: Layout, key: str, start_us: int, end_us: int) -> dict[int, Floats]:
    """By time in [start_us, end_us), (C,) what the entities of a layout said in moments of others; nan where nothing.

    Args:
        store: the home's.
        layout: the layout that is filled.
        key: of it, in the store.
        start_us: begin of the span.
        end_us: its end.
    """
    found: dict[int, Floats] = {}
    for other, names in store.forecasts.layouts().items():
        shared = [n for n, name in enumerate(names) if name in layout.context]
        if other == key or not shared:
            continue
        times_us, vectors = store.forecasts.moments(start_us, end_us, other)
        place = [layout.context.index(names[n]) for n in shared]
        for time_us, vector in zip(times_us.tolist(), vectors, strict=True):
            said = vector[len(vector) - UNITS - len(names) :][shared].astype(np.float64)
            row = found.setdefault(time_us, np.full(len(layout.context), np.nan))
            row[place] = np.where(np.isfinite(said), said, row[place])
    return found
