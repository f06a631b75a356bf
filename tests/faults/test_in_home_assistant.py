"""Faults as a person meets them: what Home Assistant shows, and that it goes on by itself."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
import os
from pathlib import Path
import sqlite3

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers import issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml import issues
from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.chatter import AT_ONCE
from custom_components.occupancy_ml.engine.store import Label, LabelSource
from custom_components.occupancy_ml.ingest import RawChange
from tests.a_home import coordinator_of, database, pass_time, set_up, settle, stored_events
from tests.house import build_house

MOTION, PRESENCE = "binary_sensor.kitchen_motion", "binary_sensor.bathroom_presence"
SHOWN = "sensor.kitchen_occupancy_probability"
MINUTE = timedelta(minutes=1)
CHANGES = int(os.environ.get("FAULTS_CHANGES", "5000"))


@pytest.fixture(autouse=True)
def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)


def told(hass: HomeAssistant) -> set[str]:
    return {issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN}


def shown(hass: HomeAssistant) -> float:
    state = hass.states.get(SHOWN)
    assert state is not None
    assert state.state not in (STATE_UNAVAILABLE, STATE_UNKNOWN)
    return float(state.state)


def learning(hass: HomeAssistant) -> str:
    state = hass.states.get("sensor.home_learning_status")
    assert state is not None
    return state.state


async def move(hass: HomeAssistant, freezer: FrozenDateTimeFactory, entity_id: str) -> None:
    """A pulse of motion."""
    for state in ("on", "off"):
        freezer.tick(timedelta(seconds=1))
        hass.states.async_set(entity_id, state)
    await settle(hass)


@pytest.mark.parametrize("fault", ["full", "locked", "read-only"])
async def test_while_the_file_refuses_rooms_are_shown_and_then_all_is_stored(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, fault: str
) -> None:
    entry = await set_up(hass)
    database_ = coordinator_of(entry).engine.store.database
    expected, key = {
        "full": (("max_page_count = 1", "max_page_count = 1000000"), issues.STORE_FULL),
        "locked": (("busy_timeout = 0", "busy_timeout = 5000"), issues.STORE_BUSY),
        "read-only": (("query_only = ON", "query_only = OFF"), issues.STORE_UNAVAILABLE),
    }[fault]
    database_.all(f"PRAGMA {expected[0]}")
    with closing(sqlite3.connect(database(hass), isolation_level=None)) as other:
        if fault == "locked":
            other.execute("BEGIN IMMEDIATE")
        if fault == "full":
            for number in range(3000):
                freezer.tick(timedelta(microseconds=1))
                hass.states.async_set("sensor.kitchen_temperature", f"warm {number} {'.' * 60}")
        await move(hass, freezer, MOTION)
        await pass_time(hass, freezer, MINUTE)
        low = shown(hass)
        await pass_time(hass, freezer, MINUTE)
        await pass_time(hass, freezer, MINUTE)
        assert told(hass) == {key}
        assert learning(hass) == "degraded"
        # What happens is believed though it cannot be stored.
        for _ in range(3):
            await move(hass, freezer, "binary_sensor.hall_motion")
        quiet = shown(hass)
        await move(hass, freezer, MOTION)
        assert shown(hass) > quiet
        assert 0 <= low <= 100
    database_.all(f"PRAGMA {expected[1]}")
    await pass_time(hass, freezer, MINUTE)
    assert told(hass) == set()
    assert learning(hass) != "degraded"
    assert len(coordinator_of(entry).buffer) == 0
    assert coordinator_of(entry).buffer.dropped == 0
    assert [e.state for e in await stored_events(entry, MOTION)] == ["off", "on", "off", "on", "off"]


@pytest.mark.parametrize("hours", [1, 365 * 24])
async def test_a_clock_that_is_set_back_stops_nothing(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, hours: int
) -> None:
    entry = await set_up(hass)
    await pass_time(hass, freezer, MINUTE)
    await move(hass, freezer, MOTION)
    freezer.tick(timedelta(hours=hours))
    await pass_time(hass, freezer, MINUTE)
    await move(hass, freezer, MOTION)
    assert shown(hass) > 50
    ahead_us = coordinator_of(entry).data.time_us
    freezer.tick(timedelta(hours=-hours))
    for _ in range(2):
        await move(hass, freezer, MOTION)
        # The timers of a test go by the clock; those of a running Home Assistant do not.
        await coordinator_of(entry).async_refresh()
    now_us = coordinator_of(entry).data.time_us
    assert abs(now_us + hours * 3_600_000_000 - ahead_us) < 60_000_000
    assert shown(hass) > 50
    assert len(await stored_events(entry, MOTION)) == 9


async def test_thousands_of_changes_a_second_are_all_stored(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass)
    ids = [sensor.entity_id for sensor in coordinator_of(entry).home.sensors]
    had = len(await stored_events(entry))
    # All five thousand a second; `scripts/faults` keeps it up for ten seconds.
    for number in range(CHANGES // len(ids)):
        freezer.tick(timedelta(microseconds=200 * len(ids)))
        for entity_id in ids:
            hass.states.async_set(entity_id, str(number))
    await pass_time(hass, freezer, timedelta(seconds=5))
    assert coordinator_of(entry).buffer.dropped == coordinator_of(entry).buffer.left_out == 0
    assert len(await stored_events(entry)) - had == CHANGES // len(ids) * len(ids)
    await pass_time(hass, freezer, MINUTE)
    await move(hass, freezer, MOTION)
    assert 0 <= shown(hass) <= 100


async def test_a_restless_entity_is_named_once_and_thinned_out(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    # What it may do at once is used up; the recorder need not see all that.
    for number in range(AT_ONCE):
        changed = dt_util.utcnow() + timedelta(microseconds=number)
        state = State(PRESENCE, "off" if number % 2 else "on", last_changed=changed, last_updated=changed)
        coordinator.buffer.append(RawChange(state, None, by_automation=False))
    freezer.tick(timedelta(seconds=1))
    for number in range(600):
        freezer.tick(timedelta(milliseconds=10))
        hass.states.async_set(PRESENCE, "off" if number % 2 else "on")
    await move(hass, freezer, MOTION)
    await pass_time(hass, freezer, MINUTE)
    stored = await stored_events(entry, PRESENCE)
    assert AT_ONCE <= len(stored) < AT_ONCE + 60
    assert stored[-1].state == "off"
    assert coordinator.buffer.left_out > 500
    assert [e.state for e in await stored_events(entry, MOTION)] == ["off", "on", "off"]
    await pass_time(hass, freezer, MINUTE)
    assert caplog.text.count(f"{PRESENCE} changes so often") == 1


async def test_labels_outlive_a_damaged_file(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    now_us = coordinator.data.time_us
    label = Label(
        start_us=now_us - 60_000_000,
        end_us=now_us,
        target=1.0,
        weight=6.0,
        source=LabelSource.CORRECTION,
        known_at_us=now_us,
        room_id="kitchen",
    )
    await coordinator.run(coordinator.engine.store.labels.add, label)
    assert await hass.config_entries.async_unload(entry.entry_id)
    _overwrite_first_page(database(hass))
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert told(hass) == {issues.STORE_DAMAGED}
    issue = ir.async_get(hass).async_get_issue(DOMAIN, issues.STORE_DAMAGED)
    assert issue is not None
    assert issue.translation_placeholders is not None
    assert (issue.translation_placeholders["labels"], issue.translation_placeholders["models"]) == ("1", "0")
    kept = await _labels(entry, now_us)
    assert [(one.room_id, one.source, one.end_us) for one in kept] == [
        ("kitchen", LabelSource.CORRECTION, now_us)
    ]


def _overwrite_first_page(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"\xa5" * 4096)


async def _labels(entry: MockConfigEntry, now_us: int) -> list[Label]:
    coordinator = coordinator_of(entry)
    return await coordinator.run(coordinator.engine.store.labels.read, 0, now_us + 1)
