"""A kill at any moment loses at most what was not committed, and never the file."""

from __future__ import annotations

import os
from pathlib import Path
import random
import signal
import subprocess
import sys

from custom_components.occupancy_ml.engine.store import Store
from tests.engine.store.helpers import NOW_US, ROOT, all_events, as_told, motion, query

ROUNDS = 20


def test_twenty_kills_lose_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    rng = random.Random(20)
    written = 0
    writer = subprocess.Popen(
        [sys.executable, "-m", "tests.engine.store.killed_writer", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for _ in range(ROUNDS):
            size = rng.choice([1, 20, 300, 2000])
            writer.stdin.write(f"{written} {size}\n")
            writer.stdin.flush()
            child = int(writer.stdout.readline())
            wait_for = rng.randrange(12)
            said = []
            while (line := writer.stdout.readline().strip()) != "gone":
                said.append(int(line))
                if len(said) == wait_for + 1:
                    os.kill(child, signal.SIGKILL)
            assert query(path, "PRAGMA integrity_check") == [("ok",)]
            store = Store.open(path, NOW_US)
            assert (store.was_unclean, store.recovered_from) == (True, None)
            found = all_events(store)
            # Whole batches, one after the other, and at least those it had named.
            assert found == as_told(motion(number) for number in range(len(found)))
            assert (len(found) - written) % size == 0
            assert len(found) >= said[-1]
            assert store.features.count() > 0
            board = store.checkpoints.load("board")
            assert board is not None
            assert board.time_us == len(found) - size
            written = len(found)
            store.close()
        writer.stdin.close()
    assert writer.returncode == 0
