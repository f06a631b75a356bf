"""Processes of two states: short gaps are filled, then short stays dropped; nothing is known beyond what is known."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US
from custom_components.occupancy_ml.engine.forecast.processes import Process
from custom_components.occupancy_ml.engine.store import Episode


def episodes(*lengths: int, begin: bool = False, start: int = 0) -> list[Episode]:
    """Stretches of so many minutes, by turns vacant and occupied."""
    edges = start + np.concatenate([[0], np.cumsum(lengths)])
    return [
        Episode("hall", int(a) * MINUTE_US, int(b) * MINUTE_US, bool(n % 2) != begin, 1.0)
        for n, (a, b) in enumerate(itertools.pairwise(edges))
    ]


def seen(process: Process) -> list[tuple[int, int, bool]]:
    return [
        (int(a) // MINUTE_US, int(b) // MINUTE_US, bool(s))  # the minutes in which it changed
        for a, b, s in zip(process.starts_us, process.ends_us, process.states, strict=True)
    ]


def middles(minutes: list[int]) -> np.ndarray:
    return np.array(minutes, dtype=np.int64) * MINUTE_US + MINUTE_US // 2


def test_a_change_is_in_the_middle_of_the_minute_that_hindsight_calls_it_by() -> None:
    state, wait, _ = Process.of(episodes(60, 60)).at(
        np.array([60 * MINUTE_US, 61 * MINUTE_US], dtype=np.int64)
    )
    assert state.tolist() == [0, 1]
    assert wait[0] == pytest.approx(0.5)


def test_gaps_are_filled_before_stays_are_dropped() -> None:
    # Two stays of three minutes with a gap of two are one of eight; alone, each would have gone.
    assert seen(Process.of(episodes(60, 3, 2, 3, 60))) == [(0, 60, False), (60, 68, True), (68, 128, False)]
    assert seen(Process.of(episodes(60, 3, 60))) == [(0, 123, False)]
    assert seen(Process.of(episodes(60, 5, 60))) == [(0, 60, False), (60, 65, True), (65, 125, False)]


def test_where_knowledge_ends_nothing_is_short() -> None:
    assert seen(Process.of(episodes(3, 60))) == [(0, 3, False), (3, 63, True)]
    apart = [*episodes(60, 60), *episodes(3, 60, start=200)]
    assert (200, 203, False) in seen(Process.of(apart))


def test_waits_are_cut_at_a_day_and_unknown_at_the_end_of_knowledge() -> None:
    process = Process.of([*episodes(60, 3000, 60), *episodes(90, start=4000)])
    times = middles([-5, 0, 59, 60, 3050, 3100, 3500, 4010])
    state, wait, held = process.at(times)
    assert state.tolist() == [-1, 0, 0, 1, 1, 0, -1, 0]
    assert wait[1:5].tolist() == [60.0, 1.0, 1440.0, 10.0]
    assert np.isnan(wait[[0, 5, 6, 7]]).all()
    assert held[[2, 4]].tolist() == [59.0, 2990.0]


def test_a_day_empty_is_one_from_its_begin_to_its_end() -> None:
    day = 24 * 60
    edges = [0, 600, 600 + day, 900 + day, 899 + 2 * day, 1000 + 2 * day]
    process = Process.of(
        [
            Episode("home", a * MINUTE_US, b * MINUTE_US, number % 2 == 0, 1.0)
            for number, (a, b) in enumerate(itertools.pairwise(edges))
        ]
    )
    minutes = [599, 600, 1200, 599 + day, 600 + day, 900 + day, 1500 + day, 999 + 2 * day, 1000 + 2 * day]
    # The second stretch is a minute short of a day; what is not known is no day away.
    assert process.days_away(middles(minutes)).tolist() == [False, True, True, True, *[False] * 5]


@pytest.mark.parametrize(
    ("every", "times", "usual"), [(7, 2, False), (7, 3, True), (12, 4, True), (20, 4, False)]
)
def test_who_is_away_every_weekend_is_used_to_it(every: int, times: int, usual: bool) -> None:
    process = Process.of(episodes(*[2 * 24 * 60, (every - 2) * 24 * 60] * times))
    assert process.days_away_are_usual == usual
    assert process.days_away(np.array([60 * MINUTE_US])).tolist() == [not usual]


def test_an_empty_history_knows_nothing() -> None:
    state, wait, _ = Process.of([]).at(np.array([1, 2], dtype=np.int64))
    assert state.tolist() == [-1, -1]
    assert np.isnan(wait).all()


def test_pieces_of_one_stay_are_one() -> None:
    pieces = [Episode("hall", n * 10 * MINUTE_US, (n + 1) * 10 * MINUTE_US, n >= 3, 1.0) for n in range(9)]
    assert seen(Process.of(pieces)) == [(0, 30, False), (30, 90, True)]
    assert Process.of(pieces).lengths(False)[0].tolist() == pytest.approx([30.0])
