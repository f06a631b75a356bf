"""A day that is over, held against what was forecast of it: what the baselines lost, what is scored, what the gates are told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import numpy as np

from ..events import MINUTE_US
from ..store.forecasts import ForecastScore
from .bins import CAP, LEVELS, Floats
from .combining import Answer
from .gate import Gate, pinball
from .moments import MOMENT_US
from .processes import Bools
from .rows import Rows
from .validator import Told, packed, sums_of


@dataclass(frozen=True, slots=True)
class Past:
    """A day of n moments and what came.

    Attributes:
        rows: its moments.
        later: (n, len(HORIZONS)) whether it was occupied then; nan where not known.
        losses: (4, n) pinball losses of the baselines.
        squared: (4, n, len(HORIZONS)) squared errors of their P(occupied); nan where not known.
    """

    rows: Rows
    later: Floats
    losses: Floats
    squared: Floats

    @classmethod
    def of(cls, rows: Rows, said: Floats, guesses: Floats) -> Self:
        """From what the baselines say of a day: (4, n, len(LEVELS)) minutes and (4, n, len(HORIZONS)) chances."""
        losses = np.stack([pinball(minutes, rows.wait) for minutes in said])
        later = np.where(rows.later >= 0, rows.later.astype(np.float64), np.nan)
        return cls(rows, later, losses, (guesses - later) ** 2)


def changes_in(wait: Floats) -> int:
    """How many changes came, by the minutes to wait for them at each moment."""
    return int((wait < MOMENT_US // MINUTE_US).sum())


def scores_of(
    process: str, day: date, past: Past, told: Told, known: Bools, published: Bools
) -> list[ForecastScore]:
    """The sums of a day, by the change that was told of: a moment whose state was mistaken told of the other one.

    Args:
        process: whose.
        day: local date.
        past: n moments and what came.
        told: what was told of them.
        known: (n,) whether anything was, and what came is known.
        published: (n,) whether it was published.
    """
    rows, scores = past.rows, []
    for side in (0, 1):
        ours = known & (rows.believed == bool(side))
        if not ours.any():
            continue
        # A change is counted where it came, whatever was believed then.
        sums: dict[str, Any] = {"events": changes_in(rows.wait[known & (rows.state == side)])}
        for name, chosen in (("all", ours), ("published", ours & published)):
            if chosen.any():
                sums[name] = packed(
                    sums_of(
                        told.take(chosen),
                        rows.wait[chosen],
                        past.later[chosen],
                        past.losses[:, chosen],
                        past.squared[:, chosen],
                    )
                )
        shown = int((ours & published).sum())
        scores.append(ForecastScore(process, day.isoformat(), side == 0, int(ours.sum()), shown, sums))
    return scores


def tell_gates(gates: tuple[Gate, Gate], day: int, past: Past, answer: Answer) -> None:
    """Tell each gate how the forecasts did that it would have let through: by what was believed, where judged.

    Args:
        gates: of what is vacant, and of what is occupied.
        day: proleptic ordinal.
        past: what came.
        answer: what was forecast.
    """
    rows, read = past.rows, answer.quantiles
    squared = np.concatenate([(answer.occupied - past.later)[None] ** 2, past.squared])
    own = pinball(read, rows.wait)
    late = np.where(rows.wait < CAP, np.minimum(read[:, len(LEVELS) // 2], CAP) - rows.wait, np.nan)
    judged = np.isfinite(rows.wait) & (rows.state >= 0) & rows.judged
    for side, gate in enumerate(gates):
        ours = judged & (rows.believed == bool(side))
        if ours.any():
            events = changes_in(rows.wait[ours])
            gate.learn(day, events, own[ours], past.losses[:, ours], squared[:, ours], late[ours])
