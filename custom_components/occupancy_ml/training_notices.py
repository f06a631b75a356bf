"""What a person sees of a training: repairs where something is to be done, withdrawn when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from homeassistant.core import HomeAssistant, callback

from . import issues
from .engine.pipeline import TrainingReport
from .engine.store import RunStatus
from .entity import area_names


@callback
def async_tell(
    hass: HomeAssistant, path: Path, report: TrainingReport, readiness: Mapping[str, object]
) -> None:
    """Raise and withdraw what came of a training.

    Args:
        hass: Home Assistant.
        path: of the home's file.
        report: of all its rooms.
        readiness: of its engine, after the training.
    """
    _show_failures(hass, report, readiness.get("failed_steps"))
    if isinstance(budget := readiness.get("size_budget"), Mapping):
        issues.async_raise_size_budget(hass, str(path), budget["mb"])
    else:
        issues.async_clear_size_budget(hass)


def _show_failures(hass: HomeAssistant, report: TrainingReport, failed_steps: object) -> None:
    """Show what failed as a repair, and withdraw it when all works again."""
    failed = [room for room in report.rooms.values() if room.status is RunStatus.FAILED]
    errors = {room.reason or "unknown" for room in failed}
    if isinstance(failed_steps, Mapping):
        errors |= {f"{step}: {error}" for step, error in failed_steps.items()}
    if errors:
        names = area_names(hass)
        rooms = [names.get(room.room_id, room.room_id) for room in failed]
        issues.async_raise_training_failed(hass, rooms, "; ".join(sorted(errors)))
    else:
        issues.async_clear_training_failed(hass)
