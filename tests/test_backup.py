"""A backup of Home Assistant holds a consistent file, made while events go on being stored."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
import shutil
import sqlite3
import tarfile

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.backup.const import DATA_MANAGER
from homeassistant.config_entries import ConfigEntryState
from homeassistant.const import EVENT_HOMEASSISTANT_FINAL_WRITE
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util
import pytest
from pytest_homeassistant_custom_component.common import async_fire_time_changed

from custom_components.occupancy_ml.backup import LONGEST, async_post_backup, async_pre_backup
from custom_components.occupancy_ml.engine.events import MINUTE_US, Event
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store import Store, StoreBusyError
from tests.a_home import coordinator_of, database, set_up, settle, stored_events
from tests.engine.living import START_US, at, flat
from tests.house import build_house

# Home Assistant's own web server warns about itself.
pytestmark = pytest.mark.filterwarnings("ignore::aiohttp.web_exceptions.NotAppKeyWarning")

MOTION = "binary_sensor.kitchen_motion"


def count(path: Path) -> int:
    """Events in a file and its log, after SQLite has looked through all of it."""
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found: int = connection.execute("SELECT count(*) FROM raw_events").fetchone()[0]
    return found


def copy(source: Path, target: Path, log_bytes: int | None = None) -> Path:
    """Copy the file and its log as a backup does, which leaves the shared memory out."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    log = source.with_name(f"{source.name}-wal")
    if log.exists():
        target.with_name(f"{target.name}-wal").write_bytes(log.read_bytes()[:log_bytes])
    return target


def some(first: int, n: int) -> list[Event]:
    return [at(first + i, "light.kitchen", "on" if i % 2 else "off") for i in range(n)]


def slowly(source: Path, engine: Engine) -> Iterator[bytes]:
    """Read a file piece by piece, with events, ticks and a checkpoint after each."""
    with source.open("rb") as file:
        number = 0
        while piece := file.read(8192):
            yield piece
            number += 1
            engine.ingest(some(5000 + 100 * number, 50))
            engine.tick(START_US + number * MINUTE_US)
            engine.store.checkpoint()


def test_a_file_that_is_held_stays_as_it_is_while_writing_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    engine = Engine.open(path, flat(), START_US)
    engine.ingest(some(0, 2000))
    hold = engine.store.hold()
    before = path.read_bytes()
    copied = b"".join(slowly(path, engine))
    assert copied == before == path.read_bytes()
    stored = engine.store.events.count()
    assert stored > 2500
    whole = copy(path, tmp_path / "whole" / "home.db")
    log_bytes = path.with_name("home.db-wal").stat().st_size
    # The log is read at any length while it grows: what is there up to its last whole commit counts.
    counts = [
        count(copy(path, tmp_path / f"cut{share}" / "home.db", log_bytes * share // 7)) for share in range(7)
    ]
    assert counts == sorted(counts)
    assert counts[0] == 2000
    assert 2000 < counts[4] < stored
    assert count(whole) == stored
    hold.release()
    hold.release()
    engine.store.checkpoint()
    assert path.read_bytes() != before
    engine.close()


def test_a_file_that_another_program_reads_is_not_held(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    with closing(Store.open(path, START_US, busy_timeout_ms=10)) as store:
        store.metadata.set("some", "thing")
        with closing(sqlite3.connect(path)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM metadata").fetchone()
            store.metadata.set("some", "other")
            with pytest.raises(StoreBusyError):
                store.hold()
        store.hold().release()


async def test_restored_and_started_it_goes_on(hass: HomeAssistant, tmp_path: Path) -> None:
    build_house(hass)
    entry = await set_up(hass)
    hass.states.async_set(MOTION, "on")  # buffered: not yet stored when the backup begins
    await async_pre_backup(hass)
    held = await hass.async_add_executor_job(database(hass).read_bytes)
    before = await stored_events(entry)
    hass.states.async_set(MOTION, "off")
    await settle(hass)
    coordinator = coordinator_of(entry)
    coordinator.async_request_cycle()
    await settle(hass)
    during = await stored_events(entry)
    assert len(during) == len(before) + 1
    assert await hass.async_add_executor_job(database(hass).read_bytes) == held

    archive = tmp_path / "backup.tar"

    def pack() -> None:
        with tarfile.open(archive, "w") as tar:
            for name in ("", "-wal"):
                tar.add(f"{database(hass)}{name}", f"occupancy_ml.db{name}")

    await hass.async_add_executor_job(pack)
    await async_post_backup(hass)
    # What comes after the backup is lost with the restore, as it must be.
    hass.states.async_set(MOTION, "on")
    assert await hass.config_entries.async_unload(entry.entry_id)

    def restore() -> None:
        for file in database(hass).parent.glob("occupancy_ml.db*"):
            file.unlink()
        with tarfile.open(archive) as tar:
            tar.extractall(database(hass).parent, filter="data")

    await hass.async_add_executor_job(restore)
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    assert entry.state is ConfigEntryState.LOADED
    assert coordinator_of(entry).engine.store.recovered_from is None
    assert (await stored_events(entry))[: len(during)] == during


async def test_home_assistants_own_backup_calls_us(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    assert await async_setup_component(hass, "backup", {})
    await settle(hass)
    manager = hass.data[DATA_MANAGER]
    await manager.async_pre_backup_actions()
    path = database(hass)
    held = await hass.async_add_executor_job(path.read_bytes)
    coordinator = coordinator_of(entry)
    await coordinator.run(coordinator.engine.store.metadata.set, "some", "thing")
    await coordinator.run(coordinator.engine.store.checkpoint)
    assert await hass.async_add_executor_job(path.read_bytes) == held
    await manager.async_post_backup_actions()
    await coordinator.run(coordinator.engine.store.checkpoint)
    assert await hass.async_add_executor_job(path.read_bytes) != held


async def test_a_backup_that_never_ends_is_let_go(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    build_house(hass)
    entry = await set_up(hass)
    await async_pre_backup(hass)
    held = await hass.async_add_executor_job(database(hass).read_bytes)
    freezer.tick(LONGEST + timedelta(minutes=1))
    async_fire_time_changed(hass, dt_util.utcnow())
    await settle(hass)
    assert "backup_too_long hours=3" in caplog.text
    coordinator = coordinator_of(entry)
    await coordinator.run(coordinator.engine.store.checkpoint)
    assert await hass.async_add_executor_job(database(hass).read_bytes) != held
    await async_post_backup(hass)
    assert "backup_finished" not in caplog.text


async def test_a_reload_during_a_backup_does_not_tear_it(hass: HomeAssistant, tmp_path: Path) -> None:
    build_house(hass)
    entry = await set_up(hass)
    await async_pre_backup(hass)
    path = database(hass)
    held = await hass.async_add_executor_job(path.read_bytes)
    for number in range(3):
        hass.states.async_set(MOTION, "off" if number % 2 else "on")
        assert await hass.config_entries.async_reload(entry.entry_id)
        await settle(hass)
    coordinator = coordinator_of(entry)
    await coordinator.run(coordinator.engine.store.checkpoint)
    assert await hass.async_add_executor_job(path.read_bytes) == held
    # The log is copied last, whatever was written in between.
    whole = await hass.async_add_executor_job(copy, path, tmp_path / "restored.db")
    stored = await coordinator.run(coordinator.engine.store.events.count)
    assert await hass.async_add_executor_job(count, whole) == stored
    await async_post_backup(hass)
    await coordinator.run(coordinator.engine.store.checkpoint)
    assert await hass.async_add_executor_job(path.read_bytes) != held


async def test_a_home_that_stops_during_a_backup_closes_its_file(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    await async_pre_backup(hass)
    hass.bus.async_fire(EVENT_HOMEASSISTANT_FINAL_WRITE)
    await settle(hass)
    assert await hass.config_entries.async_unload(entry.entry_id)
    assert not database(hass).with_name("occupancy_ml.db-wal").exists()
    # While nothing is loaded nothing is held, and nothing fails.
    await async_pre_backup(hass)
    await async_post_backup(hass)


async def test_a_backup_is_refused_while_the_file_is_held_by_others(hass: HomeAssistant) -> None:
    build_house(hass)
    entry = await set_up(hass)
    coordinator = coordinator_of(entry)
    store = coordinator.engine.store
    await coordinator.run(store.database.execute, "PRAGMA busy_timeout = 10")

    def read() -> sqlite3.Connection:
        other = sqlite3.connect(database(hass), check_same_thread=False)
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM metadata").fetchone()
        return other

    other = await hass.async_add_executor_job(read)
    await coordinator.run(store.metadata.set, "some", "thing")
    with pytest.raises(HomeAssistantError) as raised:
        await async_pre_backup(hass)
    assert raised.value.translation_key == "store_error"
    await hass.async_add_executor_job(other.close)
    await async_pre_backup(hass)
    await async_post_backup(hass)
