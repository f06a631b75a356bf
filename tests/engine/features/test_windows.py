"""Every feature against a plain recomputation from the raw events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import math

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, MINUTE_US, Cause, Event, from_us
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, is_day_off
from custom_components.occupancy_ml.engine.home import Home, Role, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.tracker import Tracker
from tests.engine.living import START_US, at, flat

DAY_S = 86_400.0
_AIR = [n for n, name in enumerate(FEATURE_NAMES) if name.endswith(("_level", "_rise"))]


def a_life(home: Home, seed: int, hours: int = 6) -> list[Event]:
    """Random events of all sensors, by time; none of them exactly on a minute."""
    rng = np.random.default_rng(seed)
    events = []
    for sensor in home.sensors:
        seconds = np.unique(rng.integers(0, hours * 3600, 60)) + rng.uniform(0.1, 0.9)
        for number, second in enumerate(seconds):
            if sensor.role is Role.ENVIRONMENT:
                state = f"{rng.uniform(15, 900):.1f}"
            elif sensor.role is Role.PERSON:
                state = str(rng.choice(["home", "not_home"]))
            else:
                state = "on" if number % 2 else "off"
            if rng.random() < 0.08:
                state = str(rng.choice(["unavailable", "unknown"]))
            cause = Cause.AUTOMATION if rng.random() < 0.2 else Cause.UNKNOWN
            events.append(at(float(second), sensor.entity_id, state, cause=cause))
    return sorted(events, key=lambda event: event.time_us)


def acts_of(home: Home, events: Sequence[Event], now_us: int) -> tuple[dict[str, list[int]], list[int]]:
    """When somebody acted, by room, and when an outer door opened: sensor by sensor, in plain words."""
    acts: dict[str, list[int]] = {room.room_id: [] for room in home.rooms}
    doors: list[int] = []
    for sensor in home.sensors:
        mine = [event for event in events if event.entity_id == sensor.entity_id and event.time_us <= now_us]
        before: str | None = None
        on_since: int | None = None
        # Seconds of its signals, as if three of a minute had been; since when it really is as it is.
        signals, really, since = [60.0] * 3, "", 0
        for event in [*mine, Event(now_us + 1, "", "end")]:
            if sensor.role is Role.MOTION and on_since is not None:
                # While it is on, every minute that begins within three hours counts once, within ten minutes
                # where its signals are short.
                limit = 180 if np.log(signals).mean() >= np.log(15) else 10
                minute = (on_since // MINUTE_US + 1) * MINUTE_US
                while minute < min(event.time_us, on_since + limit * MINUTE_US):
                    acts[str(sensor.room_id)].append(minute)
                    minute += MINUTE_US
            if not event.entity_id:
                break
            known = before is not None and before not in ("unavailable", "unknown")
            real = event.state not in ("unavailable", "unknown")
            changed = real and event.state != before
            if real and event.state != really:
                if really == "on":
                    signals.append(max((event.time_us - since) / MICROSECONDS, 1.0))
                really, since = event.state, event.time_us
            if event.state != before:
                on_since = event.time_us if event.state == "on" else None
            if sensor.role is Role.EXIT_DOOR:
                if (
                    changed
                    and known
                    and event.state == "on"
                    and event.time_us - (doors or [-(10**18)])[-1] > 45_000_000
                ):
                    doors.append(event.time_us)
            elif sensor.room_id and changed:
                counts = {
                    Role.MOTION: event.state == "on",
                    Role.PRESENCE: known or event.state == "on",
                    Role.ENVIRONMENT: False,
                }.get(sensor.role, known and event.cause is not Cause.AUTOMATION)
                if counts:
                    acts[sensor.room_id].append(event.time_us)
            before = event.state
    return acts, doors


def expected(home: Home, events: Sequence[Event], now_us: int, room_id: str) -> dict[str, float]:
    """The features of a room at a full minute, but for those of the filter and the changepoints."""
    acts, doors = acts_of(home, events, now_us)
    last: dict[str, Event] = {}
    for event in events:
        if event.time_us <= now_us:
            last[event.entity_id] = event

    def recency(times: Sequence[int]) -> float:
        since = (now_us - max(times)) / MICROSECONDS if times else DAY_S
        return math.log1p(min(since, DAY_S)) / math.log1p(DAY_S)

    def within(minutes: int, times: Sequence[int]) -> int:
        # The last minutes by the clock: the one that has just begun, and those before it.
        return sum(time_us >= now_us - (minutes - 1) * MINUTE_US for time_us in times)

    def state(entity_id: str) -> str:
        return last[entity_id].state if entity_id in last else "unknown"

    others = [acts[other] for other in acts if other != room_id]
    out = {
        "recency_here": recency(acts[room_id]),
        "recency_elsewhere": min(recency(times) for times in others),
        "recency_exit_door": recency(doors),
    }
    out["latest_here"] = float(out["recency_here"] < out["recency_elsewhere"])
    for minutes in (5, 15, 60):
        out[f"count_here_{minutes}"] = math.log1p(within(minutes, acts[room_id]))
        out[f"count_elsewhere_{minutes}"] = math.log1p(sum(within(minutes, times) for times in others))
    local = LocalClock(home.time_zone).at(now_us)
    turn = 2 * math.pi * (local.hour * 60 + local.minute) / 1440
    for days, mine in (("workday", local.weekday() < 5), ("day_off", local.weekday() >= 5)):
        for hours in (24, 12):
            out[f"sin_{hours}h_{days}"] = math.sin(turn * 24 / hours) if mine else 0.0
            out[f"cos_{hours}h_{days}"] = math.cos(turn * 24 / hours) if mine else 0.0
    for name, role in (
        ("lights_on", Role.LIGHT),
        ("media_on", Role.MEDIA),
        ("appliances_on", Role.APPLIANCE),
        ("doors_open", Role.DOOR),
    ):
        out[name] = sum(
            state(s.entity_id) == "on" for s in home.sensors if s.role is role and s.room_id == room_id
        )
    persons = [state(s.entity_id) for s in home.sensors if s.role is Role.PERSON]
    known = [word for word in persons if word in ("home", "not_home")]
    out["persons_home"] = known.count("home") / len(known) if known else 0.5
    for sensor in home.sensors:
        if sensor.role is Role.ENVIRONMENT and sensor.room_id == room_id:
            text = state(sensor.entity_id)
            value = float(text) if text not in ("unavailable", "unknown") else None
            level = (
                math.nan
                if value is None
                else math.log1p(value)
                if sensor.device_class == "carbon_dioxide"
                else value
            )
            out[f"{sensor.device_class}_level"] = level
    return out


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("zone", ["Europe/Berlin", "Pacific/Auckland"])
def test_features_are_those_of_the_raw_events(seed: int, zone: str) -> None:
    home = flat(persons=True, zone=zone)
    events = a_life(home, seed)
    tracker = Tracker(home, START_US)
    done = checked = 0
    for minute in range(1, 6 * 60, 1):
        now_us = START_US + minute * MINUTE_US
        while done < len(events) and events[done].time_us <= now_us:
            list(tracker.advance(events[done].time_us))
            tracker.take(events[done])
            done += 1
        list(tracker.advance(now_us))
        if minute % 17 and minute > 20:
            continue
        vectors = tracker.vectors(now_us)
        for number, room in enumerate(home.rooms):
            found = dict(zip(FEATURE_NAMES, vectors[number].tolist(), strict=True))
            plain = expected(home, events, now_us, room.room_id)
            assert {name: found[name] for name in plain} == pytest.approx(plain, abs=1e-9, nan_ok=True), (
                from_us(now_us)
            )
            checked += 1
    assert checked > 80


def test_a_level_that_rises_is_seen_against_its_mean_of_twenty_minutes() -> None:
    tracker = Tracker(flat(), START_US)
    tracker.take(at(0, "sensor.bedroom_temperature", "20"))
    list(tracker.advance(START_US + 60 * MINUTE_US))
    tracker.take(at(3600, "sensor.bedroom_temperature", "21"))
    column = FEATURE_NAMES.index("temperature_rise")
    assert tracker.vectors(START_US + 60 * MINUTE_US)[2, column] == pytest.approx(1.0)
    list(tracker.advance(START_US + 80 * MINUTE_US))
    assert tracker.vectors(START_US + 80 * MINUTE_US)[2, column] == pytest.approx(math.exp(-1), abs=1e-6)


def test_a_sensor_without_a_word_says_nothing_rather_than_zero_degrees() -> None:
    tracker = Tracker(flat(), START_US)
    air = [n for n, name in enumerate(FEATURE_NAMES) if name.startswith(("temperature", "carbon_dioxide"))]
    assert np.isnan(tracker.vectors(START_US)[:, air]).all()
    tracker.take(at(0, "sensor.bedroom_temperature", "20"))
    found = dict(zip(FEATURE_NAMES, tracker.vectors(START_US)[2].tolist(), strict=True))
    assert (found["temperature_level"], found["temperature_rise"]) == (20.0, 0.0)
    for word in ("unavailable", "unknown", "warm"):
        tracker.take(at(10, "sensor.bedroom_temperature", "20"))
        tracker.take(at(10, "sensor.bedroom_temperature", word))
        assert np.isnan(tracker.vectors(START_US)[:, air]).all(), word
    # Nothing but the air is ever unknown.
    rest = np.delete(tracker.vectors(START_US), _AIR, axis=1)
    assert np.isfinite(rest).all()


def test_a_sensor_that_joins_an_old_home_is_new_for_a_day() -> None:
    """What its level means nobody knows; that somebody acted, and old sensors, count at once."""
    tracker = Tracker(flat(), START_US)
    tracker.take(at(0, "sensor.bedroom_temperature", "20"))
    two_days = 2 * 1440 * 60.0

    def features(seconds: float) -> dict[str, float]:
        now_us = START_US + round(seconds * MICROSECONDS)
        list(tracker.advance(now_us))
        return dict(zip(FEATURE_NAMES, tracker.vectors(now_us)[2].tolist(), strict=True))

    before = features(two_days - 1)
    tracker.take(at(two_days, "sensor.bedroom_co2", "900"))
    tracker.take(at(two_days, "binary_sensor.bedroom_motion", "on"))
    at_once = features(two_days + 60)
    assert tracker.health.new == {"sensor.bedroom_co2", "binary_sensor.bedroom_motion"}
    assert math.isnan(at_once["carbon_dioxide_level"])
    assert at_once["temperature_level"] == before["temperature_level"] == 20.0
    assert at_once["motion_on"] == 1.0
    assert at_once["count_here_5"] > 0
    later = features(two_days + 25 * 3600)
    assert not tracker.health.new
    assert later["carbon_dioxide_level"] == pytest.approx(math.log1p(900))


def test_who_is_next_door_counts_by_how_often_people_go_there() -> None:
    """With all ways alike it is the mean of the others; learned ways draw it to the near room."""
    column = FEATURE_NAMES.index("recency_next_door")
    tracker = Tracker(flat(), START_US)
    tracker.take(at(30, "binary_sensor.kitchen_motion", "on"))
    tracker.take(at(31, "binary_sensor.kitchen_motion", "off"))
    now_us = START_US + 10 * MINUTE_US
    list(tracker.advance(now_us))
    recent = math.log1p(9.5 * 60) / math.log1p(DAY_S)
    even = tracker.vectors(now_us)[:, column]
    assert even == pytest.approx([(1 + recent) / 2, 1.0, (1 + recent) / 2])
    moves = np.array([[0, 0.9, 0.1], [0.9, 0, 0.1], [0.5, 0.5, 0]])
    tracker.filter.use(replace(tracker.filter.parameters, moves=moves))
    hall, _, bedroom = tracker.vectors(now_us)[:, column]
    assert hall == pytest.approx(1 - (1.8 / 2.4) * (1 - recent))
    assert hall < even[0]
    assert bedroom == pytest.approx((1 + recent) / 2)


def test_a_workday_sensor_knows_local_holidays() -> None:
    home = flat(zone="UTC")
    home = replace(home, sensors=(*home.sensors, Sensor("binary_sensor.workday", Role.WORKDAY)))
    tracker = Tracker(home, START_US)
    columns = [FEATURE_NAMES.index(name) for name in ("cos_24h_workday", "cos_24h_day_off")]

    def days(state: str | None) -> list[float]:
        if state is not None:
            tracker.take(at(0, "binary_sensor.workday", state))
        vector = tracker.vectors(START_US)[0]
        assert is_day_off(vector) == is_day_off(vector.astype(np.float16)) == (state == "off")
        found: list[float] = vector[columns].round(3).tolist()
        return found

    assert days(None) == days("unavailable") == days("on") == [-0.5, 0.0]  # Monday, 8:00
    assert days("off") == [0.0, -0.5]


def test_time_of_day_goes_round_and_tells_the_weekend_apart() -> None:
    def waves(day: int, hour: int) -> dict[str, float]:
        now_us = START_US + (day * 24 + hour - 8) * 60 * MINUTE_US  # START_US is Monday, 8:00 UTC
        tracker = Tracker(flat(zone="UTC"), now_us)
        found = dict(zip(FEATURE_NAMES, tracker.vectors(now_us)[0].tolist(), strict=True))
        return {name: value for name, value in found.items() if "24h" in name}

    assert waves(0, 6) == pytest.approx(
        {"sin_24h_workday": 1, "cos_24h_workday": 0, "sin_24h_day_off": 0, "cos_24h_day_off": 0}, abs=1e-12
    )
    assert waves(5, 12) == pytest.approx(
        {"sin_24h_workday": 0, "cos_24h_workday": 0, "sin_24h_day_off": 0, "cos_24h_day_off": -1}, abs=1e-12
    )
    assert waves(1, 0) == pytest.approx(waves(4, 0))


def test_names_are_apart_and_as_many_as_columns() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURE_NAMES)
    assert Tracker(flat(), START_US).vectors(START_US).shape == (3, len(FEATURE_NAMES))
