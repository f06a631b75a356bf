"""Members that are tables: against their definitions, and against each other on laws that are known."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.forecast.bins import crps
from custom_components.occupancy_ml.engine.forecast.climatology import Climatology
from custom_components.occupancy_ml.engine.forecast.kaplan_meier import KaplanMeier
from custom_components.occupancy_ml.engine.forecast.kernel_semi_markov import (
    BY_CLOCK,
    Kernel,
    KernelSemiMarkov,
)
from tests.engine.forecast.made import history, rows

RNG = np.random.default_rng(5)
# Comes home at half past five give or take ten minutes, leaves at eight.
BY_THE_CLOCK = history(40, lambda day: [480 + int(RNG.integers(-10, 11)), 1050 + int(RNG.integers(-10, 11))])


def stays(day: int) -> list[int]:
    """Stays of twenty minutes that begin whenever."""
    begins = np.sort(RNG.choice(np.arange(0, 1380, 45), 6, replace=False))
    return [minute for begin in begins.tolist() for minute in (begin + 1, begin + 21)]


AT_RANDOM = history(40, stays)


def test_kaplan_meier_is_the_product_limit() -> None:
    known = rows(AT_RANDOM, 40)
    member = KaplanMeier()
    member.fit(known)
    lengths = np.sort(AT_RANDOM.lengths(False)[0][:-1])
    asked = known.take(np.flatnonzero((known.state == 0) & (known.held > 30) & (known.held < 60))[:3])
    for n, cdf in enumerate(member.cdf(asked)):
        at_risk = lengths[lengths > asked.elapsed[n]]
        survival = 1.0
        for begin, end in pairwise(np.concatenate([[0.0], np.arange(5, 305, 5.0)])):
            left = (at_risk > asked.elapsed[n] + begin).sum()
            gone = ((at_risk > asked.elapsed[n] + begin) & (at_risk <= asked.elapsed[n] + end)).sum()
            survival *= 1 - gone / max(left, 1)
            # Stays of the last day, and those shorter than a quarter of an hour, may be missed by the rows.
            assert cdf[int(end / 5) - 1] == pytest.approx(1 - survival, abs=0.05)


def test_climatology_is_what_came_at_this_half_hour() -> None:
    known = rows(BY_THE_CLOCK, 40)
    member = Climatology()
    member.fit(known)
    asked = known.take(np.flatnonzero((known.clock == 600) & ~known.free)[:1])
    same = known.take(
        (known.clock // 30 == 20) & ~known.free & (known.state == asked.state[0]) & np.isfinite(known.wait)
    )
    cdf, later = member.cdf(asked)
    for minutes in (400, 450, 470):
        assert cdf[0, minutes // 5 - 1] == pytest.approx((same.wait <= minutes).mean())
    assert later[0].tolist() == pytest.approx(same.later.mean(axis=0).tolist())


def test_the_kernel_is_the_weighted_share_of_what_came() -> None:
    known = rows(AT_RANDOM, 30)
    kernel = Kernel(anchor=1e9)
    member = KernelSemiMarkov(kernel)
    member.fit(known)
    asked = known.take(np.array([2500]))
    like = known.take((known.believed == asked.believed[0]) & np.isfinite(known.wait))
    apart = np.abs(like.clock - asked.clock[0])
    apart = np.minimum(apart, 1440 - apart)
    weight = np.exp(
        -0.5
        * (
            (apart / kernel.clock) ** 2
            + ((np.log1p(like.elapsed) - np.log1p(asked.elapsed[0])) / kernel.elapsed) ** 2
        )
        - np.log(2) * (asked.day[0] - like.day) / kernel.half_life
    )
    weight *= (apart <= 120) * np.where(like.free == asked.free[0], 1, kernel.other_day)
    if asked.clock[0] >= 720:
        weight *= np.where(like.eve == asked.eve[0], 1, kernel.other_day)
    share = (weight * (like.wait < 60)).sum() / weight.sum()
    cdf, later, _ = member.cdf(asked)
    assert cdf[0, 11] == pytest.approx(share, abs=5e-3)
    assert later[0, 2] == pytest.approx((weight * like.later[:, 2]).sum() / weight.sum(), abs=1e-3)


def test_who_lives_by_the_clock_is_known_better_by_the_clock() -> None:
    known = rows(BY_THE_CLOCK, 40)
    past, asked = known.take(known.day < known.day[0] + 30), known.take(known.day == known.day[0] + 32)
    scores = {}
    for name, kernel in (("stay", Kernel(anchor=1e9)), ("clock", BY_CLOCK)):
        member = KernelSemiMarkov(kernel)
        member.fit(past)
        scores[name] = crps(member.cdf(asked)[0], asked.wait).mean()
    assert scores["clock"] < 0.6 * scores["stay"]
    assert scores["clock"] < 12


def test_what_is_unlike_serves_only_where_nothing_alike_is_known() -> None:
    # From the bathroom she is back within ten minutes, from the kitchen in the evening.
    known = rows(BY_THE_CLOCK, 40)
    vacant = known.take(np.flatnonzero((abs(known.clock - 720) <= 60) & np.isfinite(known.wait)))
    bathroom = vacant.day % 2 == 0
    both = replace(vacant, place=np.where(bathroom, 1, 2), wait=np.where(bathroom, 7.0, 600.0))
    asked = both.take(np.flatnonzero(bathroom)[-1:])
    shares = []
    for past in (both, both.take(~bathroom)):
        for kernel in (BY_CLOCK, replace(BY_CLOCK, enough=None)):
            member = KernelSemiMarkov(kernel)
            member.fit(past)
            shares.append(member.cdf(asked)[0][0, 2])
    backed_off, mixed, *elsewhere = shares
    assert backed_off > 0.85 > 0.75 > mixed
    assert elsewhere == [0.0, 0.0]


def test_nothing_learned_is_nothing_said() -> None:
    known = rows(AT_RANDOM, 3)
    for member in (KernelSemiMarkov(), Climatology(), KaplanMeier()):
        member.fit(known.take(known.day < 0))
        assert np.isnan(member.hazard(known)).all()
