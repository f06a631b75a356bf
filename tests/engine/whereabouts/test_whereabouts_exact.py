"""The filter and the smoother against the enumeration of every way two people can have walked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
import itertools

import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.senses import DOOR, PERSONS
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.whereabouts import Hindsight, Layout, Minute, Parameters, smooth
from custom_components.occupancy_ml.engine.whereabouts.emissions import LEVEL_WEIGHT, PERSONS_WEIGHT
from custom_components.occupancy_ml.engine.whereabouts.filter import Filter, initial_belief
from custom_components.occupancy_ml.engine.whereabouts.model import Counts
from custom_components.occupancy_ml.engine.whereabouts.observations import CAME, CONTEXTS, DEAF, HELD
from custom_components.occupancy_ml.engine.whereabouts.transitions import Tables, Transition

Floats = NDArray[np.float64]


# P(no, one, several person entities are home), by how many chains are: the table of the emissions, written anew.
PERSONS_HOME = ((0.95, 0.05, 0.05), (0.04, 0.8, 0.35), (0.01, 0.15, 0.6))


def tiny(rooms: int, *, door: bool = True, presence: bool = True, persons: bool = True) -> Layout:
    """A home of a few rooms: a bedroom, a passage, kitchens."""
    kinds = [RoomKind.BEDROOM, RoomKind.PASSAGE, *[RoomKind.KITCHEN] * rooms][:rooms]
    ids = [f"r{number}" for number in range(rooms)]
    sensors = [Sensor(f"binary_sensor.{room_id}", Role.MOTION, room_id) for room_id in ids]
    sensors.append(Sensor("binary_sensor.drawer", Role.OPENING, "r0"))
    if presence:
        sensors.append(Sensor("binary_sensor.bed", Role.PRESENCE, "r0"))
    if door:
        sensors.append(Sensor("binary_sensor.front", Role.EXIT_DOOR, ids[-1]))
    if persons:
        sensors.append(Sensor("person.ada", Role.PERSON))
    return Layout.of(Home("UTC", tuple(map(Room, ids, kinds, strict=True)), tuple(sensors)))


def some_parameters(layout: Layout, seed: int) -> Parameters:
    """Parameters as a home may have taught them."""
    rng = np.random.default_rng(seed)
    rooms = len(layout.room_ids)
    return Parameters.learned(
        layout,
        Counts(
            rng.gamma(1, 20, (rooms, rooms)),
            rng.gamma(1, 2000, (CONTEXTS, 3, 2 * rooms, 2)),
            rng.gamma(1, 50, (len(layout.presence_rooms), 4, 2)),
        ),
    )


def some_minutes(layout: Layout, count: int, seed: int) -> list[Minute]:
    """Minutes with every kind of signal."""
    rng = np.random.default_rng(seed)
    rooms, sensors = len(layout.room_ids), len(layout.presence_rooms)
    found = []
    for number in range(count):
        fires: list[tuple[int, int]] = []
        if number % 3 == 1:
            fires = [(int(rng.integers(rooms + 1)), int(rng.integers(CONTEXTS)))]
        if number % 5 == 2:
            fires.append((DOOR, 0))
        if number % 4 == 1:
            fires.append((PERSONS, int(rng.integers(9))))
        if number % 7 == 3:
            fires += [(room, 2) for room in range(rooms)]
        levels = np.append(rng.integers(-1, 2, sensors), rng.integers(-1, 3)).astype(np.int8)
        contexts = rng.integers(0, CONTEXTS, 2 * rooms).astype(np.int8)
        contexts[rng.random(2 * rooms) < 0.1] = DEAF
        found.append(Minute(1000 + number, tuple(fires), contexts, levels, bool(rng.random() < 0.8)))
    return found


# The reference: states are pairs of places, written out one by one.


def in_room(state: int, room: int, rooms: int) -> bool:
    return state in (room, rooms + room)


def moves(transition: Transition) -> Floats:
    """(S^2, S^2) the step as one matrix over pairs of places; then one of two who are home is perhaps forgotten."""
    walked = np.asarray(sum(weight * np.kron(first, second) for first, second, weight in transition.terms))
    size = len(transition.terms[0][0])
    forgets = np.zeros_like(walked)
    for one, other in itertools.product(range(size), repeat=2):
        pair = one * size + other
        forgets[pair, pair] += 1.0
        if max(one, other) < size - 1:
            forgets[pair, pair] -= transition.fade
            forgets[pair, one * size + size - 1] += transition.fade / 2
            forgets[pair, (size - 1) * size + other] += transition.fade / 2
    return np.asarray(walked @ forgets)


def fired(layout: Layout, parameters: Parameters, channel: int, context: int) -> Floats:
    """(S^2,) P(the channel fires), as a noisy or of nobody and whoever is there."""
    rooms = len(layout.room_ids)
    room = channel % rooms
    nobody, still, active = parameters.fire[context, :, channel]
    out = []
    for places in itertools.product(range(2 * rooms + 1), repeat=2):
        silent = 1 - nobody
        for place in places:
            if place == room:
                silent *= (1 - active) / (1 - nobody)
            elif place == rooms + room:
                silent *= (1 - still) / (1 - nobody)
        out.append(1 - silent)
    return np.array(out)


def persons_at_home(layout: Layout, at_home: int) -> Floats:
    """(S^2,) P(so many person entities are home), by how many chains are."""
    outside = layout.states - 1
    pairs = itertools.product(range(layout.states), repeat=2)
    return np.array([PERSONS_HOME[at_home][sum(place != outside for place in pair)] for pair in pairs])


def silence(layout: Layout, parameters: Parameters, minute: Minute) -> Floats:
    """(S^2,) how much likelier than in an empty home all other channels stayed silent, and the levels."""
    rooms = len(layout.room_ids)
    fires = {channel for channel, _ in minute.fires}
    weight = LEVEL_WEIGHT
    out = []
    for places in itertools.product(range(2 * rooms + 1), repeat=2):
        chance = 1.0
        for channel in set(range(2 * rooms)) - fires:
            if minute.contexts[channel] == DEAF:
                continue
            room = channel % rooms
            nobody, still, active = parameters.fire[minute.contexts[channel], :, channel]
            for place in places:
                if place == room:
                    chance *= (1 - active) / (1 - nobody)
                elif place == rooms + room:
                    chance *= (1 - still) / (1 - nobody)
        for number, room in enumerate(layout.presence_rooms):
            if minute.levels[number] >= 0:
                empty, still, active = parameters.level[number]
                told = {room: active, rooms + room: still}
                off = 1 - max(told.get(place, empty) for place in places)
                chance *= (1 - off if minute.levels[number] else off) ** weight
        if minute.levels[-1] >= 0:
            chains = sum(place != 2 * rooms for place in places)
            chance *= PERSONS_HOME[minute.levels[-1]][chains] ** PERSONS_WEIGHT[minute.levels[-1]]
        out.append(chance)
    return np.array(out)


def steps_of(
    layout: Layout, parameters: Parameters, minutes: Sequence[Minute], hour: int
) -> tuple[list[tuple[Floats, Floats]], list[int]]:
    """(transition, likelihood) of every step, and which of them end a minute."""
    tables = Tables(layout, parameters)
    steps, ends = [], []
    for minute in minutes:
        for channel, context in minute.fires:
            if channel == DOOR:
                steps.append((moves(tables.door(hour)), np.ones(layout.states**2)))
            elif channel == PERSONS:
                steps.append((moves(tables.person(hour, context)), persons_at_home(layout, context % CAME)))
            else:
                walked = tables.fire(hour, channel if context == HELD else None, watched=minute.watched)
                steps.append((moves(walked), fired(layout, parameters, channel, context)))
        walked = tables.quiet(hour, watched=minute.watched)
        steps.append((moves(walked), silence(layout, parameters, minute)))
        ends.append(len(steps) - 1)
    return steps, ends


def by_enumeration(layout: Layout, steps: Sequence[tuple[Floats, Floats]], wanted: int) -> Floats:
    """(S^2,) P(places at a step | all that was heard): the sum over every path."""
    size = layout.states**2
    start = initial_belief(layout, 12).ravel()
    total = np.zeros(size)
    alive = [n for n in range(size) if start[n] > 0]
    for path in itertools.product(alive, *[range(size)] * len(steps)):
        weight = start[path[0]]
        for number, (transition, likelihood) in enumerate(steps):
            weight *= transition[path[number], path[number + 1]] * likelihood[path[number + 1]]
            if weight == 0.0:
                break
        total[path[wanted + 1]] += weight
    exact: Floats = total / total.sum()
    return exact


def forward_backward(
    layout: Layout, steps: Sequence[tuple[Floats, Floats]], hour: int
) -> tuple[list[Floats], list[Floats]]:
    """Filtered and smoothed (S^2,) of every step with plain matrices."""
    belief = initial_belief(layout, hour).ravel()
    filtered = []
    for transition, likelihood in steps:
        belief = belief @ transition * likelihood
        belief /= belief.sum()
        filtered.append(belief)
    message = np.ones(layout.states**2)
    smoothed = []
    for belief, (transition, likelihood) in zip(reversed(filtered), reversed(steps), strict=True):
        smoothed.append(belief * message / (belief * message).sum())
        message = transition @ (likelihood * message)
        message /= message.max()
    return filtered, smoothed[::-1]


def occupied(layout: Layout, belief: Floats) -> Floats:
    """(R,) P(somebody is in the room), pair by pair."""
    rooms = len(layout.room_ids)
    pairs = list(itertools.product(range(2 * rooms + 1), repeat=2))
    return np.array(
        [
            sum(belief[n] for n, places in enumerate(pairs) if any(in_room(p, room, rooms) for p in places))
            for room in range(rooms)
        ]
    )


def hindsight(
    layout: Layout,
    parameters: Parameters,
    minutes: Sequence[Minute],
    hour: int = 12,
    told: Mapping[int, Sequence[tuple[int, bool]]] | None = None,
) -> Hindsight:
    return finished(smooth(layout, parameters, minutes, [hour] * len(minutes), told=told))


@pytest.mark.parametrize("seed", range(3))
def test_one_room_against_every_path(seed: int) -> None:
    layout = tiny(1)
    parameters = some_parameters(layout, seed)
    minutes = [m for m in some_minutes(layout, 8, seed) if len(m.fires) < 3][1:3]
    steps, ends = steps_of(layout, parameters, minutes, 12)
    assert len(steps) <= 5
    running = Filter(layout, parameters)
    for minute in minutes:
        running.step(minute, 12)
    exact = by_enumeration(layout, steps, len(steps) - 1)
    assert running.belief.ravel() == pytest.approx(exact, abs=1e-12)
    found = hindsight(layout, parameters, minutes)
    for number, end in enumerate(ends):
        exact = by_enumeration(layout, steps, end)
        assert found.occupied[number] == pytest.approx(occupied(layout, exact), abs=1e-6)
        assert found.home[number] == pytest.approx(1 - exact[-1], abs=1e-6)


@pytest.mark.parametrize("rooms", [1, 2, 3])
@pytest.mark.parametrize("hour", [3, 12])
@pytest.mark.parametrize("door", [True, False])
def test_longer_lives_against_plain_matrices(rooms: int, hour: int, door: bool) -> None:
    layout = tiny(rooms, door=door)
    parameters = some_parameters(layout, rooms)
    # Every minute of another kind than the one before, so that none are taken together.
    minutes = [
        replace(minute, levels=np.append(minute.levels[:-1], np.int8(minute.minute % 3)))
        for minute in some_minutes(layout, 25, 7 * rooms)
    ]
    steps, ends = steps_of(layout, parameters, minutes, hour)
    filtered, smoothed = forward_backward(layout, steps, hour)
    running = Filter(layout, parameters, hour)
    found = hindsight(layout, parameters, minutes, hour)
    assert found.lengths.tolist() == [1] * len(minutes)
    for minute, end in zip(minutes, ends, strict=True):
        running.step(minute, hour)
        assert running.belief.ravel() == pytest.approx(filtered[end], abs=1e-11)
        assert running.occupancy() == pytest.approx(occupied(layout, filtered[end]), abs=1e-11)
        assert running.anyone_home() == pytest.approx(1 - filtered[end][-1], abs=1e-11)
        number = minute.minute - minutes[0].minute
        assert found.occupied[number] == pytest.approx(occupied(layout, smoothed[end]), abs=1e-5)
        assert found.home[number] == pytest.approx(1 - smoothed[end][-1], abs=1e-5)


@pytest.mark.parametrize("rooms", [1, 2, 3])
@pytest.mark.parametrize("occupied_then", [True, False])
def test_what_a_person_said_counts_before_and_after(rooms: int, occupied_then: bool) -> None:
    layout = tiny(rooms)
    parameters = some_parameters(layout, rooms)
    minutes = [
        replace(minute, levels=np.append(minute.levels[:-1], np.int8(minute.minute % 3)))
        for minute in some_minutes(layout, 12, 5 * rooms)
    ]
    steps, ends = steps_of(layout, parameters, minutes, 12)
    # Said within the sixth minute, before its silent rest.
    there = np.array([occupied(layout, unit)[0] for unit in np.eye(layout.states**2)])
    said = np.where((there > 0.5) == occupied_then, 1.0, 1e-3)
    steps.insert(ends[5], (np.eye(layout.states**2), said))
    ends = [*ends[:5], *(end + 1 for end in ends[5:])]
    _, smoothed = forward_backward(layout, steps, 12)
    found = hindsight(layout, parameters, minutes, told={minutes[5].minute: [(0, occupied_then)]})
    for number, end in enumerate(ends):
        assert found.occupied[number] == pytest.approx(occupied(layout, smoothed[end]), abs=1e-5)


def test_a_glance_at_the_running_minute_is_its_signals_only() -> None:
    layout = tiny(2)
    parameters = some_parameters(layout, 1)
    running = Filter(layout, parameters)
    minute = some_minutes(layout, 4, 1)[3]
    steps, _ = steps_of(layout, parameters, [minute], 12)
    filtered, _ = forward_backward(layout, steps[:-1], 12)
    before = running.belief.copy()
    assert running.peek(minute, 12)[0].ravel() == pytest.approx(filtered[-1], abs=1e-12)
    assert np.array_equal(running.belief, before)


def test_a_silence_in_strides_is_the_same_as_minute_by_minute() -> None:
    """Steps of several minutes take the likelihood of all of them at their end: near, not equal."""
    layout = tiny(3, presence=False)
    parameters = Parameters.prior(layout)
    quiet = np.zeros(6, dtype=np.int8)
    unknown = np.array([-1], dtype=np.int8)
    minutes = [Minute(n, ((1, 0),) if n == 20 else (), quiet, unknown) for n in range(61)]
    found = hindsight(layout, parameters, minutes)
    assert found.lengths.max() == 3
    steps, ends = steps_of(layout, parameters, minutes, 12)
    _, smoothed = forward_backward(layout, steps, 12)
    exact = np.array([occupied(layout, smoothed[ends[n]]) for n in found.minutes.tolist()])
    assert np.abs(found.occupied - exact).max() < 0.1


@pytest.mark.parametrize("rooms", [1, 2, 5])
@pytest.mark.parametrize("door", [True, False])
def test_transitions_are_chances(rooms: int, door: bool) -> None:
    layout = tiny(rooms, door=door)
    tables = Tables(layout, some_parameters(layout, 3))
    for hour in range(24):
        for transition in (tables.quiet(hour), tables.fire(hour, rooms - 1), tables.quiet(hour, 5)):
            for first, second, weight in transition.terms:
                assert weight == 1.0
                for matrix in (first, second):
                    assert (matrix >= 0).all()
                    assert matrix.sum(axis=1) == pytest.approx(np.ones(layout.states), abs=1e-12)
        for first, second, _ in tables.door(hour).terms:
            assert (first >= 0).all()
            assert (second >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_counted_adds_up(seed: int) -> None:
    layout = tiny(3)
    minutes = some_minutes(layout, 60, seed)
    found = hindsight(layout, some_parameters(layout, seed), minutes)
    counts = found.counts
    # Every minute of every channel that listens is counted once, in one context, heard or not.
    listened = np.array([minute.contexts != DEAF for minute in minutes])
    assert counts.fires.sum(axis=(0, 1, 3)) == pytest.approx(listened.sum(axis=0), abs=1e-6)
    heard = [
        sum(channel in minute.channels and minute.contexts[channel] != DEAF for minute in minutes)
        for channel in range(6)
    ]
    assert counts.fires[..., 1].sum(axis=(0, 1)) == pytest.approx(heard, abs=1e-6)
    # So is every minute of a presence sensor; of who is active some once more.
    known = sum(minute.levels[0] >= 0 for minute in minutes)
    assert counts.levels[0, :3].sum() == pytest.approx(known, abs=1e-6)
    assert (counts.levels[0, 3] <= counts.levels[0, 2] + 1e-9).all()
    assert counts.levels[0, 3].sum() > 0
    assert (counts.moves >= 0).all()
    assert (np.diag(counts.moves) == 0).all()


def whole_log_likelihood(
    layout: Layout, parameters: Parameters, minutes: Sequence[Minute], found: Hindsight
) -> float:
    """The smoother's, and what it leaves out: the silence of an empty home, which depends on the parameters."""
    left_out = sum(
        float(np.log(1 - parameters.fire[minute.contexts[channel], 0, channel]))
        for minute in minutes
        for channel in range(2 * len(layout.room_ids))
        if channel not in minute.channels
    )
    return found.log_likelihood + left_out


def test_learning_explains_a_home_better_each_time() -> None:
    """A home whose hall sensor misfires often and whose bedroom hardly sees anybody: EM finds out."""
    layout = tiny(3, presence=False, persons=False)
    rng = np.random.default_rng(5)
    minutes, last, place = [], np.full(3, -99), 0
    for number in range(6000):
        if rng.random() < 0.03:
            place = int(rng.integers(3))
        rates = np.where(np.arange(3) == place, [0.1, 0.5, 0.5], [0.0005, 0.03, 0.0005])
        contexts = np.zeros(6, dtype=np.int8)
        contexts[:3] = (number - last[:, None] <= [15, 5, 1]).sum(axis=1)
        rooms = np.flatnonzero(rng.random(3) < rates).tolist()
        fires = tuple((room, int(contexts[room])) for room in rooms)
        minutes.append(Minute(number, fires, contexts, np.array([-1], dtype=np.int8)))
        last[rooms] = number
    parameters = Parameters.prior(layout)
    likelihoods = []
    for _ in range(4):
        found = hindsight(layout, parameters, minutes)
        likelihoods.append(whole_log_likelihood(layout, parameters, minutes, found))
        parameters = Parameters.learned(layout, found.counts)
    assert likelihoods[1] > likelihoods[0] + 10
    assert all(after > before - 1.0 for before, after in itertools.pairwise(likelihoods))
    assert parameters.fire[0, 0, 1] > 1.5 * parameters.fire[0, 0, 2]
