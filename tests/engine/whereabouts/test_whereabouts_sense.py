"""What anybody would say about where people are, the filter says too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, Cause, Event
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.tracker import Tracker
from custom_components.occupancy_ml.engine.whereabouts import DEAF, Layout, Parameters
from custom_components.occupancy_ml.engine.whereabouts.filter import Filter
from custom_components.occupancy_ml.engine.whereabouts.model import Counts
from tests.engine.living import START_US, at, at_rest, flat, pulse

HALL, KITCHEN, BEDROOM = 0, 1, 2
# 21:00 UTC is 22:00 in Berlin.
EVENING = 13 * 3600


def lived(home: Home, events: Sequence[Event], until_s: float) -> Tracker:
    """A tracker that heard some events (seconds after START_US) and then listened until a moment."""
    first_us = min((event.time_us for event in events), default=START_US)
    tracker = Tracker(home, first_us)
    for event in [*at_rest(home, first_us - 1), *sorted(events, key=lambda e: e.time_us)]:
        list(tracker.advance(event.time_us))
        tracker.take(event)
    list(tracker.advance(START_US + round(until_s) * 1_000_000))
    return tracker


def chances(tracker: Tracker) -> list[float]:
    return [float(chance) for chance in tracker.belief()[0]]


def rooms_alike(count: int, *, door: bool = False) -> Home:
    rooms = tuple(Room(f"room_{n}", RoomKind.OTHER) for n in range(count))
    sensors = [Sensor(f"binary_sensor.room_{n}", Role.MOTION, f"room_{n}") for n in range(count)]
    if door:
        sensors.append(Sensor("binary_sensor.door", Role.EXIT_DOOR, "room_0"))
    return Home("UTC", rooms, tuple(sensors))


def test_motion_moves_its_room_at_once_and_takes_from_the_others() -> None:
    before = chances(lived(flat(), pulse(0, "hall"), 300))
    after = chances(lived(flat(), [*pulse(0, "hall"), *pulse(290, "kitchen")], 300))
    assert after[KITCHEN] > 0.6 > before[KITCHEN]
    assert after[HALL] < before[HALL]


def test_rooms_that_are_alike_are_believed_alike() -> None:
    for count in (2, 3, 6):
        tracker = lived(rooms_alike(count), [], 3600)
        assert np.ptp(chances(tracker)) < 1e-12
        events = [at(10, "binary_sensor.room_0", "on"), at(40, "binary_sensor.room_0", "off")]
        found = chances(lived(rooms_alike(count), events, 120))
        assert found[0] > max(found[1:])
        assert np.ptp(found[1:]) < 1e-12


def test_which_of_two_rooms_is_which_does_not_matter() -> None:
    one = chances(lived(rooms_alike(3), [at(10, "binary_sensor.room_1", "on")], 600))
    other = chances(lived(rooms_alike(3), [at(10, "binary_sensor.room_2", "on")], 600))
    assert one == pytest.approx([other[0], other[2], other[1]], abs=1e-12)


def test_who_goes_to_the_door_and_is_not_heard_again_is_gone() -> None:
    came = [event for seconds in range(-900, -60, 60) for event in pulse(seconds, "kitchen")]
    came += pulse(-20, "hall", 10)
    door = [at(-1000, "binary_sensor.front_door", "off")]
    left = [at(0, "binary_sensor.front_door", "on"), at(5, "binary_sensor.front_door", "off")]
    home = lived(flat(), [*door, *came], 0).belief()[1]
    gone = lived(flat(), [*door, *came, *left], 12 * 60)
    stayed = lived(flat(), [*door, *came, *pulse(1, "hall", 10)], 12 * 60)
    assert home > 0.7
    assert gone.belief()[1] < 0.3
    assert max(chances(gone)) < 0.3
    assert stayed.belief()[1] > gone.belief()[1] + 0.3


def test_who_comes_home_is_home() -> None:
    door = "binary_sensor.front_door"
    away = [at(0, door, "off"), *pulse(5, "hall", 5), at(15, door, "on"), at(20, door, "off")]
    back = [
        at(20_000, door, "on"),
        at(20_004, door, "off"),
        *pulse(20_006, "hall", 20),
        *pulse(20_050, "kitchen"),
    ]
    assert lived(flat(), away, 19_900).belief()[1] < 0.1
    tracker = lived(flat(), [*away, *back], 20_100)
    assert tracker.belief()[1] > 0.95
    assert chances(tracker)[KITCHEN] > 0.8


@pytest.mark.parametrize(
    ("door", "hours", "toss_min"),
    [(True, 4, None), (True, 8, None), (True, 8, 120), (True, 8, 60), (False, 2, None), (False, 8, 60)],
)
def test_a_sleeper_stays_through_a_silent_night(door: bool, hours: int, toss_min: int | None) -> None:
    """No motion does not mean vacant: the last word was from the bedroom, and nobody was heard to leave it."""
    home = flat(exit_door=door)
    home = Home(home.time_zone, home.rooms, tuple(s for s in home.sensors if s.role is not Role.PRESENCE))
    events = [*pulse(EVENING, "kitchen"), *pulse(EVENING + 900, "hall"), *pulse(EVENING + 930, "bedroom")]
    events += [event for n in range(1, 8) for event in pulse(EVENING + 930 + 100 * n, "bedroom")]
    until_s = EVENING + hours * 3600
    if toss_min is not None:  # who sleeps turns over now and then
        tossed = range(EVENING + 1800 + toss_min * 60, until_s - 1200, toss_min * 60)
        events += [event for seconds in tossed for event in pulse(seconds, "bedroom", 5)]
    found = chances(lived(home, events, until_s))
    assert found[BEDROOM] > 0.5
    assert found[BEDROOM] > 10 * max(found[HALL], found[KITCHEN])


def test_who_gets_dressed_beside_a_bed_mat_is_there() -> None:
    home = flat()
    layout = Layout.of(home)
    prior = Parameters.prior(layout)
    nights = np.zeros((1, 4, 2))
    nights[0, :, 1], nights[0, :, 0] = [0, 5000, 40, 20], [9000, 20, 60, 60]
    counts = Counts(np.zeros_like(prior.moves), np.zeros((*prior.fire.shape, 2)), nights)
    tracker = Tracker(home, START_US - 10 * MINUTE_US)
    tracker.filter.use(Parameters.learned(layout, counts))
    events = [*pulse(-200, "kitchen"), *pulse(-10, "hall", 8), at(0, "binary_sensor.bedroom_motion", "on")]
    for event in [*at_rest(home, tracker.time_us - 1), at(-599, "binary_sensor.bed", "off"), *events]:
        list(tracker.advance(event.time_us))
        tracker.take(event)
    for minute in (2, 4, 6):
        list(tracker.advance(START_US + minute * MINUTE_US))
        assert chances(tracker)[BEDROOM] > 0.8


def test_a_mat_is_known_by_who_makes_other_sensors_fire() -> None:
    layout = Layout.of(flat())
    prior = Parameters.prior(layout)
    # P(on) of who is still, active, and makes something fire: a mat, a sensor that drops out, a sensor of all.
    for rates, learned in (
        ((0.99, 0.4, 0.2), (0.99, 0.2)),
        ((0.9, 0.5, 0.7), (0.7, 0.7)),
        ((0.4, 0.8, 0.9), (0.6, 0.6)),
    ):
        minutes = 1000 * np.array([[[1 - on, on] for on in (0.01, *rates)]])
        counts = Counts(np.zeros_like(prior.moves), np.zeros((*prior.fire.shape, 2)), minutes)
        assert Parameters.learned(layout, counts).level[0] == pytest.approx([0.01, *learned], abs=0.01)


def test_somebody_there_never_switches_a_presence_sensor_off() -> None:
    layout = Layout.of(flat())
    prior = Parameters.prior(layout)
    counts = Counts(
        np.zeros_like(prior.moves),
        np.zeros((*prior.fire.shape, 2)),
        np.array([[[100.0, 900.0], [900.0, 100.0], [900.0, 100.0], [900.0, 100.0]]]),
    )
    level = Parameters.learned(layout, counts).level[0]
    assert level[0] == level[1] == level[2] > 0.8


def test_a_bed_mat_that_is_on_holds_the_bedroom() -> None:
    events = [*pulse(EVENING, "bedroom"), at(EVENING + 30, "binary_sensor.bed", "on")]
    assert chances(lived(flat(), events, EVENING + 7 * 3600))[BEDROOM] > 0.9


def test_everybody_away_is_believed_in_time() -> None:
    home = flat(exit_door=False, persons=True)
    told = [at(0, "person.ada", "home"), at(0, "person.bo", "home"), *pulse(60, "kitchen")]
    gone = [at(300, "person.ada", "not_home"), at(300, "person.bo", "work")]
    assert lived(home, [*told, *gone], 4 * 3600).belief()[1] < lived(home, told, 4 * 3600).belief()[1] - 0.2


@pytest.mark.parametrize("room", [HALL, KITCHEN, BEDROOM])
def test_a_correction_moves_belief_and_lasts_until_there_is_news(room: int) -> None:
    tracker = lived(flat(), pulse(0, "kitchen"), 120)
    tracker.filter.correct(room, False)
    assert chances(tracker)[room] < 0.2
    tracker.filter.correct(room, True)
    assert chances(tracker)[room] > 0.9
    assert tracker.filter.pair.belief.sum() == pytest.approx(1.0)
    list(tracker.advance(START_US + 4 * MINUTE_US))
    assert chances(tracker)[room] > 0.5


def test_an_empty_home_that_is_said_to_be_lived_in() -> None:
    layout = Layout.of(flat())
    running = Filter(layout, Parameters.prior(layout))
    running.belief[:] = 0.0
    running.belief[-1, -1] = 1.0
    running.correct(BEDROOM, True)
    assert running.occupancy()[BEDROOM] > 0.9
    assert running.anyone_home() > 0.9


@pytest.mark.parametrize(
    "home",
    [
        rooms_alike(1),
        rooms_alike(1, door=True),
        rooms_alike(20),
        rooms_alike(20, door=True),
        Home("UTC", (Room("only", RoomKind.OTHER),), ()),
        Home("UTC", (Room("a", RoomKind.OTHER), Room("b", RoomKind.BEDROOM)), ()),
        Home("UTC", (Room("a", RoomKind.OTHER),), (Sensor("binary_sensor.door", Role.EXIT_DOOR),)),
        Home("UTC", (Room("a", RoomKind.OTHER),), (Sensor("person.ada", Role.PERSON),)),
        Home("UTC", (), ()),
    ],
    ids=[
        "one",
        "one+door",
        "twenty",
        "twenty+door",
        "no sensor",
        "two, no sensor",
        "door",
        "person",
        "nothing",
    ],
)
def test_homes_of_any_size_are_lived_in(home: Home) -> None:
    events = [at(n * 30, s.entity_id, "on" if n % 2 else "off") for n in range(20) for s in home.sensors]
    tracker = lived(home, events, 1200)
    rooms, anyone = tracker.belief()
    assert rooms.shape == (len(home.rooms),)
    assert ((rooms >= 0) & (rooms <= 1)).all()
    assert 0 <= anyone <= 1
    assert tracker.filter.pair.belief.sum() == pytest.approx(1.0)
    again = Tracker.from_payload(home, tracker.to_payload())
    assert again.to_payload() == tracker.to_payload()


_HOME = flat(persons=True)
_WEIRD = st.lists(
    st.builds(
        at,
        st.integers(0, 5400),
        st.sampled_from([sensor.entity_id for sensor in _HOME.sensors]),
        st.sampled_from(
            ["on", "off", "unavailable", "unknown", "", "home", "not_home", "1e308", "-1e308", "7", "x"]
        ),
        cause=st.sampled_from(Cause),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(_WEIRD, st.integers(60, 6000))
def test_everything_stays_finite_whatever_comes(events: list[Event], until_s: int) -> None:
    tracker = Tracker(_HOME, START_US)
    for event in events:  # in no order
        list(tracker.advance(event.time_us))
        tracker.take(event)
    now_us = tracker.time_us + until_s * 1_000_000
    list(tracker.advance(now_us))
    rooms, anyone = tracker.belief()
    vectors = tracker.vectors(now_us)
    assert not np.isinf(vectors).any()
    # Only air without a reading is not known.
    known = [not name.endswith(("_level", "_rise")) for name in FEATURE_NAMES]
    assert np.isfinite(vectors[:, known]).all()
    assert ((rooms >= 0) & (rooms <= 1)).all()
    assert 0 <= anyone <= 1
    assert tracker.filter.pair.belief.sum() == pytest.approx(1.0)


def _busy(rooms: Sequence[str], until_s: int) -> list[Event]:
    return [event for n in range(until_s // 60) for event in pulse(60 * n + 5, rooms[n % len(rooms)], 10)]


def _gone(room: str, seconds: float, state: str) -> list[Event]:
    """All sensors of a room that notice people lose their state."""
    return [
        at(seconds, sensor.entity_id, state)
        for sensor in flat().sensors
        if sensor.room_id == room and sensor.role is not Role.ENVIRONMENT
    ]


@pytest.mark.parametrize("state", ["unavailable", "unknown"])
@pytest.mark.parametrize("door", [True, False])
def test_the_silence_of_a_room_that_nobody_listens_to_says_nothing(state: str, door: bool) -> None:
    """Who is heard nowhere any more may be where nothing listens."""
    home = flat(exit_door=door)
    life, until_s = [*_busy(["kitchen", "hall"], 1800)], 1800 + 40 * 60
    listened = chances(lived(home, life, until_s))
    deaf = chances(lived(home, [*life, *_gone("bedroom", 1700, state)], until_s))
    assert deaf[BEDROOM] > listened[BEDROOM] + 0.05
    assert deaf[KITCHEN] < listened[KITCHEN]
    # What happens elsewhere still tells of it, and a sensor that comes back is heard again.
    again = [*life, *_gone("bedroom", 1700, state), *pulse(1790, "kitchen")]
    again += [event for n in range(40) for event in pulse(1860 + 60 * n, "kitchen", 10)]
    assert chances(lived(home, again, until_s))[BEDROOM] < deaf[BEDROOM]
    back = [at(until_s - 30, "binary_sensor.bedroom_motion", "off")]
    back += [at(until_s - 20, "binary_sensor.bedroom_motion", "on")]
    assert chances(lived(home, [*life, *_gone("bedroom", 1700, state), *back], until_s))[BEDROOM] > 0.8


def test_a_sensor_that_was_never_heard_of_counts_for_nothing() -> None:
    """It is not known to be silent: the home is believed as if the sensor were not there."""
    home = flat()
    known = [s for s in home.sensors if s.entity_id != "binary_sensor.bedroom_motion"]
    known = [s for s in known if s.room_id != "bedroom" or s.role is Role.ENVIRONMENT]
    without = Home(home.time_zone, home.rooms, tuple(known))
    events = [*at_rest(without, START_US), *_busy(["kitchen", "hall"], 900)]
    believed = []
    for each in (home, without):
        tracker = Tracker(each, START_US)
        for event in sorted(events, key=lambda e: e.time_us):
            list(tracker.advance(event.time_us))
            tracker.take(event)
        list(tracker.advance(START_US + 3600 * 1_000_000))
        believed.append(chances(tracker))
    assert believed[0] == pytest.approx(believed[1], abs=1e-9)


def test_a_door_that_nobody_listens_to_lets_people_out_unheard() -> None:
    life = _busy(["kitchen", "hall"], 1800)
    watched = lived(flat(), life, 3600)
    dead = lived(flat(), [*life, at(1700, "binary_sensor.front_door", "unavailable")], 3600)
    assert dead.belief()[1] < watched.belief()[1] - 0.1


def test_a_sensor_that_is_not_believed_is_not_heard_as_silent_either() -> None:
    tracker = lived(flat(), _busy(["kitchen", "hall"], 900), 900)
    heard = tracker.senses.listening()
    assert heard[BEDROOM]
    tracker.senses.ignored = frozenset({"binary_sensor.bedroom_motion"})
    assert tracker.senses.listening()[BEDROOM]  # the bed mat still listens
    tracker.senses.ignored |= {"binary_sensor.bed"}
    assert not tracker.senses.listening()[BEDROOM]
    assert tracker.observer.current().contexts[BEDROOM] == DEAF


def test_several_persons_at_home_are_believed_in_several_rooms() -> None:
    home = flat(persons=True)
    told = [at(0, "person.ada", "home"), at(0, "person.bo", "home")]
    life = [event for n in range(60) for event in pulse(60 + 30 * n, ("kitchen", "bedroom")[n % 2], 10)]
    several, unknown = chances(lived(home, [*told, *life], 1861)), chances(lived(flat(), life, 1861))
    assert min(several[KITCHEN], several[BEDROOM]) > min(unknown[KITCHEN], unknown[BEDROOM]) + 0.1


def test_a_silent_companion_is_forgotten() -> None:
    """Of two who may be home, of whom only one is ever heard, one is believed no more in a few days."""
    layout = Layout.of(flat())
    running = Filter(layout, Parameters.prior(layout))
    tracker = lived(flat(), _busy(["kitchen", "hall"], 600), 600)
    minute = replace(tracker.observer.current(), fires=())
    both = []
    for _ in range(2):
        both.append(float(running.belief[:-1, :-1].sum()))
        for _ in range(1440):
            running.step(minute, 12)
    assert both[1] < 0.5 * both[0]


def walking(persons: dict[str, str], every_s: int = 90) -> list[Event]:
    """Ada leaves by the door; three hours long somebody walks between the kitchen and the hall all the same."""
    events = [at(0, f"person.{name}", "home") for name in ("ada", "bo")]
    events += [*pulse(300, "hall", 20), at(310, "binary_sensor.front_door", "on")]
    events += [at(600, f"person.{name}", state) for name, state in persons.items()]
    for n in range(4 * 10, 4 * 180, every_s // 15):
        events += pulse(15 * n, ("kitchen", "hall")[n // 6 % 2], 10)
    return events


@pytest.mark.parametrize("other", ["unknown", "unavailable", "not_home"])
def test_who_moves_at_home_is_believed_whatever_telephones_say(other: str) -> None:
    """A child without one, a guest while both are away."""
    tracker = lived(flat(persons=True), walking({"ada": "not_home", "bo": other}), 3 * 3600)
    assert tracker.belief()[1] > 0.9


@pytest.mark.parametrize("door", [True, False])
def test_a_telephone_that_comes_home_brings_somebody_at_once(door: bool) -> None:
    home = flat(persons=True, exit_door=door)
    events = [at(0, "person.ada", "home"), at(0, "person.bo", "not_home"), *pulse(60, "hall")]
    events.append(at(600, "person.ada", "not_home"))
    assert lived(home, events, 1800).belief()[1] < 0.2
    away = lived(home, events, 3 * 3600)
    assert away.belief()[1] < 0.05
    away.take(at(3 * 3600 + 5, "person.bo", "home"))
    assert away.belief()[1] > 0.8


def test_at_a_party_the_seventh_room_is_heard_too() -> None:
    home = rooms_alike(9)
    events = [at(n, f"binary_sensor.room_{n}", "on") for n in range(7)]
    events.append(at(1200, "binary_sensor.room_8", "on"))
    tracker = lived(home, events, 1500)
    assert chances(tracker)[8] > 0.6
    assert chances(tracker)[7] < 0.3
