"""A day that is over, held against what was forecast of it: what the baselines lost, and what the gates are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from ..events import MINUTE_US
from .bins import CAP, LEVELS, Floats
from .combining import Answer
from .gate import Gate, pinball
from .moments import MOMENT_US
from .rows import Rows


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
