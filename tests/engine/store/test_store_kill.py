"""A kill at any moment loses at most what was not committed, and never the file."""

from __future__ import annotations

from pathlib import Path
import random

from custom_components.occupancy_ml.engine.store import Store
from tests.engine.store.helpers import NOW_US, all_events, as_told, motion, query
from tests.killing import children

ROUNDS = 12


def test_a_dozen_kills_lose_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "occupancy_ml.db"
    rng = random.Random(20)
    written = 0
    with children("tests.engine.store.killed_writer", path) as start:
        for _ in range(ROUNDS):
            size = rng.choice([1, 20, 300, 2000])
            child = start(f"{written} {size}")
            wait_for = rng.randrange(12)
            said = []
            for number in child.said():
                said.append(number)
                if len(said) == wait_for + 1:
                    child.kill()
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
