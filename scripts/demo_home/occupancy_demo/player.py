"""Plays the simulation in real time: now is now, and the past is what the recorder was filled with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import islice

from homeassistant.core import CALLBACK_TYPE, Context, HomeAssistant, callback
from homeassistant.util import dt as dt_util
from homeassistant.util.ulid import ulid_now

from custom_components.occupancy_ml.engine.events import MICROSECONDS, Cause, Event, to_us
from scripts.demo_home.evening import simulated_home
from tests.simulator import AWAY, Simulator, Stay, live

# The simulation works a day out at a time; the loop is not to wait for that.
_AT_ONCE = 50

type Heard = Callable[[str, Context | None], None]


class Player:
    """What the simulated devices say, and where the simulated people are."""

    def __init__(self, hass: HomeAssistant, time_zone: str, seed: int) -> None:
        self.config = simulated_home(time_zone)
        self._hass = hass
        self._seed = seed
        self._simulator = Simulator(self.config, seed)
        self._states: dict[str, str] = {}
        self._heard: dict[str, Heard] = {}
        self._from_us = 0
        self._visitor: str | None = None

    async def async_prepare(self) -> None:
        """Work out how everything stands now."""
        owner = await self._hass.auth.async_get_owner()
        self._visitor = owner.id if owner else None
        await self._hass.async_add_executor_job(self._prepare)
        for entity_id in self._phones():
            self._tell_phone(entity_id, self._states[entity_id])

    def _prepare(self) -> None:
        now = dt_util.utcnow()
        self._from_us = to_us(now)
        day = self._simulator.day(now.astimezone(self.config.zone).date())
        self._states = dict(day.initial)
        for event in day.events:
            if event.time_us < self._from_us:
                self._states[event.entity_id] = event.state

    def state(self, entity_id: str) -> str:
        """What a device says now."""
        return self._states[entity_id]

    @callback
    def async_hear(self, entity_id: str, heard: Heard) -> CALLBACK_TYPE:
        """Be told what a device says from now on, and on whose account."""
        self._heard[entity_id] = heard

        @callback
        def stop() -> None:
            del self._heard[entity_id]

        return stop

    def people_in(self, room_id: str) -> list[str]:
        """Who is in a room now, by name."""
        now = dt_util.utcnow()
        now_us, today = to_us(now), now.astimezone(self.config.zone).date()
        stays: list[Stay] = []
        for days in (2, 1, 0):  # somebody may be awake since the day before yesterday
            stays += self._simulator.people_of(today - timedelta(days=days))
        here = {
            stay.who for stay in stays if stay.start_us <= now_us < stay.end_us and stay.room_id == room_id
        }
        return sorted(here - {AWAY})

    async def async_play(self) -> None:
        """Say everything at its time, without end."""
        events = live(self.config, self._from_us, self._seed)
        while True:
            for event in await self._hass.async_add_executor_job(_some, events):
                await asyncio.sleep(max(0.0, event.time_us / MICROSECONDS - dt_util.utcnow().timestamp()))
                self._say(event)

    @callback
    def _say(self, event: Event) -> None:
        self._states[event.entity_id] = event.state
        if event.entity_id in self._phones():
            self._tell_phone(event.entity_id, event.state)
        elif heard := self._heard.get(event.entity_id):
            heard(event.state, self._context(event.cause))

    def _phones(self) -> set[str]:
        return {f"person.{person.name}" for person in self.config.people}

    @callback
    def _tell_phone(self, person_id: str, state: str) -> None:
        # The person integration makes the person of the phone.
        name = person_id.partition(".")[2]
        attributes = {"source_type": "router", "friendly_name": f"{name.title()}'s phone (simulated)"}
        self._hass.states.async_set(f"device_tracker.{name}_phone", state, attributes)

    def _context(self, cause: Cause) -> Context | None:
        """The context that Home Assistant would give: a person's hand, or an automation's."""
        match cause:
            case Cause.PERSON:
                return Context(user_id=self._visitor)
            case Cause.AUTOMATION:
                return Context(parent_id=ulid_now())
            case _:
                return None


def _some(events: Iterator[Event]) -> list[Event]:
    return list(islice(events, _AT_ONCE))
