"""A simulated home: events and truth of any local day, of a stretch of days, or without end.

Everything is SIMULATED: invented people, no recorded data.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from custom_components.occupancy_ml.engine.events import DAY_US, Event
from custom_components.occupancy_ml.engine.home import Home
from tests.simulator.agenda import Agenda
from tests.simulator.clock import local, midnight_us, stream
from tests.simulator.config import AWAY, Device, DeviceKind, SimulatedHomeConfig
from tests.simulator.faults import with_faults
from tests.simulator.household import Household
from tests.simulator.movement import MOVEMENT, on_off, phone
from tests.simulator.pets import pet_stays
from tests.simulator.things import air, appliance, automated_light, light, media
from tests.simulator.truth import TruthRow, clip, overlay, unions
from tests.simulator.walking import Stay
from tests.simulator.window import Change, Window

_REST = {DeviceKind.PHONE: "home", DeviceKind.TEMPERATURE: "20.0", DeviceKind.CARBON_DIOXIDE: "420"}


@dataclass(frozen=True, slots=True)
class Simulation:
    """Some local days of a simulated home.

    Attributes:
        start_us: local midnight of the first day.
        end_us: local midnight after the last.
        events: by time, then entity; duplicates included.
        truth: who was where, without a gap from start to end.
        stays: the same for each resident and guest apart, by start and name.
        pet_stays: where the pets were.
        initial: every entity's state at the start.
    """

    config: SimulatedHomeConfig
    seed: int
    start_us: int
    end_us: int
    events: list[Event]
    truth: list[TruthRow]
    stays: list[Stay]
    pet_stays: list[Stay]
    initial: Mapping[str, str]

    @property
    def home(self) -> Home:
        """The home in the words of the engine."""
        return self.config.home

    @property
    def areas(self) -> tuple[str, ...]:
        """The rooms' ids."""
        return tuple(room.room_id for room in self.config.rooms)

    @property
    def adjacency(self) -> dict[str, frozenset[str]]:
        """Neighbours of each room."""
        return self.config.adjacency

    def people_at(self, time_us: int) -> dict[str, str]:
        """Where everybody who is in the home is, guests included."""
        # No stay lasts two days: a waking day ends every one.
        first = bisect_right(self.stays, time_us - 2 * DAY_US, key=_start)
        last = bisect_right(self.stays, time_us, key=_start)
        around = self.stays[first:last]
        return {stay.who: stay.room_id for stay in around if time_us < stay.end_us and stay.room_id != AWAY}

    def people_count(self, time_us: int) -> int:
        """How many people are in the home, guests included."""
        return len(self.people_at(time_us))

    def occupied(self, room_id: str) -> list[tuple[int, int]]:
        """The true occupied intervals of a room, in order and apart."""
        return unions(stay for stay in self.stays if stay.room_id == room_id)

    def truth_at(self, time_us: int) -> TruthRow | None:
        """The row of truth that holds at a moment."""
        index = bisect_right(self.truth, time_us, key=lambda row: row.start_us) - 1
        return self.truth[index] if index >= 0 and time_us < self.truth[index].end_us else None


@dataclass(frozen=True, slots=True)
class SimulatedDay:
    """One local day: its events and every entity's state at its start."""

    events: list[Event]
    initial: Mapping[str, str]


class Simulator:
    """Gives any local day of a home. A day is the same whichever days were asked for before."""

    def __init__(self, config: SimulatedHomeConfig, seed: int) -> None:
        self.config = config
        self.seed = seed
        self._zone = config.zone
        self._household = Household(config, seed)
        self._agenda = Agenda(self._household)
        self._people = lru_cache(maxsize=8)(self._waking_day)
        self._pets = lru_cache(maxsize=8)(self._pet_day)

    def people_of(self, day: date) -> list[Stay]:
        """Stays of residents and guests who woke or came on `day`, until the next waking."""
        return self._people(day)

    def pets_of(self, day: date) -> list[Stay]:
        """Stays of pets on a local day."""
        return self._pets(day)

    def day(self, day: date) -> SimulatedDay:
        """The events of one local day."""
        window = self._window(day)
        events: list[Event] = []
        initial: dict[str, str] = {}
        for device in self.config.devices:
            state = _REST.get(device.kind, "off")
            for change in with_faults(device, _raw(device, window), state, window):
                if change.time_us >= window.end_us:
                    break
                if change.time_us >= window.day_us:
                    initial.setdefault(device.entity_id, state)
                    events.append(
                        Event(change.time_us, device.entity_id, change.state, state, cause=change.cause)
                    )
                state = change.state
            initial.setdefault(device.entity_id, state)
        events.sort(key=lambda event: (event.time_us, event.entity_id))
        if self.config.duplicates:
            rng = stream(self.seed, "duplicates", day)
            events = [e for event in events for e in [event] * (1 + (rng.random() < self.config.duplicates))]
        return SimulatedDay(events, initial)

    def _waking_day(self, day: date) -> list[Stay]:
        stays = [stay for person in self.config.people for stay in self._agenda.person(person.name, day)]
        return sorted(stays + self._agenda.guests(day), key=lambda stay: (stay.start_us, stay.who))

    def _pet_day(self, day: date) -> list[Stay]:
        return [stay for pet in self.config.pets for stay in pet_stays(self.config, pet, day, self.seed)]

    def _window(self, day: date) -> Window:
        before = day - timedelta(days=1)
        waking = {d: self._people(d) for d in (day - timedelta(days=2), before, day)}
        return Window(
            config=self.config,
            seed=self.seed,
            day=day,
            start_us=midnight_us(before, self._zone),
            day_us=midnight_us(day, self._zone),
            end_us=midnight_us(day + timedelta(days=1), self._zone),
            waking_days=waking,
            pet_days={d: self._pets(d) for d in (before, day)},
            stays=sorted((s for stays in waking.values() for s in stays), key=lambda s: (s.start_us, s.who)),
        )


def _start(stay: Stay) -> int:
    return stay.start_us


def _raw(device: Device, window: Window) -> Sequence[Change]:
    """What a device would tell if nothing was wrong with it."""
    match device.kind:
        case DeviceKind.LIGHT:
            return automated_light(device, window) if device.automated else light(device, window)
        case DeviceKind.MEDIA:
            return media(device, window)
        case DeviceKind.APPLIANCE:
            return on_off(appliance(device, window))
        case DeviceKind.TEMPERATURE | DeviceKind.CARBON_DIOXIDE:
            return air(device, window)
        case DeviceKind.PHONE:
            return phone(device, window)
        case _:
            return on_off(MOVEMENT[device.kind](device, window))


def simulate(config: SimulatedHomeConfig, start: date, days: int, seed: int) -> Simulation:
    """Local days `start` to `start + days - 1` of a home; the same arguments give the same simulation.

    Raises:
        ValueError: fewer than one day.
    """
    if days < 1:
        raise ValueError("a simulation has at least one day")
    simulator = Simulator(config, seed)
    calendar = [start + timedelta(days=n) for n in range(days)]
    start_us = midnight_us(start, config.zone)
    end_us = midnight_us(start + timedelta(days=days), config.zone)
    people = simulator.people_of(start - timedelta(days=1))[:]
    pets: list[Stay] = []
    events: list[Event] = []
    initial: Mapping[str, str] = {}
    for day in calendar:
        simulated = simulator.day(day)
        events += simulated.events
        initial = initial or simulated.initial
        people += simulator.people_of(day)
        pets += simulator.pets_of(day)
    stays = clip(people, start_us, end_us)
    return Simulation(
        config=config,
        seed=seed,
        start_us=start_us,
        end_us=end_us,
        events=events,
        truth=overlay(stays, [person.name for person in config.people]),
        stays=stays,
        pet_stays=clip(pets, start_us, end_us),
        initial=initial,
    )


def live(config: SimulatedHomeConfig, start_us: int, seed: int) -> Iterator[Event]:
    """The events from `start_us` on, without end: what `simulate` gives for the same days and seed."""
    simulator = Simulator(config, seed)
    day = local(start_us, config.zone).date()
    while True:
        yield from (event for event in simulator.day(day).events if event.time_us >= start_us)
        day += timedelta(days=1)
