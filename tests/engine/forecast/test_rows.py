"""Rows: the home's clock as members read it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import to_us
from custom_components.occupancy_ml.engine.forecast.rows import clock_of
from custom_components.occupancy_ml.engine.localtime import LocalClock
from tests.engine.forecast.made import history, rows


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


def test_nothing_is_learned_of_moments_whose_state_was_mistaken() -> None:
    days = 3
    made = rows(history(days, lambda day: [480, 1050]), days)
    mistaken = np.arange(len(made)) % 7 == 3
    unknown = np.arange(len(made)) % 11 == 5
    found = replace(
        made, believed=made.believed ^ mistaken, state=np.where(unknown, -1, made.state).astype(np.int8)
    ).agreed()
    assert np.isnan(found.wait[mistaken & ~unknown]).all()
    np.testing.assert_array_equal(found.wait[~mistaken | unknown], made.wait[~mistaken | unknown])
