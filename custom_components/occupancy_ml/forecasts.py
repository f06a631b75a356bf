"""What people, automations and commands read off a forecast."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
import math

from homeassistant.util.json import JsonObjectType, JsonValueType

from .const import CONF_SLEEP
from .coordinator import Coordinator, now_us
from .engine.events import MINUTE_US, from_us
from .engine.home import RoomKind
from .engine.snapshot import HOME, SLEEP, Forecast, ForecastCurve

DAY_MINUTES = 24 * 60.0

# A point every quarter of an hour is what a chart can show of a day, and what a response can bear for all rooms.
CURVE_STEP_US = 15 * MINUTE_US

# The shown intervals: percent, and the quantiles at their ends.
INTERVALS = ((50, 0.25, 0.75), (80, 0.1, 0.9))

NOT_MADE = "No forecast has been made yet."
NO_SLEEP = "No room is a bedroom, and no helpers for sleep are chosen."

# What a change of a process is called, by whether the process is in its state "occupied" before it.
_CHANGES = {HOME: {True: "departure", False: "arrival"}, SLEEP: {True: "wake_up", False: "bedtime"}}
_ROOM_CHANGES = {True: "to_vacant", False: "to_occupied"}
CHANGES = ("to_occupied", "to_vacant", "departure", "arrival", "bedtime", "wake_up")


def change_of(forecast: Forecast) -> str:
    """What the next change is: one of `CHANGES`."""
    return _CHANGES.get(forecast.process, _ROOM_CHANGES)[forecast.occupied]


def kind_of(process: str) -> str:
    """What a process is of: `home`, `sleep` or `room`."""
    return {HOME: "home", SLEEP: "sleep"}.get(process, "room")


def chance_of_change(forecast: Forecast, minutes: float, now_us: int) -> float:
    """P(the process changes within so many minutes from now, given that it has not until now), in [0, 1].

    Args:
        forecast: of the state in which the process still is; it may be some minutes old.
        minutes: from now.
        now_us: the present.
    """
    elapsed = max(0.0, (now_us - forecast.made_at_us) / MINUTE_US)
    come = _distribution(forecast, elapsed)
    return (_distribution(forecast, elapsed + minutes) - come) / (1 - come) if come < 1 else 1.0


def _distribution(forecast: Forecast, minutes: float) -> float:
    """P(the change comes within so many minutes of the forecast).

    It is told at the quantiles and at 24 hours; in between it is taken to be straight, which is nowhere further off
    than the step between two quantiles. Beyond the last quantile the rest comes at the pace at which the part
    before it came: most of a tail lies near, and straight to 24 hours it would hardly ever come.
    """
    known = [(0.0, 0.0)]
    known += [(time, share) for share, time in sorted(forecast.quantiles.items()) if time is not None]
    by_then = max(known[-1][1], 1 - forecast.none_24h)
    if minutes >= DAY_MINUTES:
        return by_then
    for (earlier, low), (later, high) in pairwise(known):
        if minutes < later:
            return low + (minutes - earlier) / (later - earlier) * (high - low)
    last, share = known[-1]
    if len(known) <= len(forecast.quantiles):
        return share + (minutes - last) / (DAY_MINUTES - last) * (by_then - share)
    before, part = known[-2]
    if last <= before:
        return by_then
    pace = math.log((1 - part) / (1 - share)) / (last - before)
    return min(by_then, 1 - (1 - share) * math.exp(-pace * (minutes - last)))


def stated_us(forecast: Forecast, now_us: int) -> int | None:
    """The stated time: the median, None where there is none.

    A forecast stands for some minutes, and its median may pass meanwhile: then it is now.
    """
    return None if forecast.median_us is None else max(forecast.median_us, now_us)


def minutes_until(time_us: int | None, now_us: int) -> float | None:
    """Minutes from now to a time, to a tenth."""
    return None if time_us is None else round((time_us - now_us) / MINUTE_US, 1)


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


def told_in(forecast: Forecast, minutes: int) -> float | None:
    """P(in the state "occupied" so many minutes ahead), None where that is not published."""
    if not forecast.published or minutes not in forecast.told_in:
        return None
    return forecast.occupied_in.get(minutes)


def tells_of_sleep(coordinator: Coordinator) -> bool:
    """Whether anything tells when people sleep: a bedroom, or a helper for sleep."""
    return bool(coordinator.config_entry.options.get(CONF_SLEEP)) or any(
        room.kind is RoomKind.BEDROOM for room in coordinator.home.rooms
    )


async def async_tell(coordinator: Coordinator, processes: Iterable[str]) -> dict[str, JsonObjectType]:
    """The forecasts of processes with their curves over 24 hours, for actions and commands.

    Raises:
        HomeAssistantError: the entry is not loaded.
    """
    forecasts = coordinator.data.forecasts
    told: dict[str, JsonObjectType] = {}
    for process in processes:
        forecast = forecasts.get(process)
        if process == SLEEP and not tells_of_sleep(coordinator):
            told[process] = {"published": False, "reason": NO_SLEEP}
            continue
        if forecast is None:
            told[process] = {"published": False, "reason": NOT_MADE}
            continue
        told[process] = forecast_as_json(forecast, coordinator.data.time_us)
        if forecast.published:
            # One turn each, so that events pass in between.
            curve = await coordinator.run(coordinator.engine.forecasts.curve, process, now_us())
            told[process]["curve"] = None if curve is None else curve_as_json(curve, forecast)
    return told


def curve_as_json(curve: ForecastCurve, forecast: Forecast) -> list[JsonValueType]:
    """A curve as actions and commands tell it, a point every quarter of an hour.

    It is drawn through P(occupied) at the horizons, so a point next to one that is kept back would tell it: there
    `occupied` is None, and beyond the last horizon where that is kept back.
    """
    every = max(1, CURVE_STEP_US // curve.step_us)
    points: list[JsonValueType] = []
    for step in range(every - 1, len(curve.occupied), every):
        ahead_us = (step + 1) * curve.step_us
        is_told = _between_told(forecast, ahead_us / MINUTE_US)
        points.append(
            {
                "time": from_us(curve.made_at_us + ahead_us).isoformat(),
                "occupied": round(curve.occupied[step], 4) if is_told else None,
                "changed": round(curve.changed[step], 4),
            }
        )
    return points


def _between_told(forecast: Forecast, minutes: float) -> bool:
    """Whether the horizons before and after a time, or the one at it, are told."""
    horizons = sorted(forecast.occupied_in)
    before = [each for each in horizons if each <= minutes][-1:]
    after = [each for each in horizons if each >= minutes][:1]
    return all(told_in(forecast, each) is not None for each in (*before, *after))


def forecast_as_json(forecast: Forecast, now_us: int) -> JsonObjectType:
    """A forecast as actions and commands tell it now; of one that is not published only the reason."""
    told: JsonObjectType = {
        "made_at": from_us(forecast.made_at_us).isoformat(),
        "occupied": forecast.occupied,
        "published": forecast.published,
        "reason": forecast.reason,
    }
    if not forecast.published:
        return told
    stated = stated_us(forecast, now_us)
    return told | {
        "transition_type": change_of(forecast),
        "predicted_time": None if stated is None else from_us(stated).isoformat(),
        "time_until": minutes_until(stated, now_us),
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
            {str(minutes): told_in(forecast, minutes) for minutes in sorted(forecast.occupied_in)}
        ),
    }
