"""What people, automations and commands read off a forecast."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

from homeassistant.util.json import JsonObjectType, JsonValueType

from .engine.events import MINUTE_US, from_us
from .engine.snapshot import HOME, SLEEP, Forecast

DAY_MINUTES = 24 * 60.0

# The shown intervals: percent, and the quantiles at their ends.
INTERVALS = ((50, 0.25, 0.75), (80, 0.1, 0.9))

NOT_MADE = "No forecast has been made yet."

# What a change of a process is called, by whether the process is in its state "occupied" before it.
_CHANGES = {HOME: {True: "departure", False: "arrival"}, SLEEP: {True: "wake_up", False: "bedtime"}}
_ROOM_CHANGES = {True: "to_vacant", False: "to_occupied"}
CHANGES = ("to_occupied", "to_vacant", "departure", "arrival", "bedtime", "wake_up")


def change_of(forecast: Forecast) -> str:
    """What the next change is: one of `CHANGES`."""
    return _CHANGES.get(forecast.process, _ROOM_CHANGES)[forecast.occupied]


def chance_of_change(forecast: Forecast, minutes: float) -> float:
    """P(the process changes within so many minutes of the forecast), in [0, 1].

    The forecast tells its distribution function at the quantiles and at 24 hours; in between it is taken to be
    straight, which is nowhere further off than the step between two quantiles.
    """
    known = [(0.0, 0.0)]
    known += [(time, share) for share, time in sorted(forecast.quantiles.items()) if time is not None]
    known.append((DAY_MINUTES, max(known[-1][1], 1 - forecast.none_24h)))
    for (earlier, low), (later, high) in pairwise(known):
        if minutes < later:
            share = (minutes - earlier) / (later - earlier) if later > earlier else 1.0
            return low + share * (high - low)
    return known[-1][1]


def moment_after(forecast: Forecast, minutes: float | None) -> datetime | None:
    """A time so many minutes after the forecast, to the minute, in UTC."""
    if minutes is None:
        return None
    return to_the_minute(forecast.made_at_us + round(minutes * MINUTE_US))


def to_the_minute(time_us: int) -> datetime:
    """The nearest full minute, in UTC."""
    return from_us((time_us + MINUTE_US // 2) // MINUTE_US * MINUTE_US)


def intervals_of(forecast: Forecast) -> dict[str, list[datetime | None]]:
    """Where the next change falls with so many percent: begin and end, None for later than in 24 hours."""
    return {
        str(level): [moment_after(forecast, forecast.quantiles.get(end)) for end in (low, high)]
        for level, low, high in INTERVALS
    }


def forecast_as_json(forecast: Forecast) -> JsonObjectType:
    """A forecast as actions and commands tell it; of one that is not published only the reason."""
    told: JsonObjectType = {
        "made_at": from_us(forecast.made_at_us).isoformat(),
        "occupied": forecast.occupied,
        "published": forecast.published,
        "reason": forecast.reason,
    }
    if not forecast.published:
        return told
    median = forecast.median_us
    return told | {
        "transition_type": change_of(forecast),
        "predicted_time": None if median is None else from_us(median).isoformat(),
        "time_until": None if median is None else round((median - forecast.made_at_us) / MINUTE_US, 1),
        "confidence": forecast.confidence,
        "prediction_interval": {
            level: [None if end is None else end.isoformat() for end in ends]
            for level, ends in intervals_of(forecast).items()
        },
        "alternatives": [
            {"time": from_us(each.time_us).isoformat(), "probability": each.probability}
            for each in forecast.alternatives
        ],
        "none_within_24_hours": forecast.none_24h,
        "occupied_in": dict[str, JsonValueType](
            {str(minutes): chance for minutes, chance in sorted(forecast.occupied_in.items())}
        ),
    }
