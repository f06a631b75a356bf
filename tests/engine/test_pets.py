"""A person or a pet: told by what only people do, and by what moves while nobody is home. SIMULATED homes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
import json
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, Cause
from custom_components.occupancy_ml.engine.home import Role
from custom_components.occupancy_ml.engine.pets import Pets
from custom_components.occupancy_ml.engine.senses import DOOR
from custom_components.occupancy_ml.engine.snapshot import Movement
from tests.engine.living import START_US, flat, live
from tests.simulator import simulate, two_people_and_a_cat
from tests.simulator.config import DeviceKind

HALL, KITCHEN, BEDROOM = 0, 1, 2
AWAY, BOTH = 0, 2
PETS = replace(flat(persons=True), pets=True)


class Days:
    """Feeds minutes to what is tested."""

    def __init__(self, pets: Pets) -> None:
        self.pets = pets
        self.now_us = START_US

    def minutes(self, count: int, persons: int, every: int = 0, room: int = KITCHEN) -> list[bool]:
        """Minutes with or without people, and motion in a room every so many of them; whether each counted."""
        counted = []
        home = 0.01 if persons == AWAY else 0.99
        for n in range(count):
            if every and n % every == 0:
                counted.append(self.move(persons, room))
            self.pets.advance(12, home, persons)
            self.now_us += MINUTE_US
        return counted

    def move(
        self,
        persons: int,
        room: int = KITCHEN,
        role: Role = Role.MOTION,
        cause: Cause = Cause.UNKNOWN,
    ) -> bool:
        home = 0.01 if persons == AWAY else 0.99
        return self.pets.hear(room, role, cause, self.now_us, 12, home=home, persons=persons)

    def moved(self, room: int = KITCHEN) -> Movement:
        return self.pets.movement(room, self.now_us)


def test_without_evidence_nobody_can_tell() -> None:
    days = Days(Pets(flat(persons=True)))
    assert days.moved() is Movement.UNKNOWN
    assert days.move(BOTH)
    assert days.moved() is Movement.UNKNOWN
    assert days.move(AWAY)
    assert days.moved() is Movement.UNKNOWN


def test_what_moves_in_an_empty_home_is_a_pet_and_counts_only_where_none_lives() -> None:
    for home, counts in ((PETS, False), (flat(persons=True), True)):
        days = Days(Pets(home))
        days.minutes(3000, BOTH, every=4)
        counted = days.minutes(600, AWAY, every=20)
        assert counted[10:] == [counts] * 20
        days.move(AWAY)
        assert days.moved() is Movement.PET
        days.minutes(20, BOTH)
        assert days.moved() is Movement.UNKNOWN  # long ago


@pytest.mark.parametrize(
    ("room", "role"),
    [(DOOR, Role.EXIT_DOOR), (HALL, Role.LIGHT), (KITCHEN, Role.APPLIANCE), (HALL, Role.DOOR)],
)
def test_a_hand_gives_a_person_away_even_where_everybody_is_said_to_be_out(room: int, role: Role) -> None:
    days = Days(Pets(PETS))
    days.minutes(600, AWAY, every=20)
    assert days.move(AWAY, room, role)
    assert days.move(AWAY)
    assert days.moved() is Movement.HUMAN
    # What an automation switches is no hand.
    days.minutes(30, AWAY)
    days.move(AWAY, HALL, Role.LIGHT, Cause.AUTOMATION)
    assert not days.move(AWAY)


def test_with_people_at_home_all_motion_counts_and_busy_rooms_are_theirs() -> None:
    days = Days(Pets(PETS))
    days.minutes(1200, AWAY, every=60)
    assert all(days.minutes(600, BOTH, every=2))
    days.move(BOTH)
    assert days.moved() is Movement.HUMAN


def test_rooms_the_pet_never_enters_are_told_apart() -> None:
    days = Days(Pets(PETS))
    days.minutes(3000, AWAY, every=20)
    fire = np.full((2, 3, 3), 0.01)
    fire[:, :, HALL] = 0.0
    explained = days.pets.explain(fire)
    assert (explained[:, :, KITCHEN] > 0.05).all()
    assert (explained[:, :, BEDROOM] < 0.011).all()
    assert (explained[:, :, HALL] == 0.0).all()  # nothing there can fire
    assert (Pets(flat()).explain(fire) == fire).all()


def test_it_survives_a_restart() -> None:
    days = Days(Pets(PETS))
    days.minutes(300, AWAY, every=20)
    days.minutes(100, BOTH, every=3)
    again = Pets(PETS)
    again.restore(json.loads(json.dumps(days.pets.to_json())))
    assert again.to_json() == days.pets.to_json()
    assert again.movement(KITCHEN, days.now_us) is days.moved()


# --- a night, a party, a day out


class Weekend:
    """A Saturday with a party and a Sunday out, the cat at home, no phones: only the front door tells."""

    def __init__(self, path: Path, *, pets: bool) -> None:
        config = two_people_and_a_cat()
        config = replace(
            config,
            holidays=((date(2026, 3, 8), date(2026, 3, 8)),),
            trips=(),
            party_every=7,
            devices=tuple(device for device in config.devices if device.kind is not DeviceKind.PHONE),
        )
        simulated = simulate(config, date(2026, 3, 7), 2, 3)
        home = replace(simulated.home, pets=pets)
        shown, engine = live(path, home, simulated.events, simulated.start_us, simulated.end_us)
        engine.close()
        times = np.array([snapshot.time_us for snapshot in shown])
        self.rooms = list(simulated.areas)
        self.hours = (times - simulated.start_us) / (60 * MINUTE_US)
        self.people = np.array([simulated.people_count(int(time_us)) for time_us in times])
        self.truth = np.zeros((len(times), len(self.rooms)))
        for number, room_id in enumerate(self.rooms):
            for start_us, end_us in simulated.occupied(room_id):
                self.truth[(times >= start_us) & (times < end_us), number] = 1.0
        states = [[snapshot.rooms[room_id] for room_id in self.rooms] for snapshot in shown]
        self.chance = np.array([[state.probability for state in row] for row in states], dtype=float)
        self.on = np.array([[state.occupied for state in row] for row in states])

    def brier(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
        return float(((self.chance - self.truth)[chosen] ** 2).mean())


def test_a_cat_at_home_does_not_keep_the_rooms_on(tmp_path: Path) -> None:
    plain, knowing = (Weekend(tmp_path / f"{pets}.db", pets=pets) for pets in (False, True))
    out = plain.people == 0
    assert out.sum() > 300
    assert knowing.brier(out) < 0.6 * plain.brier(out)
    assert knowing.on[out].sum() < 0.75 * plain.on[out].sum()
    # Nothing is lost while people are there: a party, a night of sleep.
    party = plain.people >= 4
    assert party.sum() > 60
    asleep = (plain.hours > 26.5) & (plain.hours < 29) & (plain.people > 0)
    for chosen in (party, asleep, ~out):
        assert knowing.brier(chosen) < plain.brier(chosen) + 0.01
