"""Another kernel takes over only where it is clearly better, and no forecast sees its own truth."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
import json

import numpy as np

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.forecast.kernel_semi_markov import Kernel
from custom_components.occupancy_ml.engine.forecast.members import new_model
from custom_components.occupancy_ml.engine.forecast.tuning import candidates, tuned
from custom_components.occupancy_ml.engine.slices import finished, told_as
from tests.engine.forecast.made import history, rows


def result(work: Generator[None, None, Kernel]) -> tuple[Kernel, int]:
    slices: list[None] = []
    kernel = finished(told_as(work, slices.append))
    return kernel, len(slices)


def test_after_a_change_of_the_day_another_kernel_wins() -> None:
    def changes(day: int) -> list[int]:
        shift = 0 if day < 42 else 180
        return [480 + shift + 7 * (day % 3), 1020 + shift + 5 * (day % 4)]

    known = rows(history(56, changes), 56)
    until_us = int(known.time_us[-1]) - 2 * DAY_US
    found, slices = result(tuned(known, Kernel(), until_us))
    assert found in candidates(Kernel())[1:]
    assert slices > 14


def test_where_nothing_is_clearly_better_the_kernel_stays() -> None:
    rng = np.random.default_rng(3)
    times = [sorted(rng.choice(np.arange(10, 1430, 10), 6, replace=False).tolist()) for _ in range(42)]
    known = rows(history(42, lambda day: times[day]), 42)
    found, _ = result(tuned(known, Kernel(), int(known.time_us[-1]) - 2 * DAY_US))
    assert found == Kernel()


def test_what_comes_later_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    days = [[480 + int(rng.integers(0, 60)), 1020 + int(rng.integers(0, 60))] for _ in range(50)]
    known = rows(history(50, lambda day: days[day]), 50)
    until_us = int(known.time_us[-1]) - 10 * DAY_US
    cut = known.take(known.time_us < until_us)
    assert result(tuned(known, Kernel(), until_us)) == result(tuned(cut, Kernel(), until_us))


def test_candidates_stay_within_bounds() -> None:
    kernel = Kernel()
    for _ in range(8):
        kernel = min(candidates(kernel), key=lambda other: other.clock)
    assert kernel.clock == 15.0
    assert candidates(kernel)[0] == kernel


def test_a_memory_that_a_changed_routine_made_short_can_grow_again() -> None:
    kernel = Kernel(half_life=10.0)
    for _ in range(3):
        kernel = candidates(kernel)[-1]
    assert kernel.half_life == Kernel().half_life
    assert len(set(candidates(kernel))) == len(candidates(kernel))


def test_a_challenger_forgets_with_all_its_members_but_those_that_remember_everything_alike() -> None:
    """Eight days ago the morning moved by two hours."""
    days, rng = 20, np.random.default_rng(2)
    known = rows(
        history(days + 1, lambda day: [(480 if day < 12 else 600) + int(rng.integers(-9, 10)), 1050]),
        days + 1,
    )
    day = known.day - known.day[0]
    past, asked = known.take(day < days), known.take(day == days)
    champion = new_model()
    challenger = champion.challenger(10.0)
    for model in (champion, challenger):
        for _ in model.fit(past):
            pass
    said, its = champion.asked(asked).members, challenger.asked(asked).members
    apart = {
        member.name: np.nanmax(np.abs(one - other))
        for member, one, other in zip(champion.members, said, its, strict=True)
    }
    assert {name for name, most in apart.items() if most < 0.01} == {"climatology", "kaplan_meier"}
    header, arrays = challenger.state()
    again = new_model()
    again.restore(json.loads(json.dumps(header)), arrays, past)
    assert np.array_equal(again.asked(asked).members, its, equal_nan=True)
    assert {member.half_life for member in again.fading} == {again.kernel.half_life} == {10.0}
    again.tune(replace(again.kernel.kernel, half_life=20.0))
    assert {member.half_life for member in again.fading} == {20.0}
    # Who never took over keeps the memory it has, whatever the first kernel's is.
    usual = {member.name: member.half_life for member in champion.fading}
    champion.tune(replace(champion.kernel.kernel, half_life=14.0))
    assert {member.name: member.half_life for member in champion.fading} == usual
    # So does one that was saved before it told how long it remembers.
    again.restore({name: value for name, value in header.items() if name != "half_lives"}, arrays, past)
    assert {member.name: member.half_life for member in again.fading} == usual
