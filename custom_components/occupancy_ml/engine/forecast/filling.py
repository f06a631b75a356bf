"""Moments from before anybody looked: made of stored feature rows, after an import or with another layout."""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from ..events import DAY_US
from ..features import FEATURE_SET_VERSION, WINDOW_US
from ..store import Store
from .bins import Floats
from .former import context_before
from .moments import MOMENT_US, Layout, Watch

# The layout that all moments are of, and since when; a night that was stopped has not come so far.
_FILLED = "forecast_moments_filled"


def filled(
    store: Store, layout: Layout, key: str, since_us: int, now_us: int
) -> Generator[float, None, Watch | None]:
    """Make and keep the moments from a time on that are not kept, once for a layout and for what was imported since.

    Args:
        store: the home's.
        layout: of the moments.
        key: of it, in the store.
        since_us: nothing older is made.
        now_us: the present.

    Yields:
        The share done, after every bounded slice. Returns who watched, where anything was made.
    """
    span = store.features.span(FEATURE_SET_VERSION)
    if span is None or not layout.rooms:
        return None
    start_us, end_us = max(span[0], since_us), min(span[1], now_us)
    filled_of, _, filled_from = (store.metadata.get(_FILLED) or "").rpartition(" ")
    if end_us - start_us < DAY_US // 2 or (filled_of == key and int(filled_from) <= start_us):
        return None
    watch, anything = Watch(layout), False
    for first_us in range(start_us, end_us, DAY_US):
        share = (first_us - start_us) / (end_us - start_us)
        last_us = min(first_us + DAY_US, end_us)
        tables = []
        for room in layout.processes[:-2]:
            tables.append(store.features.read(room, first_us, last_us, FEATURE_SET_VERSION))
            yield share
        said = context_before(store, layout, key, first_us, first_us + DAY_US + 1)
        there = set(store.forecasts.moments(first_us, last_us + 1, key)[0].tolist())
        index = [{int(t): n for n, t in enumerate(table.window_end_us)} for table in tables]
        kept: list[tuple[int, Floats]] = []
        for n, time_us in enumerate(tables[0].window_end_us.tolist()):
            if time_us % WINDOW_US or any(time_us not in where for where in index):
                continue
            vectors = np.stack(
                [table.vectors[where[time_us]] for table, where in zip(tables, index, strict=True)]
            )
            vector = watch.see(time_us, vectors.astype(np.float64), context=said.get(time_us))
            if time_us % MOMENT_US == 0 and time_us not in there:
                kept.append((time_us, vector))
            if n % 24 == 0:
                yield share
        if kept:
            anything = True
            times_us = np.array([time_us for time_us, _ in kept], dtype=np.int64)
            store.forecasts.add_moments(times_us, key, np.stack([vector for _, vector in kept]))
    store.metadata.set(_FILLED, f"{key} {start_us}")
    return watch if anything else None
