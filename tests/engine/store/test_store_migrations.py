"""Migrations go forward, whole or not at all, after a copy."""

from __future__ import annotations

from contextlib import closing
import json
from pathlib import Path
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import Cause, Event, Origin
from custom_components.occupancy_ml.engine.store import (
    CONTRACT_VERSION,
    SCHEMA_VERSION,
    MigrationError,
    NewerSchemaError,
    Store,
)
from custom_components.occupancy_ml.engine.store.files import open_database
from custom_components.occupancy_ml.engine.store.schema import MIGRATIONS, Migration
from tests.engine.store.helpers import NOW_US, ROLES, ROOT, all_events, as_told, motion, query

# Steps that may come.
NEXT, LATER = SCHEMA_VERSION + 1, SCHEMA_VERSION + 2
TWO = Migration(NEXT, ("CREATE TABLE second (n INTEGER) STRICT", "INSERT INTO second VALUES (2)"))
THREE = Migration(LATER, ("ALTER TABLE second ADD COLUMN third INTEGER",))
BROKEN = Migration(NEXT, ("CREATE TABLE second (n INTEGER) STRICT", "INSERT INTO nowhere VALUES (2)"))
REFUSED = Migration(NEXT, ("CREATE TABLE second (n INTEGER) STRICT", "INSERT INTO second VALUES ('text')"))


def old_file(folder: Path) -> Path:
    """A properly closed file of the present schema with an event."""
    store = Store.open(folder / "occupancy_ml.db", NOW_US)
    store.events.append([motion(0)], ROLES)
    store.close()
    return store.path


def version_1(path: Path) -> None:
    """A file as the first version made it."""
    open_database(path, NOW_US, migrations=MIGRATIONS[:1]).database.close()


def test_an_old_file_goes_forward_step_by_step_after_a_copy(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    store = Store.open(path, NOW_US + 5, migrations=(*MIGRATIONS, TWO, THREE))
    assert store.database.all("SELECT n, third FROM second") == [(2, None)]
    assert all_events(store) == [motion(0)]
    assert store.metadata.get("schema_version") == str(LATER)
    status = json.loads(store.metadata.all()["migration_status"])
    assert status == {"from": SCHEMA_VERSION, "to": LATER, "status": "completed", "at_us": NOW_US + 5}
    store.close()
    copy = tmp_path / f"occupancy_ml.db.v{SCHEMA_VERSION}.bak"
    assert query(copy, "SELECT value FROM metadata WHERE key = 'schema_version'") == [(str(SCHEMA_VERSION),)]
    with pytest.raises(NewerSchemaError):
        Store.open(path, NOW_US)
    restored = Store.open(copy, NOW_US)
    assert all_events(restored) == [motion(0)]
    restored.close()


def test_of_the_copies_the_newest_two_are_kept_once_the_file_opens(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    for name in (
        "occupancy_ml.db.v2.bak",
        "occupancy_ml.db.v10.bak",
        "occupancy_ml.db.v9.bak",
        "other.db.v1.bak",
    ):
        (tmp_path / name).touch()
    with pytest.raises(MigrationError):
        Store.open(path, NOW_US, migrations=(*MIGRATIONS, BROKEN))
    assert (tmp_path / "occupancy_ml.db.v2.bak").exists()
    Store.open(path, NOW_US).close()
    assert {copy.name for copy in tmp_path.glob("*.bak")} == {
        "occupancy_ml.db.v9.bak",
        "occupancy_ml.db.v10.bak",
        "other.db.v1.bak",
    }


def test_a_new_file_takes_all_steps_and_needs_no_copy(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "occupancy_ml.db", NOW_US, migrations=(*MIGRATIONS, TWO, THREE))
    assert store.metadata.get("schema_version") == str(LATER)
    store.close()
    assert list(tmp_path.glob("*.bak")) == []


def test_a_file_of_an_earlier_contract_tells_the_present_one(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    with closing(Store.open(path, NOW_US)) as store:
        store.metadata.set("contract_version", "1.0.0")
    with closing(Store.open(path, NOW_US)) as store:
        assert store.metadata.get("contract_version") == CONTRACT_VERSION


def test_a_file_at_the_newest_version_is_not_copied(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    Store.open(path, NOW_US).close()
    assert [side.name for side in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("wrong", [BROKEN, REFUSED])
def test_a_step_that_fails_is_rolled_back_and_noted(tmp_path: Path, wrong: Migration) -> None:
    path = old_file(tmp_path)
    with pytest.raises(MigrationError, match=f"version {NEXT}"):
        Store.open(path, NOW_US + 7, migrations=(*MIGRATIONS, wrong))
    assert list(tmp_path.glob("*.damaged-*")) == []
    store = Store.open(path, NOW_US)
    assert store.recovered_from is None
    assert all_events(store) == [motion(0)]
    assert store.database.scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'second'") == 0
    status = json.loads(store.metadata.all()["migration_status"])
    assert (status["status"], status["from"], status["to"]) == ("failed", SCHEMA_VERSION, NEXT)
    store.close()
    mended = Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO))
    assert mended.metadata.get("schema_version") == str(NEXT)
    mended.close()


def test_the_steps_before_a_failed_one_stay(tmp_path: Path) -> None:
    path = old_file(tmp_path)
    wrong = Migration(LATER, ("INSERT INTO nowhere VALUES (3)",))
    with pytest.raises(MigrationError, match=f"version {LATER}"):
        Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO, wrong))
    store = Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO))
    assert store.metadata.get("schema_version") == str(NEXT)
    store.close()


def test_a_migration_killed_in_the_middle_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = old_file(tmp_path)
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
            "Store.open(path, 1, migrations=(*MIGRATIONS, Migration(int(sys.argv[2]), statements())))\n",
            str(path),
            str(NEXT),
        ],
        cwd=ROOT,
        check=False,
    )
    assert killed.returncode == -9
    store = Store.open(path, NOW_US)
    assert store.recovered_from is None
    assert all_events(store) == [motion(0)]
    assert store.metadata.get("schema_version") == str(SCHEMA_VERSION)
    store.close()
    again = Store.open(path, NOW_US, migrations=(*MIGRATIONS, TWO))
    assert again.database.all("SELECT n FROM second") == [(2,)]
    again.close()


# One process imports once and forks a child for each migration, which the generator kills in the middle.
_KILLED_IN_EACH = """
import os, pathlib, shutil, signal, sys
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.schema import MIGRATIONS, Migration
folder = pathlib.Path(sys.argv[1])
def half(statements):
    yield from statements[:(len(statements) + 1) // 2]
    os.kill(os.getpid(), signal.SIGKILL)
for step, migration in enumerate(MIGRATIONS[1:], 1):
    place = folder / str(migration.version)
    place.mkdir()
    shutil.copy(folder / "old.db", place / "home.db")
    child = os.fork()
    if child == 0:
        killed = Migration(migration.version, half(migration.statements))
        Store.open(place / "home.db", 2, migrations=(*MIGRATIONS[:step], killed))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
"""


def test_killed_in_the_middle_of_each_migration_a_file_comes_to_the_same_end(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    version_1(old)
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.executescript("""
            INSERT INTO entities VALUES (1, 'sensor.one');
            INSERT INTO rooms VALUES (7, 'hall');
            INSERT INTO states VALUES (1, 'on'), (2, 'off');
            INSERT INTO labels (kind, room, start_us, end_us, target, weight, source, known_at_us)
            VALUES ('occupancy', 7, 1, 2, 1, 6, 'correction', 3);
            INSERT INTO predictions VALUES (7, 5, 0.5, 1, 'model');
            PRAGMA journal_mode = DELETE;
        """)
        connection.executemany(
            "INSERT INTO raw_events VALUES (?, 1, ?, NULL, NULL, NULL, 0, 0, NULL, 7, NULL)",
            [(NOW_US + n, 1 + n % 2) for n in range(1000)],
        )
    done = subprocess.run([sys.executable, "-c", _KILLED_IN_EACH, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == 0
    fresh = Store.open(tmp_path / "fresh.db", NOW_US)
    schema = "SELECT type, name, tbl_name FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY 1, 2"
    wanted = fresh.database.all(schema)
    fresh.close()
    for version in range(2, SCHEMA_VERSION + 1):
        path = tmp_path / str(version) / "home.db"
        # The steps before the one that was cut off stand, the copy from before them all beside it.
        assert query(path, "PRAGMA user_version") == [(version - 1,)]
        assert query(path.with_name("home.db.v1.bak"), "SELECT count(*) FROM raw_events") == [(1000,)]
        store = Store.open(path, NOW_US)
        assert store.recovered_from is None
        assert store.metadata.get("schema_version") == str(SCHEMA_VERSION)
        assert store.database.all(schema) == wanted
        assert [event.state for event in all_events(store)] == ["on", "off"] * 500
        assert store.events.count() == 1000
        assert store.labels.counts() == {"correction": 1}
        assert [shown.probability for shown in store.predictions.read("hall", 0, 10)] == [0.5]
        assert store.database.scalar("PRAGMA integrity_check") == "ok"
        store.close()


def test_moments_of_version_7_stay_and_make_room_for_those_of_other_layouts(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    Store.open(path, NOW_US, migrations=MIGRATIONS[:7]).close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            "INSERT INTO forecast_moments VALUES (?, ?, ?)",
            [(NOW_US + n, "ab"[n % 2], np.array([n, 0.5], "<f2").tobytes()) for n in range(10)],
        )
    store = Store.open(path, NOW_US)
    for layout, first in (("a", 0), ("b", 1)):
        times, vectors = store.forecasts.moments(NOW_US, NOW_US + 10, layout)
        assert times.tolist() == [NOW_US + n for n in range(first, 10, 2)]
        assert vectors.tolist() == [[n, 0.5] for n in range(first, 10, 2)]
    store.forecasts.add_moment(NOW_US, "b", np.zeros(2))
    assert store.forecasts.moments_span("a") == (NOW_US, NOW_US + 8)
    assert store.forecasts.moments_span("b") == (NOW_US, NOW_US + 9)
    store.close()


def test_events_of_version_1_are_the_same_in_the_compact_form(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    version_1(path)
    states = ["on", "off", "21.5", "21.10", "-4", "0.3333333333333333", "a word", "unavailable"]
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO entities VALUES (1, 'sensor.one'), (2, 'sensor.other')")
        connection.execute("INSERT INTO rooms VALUES (7, 'hall')")
        connection.execute("INSERT INTO roles VALUES (3, 'motion')")
        connection.executemany(
            "INSERT INTO states VALUES (?, ?)", [(1, "on"), (2, "off"), (3, "21.10"), (4, "unavailable")]
        )
        # As version 1 kept them: a number of `states`, or a number or text of its own.
        kept = [
            (1, None),
            (2, None),
            (None, 21.5),
            (3, None),
            (None, -4),
            (None, 1 / 3),
            (None, "a word"),
            (4, None),
        ]
        connection.executemany(
            "INSERT INTO raw_events VALUES (?, ?, ?, ?, NULL, NULL, ?, ?, ?, ?, ?)",
            [
                (
                    NOW_US + n,
                    entity,
                    *state,
                    n % 3,
                    n % 4,
                    None if n % 2 else 3,
                    None if n % 4 else 7,
                    '{"b":1}',
                )
                for entity in (1, 2)
                for n, state in enumerate(kept)
            ],
        )
    store = Store.open(path, NOW_US)
    events = all_events(store)
    assert events == as_told(
        Event(NOW_US + n, entity_id, state, None, Origin(n % 3), Cause(n % 4), {"b": 1})
        for n, state in enumerate(states)
        for entity_id in ("sensor.one", "sensor.other")
    )
    assert store.events.count() == len(events)
    assert store.database.all(
        "SELECT e.time_us, o.role, r.room_id FROM raw_events e JOIN event_contexts c ON c.id = e.context"
        " LEFT JOIN roles o ON o.id = c.role LEFT JOIN rooms r ON r.id = c.room WHERE e.entity = 1"
    ) == [(NOW_US + n, None if n % 2 else "motion", None if n % 4 else "hall") for n in range(len(states))]
    assert store.events.append([event for event in events if event.state != "a word"], {}) == 0
    store.close()
    assert query(tmp_path / "occupancy_ml.db.v1.bak", "SELECT count(*) FROM raw_events") == [(len(events),)]
