"""From the plan of a day to stays: what each person does where, from waking to the next waking."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
import random

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.home import RoomKind
from tests.simulator.activities import BREAKS, PASTIMES, Pastime, part_of_day
from tests.simulator.clock import SECOND_US, clock, local, stream, wall_us
from tests.simulator.config import AWAY, Person, SimulatedHomeConfig
from tests.simulator.household import Hours, Household, Visit
from tests.simulator.walking import Routes, Stay, Walker, routes


@dataclass(frozen=True, slots=True)
class _Appointment:
    """Something at a fixed time: `long` ones have breaks."""

    start_us: int
    end_us: int
    room_id: str
    activity: str
    long: bool = False


class Agenda:
    """The stays of a home's people and guests, each day on its own."""

    def __init__(self, household: Household) -> None:
        self._household = household
        self._config: SimulatedHomeConfig = household.config
        self._zone = self._config.zone
        self._ways: Routes = routes(self._config)
        self._outer = next(room.room_id for room in self._config.rooms if room.outer)
        kinds = self._config.rooms_of
        self._living = kinds(RoomKind.LIVING, RoomKind.BEDROOM)[0]
        self._kitchen = kinds(RoomKind.KITCHEN, RoomKind.LIVING, RoomKind.BEDROOM)[0]
        self._bathrooms = kinds(RoomKind.BATHROOM) or (self._outer,)

    def person(self, name: str, day: date) -> list[Stay]:
        """The stays of `name` from waking on `day` to waking on the next one, without a gap."""
        hours = self._household.hours(name, day)
        tomorrow = self._household.hours(name, day + timedelta(days=1))
        person = self._household.people[name]
        rng = stream(self._household.seed, "agenda", name, day)
        end_us = wall_us(day + timedelta(days=1), tomorrow.wake, self._zone)
        start_room = AWAY if hours.starts_away else person.bedroom
        walker = Walker(name, self._ways, rng, wall_us(day, hours.wake, self._zone), start_room)
        one = _Living(self, person, walker, rng, self._appointments(person, day, hours))
        if not hours.starts_away:
            one.get_up(wall_us(day, hours.out[0][0], self._zone) if hours.out else end_us)
        for index, (leave, back) in enumerate(hours.out):
            last = hours.ends_away and index == len(hours.out) - 1
            one.free_time(wall_us(day, leave, self._zone))
            one.go_out(end_us if last else wall_us(day, back, self._zone), overnight=last)
        if not hours.ends_away:
            one.free_time(wall_us(day, hours.bed, self._zone))
            one.sleep(end_us)
        return walker.stays

    def guests(self, day: date) -> list[Stay]:
        """The stays of the day's guests, with a second outside before and after."""
        visit = self._household.visit(day)
        if visit is None:
            return []
        stays: list[Stay] = []
        for number in range(1, visit.guests + 1):
            name = f"guest_{number}"
            rng = stream(self._household.seed, "guest", number, day)
            late, early = (
                (rng.uniform(0, 60), rng.uniform(0, 60)) if visit.party else (rng.uniform(0, 1), 0.0)
            )
            start_us = wall_us(day, visit.start + late, self._zone)
            end_us = wall_us(day, visit.end - early, self._zone)
            walker = Walker(name, self._ways, rng, start_us - SECOND_US, AWAY)
            walker.stay(AWAY, AWAY, start_us)
            walker.stay(self._outer, "arrive", start_us + MINUTE_US)
            activity = "party" if visit.party else "visit"
            _mingle(self, walker, rng, activity, end_us - MINUTE_US, self._living)
            walker.stay(self._outer, "leave", end_us)
            walker.stay(AWAY, AWAY, walker.now_us + SECOND_US)
            stays += walker.stays
        return stays

    def _appointments(self, person: Person, day: date, hours: Hours) -> list[_Appointment]:
        """What has a fixed time today, in order: the desk, meals, guests."""
        household, shape = self._household, person.shape(day)
        rng = stream(household.seed, "meals", person.name, day)
        found: list[_Appointment] = []

        def add(start: float, end: float, room_id: str, activity: str, *, long: bool = False) -> None:
            begin, finish = wall_us(day, start, self._zone), wall_us(day, end, self._zone)
            found.append(_Appointment(begin, finish, room_id, activity, long))

        away = household.trip(day) is not None or hours.starts_away
        lunch = clock("12:30") + rng.uniform(-1, 1) * person.spread
        if shape.desk is not None and shape.leave is not None and shape.back is not None and not away:
            add(shape.leave, lunch, shape.desk, "work", long=True)
            add(lunch + 40, shape.back, shape.desk, "work", long=True)
        add(lunch, lunch + rng.uniform(12, 20), self._kitchen, "cook")
        add(lunch + 20, lunch + rng.uniform(32, 40), self._kitchen, "eat")
        dinner = household.dinner(day)
        names = [someone.name for someone in self._config.people]
        if names[day.toordinal() % len(names)] == person.name:
            add(dinner - rng.uniform(20, 40), dinner, self._kitchen, "cook")
        add(dinner, dinner + rng.uniform(20, 35), self._kitchen, "eat")
        visit: Visit | None = household.visit(day)
        if visit is not None:
            activity = "party" if visit.party else "visit"
            add(visit.start, visit.end, self._living, activity, long=True)
        return sorted(found, key=lambda appointment: (appointment.start_us, appointment.end_us))

    def places(self, kind_order: Sequence[RoomKind], person: Person | None) -> tuple[str, ...]:
        """Rooms of these kinds; of the bedrooms only the person's own."""
        rooms = self._config.rooms_of(*kind_order)
        bedrooms = self._config.rooms_of(RoomKind.BEDROOM)
        own = person.bedroom if person is not None else None
        return tuple(room_id for room_id in rooms if room_id not in bedrooms or room_id == own)

    def bathroom(self, rng: random.Random) -> str:
        """One of the bathrooms, the first most often."""
        return self._bathrooms[0] if rng.random() < 0.65 else rng.choice(self._bathrooms)

    def hour(self, time_us: int) -> int:
        """The wall clock's hour."""
        return local(time_us, self._zone).hour

    @property
    def outer(self) -> str:
        """The room people leave and return through."""
        return self._outer

    @property
    def kitchen(self) -> str:
        """Where people cook and eat."""
        return self._kitchen

    @property
    def living(self) -> str:
        """Where people spend their free time."""
        return self._living


def _mingle(
    agenda: Agenda, walker: Walker, rng: random.Random, activity: str, until_us: int, room_id: str
) -> None:
    """Stay at one thing until a moment, with short breaks elsewhere; a party also spreads over rooms."""
    shortest, longest = (6, 25) if activity == "party" else (25, 80)
    while walker.now_us < until_us - MINUTE_US:
        here = room_id
        if activity == "party" and rng.random() < 0.4:
            here = rng.choice([agenda.kitchen, agenda.living, agenda.outer])
        walker.stay(
            here, activity, min(until_us, walker.now_us + int(rng.uniform(shortest, longest) * MINUTE_US))
        )
        if walker.now_us >= until_us - 8 * MINUTE_US:
            continue
        pause = rng.choice(BREAKS)
        where = agenda.kitchen if pause.name == "snack" else agenda.bathroom(rng)
        walker.stay(where, pause.name, walker.now_us + int(rng.uniform(*pause.minutes) * MINUTE_US))


class _Living:
    """One person's day, one part after the other."""

    def __init__(
        self,
        agenda: Agenda,
        person: Person,
        walker: Walker,
        rng: random.Random,
        appointments: list[_Appointment],
    ) -> None:
        self._agenda = agenda
        self._person = person
        self._walker = walker
        self._rng = rng
        self._appointments = appointments

    def get_up(self, leave_us: int) -> None:
        """Bathroom, clothes, breakfast; less of it when the time to leave is near."""
        room = max(0.0, (leave_us - self._walker.now_us) / MINUTE_US - 12)
        haste = min(1.0, room / 50)
        between = self._rng.uniform if self._person.roaming else lambda low, high: (low + high) / 2
        self._for("bathroom", self._agenda.bathroom(self._rng), between(8, 20) * haste)
        self._for("dress", self._person.bedroom, between(3, 8) * haste)
        self._for("eat", self._agenda.kitchen, between(10, 25) * haste)

    def free_time(self, until_us: int) -> None:
        """Appointments that fall into the time until `until_us`, and pastimes between them."""
        walker = self._walker
        while walker.now_us < until_us - MINUTE_US:
            due = [a for a in self._appointments if a.end_us > walker.now_us + 2 * MINUTE_US]
            following = due[0] if due and due[0].start_us < until_us else None
            if following is None:
                self._pastime(until_us)
            elif following.start_us > walker.now_us + MINUTE_US:
                self._pastime(min(until_us, following.start_us))
            else:
                self._keep(following, min(until_us, following.end_us))

    def go_out(self, back_us: int, *, overnight: bool) -> None:
        """Leave through the outer room, and be back at `back_us`, or not today."""
        walker = self._walker
        if walker.room_id != AWAY:
            walker.stay(
                self._agenda.outer, "leave", walker.now_us + int(self._rng.uniform(20, 90) * SECOND_US)
            )
        walker.stay(AWAY, AWAY, back_us)
        if overnight:
            return
        walker.stay(self._agenda.outer, "arrive", walker.now_us + int(self._rng.uniform(20, 80) * SECOND_US))
        if self._person.roaming and self._rng.random() < 0.6:
            self._for("toilet", self._agenda.bathroom(self._rng), self._rng.uniform(1.5, 4))

    def sleep(self, until_us: int) -> None:
        """Bathroom, perhaps a book, then the night, sometimes interrupted."""
        walker, rng, bedroom = self._walker, self._rng, self._person.bedroom
        restless = self._person.roaming > 0
        self._for("bathroom", self._agenda.bathroom(rng), rng.uniform(5, 11) if restless else 8)
        if restless and rng.random() < 0.6:
            self._for("read", bedroom, rng.uniform(5, 25))
        night_us = until_us - walker.now_us
        if restless and rng.random() < 0.4 and night_us > 120 * MINUTE_US:
            walker.stay(bedroom, "sleep", walker.now_us + int(night_us * rng.uniform(0.3, 0.8)))
            self._for("toilet", self._agenda.bathroom(rng), rng.uniform(2, 5))
        walker.stay(bedroom, "sleep", until_us)

    def _for(self, activity: str, room_id: str, minutes: float) -> None:
        self._walker.stay(room_id, activity, self._walker.now_us + int(minutes * MINUTE_US))

    def _keep(self, appointment: _Appointment, until_us: int) -> None:
        if appointment.long:
            _mingle(
                self._agenda, self._walker, self._rng, appointment.activity, until_us, appointment.room_id
            )
        else:
            self._walker.stay(appointment.room_id, appointment.activity, until_us)

    def _pastime(self, until_us: int) -> None:
        walker, rng = self._walker, self._rng
        if self._person.roaming == 0:
            walker.stay(self._agenda.living, "tv", until_us)
            return
        part = part_of_day(self._agenda.hour(walker.now_us))
        choices: list[tuple[Pastime, tuple[str, ...]]] = []
        weights: list[float] = []
        for pastime in PASTIMES:
            places = self._agenda.places(pastime.kinds, self._person)
            if places:
                choices.append((pastime, places))
                weights.append(pastime.weights[part] * (self._person.roaming if pastime.trip else 1.0))
        pastime, places = rng.choices(choices, weights)[0]
        room_id = places[0] if rng.random() < 0.6 else rng.choice(places)
        minutes = rng.uniform(*pastime.minutes)
        walker.stay(room_id, pastime.name, min(until_us, walker.now_us + int(minutes * MINUTE_US)))
