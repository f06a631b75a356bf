"""Forecasts of our own making, shown by the real coordinator of a home under test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.snapshot import (
    Alternative,
    Forecast,
    RoomState,
    RoutineChange,
    Source,
)
from tests.a_home import coordinator_of

LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)


def forecast(
    process: str,
    occupied: bool,
    quantiles: tuple[float | None, ...] = (10, 20, 30, 40, 60),
    *,
    none_24h: float = 0.02,
    confidence: float | None = 0.7,
    occupied_in: Mapping[int, float] | None = None,
    alternatives: tuple[tuple[float, float], ...] = (),
    published: bool = True,
    reason: str | None = None,
    made_at_us: int = 0,
) -> Forecast:
    """A forecast by its quantiles, in minutes; its times count from `made_at_us`, which `show` sets."""
    median = quantiles[2]
    return Forecast(
        process=process,
        made_at_us=made_at_us,
        occupied=occupied,
        published=published,
        reason=reason,
        median_us=None if median is None else made_at_us + round(median * MINUTE_US),
        quantiles=dict(zip(LEVELS, quantiles, strict=True)),
        confidence=confidence,
        none_24h=none_24h,
        alternatives=tuple(
            Alternative(made_at_us + round(minutes * MINUTE_US), chance) for minutes, chance in alternatives
        ),
        occupied_in=occupied_in or {},
    )


def moved(told: Forecast, made_at_us: int) -> Forecast:
    """The same forecast, made at another time."""
    shift = made_at_us - told.made_at_us
    return replace(
        told,
        made_at_us=made_at_us,
        median_us=None if told.median_us is None else told.median_us + shift,
        alternatives=tuple(replace(each, time_us=each.time_us + shift) for each in told.alternatives),
    )


def show(
    entry: MockConfigEntry,
    *forecasts: Forecast,
    at_us: int | None = None,
    probability: float | None = None,
    changes: tuple[RoutineChange, ...] = (),
) -> int:
    """Publish these forecasts as made now, a minute after the last snapshot; returns that moment.

    Args:
        entry: of the loaded home.
        forecasts: what is told; of all other processes nothing.
        at_us: another moment.
        probability: of the kitchen and of anyone home, as they were where None.
        changes: the routine changes that were announced.
    """
    coordinator = coordinator_of(entry)
    data = coordinator.data
    now_us = data.time_us + MINUTE_US if at_us is None else at_us
    rooms, home = dict(data.rooms), data.home
    if probability is not None:
        rooms["kitchen"] = RoomState("kitchen", probability, probability > 0.5, Source.MODEL)
        home = replace(home, probability=probability, occupied=probability > 0.5)
    told = {each.process: moved(each, now_us) for each in forecasts}
    coordinator.async_publish(
        replace(
            data,
            time_us=now_us,
            rooms=rooms,
            home=home,
            forecasts=told,
            routine_changes=changes,
        )
    )
    return now_us
