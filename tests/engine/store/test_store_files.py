"""Faults of the file: what is kept, what is said, and that it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
import os
from pathlib import Path
import shutil
import sqlite3
import subprocess
import sys

import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS
from custom_components.occupancy_ml.engine.store import (
    SCHEMA_VERSION,
    NewerSchemaError,
    Prediction,
    Store,
    StoreBusyError,
    StoreDamagedError,
    StoreFullError,
    StoreUnavailableError,
)
from tests.engine.store.helpers import NOW_US, ROLES, all_events, as_told, crash, motion, query

PAGE = 4096
STAMP = "20260301T120000Z"


def filled(path: Path, n: int = 20_000) -> Path:
    """A properly closed file with events."""
    store = Store.open(path, NOW_US)
    store.events.append([motion(number) for number in range(n)], ROLES)
    store.close()
    return path


def overwrite(path: Path, offset: int, length: int) -> None:
    """Put rubbish over a part of a file."""
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


def root_page(path: Path, table: str) -> int:
    """Where a table's tree starts in the file."""
    ((page,),) = query(path, "SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,))
    assert isinstance(page, int)
    return page


def test_a_file_closed_properly_opens_with_all_in_it(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db", 50)
    assert [side.name for side in tmp_path.iterdir()] == [path.name]
    store = Store.open(path, NOW_US)
    assert (store.recovered_from, store.was_unclean) == (None, False)
    assert all_events(store) == as_told(motion(number) for number in range(50))
    store.close()
    store.close()


def test_a_name_that_needs_escaping_is_a_name_like_others(tmp_path: Path) -> None:
    path = filled(tmp_path / "my home?#%20 ü.db", 5)
    assert path.exists()
    store = Store.open(path, NOW_US)
    with store.reader() as reader:
        assert reader.execute("SELECT count(*) FROM raw_events").fetchone() == (5,)
    store.close()


def test_after_a_crash_all_that_was_committed_is_there(store: Store, tmp_path: Path) -> None:
    store.events.append([motion(number) for number in range(500)], ROLES)
    again = Store.open(crash(store, tmp_path / "after"), NOW_US)
    assert (again.recovered_from, again.was_unclean) == (None, True)
    assert again.events.count() == 500
    again.close()
    once_more = Store.open(again.path, NOW_US)
    assert not once_more.was_unclean
    once_more.close()


def test_a_missing_log_costs_only_what_was_in_it(store: Store, tmp_path: Path) -> None:
    store.events.append([motion(0)], ROLES)
    store.checkpoint()
    store.events.append([motion(1)], ROLES)
    after = crash(store, tmp_path / "after")
    after.with_name(f"{after.name}-wal").unlink()
    again = Store.open(after, NOW_US)
    assert again.recovered_from is None
    assert all_events(again) == [motion(0)]
    again.close()


@pytest.mark.parametrize("readable", [True, False])
def test_a_log_left_over_from_another_file_leaves_a_sound_one(
    store: Store, tmp_path: Path, readable: bool
) -> None:
    store.events.append([motion(number) for number in range(3000)], ROLES)
    (tmp_path / "other").mkdir()
    path = filled(tmp_path / "other" / "occupancy_ml.db", 10)
    log = path.with_name(f"{path.name}-wal")
    log.write_bytes(store.path.with_name(f"{store.path.name}-wal").read_bytes())
    if not readable:
        overwrite(log, 0, 4)
    again = Store.open(path, NOW_US)
    assert again.database.scalar("PRAGMA integrity_check") == "ok"
    kept = all_events(again)
    assert again.events.append([motion(5000)], ROLES) == 1
    assert all_events(again) == as_told([*kept, motion(5000)])
    assert readable or kept == as_told(motion(number) for number in range(10))
    again.close()


def keep_first(path: Path, length: int) -> None:
    """Cut a file short."""
    os.truncate(path, length)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "rubbish": lambda path: overwrite(path, 0, path.stat().st_size),
    "short": lambda path: keep_first(path, 50),
    "truncated": lambda path: keep_first(path, path.stat().st_size // 2),
    "header": lambda path: overwrite(path, 0, 100),
    "first page": lambda path: overwrite(path, 100, PAGE - 100),
    "schema": lambda path: overwrite(path, PAGE, 4 * PAGE),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_set_aside_and_a_fresh_one_started(tmp_path: Path, damage: str) -> None:
    path = filled(tmp_path / "occupancy_ml.db")
    DAMAGES[damage](path)
    found = path.read_bytes()
    store = Store.open(path, NOW_US)
    aside = tmp_path / f"occupancy_ml.db.damaged-{STAMP}"
    assert store.recovered_from == aside
    assert aside.read_bytes() == found
    assert store.events.append([motion(0)], ROLES) == 1
    store.close()
    again = Store.open(path, NOW_US)
    assert (again.recovered_from, again.events.count()) == (None, 1)
    again.close()


def test_some_other_database_is_set_aside_unharmed(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.execute("INSERT INTO recipes VALUES ('soup')")
    connection.commit()
    connection.close()
    store = Store.open(path, NOW_US)
    assert store.recovered_from is not None
    assert query(store.recovered_from, "SELECT name FROM recipes") == [("soup",)]
    store.close()


def test_an_empty_file_is_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    path.touch()
    store = Store.open(path, NOW_US)
    assert (store.recovered_from, store.was_unclean) == (None, False)
    store.close()


def test_a_second_damage_in_the_same_second_keeps_both_files(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    for text in ("first", "second"):
        path.write_text(text * 100)
        path.with_name(f"{path.name}-wal").write_text(f"log of the {text}")
        store = Store.open(path, NOW_US)
        assert store.recovered_from is not None
        assert store.recovered_from.read_text() == text * 100
        assert store.recovered_from.with_name(f"{store.recovered_from.name}-wal").exists()
        store.close()
    assert len(list(tmp_path.glob("*.damaged-*Z-wal"))) == 1
    assert len(list(tmp_path.glob("*.damaged-*Z-2-wal"))) == 1


def test_damage_in_the_middle_is_found_after_an_unclean_close(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db")
    page = root_page(path, "raw_events")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE metadata SET value = '0' WHERE key = 'clean_close'")
    connection.commit()
    connection.close()
    overwrite(path, (page - 1) * PAGE, PAGE)
    store = Store.open(path, NOW_US)
    assert store.recovered_from is not None
    store.close()


def test_damage_met_while_running_is_said_and_mended_at_the_next_start(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db")
    overwrite(path, (root_page(path, "raw_events") - 1) * PAGE, PAGE)
    store = Store.open(path, NOW_US)
    assert store.recovered_from is None
    with pytest.raises(StoreDamagedError):
        all_events(store)
    store.close()
    again = Store.open(path, NOW_US + MICROSECONDS)
    assert again.recovered_from == tmp_path / "occupancy_ml.db.damaged-20260301T120001Z"
    assert again.events.append([motion(0)], ROLES) == 1
    again.close()


def test_an_event_whose_state_is_missing_is_said_and_mended_at_the_next_start(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db", 5)
    store = Store.open(path, NOW_US)
    store.database.execute("DELETE FROM states")
    store.close()
    store = Store.open(path, NOW_US)
    with pytest.raises(StoreDamagedError, match="states lacks row"):
        all_events(store)
    store.close()
    again = Store.open(path, NOW_US)
    assert again.recovered_from is not None
    assert len(query(again.recovered_from, "SELECT time_us FROM raw_events")) == 5
    again.close()


def test_a_file_of_a_newer_version_is_left_untouched(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db", 5)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = {side.name: side.read_bytes() for side in tmp_path.iterdir()}
    with pytest.raises(NewerSchemaError) as raised:
        Store.open(path, NOW_US)
    assert (raised.value.found, raised.value.supported) == (99, SCHEMA_VERSION)
    assert {side.name: side.read_bytes() for side in tmp_path.iterdir()} == before


def test_a_newer_version_that_stands_only_in_the_log_is_left_untouched(store: Store, tmp_path: Path) -> None:
    store.events.append([motion(0)], ROLES)
    store.database.execute("PRAGMA user_version = 99")
    after = crash(store, tmp_path / "after")
    log = after.with_name(f"{after.name}-wal")
    before = (after.read_bytes(), log.read_bytes())
    with pytest.raises(NewerSchemaError):
        Store.open(after, NOW_US)
    assert (after.read_bytes(), log.read_bytes()) == before
    store.database.execute("PRAGMA user_version = 1")


def test_a_full_disk_costs_nothing_and_the_same_events_are_taken_later(store: Store) -> None:
    store.events.append([motion(number) for number in range(10)], ROLES)
    pages = store.database.scalar("PRAGMA page_count")
    store.database.execute(f"PRAGMA max_page_count = {pages + 2}")
    batch = [replace(motion(number), entity_id=f"sensor.n{number % 50}") for number in range(10, 5000)]
    with pytest.raises(StoreFullError):
        store.events.append(batch, ROLES)
    assert store.events.count() == 10
    assert store.events.entity_ids() == ["binary_sensor.hall_motion"]
    assert store.database.scalar("SELECT count(*) FROM entities") == 1
    # What needs little room still goes, and reading goes on.
    store.predictions.write([Prediction("hall", 1, 0.5, True, "model")])
    assert len(all_events(store)) == 10
    store.database.execute("PRAGMA max_page_count = 100000")
    assert store.events.append(batch, ROLES) == len(batch)
    assert store.events.count() == 10 + len(batch)


def test_a_disk_that_is_full_inside_a_larger_transaction_takes_all_of_it_back(store: Store) -> None:
    pages = store.database.scalar("PRAGMA page_count")
    store.database.execute(f"PRAGMA max_page_count = {pages + 2}")

    def write() -> None:
        with store.transaction():
            store.predictions.write([Prediction("hall", 1, 0.5, True, "model")])
            store.events.append([motion(number) for number in range(5000)], ROLES)

    with pytest.raises(StoreFullError):
        write()
    assert store.predictions.read("hall", 0, 9) == []
    store.database.execute("PRAGMA max_page_count = 100000")
    write()
    assert (len(store.predictions.read("hall", 0, 9)), store.events.count()) == (1, 5000)


def test_a_file_locked_by_another_process_is_busy_and_then_goes_on(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db", 5)
    store = Store.open(path, NOW_US, busy_timeout_ms=0)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sqlite3, sys\n"
            "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "connection.execute('BEGIN IMMEDIATE')\n"
            "print('held', flush=True)\n"
            "sys.stdin.read()\n"
            "connection.execute('COMMIT')\n"
            "connection.close()\n",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreBusyError):
            store.events.append([motion(100)], ROLES)
        with pytest.raises(StoreBusyError):
            Store.open(path, NOW_US, busy_timeout_ms=0)
        # Reading is not held up.
        assert store.events.count() == 5
        holder.communicate("")
    assert holder.returncode == 0
    assert store.events.append([motion(100)], ROLES) == 1
    store.close()
    again = Store.open(path, NOW_US)
    assert (again.recovered_from, again.events.count()) == (None, 6)
    again.close()


def test_a_store_closed_while_the_file_is_locked_loses_nothing(tmp_path: Path) -> None:
    path = filled(tmp_path / "occupancy_ml.db", 5)
    store = Store.open(path, NOW_US, busy_timeout_ms=0)
    store.events.append([motion(100)], ROLES)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    store.close()
    holder.execute("COMMIT")
    holder.close()
    again = Store.open(path, NOW_US)
    assert (again.was_unclean, again.recovered_from, again.events.count()) == (True, None, 6)
    again.close()


def test_two_starts_at_once_share_the_file_without_harm(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    one = Store.open(path, NOW_US)
    other = Store.open(path, NOW_US)
    assert one.events.append([motion(number) for number in range(10)], ROLES) == 10
    assert other.events.append([motion(number) for number in range(5, 15)], ROLES) == 5
    one.close()
    assert all_events(other) == as_told(motion(number) for number in range(15))
    other.close()
    again = Store.open(path, NOW_US)
    assert (again.recovered_from, again.events.count()) == (None, 15)
    again.close()


@pytest.mark.parametrize("name", ["missing/occupancy_ml.db", "folder"])
def test_a_file_that_cannot_be_opened_is_unavailable(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreUnavailableError):
        Store.open(tmp_path / name, NOW_US)
    assert [side.name for side in tmp_path.iterdir()] == ["folder"]


def test_a_file_that_cannot_be_written_is_unavailable_and_still_read(store: Store) -> None:
    store.events.append([motion(0)], ROLES)
    store.database.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreUnavailableError):
        store.events.append([motion(1)], ROLES)
    assert all_events(store) == [motion(0)]
    store.database.execute("PRAGMA query_only = OFF")
    assert store.events.append([motion(1)], ROLES) == 1


def test_a_backup_is_one_consistent_file(store: Store, tmp_path: Path) -> None:
    store.events.append([motion(number) for number in range(100)], ROLES)
    target = tmp_path / "copies" / "backup.db"
    with pytest.raises(StoreUnavailableError):
        store.backup_to(target)
    target.parent.mkdir()
    target.write_text("an earlier copy")
    store.backup_to(target)
    store.events.append([motion(100)], ROLES)
    assert [side.name for side in target.parent.iterdir()] == ["backup.db"]
    restored = Store.open(Path(shutil.copy(target, tmp_path / "restored.db")), NOW_US)
    assert restored.recovered_from is None
    assert all_events(restored) == as_told(motion(number) for number in range(100))
    restored.close()


def test_the_size_counts_the_log_until_it_is_folded_in(store: Store) -> None:
    store.events.append([motion(number) for number in range(2000)], ROLES)
    log = store.path.with_name(f"{store.path.name}-wal")
    assert store.size_bytes() == store.path.stat().st_size + log.stat().st_size
    store.checkpoint()
    assert query(store.path, "SELECT count(*) FROM raw_events") == [(2000,)]
    store.close()
    assert store.size_bytes() == store.path.stat().st_size
