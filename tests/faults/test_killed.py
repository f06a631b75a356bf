"""Killed at any moment, or out of power: what was stored is there, the file is sound, and it goes on."""

from __future__ import annotations

import os
from pathlib import Path
import random
import shutil
import subprocess
import sys
import time

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US
from custom_components.occupancy_ml.engine.pipeline import Engine
from tests.engine.living import START_US, rows_of, same_rows
from tests.faults.conftest import Note
from tests.faults.scene import HOME, ROOT, found, live, lived, query, step, steps
from tests.faults.starting_engines import STARTS
from tests.killing import children

# `scripts/faults` kills a hundred times.
ROUNDS = int(os.environ.get("FAULTS_KILLS", "15"))
STARTING_ROUNDS = int(os.environ.get("FAULTS_STARTS", "20"))


def test_kills_at_random_moments_lose_nothing_that_was_stored(tmp_path: Path, note: Note) -> None:
    path = tmp_path / "home.db"
    rng = random.Random(9)
    slowest, stored = 0.0, 0
    with children("tests.faults.killed_engine", path) as start:
        for _ in range(ROUNDS):
            child = start(str(stored))
            # From the opening on, and while anything is written: the child does not stop for us.
            waits, said = rng.choice([0, rng.randrange(1, 8), rng.randrange(8, 60)]), 0
            if waits == 0:
                child.kill()
            for number in child.said():
                said = number
                waits -= 1
                if waits == 0:
                    child.kill()
            begin = time.perf_counter()
            engine = Engine.open(path, HOME, START_US + stored * MICROSECONDS)
            slowest = max(slowest, time.perf_counter() - begin)
            kept = found(engine.store)
            stored = len(kept)
            assert engine.store.recovered_from is None
            assert kept == steps(0, len(kept))
            assert len(kept) >= said
            assert engine.store.database.scalar("PRAGMA integrity_check") == "ok"
            # Not closed properly either.
            engine.store.database.close()
    # After all that the home is the same as one that was never killed.
    engine = Engine.open(path, HOME, START_US + stored * MICROSECONDS)
    if engine.needs_rebuild:
        list(engine.rebuild(START_US + stored * MICROSECONDS))
    begun, minutes = stored // 60, stored // 60 + 5
    engine.ingest(steps(stored, 60 * begun + 60))
    engine.tick(START_US + (begun + 1) * MINUTE_US)
    live(engine, begun + 1, minutes)
    assert found(engine.store) == steps(0, 60 * minutes)
    other = lived(tmp_path / "untroubled.db", minutes)
    assert len(rows_of(engine, 2**62)["hall"][0]) == minutes // 5
    assert same_rows(engine, other, 2**62)
    engine.close()
    other.close()
    note(
        f"kill -9 at {ROUNDS} random moments",
        kept="everything stored, the same features",
        lost="the seconds not yet stored",
        seconds=slowest,
    )


def test_a_power_cut_leaves_whole_batches_up_to_some_moment(tmp_path: Path, note: Note) -> None:
    path = tmp_path / "home.db"
    engine = lived(path, 20)
    for number in range(1200, 1800, 10):
        engine.ingest(steps(number, number + 10))
    log = path.with_name("home.db-wal").read_bytes()
    shutil.copy(path, tmp_path / "disk.db")
    engine.close()
    rng = random.Random(11)
    slowest, least = 0.0, 1800
    for number in range(40):
        # The disk has the file as folded last and any beginning of the log, its end perhaps torn.
        cut = tmp_path / f"cut{number}.db"
        shutil.copy(tmp_path / "disk.db", cut)
        length = rng.randrange(len(log))
        torn = rng.randrange(600)
        cut.with_name(f"{cut.name}-wal").write_bytes(log[:length] + rng.randbytes(torn))
        begin = time.perf_counter()
        again = Engine.open(cut, HOME, START_US + 21 * MINUTE_US)
        slowest = max(slowest, time.perf_counter() - begin)
        kept = found(again.store)
        assert again.store.recovered_from is None
        assert kept == steps(0, len(kept))
        least = min(least, len(kept))
        assert again.ingest([step(4000)]).accepted == 1
        again.close()
        assert query(cut, "PRAGMA integrity_check") == [("ok",)]
    assert 1200 <= least < 1800
    note("Power cut", kept="all but the last minute", lost="at most a minute", seconds=slowest)


def test_starts_at_once_share_the_file(tmp_path: Path, note: Note) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.starting_engines"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    slowest = 0.0
    with starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        for number in range(STARTING_ROUNDS):
            folder = tmp_path / str(number)
            folder.mkdir()
            path = folder / "home.db"
            if number % 2:
                path.write_bytes(b"no database" * 1000)
            starter.stdin.write(f"{path}\n")
            starter.stdin.flush()
            assert starter.stdout.readline().split() == ["0"] * STARTS
            begin = time.perf_counter()
            engine = Engine.open(path, HOME, START_US + (STARTS + 1) * MINUTE_US)
            assert engine.store.recovered_from is None
            assert found(engine.store) == steps(0, 60 * (STARTS + 1))
            live(engine, STARTS + 1, STARTS + 2)
            slowest = max(slowest, time.perf_counter() - begin)
            assert engine.unsaved is None
            engine.close()
            # A damaged file is set aside by one of them, a sound one by none.
            assert len(list(folder.glob("*.damaged-*"))) == number % 2
        starter.stdin.close()
    assert starter.returncode == 0
    note("Two and more starts at once", kept="everything of all", lost="nothing", seconds=slowest)


def test_a_clock_in_the_wrong_year_at_night_costs_no_history(tmp_path: Path, note: Note) -> None:
    year_us = 365 * 86_400 * MICROSECONDS
    engine = lived(tmp_path / "home.db", 60)
    hour_us = START_US + 60 * MINUTE_US
    list(engine.night(hour_us))
    before = rows_of(engine, 2**62)["hall"][0].tolist()
    # A year ahead, with a night in it.
    for minute in range(10):
        engine.ingest(
            [step(0).__class__(hour_us + year_us + minute * MINUTE_US, "binary_sensor.hall_motion", "on")]
        )
        snapshot = engine.tick(hour_us + year_us + minute * MINUTE_US)
        assert snapshot.time_us == hour_us + year_us + minute * MINUTE_US
    list(engine.night(hour_us + year_us + 10 * MINUTE_US))
    assert found(engine.store)[:3600] == steps(0, 3600)
    # And back.
    for minute in range(60, 80):
        engine.ingest(steps(60 * minute, 60 * minute + 60))
        snapshot = engine.tick(START_US + (minute + 1) * MINUTE_US)
        assert snapshot.time_us == START_US + (minute + 1) * MINUTE_US
    ends = rows_of(engine, 2**62)["hall"][0].tolist()
    assert ends[: len(before)] == before
    assert ends[-1] == START_US + 80 * MINUTE_US
    assert found(engine.store)[:4800] == steps(0, 4800)
    shown = engine.store.predictions.read("hall", 0, 2**62)
    assert shown[-1].time_us == START_US + 80 * MINUTE_US
    engine.close()
    again = Engine.open(tmp_path / "home.db", HOME, START_US + 81 * MINUTE_US)
    assert not again.needs_rebuild
    assert again.tick(START_US + 81 * MINUTE_US).time_us == START_US + 81 * MINUTE_US
    again.close()
    note(
        "Clock a year ahead for a night, then right",
        kept="all but the oldest days",
        lost="at most three days at the old end of each layer",
    )


def test_a_clock_set_back_an_hour_lives_the_hour_again(tmp_path: Path, note: Note) -> None:
    engine = lived(tmp_path / "home.db", 90)
    for minute in range(30, 100):
        result = engine.ingest([event for event in steps(60 * minute, 60 * minute + 60) if minute >= 90])
        snapshot = engine.tick(START_US + (minute + 1) * MINUTE_US)
        assert snapshot.time_us == START_US + (minute + 1) * MINUTE_US
        assert all(
            0 <= room.probability <= 1 for room in snapshot.rooms.values() if room.probability is not None
        )
    assert result.accepted == 60
    assert found(engine.store) == steps(0, 6000)
    assert rows_of(engine, 2**62)["hall"][0].tolist() == [
        START_US + minutes * MINUTE_US for minutes in range(5, 101, 5)
    ]
    engine.close()
    note(
        "Clock set back an hour",
        kept="everything",
        lost="what the home was like before is learned again",
    )
