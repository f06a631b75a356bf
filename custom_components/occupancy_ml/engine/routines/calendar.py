"""Weeks and months of the home's own calendar, seasons, holidays as far as they are told, days that were not heard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from ..events import MINUTE_US
from ..localtime import LocalClock
from ..store.routines import Aggregates
from .acts import unpack_acts
from .cast import Cast

_NOON_MS = 12 * 3_600_000
# Of a day of which more was not heard, nobody knows what did not happen.
_MOST_UNHEARD_US = 60 * MINUTE_US
# Zones of the southern hemisphere by their beginnings: there summer begins in December.
_SOUTH = (
    "Australia/", "Antarctica/", "Pacific/Auckland", "Africa/Johannesburg", "Africa/Windhoek", "Africa/Maputo",
    "Africa/Harare", "America/Argentina", "America/Buenos_Aires", "America/Sao_Paulo", "America/Santiago",
    "America/Montevideo", "America/Asuncion", "America/La_Paz", "America/Lima",
)  # fmt: skip
_SEASONS = ("winter", "spring", "summer", "autumn")


@dataclass(frozen=True, slots=True)
class Calendar:
    """A week (`2025-W03`) or a month (`2025-01`) with its first and last day, and the day its job is of."""

    name: str
    first: date
    last: date
    processing_date: date


def week_of(day: date) -> Calendar:
    """The ISO week of a day. Its job is of its Sunday, once that has ended."""
    first = day - timedelta(days=day.weekday())
    year, week, _ = day.isocalendar()
    last = first + timedelta(days=6)
    return Calendar(f"{year}-W{week:02d}", first, last, last)


def month_of(day: date) -> Calendar:
    """The month of a day. Its job is of the first of the next."""
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Calendar(f"{day:%Y-%m}", first, following - timedelta(days=1), following)


def season_of(month: str, time_zone: str) -> str:
    """The meteorological season of a month (`2025-01`) where the clock is of that zone."""
    number = int(month[5:]) % 12 // 3
    return _SEASONS[(number + 2) % 4 if time_zone.startswith(_SOUTH) else number]


def holidays_of(aggregates: Aggregates, cast: Cast, days: Sequence[date]) -> frozenset[date]:
    """Days from Monday to Friday that a workday sensor called none at noon, and no other a workday."""
    found = set()
    if days and cast.workdays:
        rows = aggregates.read("acts_daily", ("acts",), days[0].isoformat(), days[-1].isoformat())
        for (data,) in rows:
            day = unpack_acts(data)
            told = {
                entity_id: text
                for entity_id, states in day.sky.items()
                if entity_id in cast.workdays
                for at_ms, text in states
                if at_ms <= _NOON_MS and text in ("on", "off")
            }
            if day.day.weekday() < 5 and set(told.values()) == {"off"}:
                found.add(day.day)
    return frozenset(found)


def deaf_days(unheard: Iterable[tuple[int, int]], clock: LocalClock) -> frozenset[date]:
    """Local days of which more than an hour lies in times that nothing tells of; (begin, end) in microseconds UTC."""
    missed_us: dict[date, int] = defaultdict(int)
    for begin_us, end_us in unheard:
        day = clock.at(begin_us).date()
        while (bounds := clock.day_bounds(day))[0] < end_us:
            missed_us[day] += min(end_us, bounds[1]) - max(begin_us, bounds[0])
            day += timedelta(days=1)
    return frozenset(day for day, length_us in missed_us.items() if length_us > _MOST_UNHEARD_US)
