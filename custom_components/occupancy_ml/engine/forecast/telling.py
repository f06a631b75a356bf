"""Distributions become forecasts as they are told: times, intervals, alternatives, curves."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..snapshot import Alternative, Forecast, ForecastCurve
from .bins import BINS, HORIZONS, LEVELS, STEP, Floats, at, hazard_of, quantiles
from .validator import NEAR, Told

# A density is smoothed over so many bins before its peaks are looked for.
_SMOOTH = 7
_LEAST_MASS = 0.1
_MOST_PEAKS = 3


def told_of(cdf: Floats, occupied: Floats) -> Told:
    """What is told of n distributions (n, BINS) and P(occupied) (n, len(HORIZONS))."""
    found = quantiles(cdf, np.repeat(np.array(LEVELS)[None], len(cdf), axis=0))
    stated = found[:, len(LEVELS) // 2 : len(LEVELS) // 2 + 1]
    middle = np.where(np.isfinite(stated), stated, 0.0)
    near = np.array(NEAR, dtype=np.float64)
    confidence = at(cdf, middle + near) - at(cdf, middle - near)
    return Told(found, 1 - cdf[:, -1], np.where(np.isfinite(stated), confidence, 0.0), occupied)


def forecasts_of(
    now_us: int,
    processes: Sequence[str],
    states: Sequence[bool],
    published: NDArray[np.bool_],
    reasons: Sequence[str | None],
    horizons: Sequence[tuple[int, ...]],
    cdf: Floats,
    told: Told,
) -> dict[str, Forecast]:
    """The forecasts of P processes, by process.

    Args:
        now_us: microseconds UTC.
        processes: their names.
        states: whether each is occupied now.
        published: (P,) whether each is published.
        reasons: why not.
        horizons: minutes ahead at which P(occupied) is worth telling.
        cdf: (P, BINS) P(changed by then).
        told: what is told of them.
    """
    found = {}
    for n, process in enumerate(processes):
        minutes = {
            level: _finite(value) for level, value in zip(LEVELS, told.quantiles[n].tolist(), strict=True)
        }
        stated = minutes[0.5]
        found[process] = Forecast(
            process=process,
            made_at_us=now_us,
            occupied=states[n],
            published=bool(published[n]),
            reason=reasons[n],
            median_us=None if stated is None else now_us + round(stated) * MINUTE_US,
            quantiles=minutes,
            confidence=None if stated is None else float(told.confidence[n, 0]),
            none_24h=float(told.none[n]),
            alternatives=_peaks(now_us, cdf[n]) if published[n] else (),
            occupied_in=dict(zip(HORIZONS, told.occupied[n].tolist(), strict=True)),
            told_in=horizons[n],
        )
    return found


def curve_of(process: str, now_us: int, cdf: Floats, occupied: Floats) -> ForecastCurve:
    """The curve of a distribution (BINS,) and P(occupied) at the end of each bin (BINS,)."""
    return ForecastCurve(
        process,
        now_us,
        STEP * MINUTE_US,
        tuple(np.clip(occupied, 0.0, 1.0).tolist()),
        tuple(cdf.tolist()),
        tuple(hazard_of(cdf[None])[0].tolist()),
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _peaks(now_us: int, cdf: Floats) -> tuple[Alternative, ...]:
    """Where the density is highest and the mass between its valleys, the largest first."""
    density = np.diff(cdf, prepend=0.0)
    smooth = np.convolve(density, np.full(_SMOOTH, 1 / _SMOOTH), mode="same")
    rising = np.diff(smooth, prepend=-1.0) > 0
    falling = np.diff(smooth, append=-1.0) <= 0
    tops = np.flatnonzero(rising & falling & (smooth > 1e-6))
    if not len(tops):
        return ()
    bounds = [0]
    for one, other in zip(tops[:-1].tolist(), tops[1:].tolist(), strict=True):
        bounds.append(one + int(smooth[one : other + 1].argmin()))
    bounds.append(BINS)
    mass = np.add.reduceat(density, bounds[:-1])
    order = np.argsort(-mass, kind="stable")[:_MOST_PEAKS]
    return tuple(
        Alternative(now_us + round((tops[k] + 0.5) * STEP) * MINUTE_US, float(mass[k]))
        for k in order.tolist()
        if mass[k] >= _LEAST_MASS
    )
