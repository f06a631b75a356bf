"""How the forecasts did: for the report card, for monitoring, and for two sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from .coordinator import Coordinator, now_us
from .engine.snapshot import ForecastReport

type Json = dict[str, Any]

TO_OCCUPIED, TO_VACANT = "to_occupied", "to_vacant"


async def async_forecast_scores(coordinator: Coordinator, days: int) -> dict[str, Json]:
    """The scores of the last days, by process and then by direction; see `engine.snapshot.ForecastReport`.

    Raises:
        HomeAssistantError: the entry is not loaded.
        StoreError: subclasses; the file cannot be read.
    """
    reports: Sequence[ForecastReport] = await coordinator.run(
        coordinator.engine.forecasts.report, days, now_us()
    )
    told: dict[str, Json] = {}
    for report in reports:
        direction = TO_OCCUPIED if report.to_occupied else TO_VACANT
        told.setdefault(report.process, {})[direction] = score_as_json(report)
    return told


def score_as_json(report: ForecastReport) -> Json:
    """A score as actions and commands tell it."""
    told = {
        field.name: getattr(report, field.name)
        for field in fields(report)
        if field.name not in ("process", "to_occupied")
    }
    told |= {"baselines": dict(report.baselines), "weights": dict(report.weights)}
    told["within"] = {str(minutes): share for minutes, share in report.within.items()}
    told["brier"] = {str(minutes): list(scores) for minutes, scores in report.brier.items()}
    told["confidence"] = [
        {"n": said, "said": sure, "came": came} if said else None for said, sure, came in report.confidence
    ]
    return told


def by_direction(scores: Mapping[str, Json] | None, *path: str | int) -> dict[str, tuple[float, int]]:
    """(score, changes) of each direction of a process that counts: where any was published, those that were.

    Args:
        scores: by direction, as `score_as_json` tells them.
        path: where the score stands in them.
    """
    found = scores or {}
    counting = [each for each, score in found.items() if score["published"]] or list(found)
    parts = {each: (_at(found[each], path), found[each]["events"]) for each in counting}
    return {each: (value, events) for each, (value, events) in parts.items() if value is not None and events}


def over_directions(scores: Mapping[str, Json] | None, *path: str | int) -> float | None:
    """The mean over the directions of `by_direction`, weighted by their changes; None without any."""
    known = by_direction(scores, *path).values()
    total = sum(events for _, events in known)
    return sum(value * events for value, events in known) / total if total else None


def worst_bias(scores: Mapping[str, Json] | None) -> float | None:
    """The signed error of the direction that is further off: one late and one early do not make up for it."""
    errors = [value for value, _ in by_direction(scores, "bias").values()]
    return max(errors, key=abs, default=None)


def _at(score: Json, path: Sequence[str | int]) -> Any:
    """What stands there, None where nothing was measured."""
    value: Any = score
    for step in path:
        if value is None or (isinstance(value, Mapping) and step not in value):
            return None
        value = value[step]
    return value
