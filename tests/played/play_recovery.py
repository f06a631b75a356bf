"""Routines go on after a night that was cut off in its middle, and after a week without Home Assistant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from freezegun.api import FrozenDateTimeFactory
from homeassistant.core import HomeAssistant
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.engine.events import to_us
from custom_components.occupancy_ml.engine.store import StoreError
from custom_components.occupancy_ml.engine.store.jobs import Job, JobStatus
from tests.a_home import coordinator_of, settle
from tests.played.life import Life
from tests.simulator import demo_home

START = datetime(2026, 3, 2, tzinfo=UTC)
WEEK = timedelta(days=7)


async def jobs(entry: MockConfigEntry) -> list[Job]:
    """All records of days, the oldest first."""
    coordinator = coordinator_of(entry)
    found = await coordinator.run(lambda: coordinator.engine.store.jobs.recent(500))
    return [job for job in reversed(found) if job.job_type == "daily"]


async def restart(hass: HomeAssistant, entry: MockConfigEntry) -> None:
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)


async def test_a_night_cut_off_and_a_week_missed_are_made_up(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    life = Life(hass, freezer, demo_home(), seed=3)
    entry = await life.begin(START, {})
    await life.live(START + timedelta(days=1))

    # The next night's work is left while a day is being processed: its job does not end, nothing is tidied up.
    coordinator = coordinator_of(entry)
    tomorrow_us = to_us(life.now + timedelta(days=1))

    def cut_off() -> Iterator[float]:
        work = coordinator.engine.routines.night(tomorrow_us)
        next(work)
        next(work)
        return work

    left = await coordinator.run(cut_off)
    assert (await jobs(entry))[-1].status is JobStatus.RUNNING
    print(f"cut off: {[(job.processing_date, job.status.value) for job in await jobs(entry)]}", flush=True)
    assert await hass.config_entries.async_unload(entry.entry_id)
    # Its store is gone; it can do no more.
    with pytest.raises(StoreError):
        left.close()  # type: ignore[attr-defined]
    await restart(hass, entry)
    assert (await jobs(entry))[-1].status is JobStatus.FAILED
    await life.live(START + timedelta(days=1, hours=6))
    done = [job.processing_date for job in await jobs(entry) if job.status is JobStatus.COMPLETED]
    print(f"a night later: {done}", flush=True)
    assert done == ["2026-03-02"]

    assert await hass.config_entries.async_unload(entry.entry_id)
    life.skip(WEEK)
    await restart(hass, entry)
    await life.live(life.now + timedelta(days=1))
    done = [job.processing_date for job in await jobs(entry) if job.status is JobStatus.COMPLETED]
    print(f"a week later: {done}", flush=True)
    expected = [(START + timedelta(days=number)).date().isoformat() for number in range(9)]
    assert done == expected
    assert not any(job.status is JobStatus.RUNNING for job in await jobs(entry))
