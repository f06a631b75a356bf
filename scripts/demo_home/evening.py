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
_EVENING = range(17, 21)
_SEEDS = 60
_SOON, _LATER = (0.5, 6), (6, 45)
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
    """How often people will change rooms soon, and a little how often later."""
    simulator = Simulator(simulated_home(time_zone), seed)
    today = now.astimezone(ZoneInfo(time_zone)).date()
    # A waking day may begin on the day before.
    stays = [*simulator.people_of(today - timedelta(days=1)), *simulator.people_of(today)]
    moments = [(stay.start_us - to_us(now)) / MINUTE_US for stay in stays]
    soon = sum(_SOON[0] <= moment < _SOON[1] for moment in moments)
    later = sum(_LATER[0] <= moment < _LATER[1] for moment in moments)
    # Past some coming and going more is no longer better, it is a party.
    return min(soon, 10) + min(later, 40) / 10
