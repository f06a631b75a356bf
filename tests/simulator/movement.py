"""Devices that see people move: motion, presence, beds, doors, phones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
import random

from custom_components.occupancy_ml.engine.events import MINUTE_US, Cause
from tests.simulator.activities import MOVEMENTS, STILL
from tests.simulator.clock import SECOND_US, stream
from tests.simulator.config import AWAY, Device, DeviceKind
from tests.simulator.truth import unions
from tests.simulator.walking import Stay
from tests.simulator.window import Change, Window


def held(impulses: Iterable[int], hold_us: int) -> list[tuple[int, int]]:
    """On times of a sensor that stays on for `hold_us` after each impulse."""
    spans: list[tuple[int, int]] = []
    for time_us in sorted(impulses):
        if spans and time_us <= spans[-1][1]:
            spans[-1] = (spans[-1][0], time_us + hold_us)
        else:
            spans.append((time_us, time_us + hold_us))
    return spans


def on_off(spans: Iterable[tuple[int, int]], cause: Cause = Cause.DEVICE) -> list[Change]:
    """The changes of a device that is on during the spans."""
    return [Change(t, state, cause) for span in spans for t, state in zip(span, ("on", "off"), strict=True)]


def _impulses(device: Device, stays: list[Stay], rng: random.Random, sensitivity: float) -> list[int]:
    """Moments at which the sensor sees something of these stays: coming, going, and moving in between."""
    seen: list[int] = []
    for stay in stays:
        if stay.room_id != device.room_id:
            continue
        length_us = stay.end_us - stay.start_us
        if stay.activity not in STILL:
            if rng.random() < sensitivity:
                seen.append(stay.start_us + int(rng.uniform(0.05, 0.4) * min(length_us, 4 * SECOND_US)))
            if rng.random() < sensitivity * 0.9:
                seen.append(stay.end_us - int(rng.uniform(0.05, 0.4) * min(length_us, 4 * SECOND_US)))
        rate = MOVEMENTS[stay.activity] * sensitivity / MINUTE_US
        time_us = stay.start_us + (rng.expovariate(rate) if rate else float("inf"))
        while time_us < stay.end_us:
            seen.append(int(time_us))
            time_us += rng.expovariate(rate)
    return seen


def motion(device: Device, window: Window) -> list[tuple[int, int]]:
    """On times of a motion sensor. It misses the still and the asleep, and now and then a passer-by."""
    seen: list[int] = []
    days: tuple[tuple[str, dict[date, list[Stay]], float], ...] = (
        ("people", window.waking_days, device.sensitivity),
        ("pets", window.pet_days, device.pet_sensitivity),
    )
    for who, stays_by_day, sensitivity in days:
        for day, stays in stays_by_day.items():
            seen += _impulses(device, stays, stream(window.seed, device.entity_id, who, day), sensitivity)
    return held(seen, int(device.hold_s * SECOND_US))


def presence(device: Device, window: Window) -> list[tuple[int, int]]:
    """On times of a sensor that also sees the still; it needs a second and lets go late."""
    assert device.room_id is not None
    hold_us = int(device.hold_s * SECOND_US)
    merged: list[tuple[int, int]] = []
    for start_us, end_us in window.present(device.room_id):
        if end_us - start_us < 2 * SECOND_US:
            continue
        if merged and start_us + SECOND_US <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end_us + hold_us)
        else:
            merged.append((start_us + SECOND_US, end_us + hold_us))
    return merged


def bed(device: Device, window: Window) -> list[tuple[int, int]]:
    """On times of a bed mat: its person lies in it."""
    own = [s for s in window.stays if s.who == device.person and s.room_id == device.room_id]
    spans: list[tuple[int, int]] = []
    for stay in own:
        if stay.activity not in STILL:
            continue
        if spans and stay.start_us <= spans[-1][1] + 10 * SECOND_US:
            spans[-1] = (spans[-1][0], stay.end_us + 2 * SECOND_US)
        else:
            spans.append((stay.start_us + 10 * SECOND_US, stay.end_us + 2 * SECOND_US))
    return [span for span in spans if span[1] > span[0]]


def door(device: Device, window: Window) -> list[tuple[int, int]]:
    """Open times of a door: a few seconds around everybody who goes through."""
    sides = {device.room_id, device.leads_to}
    opened: list[tuple[int, int]] = []
    before: dict[str, Stay] = {}
    slow = 3 if device.leads_to == AWAY else 1
    for stay in window.stays:
        last = before.get(stay.who)
        before[stay.who] = stay
        if last is not None and last.end_us == stay.start_us and {last.room_id, stay.room_id} == sides:
            rng = stream(window.seed, device.entity_id, stay.who, stay.start_us)
            opened.append(
                (
                    stay.start_us - int(rng.uniform(0.3, 1.2) * SECOND_US),
                    stay.start_us + int(slow * rng.uniform(1, 4) * SECOND_US),
                )
            )
    spans: list[tuple[int, int]] = []
    for start_us, end_us in sorted(opened):
        if spans and start_us <= spans[-1][1] + SECOND_US:
            spans[-1] = (spans[-1][0], max(end_us, spans[-1][1]))
        else:
            spans.append((start_us, end_us))
    return spans


def phone(device: Device, window: Window) -> list[Change]:
    """home and not_home of a person, minutes late; a short errand goes unnoticed."""
    changes: list[Change] = []
    for start_us, end_us in unions(s for s in window.stays if s.who == device.person and s.room_id == AWAY):
        rng = stream(window.seed, device.entity_id, end_us)
        left_us = start_us + int(rng.uniform(1.5, 6) * MINUTE_US)
        back_us = end_us + int(rng.uniform(-1, 2.5) * MINUTE_US)
        if left_us >= back_us:
            continue
        if changes and changes[-1].time_us >= left_us:
            changes.pop()
        else:
            changes.append(Change(left_us, "not_home", Cause.DEVICE))
        changes.append(Change(back_us, "home", Cause.DEVICE))
    return changes


MOVEMENT = {
    DeviceKind.PIR: motion,
    DeviceKind.MMWAVE: presence,
    DeviceKind.BED: bed,
    DeviceKind.DOOR: door,
}
