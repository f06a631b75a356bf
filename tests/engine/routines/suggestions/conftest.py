"""A store on a real file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.store import Store
from tests.engine.routines.suggestions.planted import NOW_US


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "occupancy_ml.db", NOW_US)
    yield opened
    opened.close()
