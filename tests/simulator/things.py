"""Devices that people use, and the air around them: lights, media, appliances, temperature, CO2."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from custom_components.occupancy_ml.engine.events import MINUTE_US, Cause
from tests.simulator.clock import SECOND_US, is_dark, local, stream
from tests.simulator.config import Device, DeviceKind
from tests.simulator.movement import motion, on_off
from tests.simulator.truth import unions
from tests.simulator.window import Change, Window

_STEP_US = 5 * MINUTE_US
_MEMORY = 144  # steps


def light(device: Device, window: Window) -> list[Change]:
    """A light that people switch when it is dark, and sometimes forget until somebody minds."""
    assert device.room_id is not None
    config = window.config
    changes: list[Change] = []
    for start_us, end_us in window.awake(device.room_id):
        dark = device.windowless or is_dark(start_us, config.zone, config.latitude)
        if end_us - start_us < 20 * SECOND_US or not dark:
            continue
        rng = stream(window.seed, device.entity_id, start_us)
        if rng.random() < 0.1:
            continue
        on_us = start_us + int(rng.uniform(0.5, 3) * SECOND_US)
        off_us = end_us - int(rng.uniform(0.1, 0.9) * SECOND_US)
        cause = Cause.PERSON
        if rng.random() < 0.12:
            off_us, cause = end_us + int(rng.uniform(10, 90) * MINUTE_US), Cause.AUTOMATION
        if changes and changes[-1].time_us >= on_us:
            changes.pop()
        else:
            changes.append(Change(on_us, "on", Cause.PERSON))
        changes.append(Change(off_us, "off", cause))
    return changes


def automated_light(device: Device, window: Window) -> list[Change]:
    """A light that an automation switches on with the room's motion when it is dark, off two minutes later."""
    config = window.config
    sensor = next(d for d in config.devices if d.kind is DeviceKind.PIR and d.room_id == device.room_id)
    spans: list[tuple[int, int]] = []
    for start_us, end_us in motion(sensor, window):
        off_us = end_us + 2 * MINUTE_US
        if spans and start_us <= spans[-1][1]:
            spans[-1] = (spans[-1][0], off_us)
        elif is_dark(start_us, config.zone, config.latitude):
            spans.append((start_us + 300_000, off_us))
    return on_off(spans, Cause.AUTOMATION)


def media(device: Device, window: Window) -> list[Change]:
    """A media player: playing while somebody in the room does what it serves."""
    spans = unions(s for s in window.stays if s.room_id == device.room_id and s.activity in device.activities)
    changes: list[Change] = []
    for start_us, end_us in spans:
        if end_us - start_us < 2 * MINUTE_US:
            continue
        changes.append(Change(start_us + 20 * SECOND_US, "playing", Cause.PERSON))
        changes.append(Change(end_us - SECOND_US, "off", Cause.PERSON))
    return changes


def appliance(device: Device, window: Window) -> list[tuple[int, int]]:
    """Running times: some minutes, soon after most starts of the activity; it runs on when people leave."""
    running: list[tuple[int, int]] = []
    for stay in window.stays:
        if stay.room_id != device.room_id or stay.activity not in device.activities:
            continue
        rng = stream(window.seed, device.entity_id, stay.who, stay.end_us)
        start_us = stay.start_us + int(
            rng.uniform(0.3, 0.9) * min(stay.end_us - stay.start_us, 3 * MINUTE_US)
        )
        if rng.random() < 0.75 and (not running or start_us > running[-1][1] + SECOND_US):
            running.append((start_us, start_us + int(rng.uniform(2.5, 12) * MINUTE_US)))
    return running


def air(device: Device, window: Window) -> list[Change]:
    """Temperature or CO2 on a five-minute grid: a first-order lag behind the number of people in the room.

    CO2 tends to 430 ppm plus 320 for each person with a time constant of 50 minutes, told in steps of 20;
    temperature to 20 C plus 0.5 for each person, plus a daily swing, with 100 minutes, in steps of 0.1.
    """
    if device.kind is DeviceKind.CARBON_DIOXIDE:
        rest, gain, lag, noise, step, swing = 430.0, 320.0, 50.0, 3.0, 20.0, 0.0
    else:
        rest, gain, lag, noise, step, swing = 20.0, 0.5, 100.0, 0.02, 0.1, 0.8
    first_us = -(-window.start_us // _STEP_US) * _STEP_US
    grid = range(first_us, window.end_us, _STEP_US)
    people = np.zeros(len(grid))
    for stay in window.stays:
        if stay.room_id == device.room_id:
            first, last = (stay.start_us - first_us) // _STEP_US, (stay.end_us - first_us) // _STEP_US
            for index in range(max(0, first), min(len(grid), last + 1)):
                begin_us = first_us + index * _STEP_US
                overlap_us = min(stay.end_us, begin_us + _STEP_US) - max(stay.start_us, begin_us)
                people[index] += overlap_us / _STEP_US
    # The memory ends after twelve hours, so that the air of a day hangs on this window alone.
    weights = np.exp(-np.arange(_MEMORY)[::-1] * _STEP_US / MINUTE_US / lag)
    padded = np.concatenate([np.zeros(_MEMORY - 1), people])
    level = rest + gain * (sliding_window_view(padded, _MEMORY) @ (weights / weights.sum()))
    # Devices do not report on the clock's minute.
    shift_us = int(stream(window.seed, device.entity_id, "shift").uniform(0, 4) * MINUTE_US)
    noises = {day: stream(window.seed, device.entity_id, "noise", day) for day in window.pet_days}
    changes: list[Change] = []
    for time_us, around in zip(grid, level.tolist(), strict=True):
        moment = local(time_us, window.config.zone)
        sun = swing * math.sin(2 * math.pi * (moment.hour + moment.minute / 60 - 9) / 24)
        steps = round((around + sun + noises[moment.date()].gauss(0, noise)) / step)
        text = str(int(steps * step)) if step >= 1 else f"{steps * step:.1f}"
        changes.append(Change(time_us + shift_us, text, Cause.DEVICE))
    return changes
