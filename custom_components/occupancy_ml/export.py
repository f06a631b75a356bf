"""The action that writes a home as a folder into the configuration directory."""

from __future__ import annotations

from functools import partial
import logging
from pathlib import Path

from homeassistant.core import HomeAssistant, ServiceResponse, callback
from homeassistant.exceptions import HomeAssistantError
from homeassistant.util.json import JsonValueType

from .breather import Breather
from .const import DOMAIN
from .coordinator import Coordinator, now_us
from .engine.events import from_us
from .engine.export import ExportKind, ExportStep, export
from .engine.store import StoreError
from .log_lines import log_line

_LOGGER = logging.getLogger(__name__)

EXPORT_FOLDER = "occupancy_ml_export"


async def async_export(
    hass: HomeAssistant, coordinator: Coordinator, kind: ExportKind, *, anonymize: bool
) -> ServiceResponse:
    """Write a folder of its own for each export, in slices between which events and minutes pass.

    Returns:
        `folder`, relative to the configuration directory, and `rows` by file.

    Raises:
        HomeAssistantError: it cannot be written, or the entry is unloaded meanwhile.
    """
    present_us = now_us()
    stamp = from_us(present_us).strftime("%Y-%m-%dT%H%M%S.%fZ")
    name = f"{EXPORT_FOLDER}/{stamp}-{kind.value}"
    folder = Path(hass.config.path(name))
    last = ExportStep(0.0, {})

    @callback
    def step(done: ExportStep) -> None:
        nonlocal last
        last = done

    begin = partial(
        export,
        coordinator.engine.store,
        coordinator.home,
        folder,
        kind,
        present_us,
        anonymize=anonymize,
        breathe=Breather(),
    )
    try:
        await coordinator.async_run_slices(begin, step)
    except (OSError, StoreError) as error:
        log_line(_LOGGER, logging.WARNING, "export_failed", kind=kind.value, cause=type(error).__name__)
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="export_failed",
            translation_placeholders={"folder": name, "error": str(error)},
        ) from error
    rows: dict[str, JsonValueType] = dict(last.rows)
    log_line(
        _LOGGER,
        logging.INFO,
        "export_completed",
        kind=kind.value,
        rows=sum(last.rows.values()),
        anonymized=anonymize,
    )
    return {"folder": name, "rows": rows}
