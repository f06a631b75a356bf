"""A question is asked seldom: of an unsure room, of a home with people in it, by day, once a day."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us
from custom_components.occupancy_ml.engine.questions import Questions
from custom_components.occupancy_ml.engine.snapshot import (
    SLEEP,
    Forecast,
    HomeState,
    Learning,
    RoomState,
    Snapshot,
    Source,
)
from tests.engine.living import START_US

NOON_US = START_US + 4 * 60 * MINUTE_US


def shown(
    minute: int,
    *,
    anyone: float | None = 0.95,
    source: Source = Source.MODEL,
    start_us: int = NOON_US,
    asleep: bool = False,
    **chances: float | None,
) -> Snapshot:
    rooms = {room: RoomState(room, chance, None, source) for room, chance in chances.items()}
    now_us = start_us + minute * MINUTE_US
    sleep = Forecast(SLEEP, now_us, asleep, False, "Too few nights.", None, {}, None, 1.0, (), {})
    return Snapshot(now_us, HomeState(anyone, None, Learning.READY), rooms, {SLEEP: sleep})


def asked(snapshots: list[Snapshot], last: date | None = None) -> list[str | None]:
    questions = Questions({"kitchen", "hall"})
    return [questions.worth_asking(each, from_us(each.time_us), last) for each in snapshots]


def test_only_what_stays_unclear_is_asked() -> None:
    assert asked([shown(n, kitchen=0.5) for n in range(7)]) == [*[None] * 5, "kitchen", "kitchen"]
    interrupted = [shown(n, kitchen=0.5 if n != 4 else 0.9) for n in range(9)]
    assert asked(interrupted) == [None] * 9


def test_of_several_rooms_the_least_sure_is_asked() -> None:
    assert asked([shown(n, kitchen=0.65, hall=0.45) for n in range(6)])[-1] == "hall"


@pytest.mark.parametrize(
    "snapshots",
    [
        [shown(n, kitchen=0.8) for n in range(8)],
        [shown(n, kitchen=0.5, anyone=0.5) for n in range(8)],
        [shown(n, kitchen=0.5, anyone=None) for n in range(8)],
        [shown(n, kitchen=None) for n in range(8)],
        [shown(n, kitchen=0.5, source=Source.CORRECTION) for n in range(8)],
        # Who works at night sleeps at noon.
        [shown(n, kitchen=0.5, asleep=True) for n in range(8)],
        # Nothing is ever sure where nothing is sensed.
        [shown(n, attic=0.5) for n in range(8)],
        [shown(n, kitchen=0.5, start_us=NOON_US + 11 * 60 * MINUTE_US) for n in range(8)],
    ],
)
def test_a_question_that_would_annoy_is_not_asked(snapshots: list[Snapshot]) -> None:
    assert asked(snapshots) == [None] * 8


def test_once_a_day_is_enough() -> None:
    snapshots = [shown(n, kitchen=0.5) for n in range(8)]
    today = from_us(NOON_US).date()
    assert asked(snapshots, today) == [None] * 8
    assert asked(snapshots, today - timedelta(days=1))[-1] == "kitchen"
