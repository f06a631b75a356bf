"""What a night did, as log lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import logging
from typing import Any

from .engine.forecast.learning import REPLACED
from .engine.home import Home
from .engine.pipeline import Engine, TrainingReport
from .engine.snapshot import HOME, SLEEP, RoutineChange
from .engine.store.runs import RunStatus
from .log_lines import log_line

_LOGGER = logging.getLogger(__name__)

# Told by a word: no area has such a number.
_WHOLE = {HOME: "home", SLEEP: "sleep"}


@dataclass(frozen=True, slots=True)
class Known:
    """What was noted before a night, so that afterwards what is new can be told.

    Attributes:
        fits: (process, cause, start) of the fits of forecasts that were completed.
        changes: the routine changes that were announced.
    """

    fits: frozenset[tuple[str, str, int]]
    changes: tuple[RoutineChange, ...]

    @classmethod
    def of(cls, engine: Engine) -> Known:
        """As it is now; in the executor."""
        fits = frozenset(
            (process, cause, start)
            for process, status, cause, start, _ in engine.store.forecasts.runs()
            if status == RunStatus.COMPLETED
        )
        return cls(fits, engine.routine_changes.announced)


def log_night(home: Home, cause: str, readiness: Mapping[str, Any]) -> None:
    """That a night is over, and how good what was shown was over the last 14 days: by room where scored, and in all."""
    for number, room in enumerate(home.rooms, 1):
        scored = readiness["rooms"].get(room.room_id, {}).get("scored")
        if scored is not None:
            log_line(_LOGGER, logging.INFO, "room_scored", room=number, **scored)
    log_line(
        _LOGGER,
        logging.INFO,
        "night_completed",
        cause=cause,
        failed_steps=len(readiness["failed_steps"]),
        quality=readiness["quality"],
    )


def log_training(home: Home, report: TrainingReport, cause: str, rooms: Sequence[str] | None) -> None:
    """One line for each room that was to be trained."""
    for number, room in enumerate(home.rooms, 1):
        told = report.rooms.get(room.room_id)
        if told is not None and (rooms is None or room.room_id in rooms):
            log_line(
                _LOGGER,
                logging.INFO,
                f"training_{told.status.value}",
                room=number,
                cause=cause,
                rows=told.rows,
                days=told.days,
                in_service=told.in_service,
                log_loss=told.metrics.get("log_loss"),
            )


def log_forecasts(home: Home, before: Known, after: Known) -> None:
    """One line for each fit of forecasts, each challenger that took over, each change of routine."""
    names = _WHOLE | {room.room_id: str(number) for number, room in enumerate(home.rooms, 1)}
    for process, cause, _start in sorted(after.fits - before.fits, key=lambda fit: fit[2]):
        if cause == REPLACED:
            log_line(_LOGGER, logging.INFO, "forecast_promoted", process=names.get(process))
        else:
            log_line(_LOGGER, logging.INFO, "forecast_fitted", process=names.get(process), cause=cause)
    known = {(change.process, change.since, change.noticed_us) for change in before.changes}
    for change in after.changes:
        if (change.process, change.since, change.noticed_us) not in known:
            log_line(
                _LOGGER,
                logging.INFO,
                "routine_changed",
                process=names.get(change.process),
                found_by=change.found_by.value,
                since=change.since,
            )
