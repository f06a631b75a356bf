"""Which recurrent kind forecasts better: the echo state network that serves, a gated recurrent unit, or none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
import time

import numpy as np

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.forecast.bins import Floats, cdf_of, crps
from custom_components.occupancy_ml.engine.forecast.periods import PersonPeriods, person_periods, sampled
from custom_components.occupancy_ml.engine.forecast.recurrent import Recurrent
from custom_components.occupancy_ml.engine.forecast.reservoir import UNITS
from custom_components.occupancy_ml.engine.forecast.rows import Rows

from .gated_recurrent import Cases, fitted, states

_FIRST_DAYS, _REFIT_DAYS = 28, 7
_LEAST_EVENTS = 30


def compared(process: str, rows: Rows, chances: Floats) -> Iterator[str]:
    """A line for each direction with enough changes: mean CRPS by kind, and the processor time of fitting.

    Args:
        process: its name.
        rows: of it, by time.
        chances: (n, P) what was believed of all processes at the same moments.
    """
    inputs = 2 * chances.astype(np.float64) - 1
    losses: dict[str, dict[int, list[Floats]]] = defaultdict(lambda: defaultdict(list))
    seconds: dict[str, float] = defaultdict(float)
    fits = 0
    first_us, end_us = int(rows.time_us[0]) + _FIRST_DAYS * DAY_US, int(rows.time_us[-1])
    for start_us in range(first_us, end_us, _REFIT_DAYS * DAY_US):
        past = rows.time_us < start_us - DAY_US
        week = (rows.time_us >= start_us) & (rows.time_us < start_us + _REFIT_DAYS * DAY_US)
        fits += 1
        for kind in ("echo", "gated", "none"):
            begin = time.process_time()
            seen = rows if kind == "echo" else _with_states(rows, kind, inputs, past)
            member = Recurrent()
            for _ in member.fit(seen.take(past)):
                pass
            seconds[kind] += time.process_time() - begin
            asked = seen.take(week & np.isfinite(rows.wait))
            found = crps(cdf_of(member.hazard(asked)), asked.wait)
            for side in (0, 1):
                losses[kind][side].append(found[asked.believed == bool(side)])
    for side in (0, 1):
        changes = int(((rows.time_us >= first_us) & (rows.believed == bool(side)) & (rows.wait < 15)).sum())
        if changes < _LEAST_EVENTS:
            continue
        means = {kind: float(np.nanmean(np.concatenate(by[side]))) for kind, by in losses.items()}
        told = [f"{kind} {mean:.1f} ({seconds[kind] / fits:.2f} s)" for kind, mean in means.items()]
        yield f"{process} becomes {'vacant' if side else 'occupied'}: {', '.join(told)}"


def _with_states(rows: Rows, kind: str, inputs: Floats, past: np.ndarray) -> Rows:
    """The rows with other states in place of those of the echo state network; learned from the past alone."""
    hidden = np.zeros((len(rows), UNITS))
    if kind == "gated":
        hidden = states(fitted(inputs[past], _cases(rows.take(past))), inputs)
    return replace(rows, features=np.concatenate([rows.features[:, :-UNITS], hidden], axis=1))


def _cases(past: Rows) -> Cases:
    """What the gated unit learns from: what the regression learns from, of both directions."""
    parts, moments, sides = [], [], []
    for side in (0, 1):
        known = sampled(past, side)
        cases = person_periods(known, Recurrent.half_life)
        parts.append(cases)
        moments.append(np.searchsorted(past.time_us, known.time_us)[cases.row])
        sides.append(np.full(len(cases.row), side, dtype=np.int64))
    joined = (np.concatenate([getattr(part, name) for part in parts]) for name in PersonPeriods.__slots__)
    return Cases(np.concatenate(moments), np.concatenate(sides), PersonPeriods(*joined))
