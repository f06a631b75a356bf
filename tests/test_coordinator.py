"""Events through the coordinator into a real engine on a real file, and what happens when the file refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
import sqlite3
import threading

from freezegun.api import FrozenDateTimeFactory
from homeassistant.const import STATE_UNAVAILABLE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.helpers import issue_registry as ir
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml import issues
from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.coordinator import FLUSH_INTERVAL, now_us
from custom_components.occupancy_ml.engine.store.jobs import JobStatus
from custom_components.occupancy_ml.store_health import FAILING_AFTER
from tests.a_home import coordinator_of, database, pass_time, set_up, settle, stored_events
from tests.house import build_house

MOTION, WINDOW = "binary_sensor.kitchen_motion", "binary_sensor.kitchen_window"


@pytest.fixture(autouse=True)
def house(hass: HomeAssistant, integration: None) -> None:
    build_house(hass)


@contextmanager
def full_disk(entry: MockConfigEntry) -> Iterator[None]:
    """The file may not grow by another page."""
    database = coordinator_of(entry).engine.store.database
    (pages,) = database.all("PRAGMA page_count")[0]
    database.all(f"PRAGMA max_page_count = {pages}")
    try:
        yield
    finally:
        database.all("PRAGMA max_page_count = 1000000000")


def flood(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    """Enough new states to need another page of the file."""
    for number in range(3000):
        freezer.tick(timedelta(microseconds=1))
        hass.states.async_set("sensor.kitchen_temperature", f"warm {number} {'.' * 60}")


def issue(hass: HomeAssistant, issue_id: str) -> ir.IssueEntry | None:
    return ir.async_get(hass).async_get_issue(DOMAIN, issue_id)


async def test_motion_moves_the_probability_at_once(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    before = coordinator_of(entry).data.rooms["kitchen"].probability
    hass.states.async_set(MOTION, "on")
    await hass.async_block_till_done()
    after = coordinator_of(entry).data.rooms["kitchen"].probability
    assert before is not None
    assert after is not None
    assert after > max(before, 0.5)
    shown = hass.states.get("sensor.kitchen_occupancy_probability")
    occupied = hass.states.get("binary_sensor.kitchen_occupancy")
    assert shown is not None
    assert occupied is not None
    assert float(shown.state) == pytest.approx(100 * after, abs=1)
    assert occupied.state == "on"


async def test_a_record_tells_how_long_a_job_took(hass: HomeAssistant) -> None:
    coordinator = coordinator_of(await set_up(hass))
    jobs = coordinator.engine.store.jobs
    begin_us = now_us()
    job_id = await coordinator.run(jobs.start, "daily", "2026-03-01", begin_us)
    await coordinator.run(jobs.finish, job_id, JobStatus.COMPLETED, begin_us)
    (job,) = await coordinator.run(jobs.recent, 1, "daily")
    assert job.duration_us is not None
    assert job.duration_us > 0


async def test_other_events_wait_for_the_next_flush(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass)
    hass.states.async_set(WINDOW, "on")
    await settle(hass)
    assert len(coordinator_of(entry).buffer) == 1
    await pass_time(hass, freezer, FLUSH_INTERVAL)
    assert len(coordinator_of(entry).buffer) == 0
    assert [e.state for e in await stored_events(entry, WINDOW)] == ["off", "on"]


async def test_minutes_pass_without_events(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    entry = await set_up(hass)
    before = coordinator_of(entry).data.time_us
    await pass_time(hass, freezer, timedelta(minutes=1))
    assert coordinator_of(entry).data.time_us >= before + 59_000_000


async def test_a_burst_is_stored_whole_and_in_few_cycles(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    published = 0

    def count() -> None:
        nonlocal published
        published += 1

    remove = coordinator_of(entry).async_add_listener(count)
    for number in range(500):
        hass.states.async_set(MOTION, "on" if number % 2 else "off")
    await settle(hass)
    remove()
    assert len(await stored_events(entry, MOTION)) == 500
    assert coordinator_of(entry).counts.accepted >= 499
    assert 1 <= published <= 3


async def test_a_full_disk_loses_nothing(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    with full_disk(entry):
        flood(hass, freezer)
        await pass_time(hass, freezer, FLUSH_INTERVAL)
        assert len(coordinator.buffer) == 3000
        assert coordinator.store_health.failing_since is not None
        # For some seconds it may be anything; a minute of it is told.
        assert issue(hass, issues.STORE_FULL) is None
        await pass_time(hass, freezer, FAILING_AFTER)
        told = issue(hass, issues.STORE_FULL)
        assert told is not None
        assert not told.is_fixable
    await pass_time(hass, freezer, FLUSH_INTERVAL)
    assert issue(hass, issues.STORE_FULL) is None
    assert not coordinator.store_health.is_failing
    assert coordinator.buffer.dropped == 0
    assert len(await stored_events(entry, "sensor.kitchen_temperature")) == 3001
    status = hass.states.get("sensor.home_learning_status")
    assert status is not None
    assert status.state != "degraded"


async def test_a_locked_file_loses_nothing(hass: HomeAssistant, freezer: FrozenDateTimeFactory) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    coordinator.engine.store.database.all("PRAGMA busy_timeout = 0")
    with closing(sqlite3.connect(database(hass))) as other:
        other.execute("BEGIN IMMEDIATE")
        hass.states.async_set(MOTION, "on")
        await settle(hass)
        assert len(coordinator.buffer) == 1
        other.rollback()
    await pass_time(hass, freezer, FLUSH_INTERVAL)
    assert [e.state for e in await stored_events(entry, MOTION)] == ["off", "on"]


async def test_what_cannot_be_stored_for_long_shows(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass)
    with full_disk(entry):
        flood(hass, freezer)
        await pass_time(hass, freezer, FLUSH_INTERVAL)
        await pass_time(hass, freezer, FAILING_AFTER)
        await pass_time(hass, freezer, FLUSH_INTERVAL)
        status = hass.states.get("sensor.home_learning_status")
        assert status is not None
        assert status.state in ("degraded", STATE_UNAVAILABLE)


async def test_a_job_keeps_its_turn_when_its_caller_is_cancelled(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    loop = asyncio.get_running_loop()
    begun, order = asyncio.Event(), list[str]()
    release = loop.create_future()

    def long_job() -> None:
        loop.call_soon_threadsafe(begun.set)
        asyncio.run_coroutine_threadsafe(_wait(release), loop).result()
        order.append("long")

    task = hass.async_create_background_task(coordinator.run(long_job), "long")
    await begun.wait()
    task.cancel()
    other = hass.async_create_background_task(coordinator.run(lambda: order.append("other")), "other")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    release.set_result(None)
    with pytest.raises(asyncio.CancelledError):
        await task
    await other
    assert order == ["long", "other"]


async def _wait(future: asyncio.Future[None]) -> None:
    await future


async def test_who_waits_for_a_turn_while_the_file_is_closed_hears_that_nothing_is_loaded(
    hass: HomeAssistant, caplog: pytest.LogCaptureFixture
) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    read = coordinator.engine.suggestions.read
    closing = hass.async_create_task(coordinator.async_close())
    waiting = [hass.async_create_task(coordinator.run(read)) for _ in range(3)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    await closing
    late = [each for each in found if isinstance(each, BaseException)]
    assert late
    assert all(isinstance(each, HomeAssistantError) for each in late)
    with pytest.raises(HomeAssistantError):
        await coordinator.run(read)
    assert "closed database" not in caplog.text


async def test_the_engine_has_one_thread_that_ends_with_it(hass: HomeAssistant) -> None:
    """Memory is kept by thread: a night that took turns on all of Home Assistant's took it many times over."""
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    threads = {await coordinator.run(threading.current_thread) for _ in range(5)}
    pieces = [threading.current_thread] * 5
    await coordinator.async_run_slices(lambda: (piece() for piece in pieces), threads.add)
    assert len(threads) == 1
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not threads.pop().is_alive()


async def test_a_closed_home_refuses_calls(hass: HomeAssistant) -> None:
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    assert await hass.config_entries.async_unload(entry.entry_id)
    with pytest.raises(HomeAssistantError, match="not running"):
        await coordinator.run(lambda: coordinator.engine.store.size_bytes())  # noqa: PLW0108 - the engine is looked up inside
    await coordinator.async_close()


async def test_a_file_damaged_while_in_use_is_set_aside(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    entry = await set_up(hass)
    path = database(hass)
    coordinator = coordinator_of(entry)
    coordinator.engine.store.checkpoint()
    _scribble(path)
    # What is cached is not read again.
    coordinator.engine.store.database.all("PRAGMA shrink_memory")
    flood(hass, freezer)
    hass.states.async_set(MOTION, "on")
    await settle(hass)
    await pass_time(hass, freezer, FLUSH_INTERVAL)
    assert coordinator_of(entry) is not coordinator
    assert list(path.parent.glob(f"{path.name}.damaged-*"))
    assert issue(hass, issues.STORE_DAMAGED) is not None
    hass.states.async_set(MOTION, "off")
    freezer.tick(timedelta(seconds=1))
    hass.states.async_set(MOTION, "on")
    await settle(hass)
    assert (await stored_events(entry, MOTION))[-1].state == "on"


def _scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (path.stat().st_size - 4096))
