"""A year played fast through Home Assistant, a fault a day: the entities stay available, and memory stays bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
import gc
import logging
import os
import random
import sqlite3

from freezegun.api import FrozenDateTimeFactory
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er, issue_registry as ir
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.whereabouts import Minute
from tests.a_home import coordinator_of, database, pass_time, set_up, settle
from tests.faults.conftest import Note
from tests.house import SENSORS, build_house

# `scripts/faults` plays 365.
DAYS = int(os.environ.get("FAULTS_DAYS", "5"))
HOUR, TEN_MINUTES = timedelta(hours=1), timedelta(minutes=10)
# Events are coarse: every ten minutes while people are up, at first and last, every hour else.
BUSY = (7, 8, 17, 18, 19, 20, 21)
FAULT_AT, FAULT_FOR = 17, 12
MOTION = ("binary_sensor.kitchen_motion", "binary_sensor.hall_motion", "binary_sensor.bathroom_presence")
WATCHED = [entity_id for _, entity_id, _ in SENSORS]


class Year:
    """Plays days, and adds up for how long which share of the entities was not available."""

    def __init__(self, hass: HomeAssistant, freezer: FrozenDateTimeFactory, entry: MockConfigEntry) -> None:
        self.hass = hass
        self.freezer = freezer
        self.entry = entry
        self.choice = random.Random(1)
        self.played = self.missing = 0.0
        self.restarts = 0

    def entities(self) -> list[str]:
        found = er.async_entries_for_config_entry(er.async_get(self.hass), self.entry.entry_id)
        return [entity.entity_id for entity in found if not entity.disabled]

    async def step(self, span: timedelta) -> None:
        """Somebody moves, or nobody; time passes; who is there then was there meanwhile."""
        if self.choice.random() < 0.7:
            moved = self.choice.choice(MOTION)
            for state in ("on", "off"):
                self.freezer.tick(timedelta(seconds=1))
                self.hass.states.async_set(moved, state)
        await pass_time(self.hass, self.freezer, span)
        entities = self.entities()
        states = [self.hass.states.get(entity_id) for entity_id in entities]
        gone = sum(state is None or state.state == STATE_UNAVAILABLE for state in states)
        self.missing += gone / len(entities) * span.total_seconds()
        self.played += span.total_seconds()

    async def day(self, fault: Callable[[Year], Iterator[None]]) -> None:
        begun = None
        for hour in range(24):
            for number in range(6 if hour in BUSY else 1):
                if (hour, number) == (FAULT_AT, 0):
                    begun = fault(self)
                    next(begun, None)
                if begun is not None and hour * 6 + number == FAULT_AT * 6 + FAULT_FOR:
                    next(begun, None)
                    begun = None
                await self.step(TEN_MINUTES if hour in BUSY else HOUR)
        # Once a day Home Assistant, or the integration, starts anew.
        assert await self.hass.config_entries.async_reload(self.entry.entry_id)
        await settle(self.hass)
        assert self.entry.state is ConfigEntryState.LOADED
        self.restarts += 1

    def pragma(self, text: str) -> None:
        coordinator_of(self.entry).engine.store.database.all(f"PRAGMA {text}")


def full(year: Year) -> Iterator[None]:
    """No page more for the file."""
    year.pragma("max_page_count = 1")
    yield
    year.pragma("max_page_count = 1000000")


def read_only(year: Year) -> Iterator[None]:
    """Nothing may be written."""
    year.pragma("query_only = ON")
    yield
    year.pragma("query_only = OFF")


def locked(year: Year) -> Iterator[None]:
    """Another process holds the file."""
    year.pragma("busy_timeout = 0")
    with closing(sqlite3.connect(database(year.hass), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
    year.pragma("busy_timeout = 5000")


def silent(year: Year) -> Iterator[None]:
    """All that is watched is not available."""
    was = {entity_id: year.hass.states.get(entity_id) for entity_id in WATCHED}
    for entity_id in WATCHED:
        year.hass.states.async_set(entity_id, STATE_UNAVAILABLE)
    yield
    for entity_id, state in was.items():
        if state is not None:
            year.hass.states.async_set(entity_id, state.state, state.attributes)


def set_back(year: Year) -> Iterator[None]:
    """The clock goes back by an hour, and forward again."""
    year.freezer.tick(-HOUR)
    yield
    year.freezer.tick(HOUR)


def untroubled(_year: Year) -> Iterator[None]:
    """Nothing happens."""
    yield


FAULTS = (full, locked, read_only, silent, set_back, untroubled)


@pytest.fixture
def recorder_config() -> dict[str, int]:
    """Home Assistant's recorder commits once a step, not at every state: that was half of the work of a day."""
    return {"commit_interval": 1}


@pytest.fixture
def unlogged() -> Iterator[None]:
    """No line of the log is made: the harness would keep each of them for the whole year."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


async def settled_objects(loop: asyncio.AbstractEventLoop) -> tuple[int, int]:
    """How many objects live, and how many of them are of our own types, without what the loop has yet to throw away.

    The minutes that hindsight remembers, a week of them, are left out of the second.

    It keeps cancelled timers until there are a hundred, and each keeps what stood in its context: entities of many
    restarts ago. That comes and goes in weeks of days played, so it is made to throw them away now.
    """
    for _ in range(1_000):
        loop.call_later(1e9, int).cancel()
    await asyncio.sleep(0)
    gc.collect()
    found = gc.get_objects()
    ours = (each for each in found if type(each).__module__.startswith("custom_components."))
    return len(found), sum(not isinstance(each, Minute) for each in ours)


async def test_a_year_with_a_fault_a_day(
    hass: HomeAssistant,
    freezer: FrozenDateTimeFactory,
    integration: None,
    unlogged: None,
    note: Note,
) -> None:
    # Before the house is there: a state of a time to come looks like a clock that went back, at every restart.
    freezer.move_to("2026-01-05 00:00:00+00:00")
    build_house(hass)
    # Debugging notes the stack at every timer and task: half of the time played.
    hass.loop.set_debug(False)
    year = Year(hass, freezer, await set_up(hass))
    objects = []
    for number in range(DAYS):
        await year.day(FAULTS[number % len(FAULTS)])
        if number >= DAYS // 4:
            objects.append(await settled_objects(hass.loop))
    coordinator = coordinator_of(year.entry)
    assert year.missing <= 0.001 * year.played
    # Nothing was lost, nothing is asked, and the nights were learned from.
    assert coordinator.buffer.dropped == 0
    assert [issue_id for domain, issue_id in ir.async_get(hass).issues if domain == DOMAIN] == []
    jobs = await coordinator.run(coordinator.engine.store.jobs.recent, 10_000, "maintenance")
    assert len(jobs) >= DAYS - 1
    now_us = int(dt_util.utcnow().timestamp() * 1e6)
    assert abs(coordinator.data.time_us - now_us) < 3_600_000_000
    # From a quarter of the time on, what lives in memory grows no more. What comes and goes within weeks (timers that
    # keep what stood in their contexts) is not growth: the least of the last weeks is compared. The harness's mocks of
    # Home Assistant's own storage remember seven writes a day, three objects each.
    latest = objects[-max(len(objects) // 6, 1) :]
    (all_first, ours_first), (all_least, ours_least) = objects[0], map(min, zip(*latest, strict=True))
    assert all_least < 1.25 * all_first + 21 * len(objects)
    assert ours_least < 1.25 * ours_first
    note(
        f"{DAYS} days in Home Assistant, a fault and a restart a day",
        kept=f"entities available {100 * (1 - year.missing / year.played):.3f} % of the time; {all_first:,} objects in"
        f" memory after a quarter of it, {all_least:,} at least in the last weeks, {ours_least:,} of them of our own types",
        lost="nothing",
    )
