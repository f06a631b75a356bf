"""Routines planted in a SIMULATED home are found, what is at chance is not, and what already runs is not proposed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from random import Random

import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, Cause, Event
from custom_components.occupancy_ml.engine.gaps import Gaps
from custom_components.occupancy_ml.engine.home import Home, Role
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routines import Pattern, PatternType
from custom_components.occupancy_ml.engine.routines.calendar import season_of
from custom_components.occupancy_ml.engine.routines.cast import Cast
from custom_components.occupancy_ml.engine.routines.detectors.contextual import Contextual
from custom_components.occupancy_ml.engine.routines.detectors.seasonal import Seasonal
from custom_components.occupancy_ml.engine.routines.reading import CHATTER
from custom_components.occupancy_ml.engine.routines.suggestions.candidates import candidates
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import Becomes
from custom_components.occupancy_ml.engine.routines.window import Window
from scripts.routines_home import found_in, turned
from scripts.routines_planted import TURNED, Score, is_found
from tests.engine.routines.homes import (
    CLOCK,
    FIRST,
    HOME,
    at,
    month_of_habits,
    night_after,
    ordered,
    pulse,
    routines_of,
    store_with,
)
from tests.simulator.planted import PlantedHome, Strength, planted_home

DAYS = 30
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def planted() -> PlantedHome:
    return planted_home(40, 5, each=1)


@pytest.fixture(scope="module")
def patterns(planted: PlantedHome, tmp_path_factory: pytest.TempPathFactory) -> list[Pattern]:
    return found_in(
        planted.home, planted.events, tmp_path_factory.mktemp("planted") / "home.db", planted.end_us
    )


def test_strong_routines_are_found_and_few_others(planted: PlantedHome, patterns: list[Pattern]) -> None:
    score = Score()
    score.add(planted, patterns)
    strong = [p for p in planted.planted if p.strength is Strength.STRONG]
    assert [p.kind for p in strong if not is_found(p, patterns)] == []
    found, true = sum(score.found.values()), sum(score.true.values())
    assert found > 20
    assert true >= 0.95 * found, score.false


def test_on_turned_days_there_is_next_to_nothing(
    planted: PlantedHome, patterns: list[Pattern], tmp_path: Path
) -> None:
    mixed = turned(planted.events, LocalClock(planted.home.time_zone), 5)
    by_chance = [
        p
        for p in found_in(planted.home, mixed, tmp_path / "home.db", planted.end_us)
        if p.pattern_type.value in TURNED
    ]
    real = [p for p in patterns if p.pattern_type.value in TURNED]
    assert len(by_chance) <= 0.05 * len(real)


def test_what_detectors_say_is_what_suggestions_read(planted: PlantedHome, patterns: list[Pattern]) -> None:
    lasting = next(
        p for p in patterns if p.entities == ("switch.fan_strong_0",) and "median_s" in p.parameters
    )
    timer = candidates(lasting, planted.home)[0]
    held_s = int(lasting.parameters["median_s"])
    assert (timer.trigger, timer.action.state) == (Becomes("switch.fan_strong_0", "on", held_s), "off")
    chain = next(p for p in patterns if p.key.startswith("sequence|switch.step_0_strong_0"))
    gaps = chain.parameters["gaps_s"]
    assert len(gaps) == len(chain.steps) - 1
    # Steps were planted 100 to 240 seconds apart; whoever follows so late must still count as following.
    assert all(120 < gap < 220 for gap in gaps)
    assert all(p.within_s >= 4 * 120 for p in candidates(chain, planted.home))


def test_every_pattern_says_how_sure_it_is(patterns: list[Pattern]) -> None:
    for pattern in patterns:
        stats = pattern.statistics
        assert 0 <= stats.low <= stats.rate <= stats.high <= 1
        assert 0 < stats.q_value <= 0.05
        assert stats.effect > 0
        assert stats.occurrences <= stats.opportunities
        assert pattern.first_seen <= pattern.last_seen
        assert pattern.description
        assert pattern.pattern_id is not None


def found(path: Path, events: list[Event], home: Home = HOME) -> list[Pattern]:
    store = store_with(path / "home.db", ordered(events), home)
    for _ in routines_of(store, home).backfill(DAYS, night_after(LAST)):
        pass
    patterns = routines_of(store, home).patterns()
    store.close()
    return patterns


def test_what_automations_do_is_no_pattern(tmp_path: Path) -> None:
    events = [replace(event, cause=Cause.AUTOMATION) for event in month_of_habits(DAYS)]
    assert found(tmp_path, events) == []


def test_what_is_mostly_automatic_is_no_pattern_either(tmp_path: Path) -> None:
    """Now and then a hand is faster than the automation; that is still nothing to propose."""
    rng = Random(2)
    events = [
        replace(event, cause=Cause.AUTOMATION if rng.random() < 0.6 else event.cause)
        for event in month_of_habits(DAYS)
    ]
    proposed = {PatternType.TIME_OF_DAY, PatternType.CO_OCCURRENCE, PatternType.SEQUENCE}
    assert [p for p in found(tmp_path, events) if p.pattern_type in proposed] == []


def twins(delay_s: float) -> list[Event]:
    """Two switches of which the second always follows the first."""
    rng = Random(3)
    events: list[Event] = []
    for number in range(DAYS):
        for _ in range(3):
            on_us = at(FIRST + timedelta(days=number), rng.uniform(480, 1300))
            events += pulse("light.den", on_us, 300)
            events += pulse("switch.den_socket", on_us + round(delay_s * MICROSECONDS), 300)
            events += pulse("light.hall", on_us + round(delay_s * MICROSECONDS), 300)
    return events


def pairs(patterns: list[Pattern]) -> set[tuple[str, str]]:
    return {
        (p.steps[0].entity_id, p.steps[1].entity_id)
        for p in patterns
        if p.pattern_type is PatternType.CO_OCCURRENCE
    }


def test_parts_of_one_device_are_no_pair(tmp_path: Path) -> None:
    apart = pairs(found(tmp_path, twins(12.0)))
    assert ("light.den", "light.hall") in apart
    assert ("light.den", "switch.den_socket") not in apart


def test_what_no_hand_could_do_is_no_pair(tmp_path: Path) -> None:
    assert pairs(found(tmp_path, twins(0.1))) == set()


def test_what_only_measures_is_no_part_of_anything(tmp_path: Path) -> None:
    events = month_of_habits(DAYS)
    for number in range(DAYS):
        day = FIRST + timedelta(days=number)
        events += [Event(at(day, 420), "sensor.outside", f"{number}.5", "0.1", cause=Cause.DEVICE)]
    for pattern in found(tmp_path, events):
        assert "sensor.outside" not in pattern.entities
        assert all(HOME.sensors[[s.entity_id for s in HOME.sensors].index(e)].role is not Role.ENVIRONMENT
                   for e in pattern.entities)  # fmt: skip


def test_entities_that_are_watched_no_more_are_in_no_new_pattern(tmp_path: Path) -> None:
    without = Home(
        HOME.time_zone, HOME.rooms, tuple(s for s in HOME.sensors if s.entity_id != "switch.coffee")
    )
    store = store_with(tmp_path / "home.db", ordered(month_of_habits(DAYS)))
    for _ in routines_of(store).backfill(DAYS - 2, night_after(LAST - timedelta(days=1))):
        pass
    for _ in routines_of(store, without).night(night_after(LAST)):
        pass
    late = [p for p in routines_of(store, without).patterns() if p.last_seen == LAST.isoformat()]
    assert not any("switch.coffee" in p.entities for p in late)
    store.close()


def uses(number: int, entity_id: str, times: int, until: float = 1380) -> list[Event]:
    """Some uses of a thing in a day, evenly from seven o'clock; none later than a minute of the day."""
    minutes = [420 + 950 * each / times for each in range(times)]
    day = FIRST + timedelta(days=number)
    return [event for minute in minutes if minute < until for event in pulse(entity_id, at(day, minute), 60)]


def odd_days(
    path: Path, events: list[Event], gap_us: tuple[int, int] | None = None
) -> list[tuple[object, ...]]:
    """(date, entity, kind) of the days of sixteen that were odd."""
    store = store_with(path / "home.db", ordered(events))
    if gap_us is not None:
        gaps = Gaps(store)
        gaps.note(*gap_us)
        gaps.save(gap_us[1])
    for _ in routines_of(store).backfill(16, night_after(FIRST + timedelta(days=15))):
        pass
    found = store.aggregates.read("anomaly_daily", ("date", "entity_id", "anomaly_type"), "2026", "2027")
    store.close()
    return found


@pytest.mark.parametrize("known", [True, False])
def test_an_outage_is_no_silence_nor_a_usual_day(tmp_path: Path, known: bool) -> None:
    """From eight on one day nothing was heard; on another nobody touched the den's lamp, and that is odd."""
    events = []
    for number in range(16):
        is_cut = number == 12
        events += uses(number, "light.hall", 20 + number % 3, 480 if is_cut else 1380)
        events += uses(number, "light.den", 0 if number == 15 or is_cut else 16 + number % 2)
    stopped = FIRST + timedelta(days=12)
    odd = odd_days(tmp_path, events, (at(stopped, 480), at(stopped, 1435)) if known else None)
    silent = (FIRST + timedelta(days=15)).isoformat(), "light.den", "silent"
    of_the_outage = [each for each in odd if each[0] == stopped.isoformat()]
    assert (silent in odd, of_the_outage == []) == (known, known)


def test_what_chatters_is_not_silent(tmp_path: Path) -> None:
    """On its busiest day it does more than a person could: that is no act, and no silence either."""
    events = []
    for number in range(16):
        events += uses(number, "light.hall", CHATTER + 10 if number == 14 else CHATTER - 30 + number % 5)
        events += uses(number, "light.den", 8)
    assert odd_days(tmp_path, events) == []


def test_months_before_something_was_there_say_nothing_of_it(tmp_path: Path) -> None:
    """The den's lamp of two winters keeps to season and dark; that of the hall came later, and does not."""
    store = store_with(tmp_path / "home.db", [])
    months = [f"{2024 + n // 12}-{n % 12 + 1:02d}" for n in range(24)]
    for month in months:
        season = season_of(month, HOME.time_zone)
        is_dark = season in ("autumn", "winter")
        bought = {"light.hall=on": 28} if month >= "2025-01" else {}
        activity = {"light.den=on": 28 if season == "winter" else 1, **bought}
        store.aggregates.replace(
            "seasonal_monthly",
            month,
            [
                {
                    "season": season,
                    "seasonal_activity_level": 2.0,
                    "year_over_year_comparison": {},
                    "trend_direction": "steady",
                    "days": 28,
                    "activity": activity,
                }
            ],
        )
        evening = {
            "light.den=on": [0] * 18 + [25 if is_dark else 2] + [0] * 5,
            **({"light.hall=on": [0] * 18 + [25] + [0] * 5} if month >= "2025-10" else {}),
        }
        store.aggregates.replace(
            "contextual_monthly",
            month,
            [
                {
                    "weather_context": f"{'dark' if is_dark else 'light'} dry",
                    "presence_context": "unknown",
                    "device_usage_patterns": {"exposure": [30.0] * 24, "acts": evening},
                    "correlation_scores": {},
                    "confidence": 1.0,
                }
            ],
        )
    window = Window(store.aggregates, Cast(HOME), (date(2025, 12, 31),), HOME.time_zone)
    seasonal, contextual = ([*detector.detect(window)][-1] or [] for detector in (Seasonal(), Contextual()))
    assert [p.key for p in seasonal] == ["seasonal|light.den=on|season|winter"]
    assert [p.key for p in contextual] == ["contextual|light.den=on|dark"]
    store.close()


def test_the_clock_zone_of_the_tests_is_that_of_the_home() -> None:
    assert CLOCK.zone.key == HOME.time_zone
