"""Wall-clock time of a simulated home, daylight and seeded random streams."""

from __future__ import annotations

from datetime import date, datetime, timedelta
import math
import random
from zoneinfo import ZoneInfo

from custom_components.occupancy_ml.engine.events import MICROSECONDS, from_us, to_us

SECOND_US = MICROSECONDS


def stream(seed: int, *keys: object) -> random.Random:
    """An independent random stream for a purpose; the same keys always give the same numbers."""
    return random.Random("|".join(map(str, (seed, *keys))))


def clock(text: str) -> float:
    """Minutes since midnight of "HH:MM"; hours above 23 mean the next day."""
    hours, _, minutes = text.partition(":")
    return int(hours) * 60.0 + int(minutes)


def wall_us(day: date, minutes: float, zone: ZoneInfo) -> int:
    """Microseconds UTC of a wall-clock time, given in minutes since the local midnight of `day`.

    A time that daylight saving skips becomes the moment after the gap; one that stands
    twice means the first.
    """
    naive = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minutes)
    return to_us(naive.replace(tzinfo=zone))


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """The local start of `day`, in microseconds UTC."""
    return wall_us(day, 0, zone)


def local(time_us: int, zone: ZoneInfo) -> datetime:
    """The wall-clock time of a moment."""
    return from_us(time_us).astimezone(zone)


def is_dark(time_us: int, zone: ZoneInfo, latitude: float) -> bool:
    """Whether the sun is below the horizon, by declination and hour angle (solar noon at 12:20 standard time)."""
    moment = local(time_us, zone)
    standard = moment - (moment.dst() or timedelta())
    hour_angle = math.radians(15 * (standard.hour + standard.minute / 60 - 12.33))
    declination = math.radians(-23.44) * math.cos(2 * math.pi * (standard.timetuple().tm_yday + 10) / 365.25)
    place = math.radians(latitude)
    height = math.sin(place) * math.sin(declination)
    height += math.cos(place) * math.cos(declination) * math.cos(hour_angle)
    return height < 0
