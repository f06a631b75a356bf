"""Fixtures of the fault tests."""

from __future__ import annotations

from collections.abc import Callable
import json
import os
from pathlib import Path

import pytest

type Note = Callable[..., None]


@pytest.fixture
def note() -> Note:
    """Note a line of the table that `scripts/faults` prints: fault, kept, lost, seconds until it went on."""

    def write(fault: str, *, kept: str, lost: str, seconds: float | None = None) -> None:
        if report := os.environ.get("FAULTS_REPORT"):
            line = {"fault": fault, "kept": kept, "lost": lost, "seconds": seconds}
            with Path(report).open("a") as file:
                file.write(json.dumps(line) + "\n")

    return write
