"""A program whose children write until they are killed, for the tests that kill them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import signal
import subprocess
import sys

ROOT = Path(__file__).parent.parent


class Child:
    """One child: it names its process first, then on a line each what it has stored."""

    def __init__(self, parent: subprocess.Popen[str]) -> None:
        assert parent.stdout is not None
        self._lines = parent.stdout
        self._process = int(self._lines.readline())

    def kill(self) -> None:
        """End it at once."""
        os.kill(self._process, signal.SIGKILL)

    def said(self) -> Iterator[int]:
        """What it says, until it is gone."""
        while (line := self._lines.readline().strip()) != "gone":
            yield int(line)


@contextmanager
def children(module: str, path: Path) -> Iterator[Callable[[str], Child]]:
    """Start the program once, so that what takes long to import is imported once; gives what starts a child."""
    parent = subprocess.Popen(
        [sys.executable, "-m", module, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdin is not None
        told = parent.stdin

        def start(line: str) -> Child:
            told.write(f"{line}\n")
            told.flush()
            return Child(parent)

        yield start
        told.close()
    assert parent.returncode == 0
