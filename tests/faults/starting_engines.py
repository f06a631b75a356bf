"""A program that starts four engines on one file at once, again and again; `test_killed` looks at what they left.

For each path on its input four children wait at a gate, open the home, live two minutes each and close it. Says the
codes they ended with.
"""

from __future__ import annotations

import os
from pathlib import Path
import sys
import traceback

from custom_components.occupancy_ml.engine.pipeline import Engine
from tests.engine.living import START_US
from tests.faults.scene import HOME, steps

STARTS = 4


def start(path: Path, gate: int, number: int) -> None:
    """Open when the gate does; the second minute is also the first of the next child."""
    os.read(gate, 1)
    engine = Engine.open(path, HOME, START_US)
    for first in (number * 60, number * 60 + 60):
        engine.ingest(steps(first, first + 60))
    engine.close()


def main() -> None:
    """A round a line."""
    for line in sys.stdin:
        gate, opener = os.pipe()
        children = []
        for number in range(STARTS):
            child = os.fork()
            if child == 0:
                os.close(opener)
                try:
                    start(Path(line.strip()), gate, number)
                except BaseException:
                    traceback.print_exc()
                    os._exit(1)
                os._exit(0)
            children.append(child)
        os.close(gate)
        os.close(opener)
        print(*[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)


if __name__ == "__main__":
    main()
