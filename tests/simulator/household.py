"""The plan of one day: who gets up, leaves, returns and goes to bed when, who visits.

Every function depends on configuration, seed and date alone, so any day can be
computed without those before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property, lru_cache

from tests.simulator.clock import clock, stream
from tests.simulator.config import Person, SimulatedHomeConfig

DAY_MINUTES = 1440.0
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Visit:
    """Guests from `start` to `end`, minutes since the day's midnight."""

    start: float
    end: float
    guests: int
    party: bool


@dataclass(frozen=True, slots=True)
class Hours:
    """A person's clock times of one day, minutes since its midnight.

    Attributes:
        out: absences as (leave, back).
        starts_away: the night before was spent elsewhere.
        ends_away: the coming night is.
    """

    wake: float
    bed: float
    out: tuple[tuple[float, float], ...] = ()
    starts_away: bool = False
    ends_away: bool = False


class Household:
    """The plans of a home's people."""

    def __init__(self, config: SimulatedHomeConfig, seed: int) -> None:
        self.config = config
        self.seed = seed
        # An instance's own caches: a decorator on the method would keep every instance alive.
        self.hours = lru_cache(maxsize=64)(self._hours)
        self.visit = lru_cache(maxsize=16)(self._visit)

    @cached_property
    def people(self) -> dict[str, Person]:
        """The people by name."""
        return {person.name: person for person in self.config.people}

    def dinner(self, day: date) -> float:
        """When those at home eat in the evening."""
        spread = min(person.spread for person in self.config.people)
        return clock("18:30") + stream(self.seed, "dinner", day).uniform(-spread, spread)

    def trip(self, day: date) -> tuple[date, date] | None:
        """First and last day of the absence that `day` belongs to."""
        for first, last in self.config.holidays:
            if first <= day <= last:
                return first, last
        for index, trip in enumerate(self.config.trips):
            cycle = day.toordinal() // trip.every
            offset = stream(self.seed, "trip", index, cycle).randrange(max(1, trip.every - trip.length))
            first = date.fromordinal(cycle * trip.every + offset)
            last = first + timedelta(days=trip.length - 1)
            if first <= day <= last:
                return first, last
        return None

    def sleeps_away(self, day: date) -> bool:
        """Whether the night after `day` is spent elsewhere."""
        trip = self.trip(day)
        return trip is not None and day != trip[1]

    def _base(self, name: str, day: date) -> Hours:
        """The clock times that work and trips give, before visits and outings."""
        person = self.people[name]
        shape = person.shape(day)
        rng = stream(self.seed, "hours", name, day)

        def about(minutes: float) -> float:
            return minutes + min(max(rng.gauss(0, person.spread / 2), -person.spread), person.spread)

        wake, bed = about(shape.wake), about(shape.bed)
        starts_away, ends_away = self.sleeps_away(day - timedelta(days=1)), self.sleeps_away(day)
        out: tuple[tuple[float, float], ...] = ()
        if self.trip(day) is not None or starts_away:
            # The whole household leaves and returns together.
            together = stream(self.seed, "together", day)
            leave, back = (
                clock("09:45") + together.uniform(-30, 30),
                clock("18:30") + together.uniform(-90, 90),
            )
            out = ((wake if starts_away else leave, DAY_MINUTES if ends_away else back),)
            wake = wake if starts_away else min(wake, leave - 50)
        elif shape.leave is not None and shape.back is not None and shape.desk is None:
            leave, back = about(shape.leave), about(shape.back)
            out = ((leave, back),)
            wake = min(wake, leave - 40)
        return Hours(wake, bed, out, starts_away, ends_away)

    def _visit(self, day: date) -> Visit | None:
        """Guests on `day`, who wait until somebody is there to open."""
        if self.trip(day) is not None or self.sleeps_away(day - timedelta(days=1)):
            return None
        rng = stream(self.seed, "visit", day)
        party_every = self.config.party_every
        party = False
        if party_every is not None and day.weekday() == _SATURDAY:
            party = day.toordinal() // 7 % max(1, party_every // 7) == 0
        if party:
            start, length, guests = clock("19:30"), rng.uniform(240, 320), rng.randint(5, 9)
        elif rng.random() >= self.config.visits_per_week / 7:
            return None
        elif day.weekday() >= _SATURDAY:
            start, length, guests = (
                rng.uniform(clock("13:30"), clock("16:00")),
                rng.uniform(90, 220),
                rng.randint(1, 3),
            )
        else:
            start, length, guests = (
                rng.uniform(clock("18:30"), clock("19:45")),
                rng.uniform(80, 170),
                rng.randint(1, 3),
            )
        hours = [self._base(person.name, day) for person in self.config.people]
        open_from = min((h.out[-1][1] if h.out else h.wake + 60) for h in hours) + 20
        start = max(start, open_from)
        return Visit(start, start + length, guests, party) if start < clock("22:00") else None

    def _hours(self, name: str, day: date) -> Hours:
        """The clock times of `name` on `day`, in order and at least 40 minutes apart."""
        base, visit = self._base(name, day), self.visit(day)
        rng = stream(self.seed, "outing", name, day)
        person, out, bed = self.people[name], list(base.out), base.bed
        free = visit is None and self.trip(day) is None and not base.starts_away
        if free and rng.random() < person.outings:
            if out or person.shape(day).desk is not None:
                leave = max(rng.uniform(clock("19:30"), clock("20:15")), out[-1][1] + 80 if out else 0)
                back = leave + rng.uniform(40, 140)
            else:
                leave = max(rng.uniform(clock("10:00"), clock("15:30")), base.wake + 75)
                back = leave + rng.uniform(35, 200)
            if back < bed - 40:
                out.append((leave, back))
        if visit is not None:
            bed = max(bed, visit.end + rng.uniform(15, 40))
        if out:
            bed = max(bed, out[-1][1] + 45)
        next_wake = self._base(name, day + timedelta(days=1)).wake + DAY_MINUTES
        return Hours(base.wake, min(bed, next_wake - 150), tuple(out), base.starts_away, base.ends_away)
