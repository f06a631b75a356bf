"""Repairs a person is asked to make: one issue for a cause, withdrawn as soon as the cause is gone.

The flows that mend them stand in `repairs.py`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import entity_registry as er, issue_registry as ir

from .const import DOMAIN
from .engine.snapshot import Fault
from .engine.store.errors import (
    NewerSchemaError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from .engine.store.salvage import Salvaged

STORE_BUSY: Final = "store_busy"
STORE_DAMAGED: Final = "store_damaged"
STORE_FAILED: Final = "store_failed"
STORE_FULL: Final = "store_full"
STORE_NEWER: Final = "store_newer"
STORE_UNAVAILABLE: Final = "store_unavailable"
SIZE_BUDGET: Final = "size_budget"
TRAINING_FAILED: Final = "training_failed"
AREA_REMOVED: Final = "area_removed"
SENSOR_FAULT: Final = "sensor_fault"
# The issue (and the key of its text) by what is wrong with a sensor.
_FAULTS: Final = {
    Fault.STUCK: "sensor_stuck",
    Fault.SILENT: "sensor_silent",
    Fault.UNAVAILABLE: "sensor_unavailable",
    Fault.RESTLESS: "sensor_restless",
}
SENSORS_NEW: Final = "sensors_new"
SENSORS_MISSING: Final = "sensors_missing"
SENSORS_MISSING_HOME: Final = "sensors_missing_home"
SENSOR_DISABLED: Final = "sensor_disabled"
SLEEP_MISSING: Final = "sleep_missing"

# What stands for the whole home where an issue names a room.
HOME: Final = "home"

# Issues that a working store disproves. A damaged file is news the user confirms himself.
_STORE_ISSUES: Final = (STORE_BUSY, STORE_FAILED, STORE_FULL, STORE_NEWER, STORE_UNAVAILABLE)


def store_issue_of(error: StoreError) -> str:
    """The issue (and the key of its text) for an error of the store."""
    if isinstance(error, NewerSchemaError):
        return STORE_NEWER
    if isinstance(error, StoreFullError):
        return STORE_FULL
    if isinstance(error, StoreBusyError):
        return STORE_BUSY
    if isinstance(error, StoreUnavailableError):
        return STORE_UNAVAILABLE
    return STORE_FAILED


@callback
def async_raise_store_issue(hass: HomeAssistant, error: StoreError, path: str) -> None:
    """Ask for what only a person can do about the file."""
    key = store_issue_of(error)
    for other in _STORE_ISSUES:
        if other != key:  # what kept the store from working is another thing now
            ir.async_delete_issue(hass, DOMAIN, other)
    ir.async_create_issue(
        hass,
        DOMAIN,
        key,
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key=key,
        translation_placeholders={"path": path, "error": str(error)},
    )


@callback
def async_clear_store_issues(hass: HomeAssistant) -> None:
    """The store works again."""
    for key in _STORE_ISSUES:
        ir.async_delete_issue(hass, DOMAIN, key)


@callback
def async_raise_damaged(hass: HomeAssistant, path: str, set_aside: str, salvaged: Salvaged) -> None:
    """Tell that a damaged file was set aside and learning began again.

    Persistent: after the restart that a crash needs anyway, the news would be lost otherwise.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        STORE_DAMAGED,
        is_fixable=True,
        is_persistent=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=STORE_DAMAGED,
        translation_placeholders={
            "path": path,
            "set_aside": set_aside,
            "labels": str(salvaged.labels),
            "models": str(salvaged.models),
            "suggestions": str(salvaged.suggestions),
        },
    )


@callback
def async_raise_size_budget(hass: HomeAssistant, path: str, budget_mb: int) -> None:
    """Tell that data had to go before its time."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        SIZE_BUDGET,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=SIZE_BUDGET,
        translation_placeholders={"path": path, "budget": str(budget_mb)},
    )


@callback
def async_clear_size_budget(hass: HomeAssistant) -> None:
    """The file is small enough again."""
    ir.async_delete_issue(hass, DOMAIN, SIZE_BUDGET)


@callback
def async_raise_training_failed(hass: HomeAssistant, rooms: Collection[str], error: str) -> None:
    """Tell that training failed, and offer to try again."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        TRAINING_FAILED,
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=TRAINING_FAILED,
        translation_placeholders={"rooms": ", ".join(sorted(rooms)) or "-", "error": error},
    )


@callback
def async_clear_training_failed(hass: HomeAssistant) -> None:
    """Training works again."""
    ir.async_delete_issue(hass, DOMAIN, TRAINING_FAILED)


@callback
def async_raise_area_removed(hass: HomeAssistant, subentry_id: str, room: str) -> None:
    """Ask whether the room of a deleted area should go too."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{AREA_REMOVED}_{subentry_id}",
        data={"kind": AREA_REMOVED, "owner": subentry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=AREA_REMOVED,
        translation_placeholders={"room": room},
    )


@callback
def async_raise_sensors_missing(
    hass: HomeAssistant, owner: str, room: str | None, entity_ids: Collection[str]
) -> None:
    """Ask whether entities that no longer exist should leave a room, or the home.

    One issue for a room, not one an entity: an integration that is removed takes many with it at once.

    Args:
        hass: Home Assistant.
        owner: subentry id of the room, or `HOME`.
        room: name of the room, None for the home.
        entity_ids: those missing.
    """
    key = SENSORS_MISSING_HOME if room is None else SENSORS_MISSING
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{SENSORS_MISSING}_{owner}",
        data={"kind": SENSORS_MISSING, "owner": owner},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=key,
        translation_placeholders={"room": room or "", "entities": ", ".join(sorted(entity_ids))},
    )


@callback
def async_raise_sleep_missing(hass: HomeAssistant, entity_ids: Collection[str]) -> None:
    """Ask for helpers of sleep that were deleted: without them no nights are told any more.

    Args:
        hass: Home Assistant.
        entity_ids: those missing.
    """
    ir.async_create_issue(
        hass,
        DOMAIN,
        SLEEP_MISSING,
        data={"kind": SLEEP_MISSING, "owner": HOME},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=SLEEP_MISSING,
        translation_placeholders={"entities": ", ".join(sorted(entity_ids))},
    )


@callback
def is_disabled(hass: HomeAssistant, entity_id: str) -> bool:
    """Whether an entity gives no state since somebody, or its integration, disabled it."""
    entry = er.async_get(hass).async_get(entity_id)
    return entry is not None and entry.disabled


@callback
def async_raise_sensor_fault(
    hass: HomeAssistant, entity_id: str, name: str, fault: Fault, since: str
) -> None:
    """Tell that a sensor is not believed for now, and what to do. Ignored, it stays so while the fault lasts."""
    disabled = fault is Fault.UNAVAILABLE and is_disabled(hass, entity_id)
    ir.async_create_issue(
        hass,
        DOMAIN,
        f"{_FAULTS[fault]}_{entity_id}",
        data={"kind": SENSOR_FAULT},
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=SENSOR_DISABLED if disabled else _FAULTS[fault],
        translation_placeholders={"name": name, "entity": entity_id, "since": since},
    )


@callback
def async_clear_sensor_faults(hass: HomeAssistant, standing: Collection[tuple[str, Fault]]) -> None:
    """Withdraw what was told of sensors that are well again; `standing` are (entity id, fault)."""
    kept = {f"{_FAULTS[fault]}_{entity_id}" for entity_id, fault in standing}
    registry = ir.async_get(hass)
    for (domain, issue_id), issue in list(registry.issues.items()):
        mine = domain == DOMAIN and (issue.data or {}).get("kind") == SENSOR_FAULT
        if mine and issue_id not in kept:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_tell_new_sensors(hass: HomeAssistant, names: Collection[str]) -> None:
    """Tell which sensors joined lately and do not count whole yet; withdrawn when there are none.

    One issue for all: whoever adds a room adds many at once.
    """
    if not names:
        ir.async_delete_issue(hass, DOMAIN, SENSORS_NEW)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        SENSORS_NEW,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=SENSORS_NEW,
        translation_placeholders={"sensors": ", ".join(sorted(names))},
    )


@callback
def async_clear(hass: HomeAssistant, issue_id: str) -> None:
    """Withdraw an issue whose cause is gone."""
    ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_clear_gone(hass: HomeAssistant, owners: Collection[str]) -> None:
    """Withdraw what was asked about rooms that are gone.

    Args:
        hass: Home Assistant.
        owners: subentry ids of the rooms there are.
    """
    registry = ir.async_get(hass)
    for (domain, issue_id), issue in list(registry.issues.items()):
        owner = (issue.data or {}).get("owner", HOME)
        if domain == DOMAIN and owner != HOME and owner not in owners:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_clear_all(hass: HomeAssistant) -> None:
    """Withdraw everything: the integration is being removed."""
    registry = ir.async_get(hass)
    for domain, issue_id in list(registry.issues):
        if domain == DOMAIN:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
