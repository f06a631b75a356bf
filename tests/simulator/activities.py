"""What people do at home: how long, how lively, where and when they like it."""

from __future__ import annotations

from dataclasses import dataclass

from custom_components.occupancy_ml.engine.home import RoomKind

# Movements a minute that a motion sensor could see, by activity.
MOVEMENTS = {
    "sleep": 0.015,
    "nap": 0.03,
    "read": 0.25,
    "tv": 0.4,
    "computer": 0.6,
    "work": 0.7,
    "eat": 1.2,
    "toilet": 2.0,
    "visit": 2.5,
    "bathroom": 3.0,
    "dress": 4.0,
    "snack": 4.0,
    "cook": 4.0,
    "tidy": 5.0,
    "party": 5.0,
    "arrive": 8.0,
    "leave": 8.0,
    "walking": 0.0,
    "pet": 2.0,
}
# Somebody who lies or sits so still that a light may be off and CO2 is all that tells.
STILL = frozenset({"sleep", "nap"})


@dataclass(frozen=True, slots=True)
class Pastime:
    """Something to do in free time.

    Attributes:
        kinds: room kinds it is done in, the preferred first.
        minutes: shortest and longest time it takes.
        weights: liking in the morning, by day, in the evening and at night.
        trip: a short errand within the home, which a restless person does more often.
    """

    name: str
    kinds: tuple[RoomKind, ...]
    minutes: tuple[float, float]
    weights: tuple[float, float, float, float]
    trip: bool = False


PASTIMES = (
    Pastime("tv", (RoomKind.LIVING,), (25, 110), (0.3, 0.5, 3.0, 1.0)),
    Pastime("read", (RoomKind.LIVING, RoomKind.BEDROOM), (15, 60), (0.8, 1.0, 1.0, 0.5)),
    Pastime("computer", (RoomKind.OFFICE, RoomKind.LIVING), (20, 90), (0.6, 1.0, 0.7, 0.3)),
    Pastime("nap", (RoomKind.BEDROOM,), (20, 70), (0.0, 0.25, 0.0, 0.0)),
    Pastime("snack", (RoomKind.KITCHEN,), (3, 12), (1.0, 1.0, 0.7, 0.3), trip=True),
    Pastime("toilet", (RoomKind.BATHROOM,), (2, 7), (0.9, 0.7, 0.7, 0.5), trip=True),
    Pastime(
        "tidy",
        (RoomKind.KITCHEN, RoomKind.LIVING, RoomKind.BEDROOM),
        (4, 20),
        (0.6, 0.7, 0.3, 0.0),
        trip=True,
    ),
)
BREAKS = tuple(pastime for pastime in PASTIMES if pastime.name in {"snack", "toilet"})


def part_of_day(hour: int) -> int:
    """Index into `Pastime.weights`: morning, by day, evening, night."""
    if 5 <= hour < 11:
        return 0
    if 11 <= hour < 17:
        return 1
    return 2 if 17 <= hour < 23 else 3
