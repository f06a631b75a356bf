"""What named entities say, as numbers."""

from __future__ import annotations

from datetime import UTC, datetime
import math

import pytest

from custom_components.occupancy_ml.engine.events import to_us
from custom_components.occupancy_ml.engine.forecast.context import Context, number_of
from custom_components.occupancy_ml.engine.home import Role, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock

CLOCK = LocalClock("Europe/Berlin")
NOW_US = to_us(datetime(2026, 3, 2, 21, 0, tzinfo=UTC))  # 22 o'clock in Berlin


@pytest.mark.parametrize(
    ("state", "number"),
    [
        ("on", 1.0),
        ("off", 0.0),
        ("rainy", 1.0),
        ("partlycloudy", 0.0),
        ("19", math.log(20)),
        ("-3", -math.log(4)),
        ("2026-03-03T05:30:00+00:00", 8.5),
        ("2026-03-03 06:30:00", 8.5),
        ("06:30:00", 8.5),
        ("21:00:00", 23.0),
        ("2026-03-05T05:30:00+00:00", 24.0),
        ("2026-03-02T05:30:00+00:00", 24.0),
    ],
)
def test_a_state_is_a_number(state: str, number: float) -> None:
    assert number_of(state, NOW_US, CLOCK) == pytest.approx(number)


@pytest.mark.parametrize("state", [None, "unknown", "unavailable", "nan", "inf", "12:75", ""])
def test_what_says_nothing_is_nothing(state: str | None) -> None:
    assert math.isnan(number_of(state, NOW_US, CLOCK))


def test_entities_stand_in_order_of_their_ids() -> None:
    context = Context([Sensor("sensor.b", Role.CONTEXT), Sensor("calendar.a", Role.CONTEXT)], CLOCK)
    assert context.names == ("calendar.a", "sensor.b")
    found = context.values({"calendar.a": "on"}, NOW_US)
    assert found[0] == 1.0
    assert math.isnan(found[1])
