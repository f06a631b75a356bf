"""What becomes of a pattern from night to night."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from custom_components.occupancy_ml.engine.routines import Act, Life, Pattern, PatternType, Statistics, When
from custom_components.occupancy_ml.engine.routines.life import from_row, reconcile, to_row

TODAY = date(2026, 5, 20)


def pattern(first: int, last: int, days: int, *, minute: int = 400, life: Life = Life.STABLE) -> Pattern:
    """A pattern first and last seen so many days ago."""
    act = Act("light.hall", "on")
    return Pattern(
        key=f"time_of_day|light.hall=on|0123456|{minute // 90}",
        pattern_type=PatternType.TIME_OF_DAY,
        entities=("light.hall",),
        statistics=Statistics(2.0, days, 56, days, days / 56, 0.1, 0.9, 0.01),
        description="light.hall turns on around 06:40",
        first_seen=(TODAY - timedelta(days=first)).isoformat(),
        last_seen=(TODAY - timedelta(days=last)).isoformat(),
        room_id="hall",
        action=act,
        steps=(act,),
        when=When(minute, 8.0, (6,)),
        parameters={"window_s": 90},
        life=life,
    )


def lives(known: list[Pattern], found: list[Pattern]) -> list[Life]:
    return [each.life for each in reconcile(known, found, TODAY, 1)]


def test_a_pattern_emerges_and_holds() -> None:
    assert lives([], [pattern(8, 0, 7)]) == [Life.EMERGING]
    assert lives([], [pattern(40, 0, 30)]) == [Life.STABLE]
    assert lives([], [pattern(50, 3, 7)]) == [Life.STABLE]  # once a week


def test_it_fades_while_the_window_still_holds_it_and_then_goes() -> None:
    assert lives([], [pattern(50, 12, 35)]) == [Life.FADING]
    assert lives([pattern(60, 10, 35)], []) == [Life.FADING]
    assert lives([pattern(80, 22, 35)], []) == [Life.GONE]


def test_it_keeps_its_beginning_and_its_number() -> None:
    old = replace(pattern(300, 1, 40), pattern_id=7, created_at_us=5)
    (now,) = reconcile([old], [pattern(55, 0, 41)], TODAY, 99)
    assert (now.pattern_id, now.created_at_us, now.first_seen) == (7, 5, old.first_seen)
    assert now.last_seen == TODAY.isoformat()


def test_one_that_moved_a_little_is_the_same() -> None:
    old = replace(pattern(60, 1, 40, minute=445), pattern_id=7)
    moved, far = pattern(55, 0, 41, minute=455), pattern(55, 0, 41, minute=900)
    (now,) = reconcile([old], [moved], TODAY, 1)
    assert (now.pattern_id, now.key, now.when.minute) == (7, old.key, 455)
    assert [each.pattern_id for each in reconcile([old], [far], TODAY, 1)] == [None, 7]


def test_it_comes_back_from_the_file_as_it_was() -> None:
    whole = replace(pattern(9, 1, 8), trigger=Act("light.den", "off"), date_range="a to b", aggregates=3)
    assert from_row(replace(to_row(whole), id=4)) == replace(whole, pattern_id=4)
