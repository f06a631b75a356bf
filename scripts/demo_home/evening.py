"""Where on earth the simulated people are on their feet right now.

The simulation runs in real time: sped up, its sensors would no longer behave like sensors. So that something is to be
seen at any hour, the home is put into a time zone where it is evening, and its people's dice are thrown such that
they move about in the minutes to come.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from custom_components.occupancy_ml.engine.events import MINUTE_US, to_us
from tests.simulator import SimulatedHomeConfig, Simulator, demo_home

# One for every hour, so that it is always evening in some of them.
TIME_ZONES = (
    "Pacific/Honolulu",
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Halifax",
    "America/Sao_Paulo",
    "Atlantic/South_Georgia",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Europe/Istanbul",
    "Asia/Dubai",
    "Asia/Karachi",
    "Asia/Dhaka",
    "Asia/Bangkok",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Brisbane",
    "Pacific/Noumea",
    "Pacific/Auckland",
    "Pacific/Tongatapu",
)
_EVENING = range(16, 22)
_SEEDS = 100
_SOON, _LATER = range(1, 5), range(5, 30)
_LIVELY = 1.0


def simulated_home(time_zone: str) -> SimulatedHomeConfig:
    """The home of the demo, in a time zone."""
    return replace(demo_home(), time_zone=time_zone)


def liveliest(now: datetime) -> tuple[str, int]:
    """The time zone and the seed with which most happens in the minutes after `now` (aware)."""
    evenings = [zone for zone in TIME_ZONES if now.astimezone(ZoneInfo(zone)).hour in _EVENING]
    places = [(zone, seed) for zone in evenings for seed in range(_SEEDS)]
    return max(places, key=lambda place: liveliness(place[0], place[1], now))


def is_lively(time_zone: str, seed: int, now: datetime) -> bool:
    """Whether a newcomer sees something move within minutes."""
    return liveliness(time_zone, seed, now) >= _LIVELY


def liveliness(time_zone: str, seed: int, now: datetime) -> float:
    """In how many of the minutes to come somebody walks into another room, later minutes counting less."""
    simulator = Simulator(simulated_home(time_zone), seed)
    today = now.astimezone(ZoneInfo(time_zone)).date()
    # A waking day may begin on the day before.
    stays = [*simulator.people_of(today - timedelta(days=1)), *simulator.people_of(today)]
    walks: set[int] = set()
    where: dict[str, str] = {}
    for stay in sorted(stays, key=lambda stay: stay.start_us):
        if where.get(stay.who) != stay.room_id:
            walks.add((stay.start_us - to_us(now)) // MINUTE_US)
        where[stay.who] = stay.room_id
    return len(walks.intersection(_SOON)) + len(walks.intersection(_LATER)) / 5
