"""Damage to the file: what is set aside, what is carried over, and that the home goes on at once."""

from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import random
import shutil
import sqlite3
import subprocess
import sys
import time

import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store import (
    Label,
    LabelKind,
    LabelSource,
    NewerSchemaError,
    RunStatus,
    Store,
    StoreDamagedError,
)
from tests.engine.living import START_US
from tests.faults.conftest import Note
from tests.faults.scene import HOME, ROOT, found, give_labels, live, lived, query, step, steps

PAGE = 4096
LATER_US = START_US + 61 * MINUTE_US


def old_home(path: Path, labels: int = 3) -> Path:
    """A file with an hour of events, corrections, a night of sleep and models in service; closed."""
    engine = lived(path)
    store = engine.store
    give_labels(store, labels)
    sleep = Label(
        start_us=START_US - 400 * MINUTE_US,
        end_us=START_US - 10 * MINUTE_US,
        target=1.0,
        weight=1.0,
        source=LabelSource.HELPER,
        known_at_us=START_US,
        kind=LabelKind.SLEEP,
        created_by="ada",
        local_date="2026-03-01",
        time_zone="Europe/Berlin",
    )
    first = store.labels.add(sleep)
    second = store.labels.add(
        Label(
            start_us=sleep.start_us,
            end_us=START_US,
            target=1.0,
            weight=1.0,
            source=LabelSource.HELPER,
            known_at_us=START_US + MINUTE_US,
            kind=LabelKind.SLEEP,
        )
    )
    store.labels.supersede(first, second)
    for room_id in ("hall", "kitchen"):
        run = store.runs.start_run(room_id, "schedule", START_US, FEATURE_SET_VERSION)
        store.runs.save_artifact(run, room_id, START_US, FEATURE_SET_VERSION, {"of": room_id})
        store.runs.finish_run(run, RunStatus.COMPLETED, START_US, rows=100)
    engine.close()
    return path


def given(store: Store) -> list[tuple[object, ...]]:
    """What people said, ids aside."""
    kinds = (LabelKind.OCCUPANCY, LabelKind.SLEEP)
    labels = [
        label for kind in kinds for label in store.labels.read(0, 2**62, kind=kind, include_superseded=True)
    ]
    by_id = {label.label_id: label for label in labels}
    return [
        (
            label.room_id,
            label.start_us,
            label.end_us,
            label.target,
            label.source,
            label.created_by,
            label.local_date,
            label.superseded_at_us,
            label.superseded_by is not None and by_id[label.superseded_by].end_us,
        )
        for label in labels
    ]


def overwrite(path: Path, offset: int, length: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


def root_of(path: Path, table: str) -> int:
    ((page,),) = query(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{table}'")
    assert isinstance(page, int)
    return page


def cut_in_half(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def overwrite_events(path: Path) -> None:
    overwrite(path, (root_of(path, "raw_events") - 1) * PAGE, PAGE)


def overwrite_first_page(path: Path) -> None:
    overwrite(path, 0, PAGE)


def not_closed(path: Path) -> None:
    """As after a power cut: the whole file is looked through at the next start."""
    connection = sqlite3.connect(path)
    connection.execute("UPDATE metadata SET value = '0' WHERE key = 'clean_close'")
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    ("name", "damage", "labels", "models"),
    [
        ("File cut short by half", cut_in_half, 5, 2),
        ("Pages overwritten in the middle of the events", overwrite_events, 5, 2),
        ("First page overwritten", overwrite_first_page, 5, 2),
    ],
)
def test_a_damaged_file_is_set_aside_and_what_people_said_goes_on(
    tmp_path: Path, note: Note, name: str, damage: Callable[[Path], None], labels: int, models: int
) -> None:
    path = old_home(tmp_path / "home.db")
    whole = Store.open(path, START_US)
    said, served = given(whole), set(whole.runs.artifacts_in_service())
    whole.close()
    not_closed(path)
    damage(path)
    damaged = path.read_bytes()
    begin = time.perf_counter()
    engine = Engine.open(path, HOME, LATER_US)
    assert engine.ingest([step(4000)]).accepted == 1
    engine.tick(LATER_US)
    seconds = time.perf_counter() - begin
    store = engine.store
    assert store.recovered_from is not None
    assert store.recovered_from.read_bytes() == damaged
    assert (store.salvaged.labels, store.salvaged.models) == (labels, models)
    assert given(store) == (said if labels else [])
    artifacts = store.runs.artifacts_in_service()
    assert set(artifacts) == (served if models else set())
    assert all(artifact.payload == {"of": room_id} for room_id, artifact in artifacts.items())
    assert store.database.scalar("PRAGMA integrity_check") == "ok"
    assert store.database.all("PRAGMA foreign_key_check") == []
    engine.close()
    again = Engine.open(path, HOME, LATER_US)
    assert (again.store.recovered_from, found(again.store)) == (None, [step(4000)])
    again.close()
    note(
        name,
        kept=f"the file, set aside; {labels} of 5 labels and {models} of 2 models in the fresh one",
        lost="events and features, but for the recorder's history",
        seconds=seconds,
    )


def test_labels_around_a_damaged_page_of_theirs_are_carried_over(tmp_path: Path) -> None:
    path = old_home(tmp_path / "home.db", labels=400)
    not_closed(path)
    # A leaf in the middle of the table: what stands before and after it is reached from both ends.
    content = path.read_bytes()
    leaves = [
        number
        for number in range(len(content) // PAGE)
        if content[number * PAGE] == 0x0D
        and content.count(b"correction", number * PAGE, number * PAGE + PAGE) > 9
    ]
    assert len(leaves) > 3
    overwrite(path, leaves[len(leaves) // 2] * PAGE, PAGE)
    store = Store.open(path, LATER_US)
    assert store.recovered_from is not None
    assert 402 - 80 < store.salvaged.labels < 402
    assert len(given(store)) == store.salvaged.labels
    assert store.salvaged.models == 2
    store.close()


def test_damage_at_random_places_never_keeps_the_home_from_starting(tmp_path: Path) -> None:
    path = old_home(tmp_path / "home.db", labels=50)
    not_closed(path)
    whole = path.read_bytes()
    rng = random.Random(7)
    carried = []
    for number in range(40):
        path = tmp_path / f"{number}.db"
        path.write_bytes(whole)
        for _ in range(rng.randrange(1, 6)):
            overwrite(path, rng.randrange(len(whole)), rng.choice([1, 100, PAGE]))
        engine = Engine.open(path, HOME, LATER_US)
        try:
            engine.ingest([step(4000)])
            engine.tick(LATER_US)
            assert engine.unsaved is None
        except StoreDamagedError:
            # Met only while running: opened again, it is set aside.
            engine.close()
            engine = Engine.open(path, HOME, LATER_US)
            assert engine.store.recovered_from is not None
            assert engine.ingest([step(4000)]).accepted == 1
        if engine.store.recovered_from is not None:
            carried.append(engine.store.salvaged.labels)
        engine.close()
    assert len(carried) > 10
    assert sum(labels > 40 for labels in carried) > len(carried) / 2


def test_a_missing_log_costs_the_minutes_in_it_and_leaves_a_sound_file(tmp_path: Path, note: Note) -> None:
    engine = lived(tmp_path / "home.db", 30)
    engine.ingest(steps(1800, 1830))
    crashed = Path(shutil.copy(tmp_path / "home.db", tmp_path / "crashed.db"))
    engine.close()
    begin = time.perf_counter()
    again = Engine.open(crashed, HOME, START_US + 31 * MINUTE_US)
    kept = found(again.store)
    assert again.ingest(steps(1860, 1900)).accepted == 40
    again.tick(START_US + 32 * MINUTE_US)
    seconds = time.perf_counter() - begin
    assert again.store.recovered_from is None
    # Folded in every minute: that which came since the last is what the log held.
    assert kept == steps(0, 1800)
    assert again.store.database.scalar("PRAGMA integrity_check") == "ok"
    again.close()
    note("Write-ahead log missing", kept="all but the last minute", lost="at most a minute", seconds=seconds)


def test_a_log_left_over_from_another_file_does_no_harm(tmp_path: Path, note: Note) -> None:
    engine = lived(tmp_path / "other.db", 30)
    path = tmp_path / "home.db"
    lived(path, 20).close()
    shutil.copy(tmp_path / "other.db-wal", f"{path}-wal")
    engine.close()
    # Of a log that is no log nothing is believed.
    overwrite(path.with_name("home.db-wal"), 0, 32)
    begin = time.perf_counter()
    again = Engine.open(path, HOME, START_US + 20 * MINUTE_US)
    assert found(again.store) == steps(0, 1200)
    live(again, 20, 22)
    seconds = time.perf_counter() - begin
    assert again.unsaved is None
    assert again.store.database.scalar("PRAGMA integrity_check") == "ok"
    again.close()
    note("Write-ahead log left over", kept="everything", lost="nothing", seconds=seconds)


def test_a_file_from_a_newer_version_is_left_untouched(tmp_path: Path, note: Note) -> None:
    path = tmp_path / "home.db"
    lived(path, 10).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(NewerSchemaError):
        Engine.open(path, HOME, LATER_US)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    note("File from a newer version", kept="the file, byte for byte", lost="what happens until the update")


_KILLED_MIGRATION = """
import os, pathlib, sys
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.schema import MIGRATIONS, SCHEMA_VERSION, Migration
def statements():
    yield "CREATE TABLE later (n INTEGER) STRICT"
    yield "DELETE FROM raw_events"
    os.kill(os.getpid(), 9)
Store.open(pathlib.Path(sys.argv[1]), 1, migrations=(*MIGRATIONS, Migration(SCHEMA_VERSION + 1, statements())))
"""


def test_an_interrupted_migration_leaves_the_file_as_it_was(tmp_path: Path, note: Note) -> None:
    path = tmp_path / "home.db"
    lived(path, 10).close()
    killed = subprocess.run([sys.executable, "-c", _KILLED_MIGRATION, str(path)], cwd=ROOT, check=False)
    assert killed.returncode == -9
    begin = time.perf_counter()
    engine = Engine.open(path, HOME, START_US + 10 * MINUTE_US)
    assert engine.store.recovered_from is None
    assert found(engine.store) == steps(0, 600)
    assert query(path, "SELECT name FROM sqlite_schema WHERE name = 'later'") == []
    live(engine, 10, 11)
    seconds = time.perf_counter() - begin
    assert engine.unsaved is None
    engine.close()
    note("Migration interrupted", kept="everything, and a copy beside it", lost="nothing", seconds=seconds)


def test_damage_that_a_night_meets_is_no_failed_step(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    engine = lived(path, 20)
    give_labels(engine.store)
    page = root_of(path, "labels")
    engine.store.checkpoint()
    overwrite(path, (page - 1) * PAGE, PAGE)
    engine.store.database.all("PRAGMA shrink_memory")
    now_us = START_US + 20 * MINUTE_US
    # Minutes do not read what is damaged.
    assert engine.tick(now_us).time_us == now_us
    with pytest.raises(StoreDamagedError):
        list(engine.night(now_us))
    with pytest.raises(StoreDamagedError):
        engine.tick(now_us + 1)
    engine.close()
    again = Engine.open(path, HOME, LATER_US)
    assert again.store.recovered_from is not None
    again.close()
