"""What goes wrong with devices: chatter, dropouts, late installation, failure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date
import heapq

from custom_components.occupancy_ml.engine.events import MINUTE_US, Cause
from tests.simulator.clock import SECOND_US, midnight_us, stream, wall_us
from tests.simulator.config import Device
from tests.simulator.window import Change, Window

UNAVAILABLE = "unavailable"
_NOON = 720.0
_PULSES_A_BURST = 8
_OPPOSITE = {"on": "off", "off": "on"}


def with_faults(device: Device, changes: Sequence[Change], rest: str, window: Window) -> list[Change]:
    """The device's changes as they reach the outside: ordered, each a change, faults laid over them.

    Args:
        device: whose changes they are, and what is wrong with it.
        changes: what it would tell if nothing was wrong, in any order.
        rest: its state before the first change.
        window: the two days in question.
    """
    told = sorted(change for change in changes if change.time_us < window.end_us)
    days = tuple(window.pet_days)
    if device.chatter_per_day:
        told = _chatter(device, told, rest, window, days)
    if device.dropouts_per_week:
        told = _dropouts(device, told, rest, window, days)
    if device.installed is not None:
        told = _installed(device.installed, told, rest, window)
    if device.fails is not None:
        told = _failed(device.fails, device.fails_as, told, window)
    result: list[Change] = []
    state = rest
    last_us = 0
    for change in told:
        if change.state == state:
            continue
        time_us = max(change.time_us, last_us + 1000)
        result.append(Change(time_us, change.state, change.cause))
        state, last_us = change.state, time_us
    return result


def _chatter(
    device: Device, told: list[Change], rest: str, window: Window, days: tuple[date, ...]
) -> list[Change]:
    """Short pulses the other way, in bursts of several a few seconds apart."""
    times = [change.time_us for change in told]
    pulses: list[Change] = []
    for day in days:
        rng = stream(window.seed, device.entity_id, "chatter", day)
        start_us = midnight_us(day, window.config.zone)
        bursts = device.chatter_per_day / 2 / _PULSES_A_BURST
        for _ in range(int(bursts) + (rng.random() < bursts % 1)):
            time_us = start_us + int(rng.random() * 1380 * MINUTE_US)
            for _ in range(_PULSES_A_BURST):
                time_us += int(rng.uniform(1.5, 20) * SECOND_US)
                end_us = time_us + int(rng.uniform(0.3, 1.3) * SECOND_US)
                before, after = bisect_right(times, time_us), bisect_right(times, end_us)
                state = told[before - 1].state if before else rest
                if before == after and state in _OPPOSITE:
                    pulses.append(Change(time_us, _OPPOSITE[state], Cause.DEVICE))
                    pulses.append(Change(end_us, state, Cause.DEVICE))
    return list(heapq.merge(told, sorted(pulses)))


def _dropouts(
    device: Device, told: list[Change], rest: str, window: Window, days: tuple[date, ...]
) -> list[Change]:
    """Stretches in which nothing is known; afterwards the state of then."""
    times = [change.time_us for change in told]
    for day in days:
        rng = stream(window.seed, device.entity_id, "dropout", day)
        lost = rng.random() < device.dropouts_per_week / 7
        start_us = midnight_us(day, window.config.zone) + int(rng.random() * 1380 * MINUTE_US)
        end_us = start_us + int(min(360.0, rng.lognormvariate(3, 1)) * MINUTE_US)
        if not lost:
            continue
        first, behind = bisect_right(times, start_us), bisect_right(times, end_us)
        state = told[behind - 1].state if behind else rest
        gap = [Change(start_us, UNAVAILABLE, Cause.UNKNOWN), Change(end_us, state, Cause.UNKNOWN)]
        told = [*told[:first], *gap, *told[behind:]]
        times = [change.time_us for change in told]
    return told


def _installed(day: date, told: list[Change], rest: str, window: Window) -> list[Change]:
    """Nothing before noon of the day it was put up."""
    noon_us = wall_us(day, _NOON, window.config.zone)
    known = [change for change in told if change.time_us < noon_us]
    if noon_us <= window.start_us:
        return told
    if noon_us >= window.end_us:
        return [Change(window.start_us, UNAVAILABLE, Cause.UNKNOWN)]
    first = Change(noon_us, known[-1].state if known else rest, Cause.UNKNOWN)
    return [Change(window.start_us, UNAVAILABLE, Cause.UNKNOWN), first, *told[len(known) :]]


def _failed(day: date, state: str, told: list[Change], window: Window) -> list[Change]:
    """One last state at noon of the day it broke, then silence."""
    noon_us = wall_us(day, _NOON, window.config.zone)
    if noon_us < window.start_us:
        return [Change(window.start_us, state, Cause.UNKNOWN)]
    kept = [change for change in told if change.time_us < noon_us]
    return [*kept, Change(noon_us, state, Cause.DEVICE)] if noon_us < window.end_us else kept
