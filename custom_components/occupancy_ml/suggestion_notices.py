"""What users are told of suggestions outside the list: one notification a week, and one where an automation was turned off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from homeassistant.components import persistent_notification
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.translation import async_get_translations

from .const import CONF_NOTIFY, CONF_SUGGESTIONS, DOMAIN
from .coordinator import Coordinator, now_us
from .engine.events import DAY_US
from .engine.store.suggestions import Suggestion

_NOTIFY_EVERY_US = 7 * DAY_US
_NOTIFIED = "suggestions_notified_at"
_TAG = f"{DOMAIN}_suggestions"


async def async_notify(
    hass: HomeAssistant, entry: ConfigEntry[Any], coordinator: Coordinator, suggestions: Sequence[Suggestion]
) -> None:
    """At most once a week, where the user wants it: what is open, in one notification of Home Assistant."""
    if not entry.options.get(CONF_SUGGESTIONS, {}).get(CONF_NOTIFY, False):
        return
    if not suggestions:
        persistent_notification.async_dismiss(hass, _TAG)
        return
    metadata = coordinator.engine.store.metadata
    last = await coordinator.run(metadata.get_us, _NOTIFIED)
    if last is not None and 0 <= now_us() - last < _NOTIFY_EVERY_US:
        return
    await coordinator.run(metadata.set_us, _NOTIFIED, now_us())
    lines = "\n".join(f"- {each.description}" for each in suggestions)
    await _async_tell(hass, _TAG, "suggestions", suggestions=lines)


async def async_tell_disabled(hass: HomeAssistant, suggestion: Suggestion) -> None:
    """Its automation was corrected too often, and is off now."""
    await _async_tell(
        hass,
        f"{_TAG}_{suggestion.suggestion_id}",
        "automation_disabled",
        suggestion=suggestion.description,
    )


async def _async_tell(hass: HomeAssistant, tag: str, key: str, **values: str) -> None:
    texts = await async_get_translations(hass, hass.config.language, "common", [DOMAIN])
    prefix = f"component.{DOMAIN}.common.{key}"
    persistent_notification.async_create(
        hass, texts[f"{prefix}_message"].format(**values), texts[f"{prefix}_title"], tag
    )
