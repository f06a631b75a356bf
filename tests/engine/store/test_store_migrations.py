"""Migrations go forward, whole or not at all, after a copy."""

from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys

import pytest

from custom_components.occupancy_ml.engine.store import MigrationError, NewerSchemaError, Store
from custom_components.occupancy_ml.engine.store.schema import MIGRATIONS, Migration
from tests.engine.store.helpers import NOW_US, ROLES, ROOT, all_events, motion, query

TWO = Migration(2, ("CREATE TABLE second (n INTEGER) STRICT", "INSERT INTO second VALUES (2)"))
THREE = Migration(3, ("ALTER TABLE second ADD COLUMN third INTEGER",))
BROKEN = Migration(2, ("CREATE TABLE second (n INTEGER) STRICT", "INSERT INTO nowhere VALUES (2)"))
REFUSED = Migration(2, ("CREATE TABLE second (n INTEGER) STRICT", "INSERT INTO second VALUES ('text')"))


def version_1(folder: Path) -> Path:
    """A properly closed file of schema version 1 with an event."""
    store = Store.open(folder / "occupancy_ml.db", NOW_US)
    store.events.append([motion(0)], ROLES)
    store.close()
    return store.path


def test_an_old_file_goes_forward_step_by_step_after_a_copy(tmp_path: Path) -> None:
    path = version_1(tmp_path)
    store = Store.open(path, NOW_US + 5, migrations=(*MIGRATIONS, TWO, THREE))
    assert store.database.all("SELECT n, third FROM second") == [(2, None)]
    assert all_events(store) == [motion(0)]
    assert store.metadata.get("schema_version") == "3"
    status = json.loads(store.metadata.all()["migration_status"])
    assert status == {"from": 2, "to": 3, "status": "completed", "at_us": NOW_US + 5}
    store.close()
    copy = tmp_path / "occupancy_ml.db.v1.bak"
    assert query(copy, "SELECT value FROM metadata WHERE key = 'schema_version'") == [("1",)]
    with pytest.raises(NewerSchemaError):
        Store.open(path, NOW_US)
    restored = Store.open(copy, NOW_US)
    assert all_events(restored) == [motion(0)]
    restored.close()


def test_a_new_file_takes_all_steps_and_needs_no_copy(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "occupancy_ml.db", NOW_US, migrations=(*MIGRATIONS, TWO, THREE))
    assert store.metadata.get("schema_version") == "3"
    store.close()
    assert list(tmp_path.glob("*.bak")) == []


def test_a_file_at_the_newest_version_is_not_copied(tmp_path: Path) -> None:
    path = version_1(tmp_path)
    Store.open(path, NOW_US).close()
    assert [side.name for side in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("wrong", [BROKEN, REFUSED])
def test_a_step_that_fails_is_rolled_back_and_noted(tmp_path: Path, wrong: Migration) -> None:
    path = version_1(tmp_path)
    with pytest.raises(MigrationError, match="version 2"):
        Store.open(path, NOW_US + 7, migrations=(*MIGRATIONS, wrong))
    assert list(tmp_path.glob("*.damaged-*")) == []
    store = Store.open(path, NOW_US)
    assert store.recovered_from is None
    assert all_events(store) == [motion(0)]
    assert store.database.scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'second'") == 0
    status = json.loads(store.metadata.all()["migration_status"])
    assert (status["status"], status["from"], status["to"]) == ("failed", 1, 2)
    store.close()
    mended = Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO))
    assert mended.metadata.get("schema_version") == "2"
    mended.close()


def test_the_steps_before_a_failed_one_stay(tmp_path: Path) -> None:
    path = version_1(tmp_path)
    wrong = Migration(3, ("INSERT INTO nowhere VALUES (3)",))
    with pytest.raises(MigrationError, match="version 3"):
        Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO, wrong))
    store = Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO))
    assert store.metadata.get("schema_version") == "2"
    store.close()


def test_a_migration_killed_in_the_middle_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = version_1(tmp_path)
    # The statements come from a generator that kills its own process after the first.
    killed = subprocess.run(
        [
            sys.executable,
            "-c",
            "import os, pathlib, sys\n"
            "from custom_components.occupancy_ml.engine.store import Store\n"
            "from custom_components.occupancy_ml.engine.store.schema import MIGRATIONS, Migration\n"
            "def statements():\n"
            "    yield 'CREATE TABLE second (n INTEGER) STRICT'\n"
            "    yield 'INSERT INTO second SELECT 1 FROM raw_events'\n"
            "    os.kill(os.getpid(), 9)\n"
            "path = pathlib.Path(sys.argv[1])\n"
            "Store.open(path, 1, migrations=(*MIGRATIONS, Migration(2, statements())))\n",
            str(path),
        ],
        cwd=ROOT,
        check=False,
    )
    assert killed.returncode == -9
    store = Store.open(path, NOW_US)
    assert store.recovered_from is None
    assert all_events(store) == [motion(0)]
    assert store.metadata.get("schema_version") == "1"
    store.close()
    again = Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO))
    assert again.database.all("SELECT n FROM second") == [(2,)]
    again.close()
