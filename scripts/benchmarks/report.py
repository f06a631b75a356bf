"""What was measured, beside its budget, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Measure:
    """One number.

    Attributes:
        part: what it belongs to; rows of a part stand together.
        name: what was measured.
        value: the number.
        unit: its unit.
        budget: its bound, None where the design sets none.
        at_least: whether the bound is a lower one.
    """

    part: str
    name: str
    value: float
    unit: str
    budget: float | None = None
    at_least: bool = False

    @property
    def verdict(self) -> str:
        """`ok` or `over`; empty where there is no budget."""
        if self.budget is None:
            return ""
        kept = self.value >= self.budget if self.at_least else self.value < self.budget
        return "ok" if kept else "over"

    def to_json(self) -> dict[str, Any]:
        """All fields and the verdict."""
        return {**asdict(self), "verdict": self.verdict or None}


def percentiles(
    part: str, name: str, values: Sequence[float], unit: str, budgets: dict[str, float] | None = None
) -> list[Measure]:
    """Median, 99th percentile and maximum of a sample; `budgets` by `p50`, `p99` and `max`."""
    p50, p99 = np.percentile(values, (50, 99)).tolist()
    found = {"p50": p50, "p99": p99, "max": max(values)}
    return [
        Measure(part, f"{name} {which}", value, unit, (budgets or {}).get(which))
        for which, value in found.items()
    ]


def seconds(work: Callable[[], object]) -> float:
    """Wall time of a call, seconds."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def _number(value: float) -> str:
    if value != 0.0 and abs(value) < 1e-3:
        return f"{value:.1e}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(measures: Iterable[Measure]) -> str:
    """The measures as text, a heading for every part."""
    lines: list[str] = []
    part = None
    for measure in measures:
        if measure.part != part:
            part = measure.part
            lines += ["", part]
        budget = ""
        if measure.budget is not None:
            budget = f"{'>' if measure.at_least else '<'} {_number(measure.budget)}"
        value = f"{_number(measure.value):>10} {measure.unit:<9}"
        lines.append(f"  {measure.name:<58}{value} {budget:>10}  {measure.verdict}".rstrip())
    return "\n".join(lines[1:])
