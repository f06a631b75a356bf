"""The file refuses for a while: a full disk, a lock, no right to write. Nothing is lost and the home goes on."""

from __future__ import annotations

from collections.abc import Callable
import contextlib
from dataclasses import replace
import os
from pathlib import Path
import shutil
import sqlite3
import tempfile
import time

import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store import (
    Store,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from tests.engine.living import START_US, rows_of, same_rows
from tests.faults.conftest import Note
from tests.faults.scene import HOME, found, holder, lived, query, step, steps


def minute_us(number: int) -> int:
    return START_US + number * MINUTE_US


def why_unsaved(engine: Engine) -> StoreError | None:
    return engine.unsaved


def endure(engine: Engine, error: type[Exception], first: int, last: int) -> None:
    """Minutes in which the file refuses: each is tried again in the next, and what happens counts at once."""
    for minute in range(first, last):
        with pytest.raises(error):
            engine.ingest(steps(60 * first, 60 * minute + 60))
        engine.hear(steps(60 * minute, 60 * minute + 60))
        snapshot = engine.tick(minute_us(minute + 1))
        assert snapshot.time_us == minute_us(minute + 1)
        assert isinstance(engine.unsaved, error) or (minute + 1) % 5


def nothing_is_missing(engine: Engine, tmp_path: Path, minutes: int) -> None:
    """Events and features as of an engine whose file never refused."""
    other = lived(tmp_path / "untroubled.db", minutes)
    assert found(engine.store) == found(other.store) == steps(0, 60 * minutes)
    assert len(rows_of(engine, 2**62)["hall"][0]) == minutes // 5
    assert same_rows(engine, other, 2**62)
    other.close()


def test_a_disk_that_is_full_for_half_an_hour_loses_nothing(tmp_path: Path, note: Note) -> None:
    engine = lived(tmp_path / "home.db", 30)
    pages = engine.store.database.scalar("PRAGMA page_count")
    engine.store.database.execute(f"PRAGMA max_page_count = {pages}")
    # What is too much for the page begun: the transaction breaks in the middle of the batch.
    with pytest.raises(StoreFullError):
        engine.ingest(steps(1800, 3600))
    assert found(engine.store) == steps(0, 1800)
    for minute in range(30, 60):
        engine.hear(steps(60 * minute, 60 * minute + 60))
        assert engine.tick(minute_us(minute + 1)).time_us == minute_us(minute + 1)
    assert isinstance(why_unsaved(engine), StoreFullError)
    assert found(engine.store) == steps(0, 1800)
    engine.store.database.execute("PRAGMA max_page_count = 1000000")
    begin = time.perf_counter()
    assert engine.ingest(steps(1800, 3600)).accepted == 1800
    engine.tick(minute_us(60))
    seconds = time.perf_counter() - begin
    assert why_unsaved(engine) is None
    nothing_is_missing(engine, tmp_path, 60)
    note(
        "Disk full for 30 minutes, in the middle of a batch",
        kept="everything",
        lost="nothing",
        seconds=seconds,
    )
    engine.close()


FULL, READ_ONLY = "max_page_count = 1", "query_only = ON"


def test_a_file_that_refuses_in_any_step_of_the_night_costs_no_more_than_that_night(
    tmp_path: Path, note: Note
) -> None:
    engine = lived(tmp_path / "home.db", 10)
    engine.import_events([replace(step(n), time_us=minute_us(10) + n * MINUTE_US) for n in range(1500)])
    night_us = minute_us(1510)
    for _ in engine.rebuild(night_us):
        pass
    engine.store.backup_to(tmp_path / "before.db")
    names = list(dict.fromkeys(each.name for each in engine.night(night_us)))
    engine.close()
    assert len(names) > 6
    for number, name in enumerate(names):
        path = tmp_path / name / "home.db"
        path.parent.mkdir()
        shutil.copy(tmp_path / "before.db", path)
        engine = Engine.open(path, HOME, night_us)
        with contextlib.suppress(StoreFullError, StoreUnavailableError):
            for each in engine.night(night_us):
                if each.name == name:
                    engine.store.database.execute(f"PRAGMA {(FULL, READ_ONLY)[number % 2]}")
        assert engine.tick(night_us + MINUTE_US).time_us == night_us + MINUTE_US
        engine.store.database.execute("PRAGMA max_page_count = 1000000")
        engine.store.database.execute("PRAGMA query_only = OFF")
        again_us = night_us + 2 * MINUTE_US
        for _ in engine.night(again_us):
            pass
        jobs = [job for job in engine.store.jobs.recent(99) if job.started_at_us == again_us]
        assert {job.job_type for job in jobs} >= set(names) - {"done"}
        assert {job.status for job in jobs} == {"completed"}
        assert [job for job in engine.store.jobs.recent(99) if job.status == "running"] == []
        assert len(found(engine.store)) == 2100
        assert engine.tick(again_us + MINUTE_US).time_us == again_us + MINUTE_US
        assert why_unsaved(engine) is None
        assert engine.store.database.scalar("PRAGMA integrity_check") == "ok"
        engine.close()
    note("Disk full, or read-only, in any step of a night", kept="everything", lost="that night's learning")


def test_a_file_locked_for_a_minute_loses_nothing(tmp_path: Path, note: Note) -> None:
    path = tmp_path / "home.db"
    engine = lived(path, 30)
    engine.store.database.execute("PRAGMA busy_timeout = 5")
    with holder(path) as other:
        endure(engine, StoreBusyError, 30, 31)
        with pytest.raises(StoreBusyError):
            Store.open(path, minute_us(31), busy_timeout_ms=0)
        other.communicate("")
    begin = time.perf_counter()
    assert engine.ingest(steps(1800, 1860)).accepted == 60
    engine.tick(minute_us(31))
    seconds = time.perf_counter() - begin
    for minute in range(31, 40):
        engine.ingest(steps(60 * minute, 60 * minute + 60))
        engine.tick(minute_us(minute + 1))
    nothing_is_missing(engine, tmp_path, 40)
    note("File locked for a minute by another process", kept="everything", lost="nothing", seconds=seconds)
    engine.close()


def test_once_waited_for_in_full_a_held_file_is_not_waited_for_so_long_again(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    store = Store.open(path, START_US, busy_timeout_ms=300)
    assert store.database.scalar("PRAGMA busy_timeout") == 300
    with holder(path) as other:
        with pytest.raises(StoreBusyError), store.transaction():
            pass
        assert store.database.scalar("PRAGMA busy_timeout") == 100
        other.communicate("")
    with store.transaction():
        pass
    assert store.database.scalar("PRAGMA busy_timeout") == 300
    store.close()


def test_a_file_system_that_turns_read_only_loses_nothing(tmp_path: Path, note: Note) -> None:
    engine = lived(tmp_path / "home.db", 30)
    engine.store.database.execute("PRAGMA query_only = ON")
    endure(engine, StoreUnavailableError, 30, 36)
    assert found(engine.store) == steps(0, 1800)
    engine.store.database.execute("PRAGMA query_only = OFF")
    begin = time.perf_counter()
    assert engine.ingest(steps(1800, 2160)).accepted == 360
    engine.tick(minute_us(36))
    seconds = time.perf_counter() - begin
    for minute in range(36, 40):
        engine.ingest(steps(60 * minute, 60 * minute + 60))
        engine.tick(minute_us(minute + 1))
    nothing_is_missing(engine, tmp_path, 40)
    note("File system turns read-only while running", kept="everything", lost="nothing", seconds=seconds)
    engine.close()


def as_nobody(check: Callable[[], bool]) -> bool:
    """What a check says in a process without the rights of an administrator."""
    child = os.fork()
    if child == 0:
        fine = False
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            fine = check()
        finally:
            os._exit(0 if fine else 1)
    return os.waitpid(child, 0)[1] == 0


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_file_that_may_not_be_written_at_start_is_told_and_left_alone(note: Note) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "home.db"
        engine = lived(path, 30)
        engine.close()
        before = path.read_bytes()
        path.chmod(0o444)
        folder.chmod(0o555)

        def refused() -> bool:
            try:
                Engine.open(path, HOME, minute_us(31))
            except StoreUnavailableError:
                return True
            return False

        assert as_nobody(refused)
        assert path.read_bytes() == before
        assert [file.name for file in folder.iterdir()] == [path.name]
        path.chmod(0o644)
        folder.chmod(0o755)
        begin = time.perf_counter()
        engine = Engine.open(path, HOME, minute_us(31))
        assert engine.ingest([step(1860)]).accepted == 1
        seconds = time.perf_counter() - begin
        assert (engine.store.recovered_from, engine.store.was_unclean) == (None, False)
        engine.close()
        note(
            "File system read-only at start",
            kept="the file",
            lost="what happens until it is writable",
            seconds=seconds,
        )
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_what_was_seen_but_never_stored_is_only_forgotten_by_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    engine = lived(path, 30)
    engine.store.database.execute("PRAGMA query_only = ON")
    endure(engine, StoreUnavailableError, 30, 33)
    crashed = tmp_path / "crashed.db"
    for suffix in ("", "-wal"):
        shutil.copy(f"{path}{suffix}", f"{crashed}{suffix}")
    again = Engine.open(crashed, HOME, minute_us(33))
    assert found(again.store) == steps(0, 1800)
    assert query(crashed, "PRAGMA integrity_check") == [("ok",)]
    again.ingest(steps(1980, 2040))
    again.tick(minute_us(34))
    assert again.unsaved is None
    again.close()
    engine.store.database.execute("PRAGMA query_only = OFF")
    engine.close()


def test_a_reader_that_stays_for_hours_holds_up_nothing(tmp_path: Path) -> None:
    path = tmp_path / "home.db"
    engine = lived(path, 10)
    reader = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    reader.execute("BEGIN")
    assert reader.execute("SELECT count(*) FROM raw_events").fetchone() == (600,)
    for minute in range(10, 20):
        engine.ingest(steps(60 * minute, 60 * minute + 60))
        engine.tick(minute_us(minute + 1))
        assert engine.unsaved is None
    assert reader.execute("SELECT count(*) FROM raw_events").fetchone() == (600,)
    reader.close()
    assert engine.store.events.count() == 1200
    engine.close()
