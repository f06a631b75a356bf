"""A correction is taken back, and counts no more at once; the file that grows too large is told of once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import ServiceValidationError
from homeassistant.helpers import issue_registry as ir
from homeassistant.helpers.translation import async_get_translations
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.events import DAY_US, Event
from custom_components.occupancy_ml.engine.snapshot import Source
from custom_components.occupancy_ml.engine.store import LabelSource
from tests.a_home import coordinator_of, set_up, settle
from tests.house import build_house


@pytest.fixture
async def entry(hass: HomeAssistant) -> MockConfigEntry:
    build_house(hass)
    return await set_up(hass)


async def call(hass: HomeAssistant, action: str, **data: Any) -> Any:
    return await hass.services.async_call(DOMAIN, action, data, blocking=True, return_response=True)


async def correct(hass: HomeAssistant, state: str, room: str = "kitchen") -> int:
    now = dt_util.utcnow()
    span = {"start": now - timedelta(minutes=10), "end": now + timedelta(minutes=1)}
    answer = await call(hass, "relabel", room=room, state=state, **span)
    label_id: int = answer["label_id"]
    return label_id


async def test_undoing_takes_effect_at_once(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hass.states.async_set("binary_sensor.hall_motion", "on")
    await settle(hass)
    coordinator = coordinator_of(entry)
    before = coordinator.data.rooms["kitchen"]
    first = await correct(hass, "occupied")
    second = await correct(hass, "vacant")
    state = hass.states.get("binary_sensor.kitchen_occupancy")
    assert state is not None
    assert (state.state, state.attributes["source"]) == ("off", "correction")
    # The last one goes, and the one it had replaced counts again.
    assert (await call(hass, "undo_relabel", room="kitchen"))["label_id"] == second
    room = coordinator.data.rooms["kitchen"]
    assert (room.occupied, room.source) == (True, Source.CORRECTION)
    assert (await call(hass, "undo_relabel", room="kitchen", label_id=first))["label_id"] == first
    room = coordinator.data.rooms["kitchen"]
    assert room.source is before.source
    assert room.probability == pytest.approx(before.probability, abs=0.05)
    labels = await coordinator.run(
        lambda: coordinator.engine.store.labels.read(
            0, 1 << 62, sources=[LabelSource.CORRECTION], include_superseded=True
        )
    )
    assert {first, second} <= {label.label_id for label in labels}
    assert all(label.superseded_at_us is not None for label in labels)


async def test_what_cannot_be_undone_is_refused(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    hall = await correct(hass, "occupied", "hall")
    texts = await async_get_translations(hass, "en", "exceptions", [DOMAIN])
    for data, key in (
        ({"room": "kitchen"}, "nothing_to_undo"),
        ({"room": "kitchen", "label_id": hall}, "nothing_to_undo"),
        ({"room": "hall", "label_id": hall + 99}, "nothing_to_undo"),
        ({"room": "attic"}, "unknown_room"),
    ):
        with pytest.raises(ServiceValidationError) as raised:
            await call(hass, "undo_relabel", **data)
        assert raised.value.translation_key == key
        text = texts[f"component.{DOMAIN}.exceptions.{key}.message"]
        assert "{" not in text.format(**(raised.value.translation_placeholders or {}))
    assert coordinator_of(entry).data.rooms["hall"].source is Source.CORRECTION
    await call(hass, "undo_relabel", room="hall")
    with pytest.raises(ServiceValidationError):
        await call(hass, "undo_relabel", room="hall", label_id=hall)


async def test_a_size_budget_that_is_reached_is_told_once_until_it_is_raised(
    hass: HomeAssistant, entry: MockConfigEntry
) -> None:
    hass.config_entries.async_update_entry(entry, options={**entry.options, "storage": {"size_mb": 1}})
    await settle(hass)
    coordinator = coordinator_of(entry)
    events = [
        Event(now_us() - 5 * DAY_US + n * 1_000_000, "sensor.kitchen_temperature", f"{n}.{n % 7}0")
        for n in range(40_000)
    ]
    await coordinator.run(coordinator.engine.import_events, events)
    await call(hass, "retrain")
    registry = ir.async_get(hass)
    issue = registry.async_get_issue(DOMAIN, "size_budget")
    assert issue is not None
    texts = await async_get_translations(hass, "en", "issues", [DOMAIN])
    text = texts[f"component.{DOMAIN}.issues.size_budget.description"]
    assert "1 MB" in text.format(**(issue.translation_placeholders or {}))
    assert coordinator.data.rooms["kitchen"].probability is not None
    # Ignored, it stays so.
    ir.async_ignore_issue(hass, DOMAIN, "size_budget", True)
    await call(hass, "retrain")
    issue = registry.async_get_issue(DOMAIN, "size_budget")
    assert issue is not None
    assert issue.dismissed_version is not None
    hass.config_entries.async_update_entry(entry, options={**entry.options, "storage": {"size_mb": 900}})
    await settle(hass)
    await call(hass, "retrain")
    assert registry.async_get_issue(DOMAIN, "size_budget") is None
