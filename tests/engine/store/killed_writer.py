"""A program that writes until it is killed; `test_store_kill` is the one that kills it.

For each line `number size` on its input a child opens the file and appends batches
of that size from that event on, naming its process first and each batch when it is
committed. The parent stays, so that what takes long to import is imported once.
"""

from __future__ import annotations

import os
from pathlib import Path
import sys

import numpy as np

from custom_components.occupancy_ml.engine.store import FeatureBlock, Store
from tests.engine.store.helpers import NOW_US, ROLES, motion


def write(path: Path, number: int, size: int) -> None:
    """Append batches for ever, with everything else that a running home writes."""
    store = Store.open(path, NOW_US)
    print(os.getpid(), flush=True)
    batch = 0
    while True:
        with store.transaction():
            store.events.append([motion(number + n) for n in range(size)], ROLES)
            end = np.array([number], np.int64)
            store.features.write([FeatureBlock("hall", 1, end - 1, end, NOW_US, end, np.ones((1, 30)))])
            store.checkpoints.save("board", number, number.to_bytes(8, "little") * 500)
        number += size
        batch += 1
        if batch % 7 == 0:
            store.checkpoint()
        # In one piece, or not at all: a kill must not leave half a line.
        os.write(1, f"{number}\n".encode())


def main() -> None:
    """Start a child a line, and say when it is gone."""
    path = Path(sys.argv[1])
    for line in sys.stdin:
        number, size = map(int, line.split())
        child = os.fork()
        if child == 0:
            write(path, number, size)
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
