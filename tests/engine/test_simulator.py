"""The simulated home: the same from the same seed, and its events fit its truth."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Callable
import csv
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice, pairwise
import json
from pathlib import Path

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, Event, to_us
from custom_components.occupancy_ml.engine.home import Role, default_kind, default_role
from tests.simulator import (
    AWAY,
    PRESETS,
    SimulatedHomeConfig,
    Simulation,
    Simulator,
    demo_home,
    large_home,
    live,
    one_person,
    simulate,
    two_people_and_a_cat,
    write_folder,
)
from tests.simulator.__main__ import main
from tests.simulator.clock import local, midnight_us
from tests.simulator.config import DeviceKind

START = date(2026, 3, 20)
Preset = Callable[[], SimulatedHomeConfig]
every_preset = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS.keys())


def faultless(config: SimulatedHomeConfig) -> SimulatedHomeConfig:
    """The same home without pets, chatter, dropouts and duplicates: only people cause events."""
    devices = tuple(replace(d, chatter_per_day=0, dropouts_per_week=0) for d in config.devices)
    return replace(config, devices=devices, pets=(), duplicates=0)


def turned_on(simulation: Simulation, *roles: Role) -> list[tuple[Event, str]]:
    """Events that say `on`, with their room, of sensors in these roles."""
    room_of = {s.entity_id: s.room_id for s in simulation.home.sensors if s.role in roles and s.room_id}
    return [
        (e, room_of[e.entity_id]) for e in simulation.events if e.entity_id in room_of and e.state == "on"
    ]


@every_preset
def test_the_seed_decides_everything(preset: Preset) -> None:
    first, second, other = (simulate(preset(), START, 4, seed) for seed in (7, 7, 8))
    assert first == second
    assert first.events != other.events
    assert first.truth != other.truth


@settings(max_examples=15, deadline=None)
@given(
    preset=st.sampled_from(sorted(PRESETS)),
    seed=st.integers(0, 10_000),
    first=st.integers(0, 5),
    days=st.integers(1, 4),
)
def test_a_day_does_not_depend_on_the_days_simulated_before_it(
    preset: str, seed: int, first: int, days: int
) -> None:
    config = PRESETS[preset]()
    whole = simulate(config, START, 9, seed)
    part = simulate(config, START + timedelta(days=first), days, seed)
    assert part.events == [e for e in whole.events if part.start_us <= e.time_us < part.end_us]
    assert len(part.events) > 0


@pytest.mark.parametrize("hours", [0, 7, 19])
def test_live_continues_what_was_simulated(hours: int) -> None:
    config = demo_home()
    start_us = midnight_us(START, config.zone) + hours * 60 * MINUTE_US
    later = simulate(config, START, 5, 3)
    expected = [event for event in later.events if event.time_us >= start_us]
    assert list(islice(live(config, start_us, 3), len(expected))) == expected


@every_preset
def test_every_event_follows_from_the_one_before_it(preset: Preset) -> None:
    simulation = simulate(preset(), START, 20, 11)
    state = dict(simulation.initial)
    assert set(state) == {sensor.entity_id for sensor in simulation.home.sensors}
    last: dict[str, Event] = {}
    assert [e.time_us for e in simulation.events] == sorted(e.time_us for e in simulation.events)
    for event in simulation.events:
        assert simulation.start_us <= event.time_us < simulation.end_us
        if event == last.get(event.entity_id):
            continue  # a planned duplicate
        assert event.previous == state[event.entity_id] != event.state
        if event.entity_id in last:
            assert event.time_us > last[event.entity_id].time_us
        state[event.entity_id] = event.state
        last[event.entity_id] = event


@every_preset
def test_people_cause_motion_only_where_they_are(preset: Preset) -> None:
    simulation = simulate(faultless(preset()), START, 10, 5)
    rooms_of = [(row.start_us, row.end_us, set(row.area_id.split("+"))) for row in simulation.truth]
    index = 0
    fired = turned_on(simulation, Role.MOTION)
    assert len(fired) > 300
    for event, room_id in fired:
        while rooms_of[index][1] < event.time_us:
            index += 1
        around = rooms_of[index][2] | (
            rooms_of[index + 1][2] if rooms_of[index][1] == event.time_us else set()
        )
        assert room_id in around


def test_presence_and_beds_hold_while_somebody_is_there() -> None:
    simulation = simulate(faultless(demo_home()), START, 14, 2)
    on_since: dict[str, int] = {}
    spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for event in simulation.events:
        if event.state == "on":
            on_since[event.entity_id] = event.time_us
        elif event.entity_id in on_since:
            spans[event.entity_id].append((on_since.pop(event.entity_id), event.time_us))
    for name in ("alex", "robin"):
        nights = [s for s in spans[f"binary_sensor.{name}_bed"] if s[1] - s[0] > 3 * 60 * MINUTE_US]
        assert len(nights) >= 10
        for start_us, end_us in nights:
            assert simulation.people_at((start_us + end_us) // 2)[name] == "bedroom"
    occupied = simulation.occupied("office")
    for start_us, end_us in spans["binary_sensor.office_presence"]:
        covered = sum(max(0, min(end_us, b) - max(start_us, a)) for a, b in occupied)
        assert covered > 0
        assert end_us - start_us - covered < 3 * MINUTE_US


@every_preset
def test_truth_has_no_gap_and_agrees_with_where_each_person_is(preset: Preset) -> None:
    simulation = simulate(preset(), START, 12, 4)
    assert simulation.truth[0].start_us == simulation.start_us
    assert simulation.truth[-1].end_us == simulation.end_us
    assert all(one.end_us == two.start_us for one, two in pairwise(simulation.truth))
    for row in simulation.truth[::7]:
        middle = (row.start_us + row.end_us) // 2
        assert simulation.truth_at(middle) == row
        people = simulation.people_at(middle)
        assert "+".join(sorted(set(people.values()))) == ("" if row.area_id == AWAY else row.area_id)
        assert simulation.people_count(middle) == len(people)
        present = {
            room for room in simulation.areas if any(a <= middle < b for a, b in simulation.occupied(room))
        }
        assert present == set(people.values())


@every_preset
def test_everybody_is_somewhere_and_walks_through_doors_that_exist(preset: Preset) -> None:
    simulation = simulate(preset(), START, 20, 9)
    near = {room: set(others) for room, others in simulation.adjacency.items()}
    outer = {room.room_id for room in simulation.config.rooms if room.outer}
    near[AWAY] = outer
    for room in outer:
        near[room].add(AWAY)
    for person in simulation.config.people:
        stays = [stay for stay in simulation.stays if stay.who == person.name]
        assert (stays[0].start_us, stays[-1].end_us) == (simulation.start_us, simulation.end_us)
        for one, two in pairwise(stays):
            assert one.end_us == two.start_us
            assert one.room_id == two.room_id or two.room_id in near[one.room_id]


def test_counts_include_guests() -> None:
    simulation = simulate(two_people_and_a_cat(), START, 30, 1)
    guests = {stay.who for stay in simulation.stays if stay.who.startswith("guest")}
    assert len(guests) >= 5  # a party
    busiest = max(simulation.truth, key=lambda row: simulation.people_count(row.start_us))
    assert simulation.people_count(busiest.start_us) >= 5
    assert min(simulation.people_count(row.start_us) for row in simulation.truth) == 0


def test_the_cat_moves_while_nobody_is_home() -> None:
    config = two_people_and_a_cat()
    simulation = simulate(config, START, 30, 6)
    empty = [
        row for row in simulation.truth if row.area_id == AWAY and row.end_us - row.start_us > 30 * MINUTE_US
    ]
    quiet = simulate(faultless(config), START, 30, 6)

    def alone(fired: list[tuple[Event, str]]) -> int:
        return sum(any(row.start_us < event.time_us < row.end_us for row in empty) for event, _ in fired)

    assert alone(turned_on(simulation, Role.MOTION)) > 50
    assert alone(turned_on(quiet, Role.MOTION)) == 0
    rooms = {room for _, room in turned_on(simulation, Role.MOTION)}
    assert "bathroom" in rooms
    assert "bathroom" not in {stay.room_id for stay in simulation.pet_stays}


def test_roles_and_kinds_are_those_the_integration_would_propose() -> None:
    # The folder form carries neither, so whoever reads it must come to the same home.
    for preset in PRESETS.values():
        home = preset().home
        assert all(default_kind(room.room_id) is room.kind for room in home.rooms)
        for sensor in home.sensors:
            assert default_role(sensor.entity_id, sensor.device_class, sensor.room_id) is sensor.role


@pytest.mark.parametrize("rooms", [6, 20, 40])
def test_a_large_home_has_the_size_asked_for(rooms: int) -> None:
    simulation = simulate(large_home(rooms, events_per_day=60_000), START, 1, 1)
    assert len(simulation.areas) == rooms
    assert 45_000 < len(simulation.events) < 75_000


def test_a_folder_holds_what_was_simulated(tmp_path: Path) -> None:
    simulation = simulate(demo_home(), START, 3, 1)
    write_folder(simulation, tmp_path / "home")
    about = json.loads((tmp_path / "home" / "home.json").read_text())
    assert "SIMULATED" in about["note"]
    assert about["areas"] == list(simulation.areas)
    assert about["residents"] == 2
    listed = [(e["entity_id"], e["area_id"], e["device_class"]) for e in about["entities"]]
    assert listed == [(s.entity_id, s.room_id, s.device_class) for s in simulation.home.sensors]
    with (tmp_path / "home" / "events.csv").open() as file:
        events = [(_us(row["time"]), row["entity_id"], row["state"]) for row in csv.DictReader(file)]
    assert events == [(e.time_us, e.entity_id, e.state) for e in simulation.events]
    with (tmp_path / "home" / "truth.csv").open() as file:
        truth = [(_us(r["start"]), _us(r["end"]), r["area_id"], r["activity"]) for r in csv.DictReader(file)]
    # By whole minutes: each says where they were at its begin.
    told = [(at, *what) for start, end, *what in truth for at in range(start, end, MINUTE_US)]
    first, last = simulation.truth[0].start_us, simulation.truth[-1].end_us
    starts = [row.start_us for row in simulation.truth]
    rows = [
        (at, simulation.truth[bisect.bisect_right(starts, at) - 1]) for at in range(first, last, MINUTE_US)
    ]
    assert told == [(at, row.area_id, row.activity) for at, row in rows]


def test_the_command_writes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["large", str(tmp_path / "out"), "--days", "1", "--rooms", "8", "--start", "2026-10-25"])
    assert "SIMULATED simulated_8_rooms" in capsys.readouterr().out
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["events.csv", "home.json", "truth.csv"]
    with pytest.raises(SystemExit):
        main(["large", str(tmp_path / "out"), "--rooms", "3"])


def test_air_follows_people() -> None:
    simulation = simulate(faultless(demo_home()), START, 14, 1)
    near, far = [], []
    occupied = simulation.occupied("office")
    for event in simulation.events:
        if event.entity_id != "sensor.office_carbon_dioxide":
            continue
        assert event.value is not None
        before = sum(
            max(0, min(event.time_us, b) - max(event.time_us - 60 * MINUTE_US, a)) for a, b in occupied
        )
        if before > 50 * MINUTE_US:
            near.append(event.value)
        elif before == 0:
            far.append(event.value)
    assert sum(near) / len(near) > sum(far) / len(far) + 100
    assert min(far) >= 400


def test_phones_are_late_but_tell_the_truth() -> None:
    simulation = simulate(faultless(one_person()), START, 30, 1)
    told = [e for e in simulation.events if e.entity_id == "person.kim"]
    assert {e.state for e in told} == {"home", "not_home"}
    assert len(told) > 30
    for event in told:
        if event.state == "not_home":
            assert "kim" not in simulation.people_at(event.time_us)
            assert "kim" in simulation.people_at(event.time_us - 7 * MINUTE_US)
        else:
            assert "kim" in simulation.people_at(event.time_us + 2 * MINUTE_US)


def test_the_front_door_moves_when_people_cross_it_and_not_otherwise() -> None:
    simulation = simulate(faultless(demo_home()), START, 14, 1)
    opened = [
        e.time_us for e in simulation.events if e.entity_id == "binary_sensor.front_door" and e.state == "on"
    ]
    crossings = sorted(
        stay.start_us if stay.room_id == AWAY else stay.end_us
        for stay in simulation.stays
        if stay.room_id == AWAY and simulation.start_us < stay.start_us and stay.end_us < simulation.end_us
    )
    assert len(opened) > 20
    borders = {stay.start_us for stay in simulation.stays} | {stay.end_us for stay in simulation.stays}
    for time_us in opened:
        assert any(time_us < border <= time_us + 2_000_000 for border in borders)
    for time_us in crossings:
        assert any(abs(time_us - other) < 20_000_000 for other in opened)


def test_a_simulator_gives_days_in_any_order() -> None:
    config = two_people_and_a_cat()
    simulator = Simulator(config, 5)
    days = [START + timedelta(days=n) for n in (6, 0, 3)]
    assert [simulator.day(d) for d in days] == [Simulator(config, 5).day(d) for d in days]


def test_wall_clock_is_the_homes() -> None:
    simulation = simulate(demo_home(), START, 1, 1)
    assert local(simulation.start_us, simulation.config.zone).isoformat() == "2026-03-20T00:00:00+01:00"
    kinds = {device.kind for device in simulation.config.devices}
    assert kinds == set(DeviceKind)


def _us(text: str) -> int:
    return to_us(datetime.fromisoformat(text))
