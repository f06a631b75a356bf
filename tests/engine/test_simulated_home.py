"""A week of two people and a cat on motion sensors: a night's sleep, a party, a day out. SIMULATED: no claim about real homes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.localtime import LocalClock
from tests.engine.living import live
from tests.simulator import AWAY, Simulation, simulate, two_people_and_a_cat

# With this seed Saturday evening has a party and both are out on Sunday.
DAYS, SEED = 7, 3

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Week:
    """What happened and what was shown.

    Attributes:
        simulated: what happened.
        time_us: (n,) every minute.
        chances: (n, R) P(somebody is in the room) as shown.
        switched: (n, R) the switch.
        home: (n,) P(somebody is home) as shown.
        truth: (n, R) whether somebody was there.
        people: (n,) how many were home.
    """

    simulated: Simulation
    time_us: NDArray[np.int64]
    chances: Floats
    switched: Bools
    home: Floats
    truth: Bools
    people: NDArray[np.int64]

    def room(self, room_id: str) -> int:
        return self.simulated.areas.index(room_id)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Week:
    simulated = simulate(two_people_and_a_cat(), date(2026, 3, 2), DAYS, SEED)
    nights = [simulated.start_us + day * DAY_US + 3 * 60 * MINUTE_US for day in range(1, DAYS)]
    path = tmp_path_factory.mktemp("week") / "home.db"
    shown, engine = live(
        path,
        simulated.home,
        simulated.events,
        simulated.start_us,
        simulated.end_us,
        nights=nights,
        now_only=True,
    )
    engine.close()
    times = np.array([snapshot.time_us for snapshot in shown])
    truth = np.zeros((len(times), len(simulated.areas)), dtype=np.bool_)
    for room, room_id in enumerate(simulated.areas):
        for start_us, end_us in simulated.occupied(room_id):
            truth[(times >= start_us) & (times < end_us), room] = True
    people = np.zeros(len(times), dtype=np.int64)
    for stay in simulated.stays:
        if stay.room_id != AWAY:
            people += (times >= stay.start_us) & (times < stay.end_us)
    rooms = [[snapshot.rooms[room_id] for room_id in simulated.areas] for snapshot in shown]
    return Week(
        simulated,
        times,
        np.array([[room.probability for room in row] for row in rooms], dtype=np.float64),
        np.array([[bool(room.occupied) for room in row] for row in rooms]),
        np.array([snapshot.home.probability for snapshot in shown], dtype=np.float64),
        truth,
        people,
    )


def test_shown_probabilities_beat_the_time_of_day_and_a_constant(week: Week) -> None:
    clock = LocalClock(week.simulated.home.time_zone)
    _, slots = clock.days_and_half_hours(week.time_us)
    early = week.time_us <= week.simulated.start_us + 3 * DAY_US
    errors: dict[str, list[float]] = {"shown": [], "prior": [], "constant": []}
    for room in range(len(week.simulated.areas)):
        truth = week.truth[:, room].astype(np.float64)
        # The baselines are given the truth of the first three days; we were told nothing.
        share = truth[early].mean()
        taken = np.bincount(slots[early], truth[early], 48)
        prior = ((taken + 30 * share) / (np.bincount(slots[early], minlength=48) + 30))[slots]
        guesses = {"shown": week.chances[:, room], "prior": prior, "constant": np.full(len(truth), share)}
        for name, guess in guesses.items():
            errors[name].append(float(((guess - truth)[~early] ** 2).mean()))
    brier = {name: float(np.mean(values)) for name, values in errors.items()}
    assert brier["shown"] < 0.75 * brier["prior"]
    assert brier["shown"] < 0.6 * brier["constant"]


def test_sleepers_stay_where_they_are(week: Week) -> None:
    bedroom = week.room("bedroom")
    hours = (week.time_us - week.simulated.start_us) % DAY_US / (60 * MINUTE_US)
    learned = week.time_us > week.simulated.start_us + 2 * DAY_US
    asleep = learned & (hours > 1) & (hours < 5) & week.truth[:, bedroom]
    assert asleep.sum() > 600
    assert week.chances[asleep, bedroom].mean() > 0.95
    assert week.switched[asleep, bedroom].mean() > 0.99


def test_a_party_is_where_it_is(week: Week) -> None:
    party = week.people >= 6
    assert party.sum() > 120
    living, bedroom = week.room("living_room"), week.room("bedroom")
    there = party & week.truth[:, living]
    assert week.chances[there, living].mean() > 0.85
    assert week.switched[there, living].mean() > 0.9
    kitchen = party & week.truth[:, week.room("kitchen")]
    assert week.switched[kitchen, week.room("kitchen")].mean() > 0.75
    assert week.chances[party & ~week.truth[:, bedroom], bedroom].mean() < 0.3
    assert week.home[party].min() > 0.95


def test_a_cat_alone_at_home_is_nobody(week: Week) -> None:
    sunday = week.time_us > week.simulated.start_us + 6 * DAY_US
    out = np.flatnonzero(sunday & (week.people == 0))
    # A quarter of an hour after the last one left until somebody comes back.
    alone = out[(out >= out[0] + 15) & (out <= out[-1])]
    assert len(alone) > 300
    moved = [
        event
        for event in week.simulated.events
        if week.time_us[alone[0]] < event.time_us < week.time_us[alone[-1]]
        and event.entity_id.endswith("_motion")
        and event.state == "on"
    ]
    assert len(moved) > 5
    assert week.home[alone].mean() < 0.05
    assert week.chances[alone].mean() < 0.02
    assert week.switched[alone].mean() < 0.02
