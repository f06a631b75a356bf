"""The two lives of a Home Assistant: set up from nothing, then started again from the same directory.

Run by `tests.smoke.run`, each life in a process of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
import logging
from pathlib import Path
import sqlite3
import sys
import threading
import traceback
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE, STATE_UNKNOWN, __version__
from homeassistant.core import EVENT_STATE_CHANGED, Context, HomeAssistant
from homeassistant.data_entry_flow import FlowResultType
from homeassistant.helpers import (
    area_registry as ar,
    condition,
    device_registry as dr,
    entity_registry as er,
    trigger,
)
from homeassistant.loader import async_get_integration
from homeassistant.util import dt as dt_util

from tests.smoke.bare import PATIENCE_S, Complaints, no_network, running, until
from tests.smoke.proposals import proposed

DOMAIN = "occupancy_ml"
DATABASE = "occupancy_ml.db"
RELEASE = "2026.11"

KITCHEN_MOTION = "binary_sensor.kitchen_motion"
KITCHEN = ("binary_sensor.kitchen_occupancy", "sensor.kitchen_occupancy_probability")
OFFICE = ("binary_sensor.office_occupancy", "sensor.office_occupancy_probability")
HOME = (
    "binary_sensor.home_anyone_home",
    "button.home_retrain",
    "sensor.home_last_training",
    "sensor.home_learning_status",
    "sensor.home_model_quality",
)
SENSORS = {
    "kitchen": (KITCHEN_MOTION, "motion"),
    "bedroom": ("binary_sensor.bedroom_presence", "occupancy"),
    "hallway": ("binary_sensor.front_door", "door"),
    "office": ("binary_sensor.office_motion", "motion"),
}


class Report:
    """Counts what passed; a check that fails does not keep the others from running."""

    def __init__(self) -> None:
        """Start with nothing checked."""
        self.failed = 0

    async def check(self, name: str, body: Callable[[], Awaitable[None]]) -> bool:
        """Run one check and say how it went."""
        try:
            await body()
        except Exception:
            self.failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}", flush=True)
            return False
        print(f"ok {name}", flush=True)
        return True


def furnish(hass: HomeAssistant, *, register: bool) -> None:
    """Areas with a sensor each, and their present states; the registries remember, states do not."""
    for room, (entity_id, device_class) in SENSORS.items():
        if register:
            area = ar.async_get(hass).async_get_or_create(room.title())
            entry = er.async_get(hass).async_get_or_create(
                "binary_sensor",
                "smoke",
                entity_id,
                suggested_object_id=entity_id.partition(".")[2],
                original_device_class=device_class,
            )
            er.async_get(hass).async_update_entity(entry.entity_id, area_id=area.id)
        hass.states.async_set(entity_id, "off", {"device_class": device_class})


def entry_of(hass: HomeAssistant) -> ConfigEntry:
    """The one entry of the integration."""
    (entry,) = hass.config_entries.async_entries(DOMAIN)
    return entry


def is_known(state: object) -> bool:
    """Whether a state says something."""
    return getattr(state, "state", None) not in (STATE_UNAVAILABLE, STATE_UNKNOWN, None)


def stored(config_dir: Path, entity_id: str) -> int:
    """How many events of an entity lie in the file."""
    query = "SELECT count(*) FROM raw_events JOIN entities ON entities.id = entity WHERE entity_id = ?"
    with closing(sqlite3.connect(config_dir / DATABASE)) as connection:
        return int(connection.execute(query, (entity_id,)).fetchone()[0])


async def move(hass: HomeAssistant) -> None:
    """Somebody walks into the kitchen; the room's probability follows."""
    hass.states.async_set(KITCHEN_MOTION, "on", {"device_class": "motion"})
    await until(hass, KITCHEN[1], lambda state: is_known(state) and float(state.state) >= 50)
    await until(hass, KITCHEN[0], lambda state: state.state == "on")


async def first(report: Report, config_dir: Path, hass: HomeAssistant) -> None:
    """From nothing to a home that follows its people."""

    async def boots() -> None:
        assert __version__.startswith(RELEASE), __version__
        assert hass.is_running
        assert not (await async_get_integration(hass, DOMAIN)).is_built_in

    async def sets_up() -> None:
        furnish(hass, register=True)
        flow = hass.config_entries.flow
        result = await flow.async_init(DOMAIN, context={"source": SOURCE_USER})
        assert result["type"] is FlowResultType.FORM, result
        # The office comes later, as a room that is added.
        chosen = {**proposed(result), "rooms": ["kitchen", "bedroom", "hallway"]}
        result = await flow.async_configure(result["flow_id"], chosen)
        while result["type"] is FlowResultType.FORM:
            result = await flow.async_configure(result["flow_id"], proposed(result))
        assert result["type"] is FlowResultType.CREATE_ENTRY, result
        await hass.async_block_till_done()
        assert entry_of(hass).state is ConfigEntryState.LOADED
        assert len(entry_of(hass).subentries) == 3

    async def has_entities() -> None:
        for entity_id in (*KITCHEN, *HOME):
            assert hass.states.get(entity_id) is not None, entity_id
        await until(hass, KITCHEN[1], is_known)

    async def learns_what_it_can() -> None:
        await until(hass, HOME[3], lambda state: state.state not in ("importing", STATE_UNKNOWN))

    async def follows() -> None:
        fired = asyncio.Event()

        async def act(_variables: dict[str, Any], _context: Context | None = None) -> None:
            fired.set()

        crossed = {
            "platform": f"{DOMAIN}.probability_crossed",
            "target": {"area_id": "kitchen"},
            "options": {"above": 50},
        }
        config = await trigger.async_validate_trigger_config(hass, [crossed])
        remove = await trigger.async_initialize_triggers(
            hass, config, act, DOMAIN, "smoke", logging.getLogger(__name__).log
        )
        assert remove is not None
        await move(hass)
        await asyncio.wait_for(fired.wait(), PATIENCE_S)
        remove()

    async def explains_itself_to_the_editor() -> None:
        for kind, described in (
            ("triggers", await trigger.async_get_all_descriptions(hass)),
            ("conditions", await condition.async_get_all_descriptions(hass)),
        ):
            ours = {key: each for key, each in described.items() if key.startswith(f"{DOMAIN}.")}
            assert len(ours) >= 5, (kind, described)
            assert all(ours.values()), (kind, ours)

    async def is_corrected() -> None:
        now = dt_util.now()
        span = {
            "start": (now - timedelta(minutes=5)).isoformat(),
            "end": (now + timedelta(minutes=1)).isoformat(),
        }
        await hass.services.async_call(
            DOMAIN, "relabel", {"room": "kitchen", "state": "vacant", **span}, blocking=True
        )
        await until(hass, KITCHEN[0], lambda state: state.state == "off")
        # It would stand against every motion until it is over, also after the restart.
        await hass.services.async_call(DOMAIN, "undo_relabel", {"room": "kitchen"}, blocking=True)
        await until(hass, KITCHEN[0], lambda state: state.state == "on")

    async def answers() -> None:
        answer = await hass.services.async_call(
            DOMAIN, "get_predictions", {}, blocking=True, return_response=True
        )
        assert "kitchen" in str(answer), answer
        answer = await hass.services.async_call(
            DOMAIN, "get_forecast", {}, blocking=True, return_response=True
        )
        assert "kitchen" in str(answer), answer

    async def grows_a_room() -> None:
        subentries = hass.config_entries.subentries
        entry = entry_of(hass)
        result = await subentries.async_init((entry.entry_id, "room"), context={"source": SOURCE_USER})
        result = await subentries.async_configure(result["flow_id"], {"area_id": "office"})
        while result["type"] is FlowResultType.FORM:
            result = await subentries.async_configure(result["flow_id"], proposed(result))
        assert result["type"] is FlowResultType.CREATE_ENTRY, result
        await hass.async_block_till_done()
        await until(hass, OFFICE[1], is_known)

    await report.check("boots the newest Home Assistant", boots)
    if not await report.check("is set up through its flow", sets_up):
        return  # without a home nothing else can be seen
    await report.check("has its entities", has_entities)
    await report.check("gets over the import of history", learns_what_it_can)
    await report.check("follows a motion, and so does an automation", follows)
    await report.check("offers triggers and conditions", explains_itself_to_the_editor)
    await report.check("takes a correction at once, and back", is_corrected)
    await report.check("answers an action", answers)
    await report.check("takes a room in without a restart", grows_a_room)


async def second(report: Report, config_dir: Path, hass: HomeAssistant) -> None:
    """Started again from the same directory, then unloaded and removed."""
    furnish(hass, register=False)
    before = 0

    async def is_there_again() -> None:
        nonlocal before
        entry = entry_of(hass)
        assert entry.state is ConfigEntryState.LOADED, entry.state
        before = stored(config_dir, KITCHEN_MOTION)
        assert len(entry.subentries) == 4
        await until(hass, KITCHEN[1], is_known)
        await until(hass, OFFICE[1], is_known)

    async def remembers() -> None:
        assert before >= 2
        await move(hass)

    async def room_goes() -> None:
        entry = entry_of(hass)
        (office,) = (room for room in entry.subentries.values() if room.unique_id == "office")
        hass.config_entries.async_remove_subentry(entry, office.subentry_id)
        await hass.async_block_till_done()
        assert hass.states.get(OFFICE[0]) is None
        assert er.async_get(hass).async_get(OFFICE[0]) is None
        devices = dr.async_entries_for_config_entry(dr.async_get(hass), entry.entry_id)
        assert all((DOMAIN, "room_office") not in device.identifiers for device in devices)

    async def unloads() -> None:
        entry = entry_of(hass)
        assert await hass.config_entries.async_unload(entry.entry_id)
        unloaded = hass.bus.async_listeners().get(EVENT_STATE_CHANGED, 0)
        assert await hass.config_entries.async_setup(entry.entry_id)
        assert await hass.config_entries.async_unload(entry.entry_id)
        assert hass.bus.async_listeners().get(EVENT_STATE_CHANGED, 0) == unloaded
        state = hass.states.get(KITCHEN[0])
        assert state is None or state.state == STATE_UNAVAILABLE
        assert stored(config_dir, KITCHEN_MOTION) > before

    async def goes() -> None:
        await hass.config_entries.async_remove(entry_of(hass).entry_id)
        await hass.async_block_till_done()
        left = [entry.entity_id for entry in er.async_get(hass).entities.values() if entry.platform == DOMAIN]
        assert left == []
        assert (config_dir / DATABASE).is_file()

    if not await report.check("is there again after a restart", is_there_again):
        return
    await report.check("remembers, and goes on following", remembers)
    await report.check("lets a room go without ghosts", room_goes)
    await report.check("unloads and loads again", unloads)
    await report.check("is removed, and leaves the file", goes)


LIVES = {"first": first, "second": second}


async def live(name: str, config_dir: Path) -> int:
    """Lives one life and checks at its end that nobody complained."""
    report = Report()
    complaints = Complaints()
    logging.basicConfig(level=logging.WARNING, handlers=[complaints])

    with no_network() as tried:
        async with running(config_dir) as hass:
            await LIVES[name](report, config_dir, hass)

        async def silent() -> None:
            assert complaints.heard == [], "\n".join(complaints.heard)
            assert tried == []

        async def clean() -> None:
            names = {thread.name for thread in threading.enumerate() if not thread.daemon}
            # The event loop's own workers end with the loop.
            assert not [name for name in names - {"MainThread"} if not name.startswith("asyncio_")], names
            assert not (config_dir / f"{DATABASE}-wal").exists()

    await report.check(f"nobody complained in the {name} life", silent)
    await report.check(f"the {name} life ended cleanly", clean)
    return report.failed


if __name__ == "__main__":
    sys.exit(min(1, asyncio.run(live(sys.argv[1], Path(sys.argv[2])))))
