"""A program whose children live until they are killed; `test_killed` kills them.

For each number on its input a child opens the home and lives from that event on, minute after minute, naming its process first and each event when it is stored. The parent stays, so that what takes long to
import is imported once.
"""

from __future__ import annotations

import os
from pathlib import Path
import sys

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US
from custom_components.occupancy_ml.engine.pipeline import Engine
from tests.engine.living import START_US
from tests.faults.scene import HOME, steps


def live_for_ever(path: Path, number: int) -> None:
    """Ten seconds of events at a time, a tick a minute, a new start each three hours."""
    print(os.getpid(), flush=True)
    while True:
        engine = Engine.open(path, HOME, START_US + number * MICROSECONDS)
        if engine.needs_rebuild:
            list(engine.rebuild(START_US + number * MICROSECONDS))
        for _ in range(180 * 6):
            engine.ingest(steps(number, number + 10))
            number += 10
            # In one piece, or not at all: a kill must not leave half a line.
            os.write(1, f"{number}\n".encode())
            if number % 60 == 0:
                engine.tick(START_US + number // 60 * MINUTE_US)
        engine.close()


def main() -> None:
    """Start a child a line, and say when it is gone."""
    path = Path(sys.argv[1])
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            live_for_ever(path, int(line))
        os.waitpid(child, 0)
        print("gone", flush=True)


if __name__ == "__main__":
    main()
