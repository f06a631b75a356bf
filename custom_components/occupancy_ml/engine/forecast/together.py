"""All processes of a home at one moment: what can be asked of all at once is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .bins import BINS, HORIZONS, Floats, cdf_of, hazard_of
from .combining import Answer, Said, combined
from .hazard_regression import HazardRegression, hazards_of
from .model import TABLES, ProcessModel
from .rows import Rows


def answered(models: Sequence[ProcessModel], rows: Rows) -> Answer:
    """The forecasts of n processes, a row each; members without weight are asked only where nobody else speaks."""
    answer = _combined(models, rows, briefly=True)
    silent = np.flatnonzero(np.isnan(answer.cdf[:, 0]))
    if not len(silent):
        return answer
    more = _combined([models[n] for n in silent.tolist()], rows.take(silent), briefly=False)
    answer.cdf[silent], answer.occupied[silent] = more.cdf, more.occupied
    return answer


def _combined(models: Sequence[ProcessModel], rows: Rows, *, briefly: bool) -> Answer:
    pools = [model.pools[int(side)] for model, side in zip(models, rows.believed, strict=True)]
    asked = np.array([pool.stack.weights > 0 for pool in pools]) | (not briefly)
    return combined(_said(models, rows, asked), pools, np.arange(len(rows)))


def _said(
    models: Sequence[ProcessModel], rows: Rows, asked: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> Said:
    """What the members say; only those that are asked (n, M), but for the first two."""
    count = asked.shape[1]
    members = np.full((count, len(rows), BINS), np.nan)
    near, usual = np.full((2, len(rows), len(HORIZONS)), np.nan)
    for n, model in enumerate(models):
        model.kernel.put(rows, n, members[0, n], near[n])
        model.climatology.put(rows, n, members[1, n], usual[n])
        if asked[n, 2]:
            members[2, n] = model.meier.cdf(rows.take(slice(n, n + 1)))[0]
        if asked[n, 3]:
            model.by_clock.put(rows, n, members[3, n])
    # Tables answer as all members do, by hazards.
    members[2:TABLES] = cdf_of(hazard_of(members[2:TABLES]))
    for number in range(TABLES, count):
        members[number] = cdf_of(_hazards(models, number, rows, np.flatnonzero(asked[:, number])))
    return Said(members, near, usual, rows.chance, rows.believed)


def _hazards(models: Sequence[ProcessModel], number: int, rows: Rows, which: np.ndarray) -> Floats:
    """(n, BINS) hazards by one of the members; nan where it is not asked."""
    out = np.full((len(rows), BINS), np.nan)
    if not len(which):
        return out
    members = [models[n].members[number] for n in which.tolist()]
    regressions = [member for member in members if isinstance(member, HazardRegression)]
    if len(regressions) == len(members):
        out[which] = hazards_of(regressions, rows.take(which))
        return out
    for n, member in zip(which.tolist(), members, strict=True):
        out[n] = member.hazard(rows.take(slice(n, n + 1)))[0]
    return out
