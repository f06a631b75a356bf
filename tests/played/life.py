"""A SIMULATED home lived minute by minute in a Home Assistant whose clock is set forward by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
import logging
from typing import Any

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import Context, HomeAssistant
from homeassistant.helpers import area_registry as ar
from pytest_homeassistant_custom_component.common import MockConfigEntry, async_fire_time_changed

from custom_components.occupancy_ml.engine.events import Cause, Event, from_us, to_us
from custom_components.occupancy_ml.engine.home import Role
from tests.a_home import room_data, settle
from tests.house import add_sensor
from tests.simulator import SimulatedHomeConfig, Simulator, live

MINUTE = timedelta(minutes=1)


class Life:
    """A home whose sensors say what the simulator tells them.

    Attributes:
        now: how far it was lived, on the clock of the simulation.
        minutely: called after every minute.
    """

    def __init__(
        self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, config: SimulatedHomeConfig, seed: int
    ) -> None:
        self.hass = hass
        self.config = config
        self.seed = seed
        self._freezer = freezer
        self._attributes: dict[str, dict[str, Any]] = {}
        self.minutely: list[Callable[[], None]] = []
        # The loop would report every minute set forward as a slow callback.
        hass.loop.set_debug(False)
        logging.getLogger("homeassistant").setLevel(logging.WARNING)

    async def begin(self, start: datetime, options: Mapping[str, Any]) -> MockConfigEntry:
        """Furnish the house, set the integration up, and let the life begin at a full minute."""
        self.now = start
        self._freezer.move_to(start)
        await self.hass.config.async_set_time_zone(self.config.time_zone)
        simulator = Simulator(self.config, self.seed)
        initial = simulator.day(start.astimezone(self.config.zone).date()).initial
        home = self.config.home
        areas = ar.async_get(self.hass)
        for room in home.rooms:
            areas.async_create(room.room_id)
        rooms: dict[str, dict[str, list[str]]] = {room.room_id: {} for room in home.rooms}
        for sensor in home.sensors:
            shown = {"device_class": sensor.device_class} if sensor.device_class else {}
            self._attributes[sensor.entity_id] = shown
            if sensor.role is Role.PERSON:
                self.hass.states.async_set(sensor.entity_id, initial[sensor.entity_id])
                continue
            add_sensor(
                self.hass,
                sensor.room_id,
                sensor.entity_id,
                sensor.device_class,
                state=initial[sensor.entity_id],
            )
            if sensor.room_id is not None:
                rooms[sensor.room_id].setdefault(sensor.role.value, []).append(sensor.entity_id)
        kinds = {room.room_id: room.kind.value for room in home.rooms}
        entry = MockConfigEntry(
            domain="occupancy_ml",
            title="Occupancy ML",
            options={"persons": [s.entity_id for s in home.sensors if s.role is Role.PERSON], **options},
            subentries_data=[room_data(room, sensors, kinds[room]) for room, sensors in rooms.items()],
        )
        entry.add_to_hass(self.hass)
        assert await self.hass.config_entries.async_setup(entry.entry_id)
        await settle(self.hass)
        self._events = live(self.config, to_us(start), self.seed)
        self._next: Event | None = next(self._events)
        return entry

    async def live(self, until: datetime) -> None:
        """Live on, minute by minute."""
        while self.now < until:
            self.now += MINUTE
            for event in self._heard(to_us(self.now)):
                self.hass.states.async_set(
                    event.entity_id,
                    event.state,
                    self._attributes.get(event.entity_id),
                    context=_context(event),
                    timestamp=from_us(event.time_us).timestamp(),
                )
            self._freezer.move_to(self.now)
            async_fire_time_changed(self.hass, self.now)
            await self._settle(background=self.now.minute % 15 == 1)
            for look in self.minutely:
                look()

    def skip(self, span: timedelta) -> None:
        """Let time pass in which Home Assistant does not run and nobody hears what happens."""
        self.now += span
        for _ in self._heard(to_us(self.now)):
            pass
        self._freezer.move_to(self.now)

    async def _settle(self, *, background: bool) -> None:
        """Wait for all that is going on, but not for automations that wait for somebody themselves."""
        await asyncio.sleep(0)
        while True:
            tasks = {*self.hass._tasks, *(self.hass._background_tasks if background else ())}
            busy = [task for task in tasks if not _is_automation(task)]
            if not busy:
                break
            await asyncio.wait(busy)

    def _heard(self, until_us: int) -> Iterator[Event]:
        while self._next is not None and self._next.time_us < until_us:
            yield self._next
            self._next = next(self._events)


def _is_automation(task: asyncio.Future[Any]) -> bool:
    if task is asyncio.current_task():
        return True
    coroutine = task.get_coro() if isinstance(task, asyncio.Task) else None
    return any(name in getattr(coroutine, "__qualname__", "") for name in ("Automation", "Script"))


def _context(event: Event) -> Context:
    if event.cause is Cause.PERSON:
        return Context(user_id="u" * 32)
    if event.cause is Cause.AUTOMATION:
        return Context(parent_id="p" * 26)
    return Context()
