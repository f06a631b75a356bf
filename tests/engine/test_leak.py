"""The future cannot enter: change what comes after a moment, and nothing before it moves by a bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings, strategies as st
import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, Event, Origin
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.home import Home, Role, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.occupancy.training import train_room
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.rebuilding import AHEAD_US
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.store import pair
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from tests.engine.living import Marked, live, play, same_rows
from tests.simulator import Simulation, demo_home, simulate, two_people_and_a_cat

HOUR_US = 60 * MINUTE_US
SIMULATED = simulate(two_people_and_a_cat(), date(2026, 3, 2), 2, 11)


def with_reference(simulated: Simulation) -> tuple[Home, list[Event]]:
    """The home and its events with a reference entity that says when the kitchen is truly occupied."""
    home = simulated.home
    entity_id = "input_boolean.kitchen_truth"
    watched = replace(home, sensors=(*home.sensors, Sensor(entity_id, Role.REFERENCE, "kitchen")))
    told = [Event(simulated.start_us + 1, entity_id, "off")]
    for start_us, end_us in simulated.occupied("kitchen"):
        told += [
            Event(max(start_us, simulated.start_us + 2), entity_id, "on"),
            Event(end_us, entity_id, "off"),
        ]
    events = {(e.time_us, e.entity_id): e for e in [*simulated.events, *told]}
    return watched, [events[key] for key in sorted(events)]


HOME, EVENTS = with_reference(SIMULATED)


def other_future(events: Sequence[Event], after_us: int, seed: int) -> list[Event]:
    """The same up to a moment; then events are gone, turned round, moved, or made up."""
    rng = np.random.default_rng(seed)
    past = [event for event in events if event.time_us <= after_us]
    future = {}
    for event in events:
        if event.time_us > after_us:
            fate = rng.random()
            if fate < 0.3:
                continue
            if fate < 0.5:
                event = replace(event, state={"on": "off", "off": "on"}.get(event.state, "unavailable"))
            elif fate < 0.8:
                event = replace(event, time_us=int(rng.integers(after_us + 1, SIMULATED.end_us)))
            future[event.time_us, event.entity_id] = event
    for sensor in HOME.sensors:
        time_us = int(rng.integers(after_us + 1, SIMULATED.end_us))
        future[time_us, sensor.entity_id] = Event(time_us, sensor.entity_id, "on")
    return past + [future[key] for key in sorted(future)]


def training_rows(engine: Engine, known_us: int) -> list[tuple[str, int, float, float, bytes]]:
    """Every pair of features and label that training at a moment may use: room, end, target, weight, vector."""
    found = []
    for room in engine.home.rooms:
        table = engine.store.features.read(room.room_id, 0, known_us, FEATURE_SET_VERSION)
        labels = engine.store.labels.read(0, known_us, room.room_id, known_by_us=known_us)
        chosen: NDArray[np.int64] = pair(table.window_start_us, table.window_end_us, room.room_id, labels)
        found += [
            (room.room_id, int(end), labels[label].target, labels[label].weight, vector.tobytes())
            for end, label, vector in zip(table.window_end_us, chosen, table.vectors, strict=True)
            if label >= 0
        ]
    return found


def marks(until_us: int, seed: int) -> list[Marked]:
    """Corrections given after a moment, of what came before it and of what comes."""
    rng = np.random.default_rng(seed)
    return [
        Marked(
            until_us + int(minutes) * MINUTE_US,
            str(rng.choice([room.room_id for room in HOME.rooms])),
            until_us - 2 * HOUR_US,
            until_us + int(minutes) * MINUTE_US + HOUR_US // 2,
            bool(rng.integers(2)),
        )
        for minutes in rng.integers(1, 300, 4)
    ]


@settings(max_examples=3, deadline=None)
@given(st.integers(3, 22), st.integers(0, 59), st.integers(0, 2**31))
def test_nothing_known_at_a_moment_moves_when_the_future_does(hour: int, minute: int, seed: int) -> None:
    moment_us = SIMULATED.start_us + hour * HOUR_US + minute * MINUTE_US
    end_us = min(moment_us + 6 * HOUR_US, SIMULATED.end_us)
    nights = [moment_us - HOUR_US, moment_us + 5 * HOUR_US]
    early = [Marked(moment_us - 20 * MINUTE_US, "kitchen", moment_us - HOUR_US, moment_us + HOUR_US, True)]
    with TemporaryDirectory() as folder:
        one, first = live(
            Path(folder) / "one.db", HOME, EVENTS, SIMULATED.start_us, end_us, marked=early, nights=nights
        )
        two, second = live(
            Path(folder) / "two.db",
            HOME,
            other_future(EVENTS, moment_us, seed),
            SIMULATED.start_us,
            end_us,
            marked=[*early, *marks(moment_us, seed)],
            nights=nights,
        )
        try:
            known = [snapshot for snapshot in one if snapshot.time_us <= moment_us]
            assert known == two[: len(known)]
            assert one != two  # the change is not without effect
            assert same_rows(first, second, moment_us)
            assert not same_rows(first, second, end_us)
            assert training_rows(first, moment_us) == training_rows(second, moment_us)
            assert training_rows(first, end_us) != training_rows(second, end_us)
        finally:
            first.close()
            second.close()


@pytest.mark.parametrize("hour", [8, 27])
def test_what_is_stored_of_the_future_already_is_not_used(tmp_path: Path, hour: int) -> None:
    """Events and labels of later on lie in the file: rebuilding and the night at a moment do not see them."""
    moment_us = SIMULATED.start_us + hour * HOUR_US
    engines = []
    # What is told of the next two minutes counts as of now: clocks differ.
    seen = [e for e in EVENTS if not moment_us < e.time_us <= moment_us + AHEAD_US]
    for name, events in (("plain", [e for e in seen if e.time_us <= moment_us]), ("seer", seen)):
        engine = Engine.open(tmp_path / f"{name}.db", HOME, moment_us, durable=False)
        engine.import_events([replace(event, origin=Origin.IMPORT) for event in events])
        if name == "seer":
            for room in HOME.rooms:
                for source in LabelSource:
                    engine.store.labels.add(
                        Label(
                            SIMULATED.start_us,
                            SIMULATED.end_us,
                            1.0,
                            9.0,
                            source,
                            moment_us + 1,
                            room.room_id,
                        )
                    )
        list(engine.rebuild(moment_us))
        list(engine.night(moment_us))
        engines.append(engine)
    plain, seer = engines
    assert plain.store.events.count() < seer.store.events.count()
    assert same_rows(plain, seer, moment_us)
    assert training_rows(plain, moment_us) == training_rows(seer, moment_us) != []
    assert plain.tick(moment_us) == seer.tick(moment_us)
    for engine in engines:
        engine.close()


def test_labels_are_known_when_they_are_made_and_not_before(tmp_path: Path) -> None:
    night_us = SIMULATED.start_us + 27 * HOUR_US
    _, engine = live(
        tmp_path / "home.db", HOME, EVENTS, SIMULATED.start_us, night_us + HOUR_US, nights=[night_us]
    )
    labels = engine.store.labels.read(0, 2**62)
    assert {label.source for label in labels} >= {LabelSource.HINDSIGHT, LabelSource.REFERENCE}
    assert {label.known_at_us for label in labels} == {night_us}
    assert all(label.end_us <= night_us for label in labels)
    assert training_rows(engine, night_us - 1) == []
    engine.close()


def test_training_at_a_moment_is_the_same_whatever_was_learned_later(tmp_path: Path) -> None:
    """The model fitted as of a moment from a file that went on has the bits of the one fitted then."""
    simulated = simulate(demo_home(), date(2026, 3, 2), 5, 4)
    moment_us = simulated.start_us + 100 * HOUR_US
    _, engine = live(
        tmp_path / "home.db",
        simulated.home,
        simulated.events,
        simulated.start_us,
        moment_us,
        nights=[moment_us],
        now_only=True,
    )
    clock = LocalClock(simulated.home.time_zone)

    def model(room_id: str) -> object:
        work = train_room(engine.store, clock, room_id, moment_us, "request")
        _, found = finished(work)
        return None if found is None else found.to_json()

    rooms = [room.room_id for room in simulated.home.rooms]
    # A correction that reaches on: rows of its rest are not there yet, and must not count once they are.
    engine.relabel("kitchen", moment_us - HOUR_US, moment_us + 3 * HOUR_US, True, moment_us, None)
    then = {room_id: model(room_id) for room_id in rooms}
    assert any(found is not None for found in then.values())
    play(engine, simulated.events, moment_us, moment_us + 5 * HOUR_US, now_only=True)
    engine.relabel("kitchen", moment_us - HOUR_US, moment_us, True, moment_us + 5 * HOUR_US, None)
    assert {room_id: model(room_id) for room_id in rooms} == then
    engine.close()


def test_what_a_room_is_compared_with_moves_nothing(tmp_path: Path) -> None:
    rival = Sensor("binary_sensor.kitchen_by_the_old_one", Role.RIVAL, "kitchen")
    watched = replace(SIMULATED.home, sensors=(*SIMULATED.home.sensors, rival))
    until_us = SIMULATED.start_us + 27 * HOUR_US
    told = [
        Event(SIMULATED.start_us + 1 + number * 7 * MINUTE_US, rival.entity_id, ("on", "off")[number % 2])
        for number in range(230)
    ]
    events = sorted([*SIMULATED.events, *told], key=lambda event: (event.time_us, event.entity_id))
    nights = [SIMULATED.start_us + 26 * HOUR_US]
    one, plain = live(
        tmp_path / "a.db", SIMULATED.home, SIMULATED.events, SIMULATED.start_us, until_us, nights=nights
    )
    other, compared = live(tmp_path / "b.db", watched, events, SIMULATED.start_us, until_us, nights=nights)
    assert compared.store.events.count() > plain.store.events.count()
    assert [snapshot.rooms for snapshot in one] == [snapshot.rooms for snapshot in other]
    assert same_rows(plain, compared, until_us)
    plain.close()
    # It is recorded, scored, and costs no replay when it is added.
    models = {score.model for score in compared.store.scores.read("2026-03-02", "2026-03-03", "kitchen")}
    assert f"rival:{rival.entity_id}" in models
    compared.close()
    again = Engine.open(tmp_path / "a.db", watched, until_us)
    assert not again.needs_rebuild
    again.close()
