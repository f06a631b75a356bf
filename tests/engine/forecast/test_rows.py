"""Rows: the home's clock as members read it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import to_us
from custom_components.occupancy_ml.engine.forecast.rows import clock_of
from custom_components.occupancy_ml.engine.localtime import LocalClock


@pytest.mark.parametrize(
    "name", ["UTC", "Asia/Kathmandu", "Australia/Eucla", "Pacific/Chatham", "Asia/Kolkata", "Europe/Berlin"]
)
def test_the_clock_of_a_row_is_that_on_the_wall(name: str) -> None:
    zone = ZoneInfo(name)
    moments = [datetime(2026, 3, 28, tzinfo=UTC) + timedelta(minutes=15 * n) for n in range(3 * 96)]
    local = [moment.astimezone(zone) for moment in moments]
    days, minutes, weekend = clock_of(LocalClock(name), np.array([to_us(m) for m in moments], dtype=np.int64))
    assert days.tolist() == [m.toordinal() for m in local]
    assert minutes.tolist() == [60 * m.hour + m.minute for m in local]
    assert weekend.tolist() == [m.weekday() >= 5 for m in local]
