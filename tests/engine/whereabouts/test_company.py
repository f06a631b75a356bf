"""More people than two chains can follow: believed where they are, and not where they are not."""

from __future__ import annotations

from collections.abc import Sequence
import itertools
import math

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.whereabouts import (
    Company,
    Layout,
    Minute,
    Mixture,
    Parameters,
    smooth,
)
from custom_components.occupancy_ml.engine.whereabouts.emissions import Emissions
from custom_components.occupancy_ml.engine.whereabouts.transitions import habits

KINDS = (RoomKind.LIVING, RoomKind.KITCHEN, RoomKind.PASSAGE, RoomKind.BATHROOM, RoomKind.BEDROOM)
LIVING, KITCHEN, HALL, BATHROOM, BEDROOM = range(5)


def flat(kinds: Sequence[RoomKind] = KINDS) -> Layout:
    rooms = tuple(Room(kind.value, kind) for kind in kinds)
    sensors = [Sensor(f"binary_sensor.{kind}", Role.MOTION, kind.value) for kind in kinds]
    sensors.append(Sensor("binary_sensor.bed", Role.PRESENCE, kinds[-1].value))
    return Layout.of(Home("UTC", rooms, tuple(sensors)))


class Evening:
    """Minutes in which rooms fire, with the contexts they then have."""

    def __init__(self, layout: Layout) -> None:
        self.rooms = len(layout.room_ids)
        self.minutes: list[Minute] = []
        self._last = np.full(2 * self.rooms, -(10**6))

    def hear(self, *fired: int) -> Minute:
        number = len(self.minutes)
        contexts = (number - self._last[:, None] <= np.array([15, 5, 1])).sum(axis=1)
        fires = tuple((room, int(contexts[room])) for room in fired)
        self._last[list(fired)] = number
        self.minutes.append(Minute(number, fires, contexts, np.array([-1, -1], dtype=np.int8)))
        return self.minutes[-1]


def a_party(layout: Layout) -> Evening:
    """One who is about, then company for an hour, then one again for two hours."""
    evening = Evening(layout)
    for number in range(30):
        evening.hear(*([KITCHEN] if number % 3 == 0 else []))
    for number in range(60):
        evening.hear(LIVING, KITCHEN, BATHROOM, *([HALL] if number % 2 else []))
    for number in range(120):
        evening.hear(*([LIVING] if number % 3 == 0 else []))
    return evening


def lived(layout: Layout, minutes: Sequence[Minute]) -> tuple[list[float], list[list[float]]]:
    """By minute: P(company), and P(somebody is in the room) of every room."""
    running = Mixture(layout, Parameters.prior(layout))
    chances, rooms = [], []
    for minute in minutes:
        running.step(minute, 20)
        chances.append(running.company.chance)
        rooms.append(running.occupancy().tolist())
    return chances, rooms


def test_company_is_believed_while_it_lasts() -> None:
    layout = flat()
    chances, rooms = lived(layout, a_party(layout).minutes)
    assert max(chances[:30]) < 0.01
    assert min(chances[72:90]) > 0.95
    assert max(chances[-30:]) < 0.05
    for minute in range(72, 90):
        assert min(rooms[minute][:2]) > 0.85
        assert rooms[minute][BATHROOM] > 0.75
        assert rooms[minute][BEDROOM] < 0.1
    assert rooms[-1][LIVING] > 0.9
    assert rooms[-1][KITCHEN] < 0.1


def test_hindsight_knows_of_the_company_too() -> None:
    layout = flat()
    minutes = a_party(layout).minutes
    parameters = Parameters.prior(layout)
    found = {}
    for company in (None, Company(layout, parameters)):
        told = finished(smooth(layout, parameters, minutes, [20] * len(minutes), company))
        found[company is not None] = told.occupied[:90][told.minutes[:90] < 90]
    busy = [LIVING, KITCHEN, BATHROOM]
    assert found[True][72:90, busy].min() > 0.75
    assert found[True][72:90, busy].min() > found[False][72:90, busy].min() + 0.2
    assert found[True][:25] == pytest.approx(found[False][:25], abs=0.02)


def test_one_or_two_are_no_company() -> None:
    layout = flat()
    rng = np.random.default_rng(4)
    evening = Evening(layout)
    where = [LIVING, KITCHEN]
    for _ in range(600):
        for who in range(2):
            if rng.random() < 0.05:
                where[who] = int(rng.integers(5))
        evening.hear(*sorted({room for room in where if rng.random() < 0.35}))
    chances, _ = lived(layout, evening.minutes)
    assert max(chances) < 0.2
    assert sum(chances) / len(chances) < 0.01


def test_a_silent_home_is_no_company() -> None:
    layout = flat()
    evening = Evening(layout)
    for _ in range(1000):
        evening.hear()
    chances, rooms = lived(layout, evening.minutes)
    assert max(chances) < 1e-4
    assert max(rooms[-1]) < 0.5


def test_rooms_on_their_own_against_every_way_they_can_be() -> None:
    layout = flat(KINDS[:2])
    parameters = Parameters.prior(layout)
    company = Company(layout, parameters)
    company.chance = before = 0.3
    minute = Minute(0, ((0, 2),), np.array([2, 1, 0, 3], dtype=np.int8), np.array([1, -1], dtype=np.int8))
    states = list(itertools.product(range(3), repeat=2))
    prior = {s: math.prod(float(company.rooms[room, s[room]]) for room in (0, 1)) for s in states}
    settle, rise, move = habits(layout, False)
    after = dict.fromkeys(states, 0.0)
    for s, t in itertools.product(states, repeat=2):
        step = 1.0
        for room in (0, 1):
            rows = [
                [0.997, 0.0, 0.003],
                [0.0, 1 - rise[room], rise[room]],
                [move[room], settle[room], 1 - move[room] - settle[room]],
            ]
            step *= rows[s[room]][t[room]]
        after[t] += prior[s] * step
    fire = parameters.fire
    for s in states:
        for channel in range(4):
            state, context = s[channel % 2], minute.contexts[channel]
            if channel == 0:
                after[s] *= fire[2, state, 0]
            else:
                after[s] *= (1 - fire[context, state, channel]) / (1 - fire[context, 0, channel])
        on = parameters.level[0, s[1]]
        after[s] *= on**0.2
    total = sum(after.values())
    silence = Emissions(layout, parameters).silence(minute)
    company.step(minute, 12, silence, math.log(total) - 0.7)
    for room, state in itertools.product((0, 1), range(3)):
        share = sum(chance for s, chance in after.items() if s[room] == state) / total
        assert company.rooms[room, state] == pytest.approx(share, rel=1e-9)
    apart = sum(chance for s, chance in after.items() if min(s) > 0) / total
    started = before * (1 - 1 / 120) + (1 - before) * 1e-5
    odds = started / (1 - started) * math.exp(0.7) * apart
    assert company.chance == pytest.approx(odds / (1 + odds), rel=1e-6)


@pytest.mark.parametrize("occupied", [True, False])
def test_a_correction_counts_for_company_as_well(occupied: bool) -> None:
    layout = flat()
    running = Mixture(layout, Parameters.prior(layout))
    for minute in a_party(layout).minutes[:80]:
        running.step(minute, 20)
    room = BEDROOM if occupied else KITCHEN
    running.correct(room, occupied)
    assert bool(running.occupancy()[room] > 0.9) is occupied
