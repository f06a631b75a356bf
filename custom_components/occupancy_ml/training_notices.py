"""What a person hears of a training: log lines by room, and repairs where something is to be done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
import logging

from homeassistant.core import HomeAssistant, callback

from . import issues
from .coordinator import Coordinator
from .engine.pipeline import TrainingReport
from .engine.store import RunStatus
from .log_lines import log_line

_LOGGER = logging.getLogger(__name__)


@callback
def async_tell(
    coordinator: Coordinator,
    report: TrainingReport,
    readiness: Mapping[str, object],
    cause: str,
    rooms: Sequence[str] | None,
) -> None:
    """Tell what came of a training.

    Args:
        coordinator: of the home.
        report: of all its rooms.
        readiness: of its engine, after the training.
        cause: why it ran.
        rooms: area ids of the rooms that were trained, None for all.
    """
    hass = coordinator.hass
    _show_failures(hass, report, readiness.get("failed_steps"))
    if isinstance(budget := readiness.get("size_budget"), Mapping):
        issues.async_raise_size_budget(hass, str(coordinator.path), budget["mb"])
    else:
        issues.async_clear_size_budget(hass)
    _log(coordinator, report, cause, rooms)


def _show_failures(hass: HomeAssistant, report: TrainingReport, failed_steps: object) -> None:
    """Show what failed as a repair, and withdraw it when all works again."""
    failed = [room for room in report.rooms.values() if room.status is RunStatus.FAILED]
    errors = {room.reason or "unknown" for room in failed}
    if isinstance(failed_steps, Mapping):
        errors |= {f"{step}: {error}" for step, error in failed_steps.items()}
    if errors:
        issues.async_raise_training_failed(hass, [room.room_id for room in failed], "; ".join(sorted(errors)))
    else:
        issues.async_clear_training_failed(hass)


def _log(coordinator: Coordinator, report: TrainingReport, cause: str, rooms: Sequence[str] | None) -> None:
    for number, room in enumerate(coordinator.home.rooms, 1):
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
