"""Sequences: what comes next after what came last, whatever else happens in between.

A sparse variable-order Markov model (Buehlmann and Wyner 1999), over acts with gaps: a step follows another when it
comes within five minutes, and a longer context stands where the next step keeps following all of it. Chance is the
same acts, each moved by its own random half hour at most, so that the rhythm of the day remains.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
import json
import zlib

import numpy as np
from numpy.typing import NDArray

from ..acts import Acts, Day
from ..cast import Cast
from ..chance import log_odds, q_values, surprise, uniforms, wilson
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, acts_of, name_of, opportunities
from .co_occurrence import WINDOW_S as PAIR_S

GAP_S = 300
LONGEST = 4
_GAP_MS = GAP_S * 1000
_JITTER_MS = 30 * 60_000
_PERMUTATIONS = 24
_ROWS = 600
_DAYS = 56
_DAY_MS = 30 * 3_600_000
_NEVER_MS = np.iinfo(np.int64).max // 2
_RATE = 0.05
_LEAST = 6
_LEAST_DAYS = 5
_LEAST_LOW = 0.2
_LEAST_EFFECT = 1.2
_REACTION_S = 0.5
_MOST_AUTOMATIC = 0.34
# The busiest of more kinds of acts are left out: what happens all the time is no step of anything.
_MOST_TOKENS = 400


@dataclass(frozen=True, slots=True)
class _Stream:
    """Acts by hand, and arrivals, of many days in order: (n,) milliseconds with the days far apart, (n,) tokens."""

    at_ms: NDArray[np.int64]
    token: NDArray[np.int64]
    minute: NDArray[np.int64]
    size: int

    def times(self) -> list[NDArray[np.int64]]:
        """For each kind of act its times, and at last one that is never reached."""
        order = np.argsort(self.token, kind="stable")
        ends = np.searchsorted(self.token[order], np.arange(1, self.size))
        return [np.append(own, _NEVER_MS) for own in np.split(self.at_ms[order], ends)]


class Sequence:
    """Chains of two to four acts, each within five minutes of the one before."""

    pattern_type = PatternType.SEQUENCE
    table = "sequence_daily"

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """One row for each chain of two acts of the day of which the second was somebody's hand."""
        acts = day.acts
        done = ~acts.automatic
        stream = _Stream(acts.at_ms[done], acts.token[done], acts.minute[done], len(acts.tokens))
        allowed = window.cast.may_follow(acts.tokens)
        first, then, lasted = _follows(stream)
        kept = allowed[stream.token[first], then]
        first, then, lasted = first[kept], then[kept], lasted[kept]
        pair = stream.token[first] * max(stream.size, 1) + then
        often = np.bincount(stream.token, minlength=stream.size)
        rows: list[Row] = []
        unique, back, counts = np.unique(pair, return_inverse=True, return_counts=True)
        for number in np.argsort(-counts, kind="stable")[:_ROWS].tolist():
            one, other = divmod(int(unique[number]), stream.size)
            mine = back == number
            steps = [[acts.tokens[n].entity_id, acts.tokens[n].state] for n in (one, other)]
            rows.append(
                {
                    "sequence_id": _digest(steps),
                    "sequence": steps,
                    "frequency": int(counts[number]),
                    "avg_duration_seconds": float(lasted[mine].mean() / 1000),
                    "confidence": float(counts[number] / often[one]),
                    "minutes": stream.minute[first[mine]][:24].tolist(),
                }
            )
        yield rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Links that chance does not explain, and the chains they make."""
        window = window.last(_DAYS)
        _, automatic = opportunities(window)
        days: list[Acts] = []
        for day in acts_of(window):
            days.append(day.acts)
            yield None
        stream, tokens = _joined(days, window.cast, automatic)
        if len(stream.token) < _LEAST:
            yield []
            return
        yield None
        allowed = window.cast.may_follow(tokens)
        often = np.bincount(stream.token, minlength=stream.size)
        counts = _counts(stream, allowed)
        yield None
        chances = []
        for seed in range(_PERMUTATIONS):
            chances.append(_counts(_moved(stream, seed), allowed))
            yield None
        chance = np.stack(chances)
        total = chance.sum(axis=0)
        trials = np.repeat(np.maximum(often, 1)[:, None], stream.size, axis=1).astype(np.float64)
        expected = total / _PERMUTATIONS + 0.5
        kept = np.flatnonzero(((counts >= _LEAST) | (chance >= _LEAST).any(axis=0)).ravel())
        flat = trials.ravel()[kept]
        scores = surprise(counts.ravel()[kept], flat, expected.ravel()[kept])
        null = []
        for each in chance:
            others = (total - each) / (_PERMUTATIONS - 1) + 0.5
            null.append(surprise(each.ravel()[kept], flat, others.ravel()[kept]))
            yield None
        rates = np.ones(stream.size**2)
        rates[kept] = q_values(scores, np.array(null).reshape(_PERMUTATIONS, -1))
        yield None
        links = _links(counts, often, expected, rates.reshape(counts.shape))
        times = stream.times()
        # What a context of several steps must surpass is what the weakest link surpassed.
        bar = min((float(surprise(counts[a, b], often[a], expected[a, b])) for a, b in links), default=0.0)
        found: list[Pattern] = []
        for first, then in links:
            rate = float(rates[first * stream.size + then])
            for chain in _grow([first, then], times, expected, often, allowed, bar, tokens, window.cast):
                pattern = _pattern(chain, stream, times, expected, often, tokens, rate, window)
                if pattern is not None:
                    found.append(pattern)
                yield None
        yield _longest(found)


def _joined(days: list[Acts], cast: Cast, automatic: dict[Act, float]) -> tuple[_Stream, tuple[Act, ...]]:
    """All days as one stream of the acts that may be steps."""
    often: dict[Act, int] = {}
    for acts in days:
        for act, count in zip(
            acts.tokens, np.bincount(acts.token, minlength=len(acts.tokens)).tolist(), strict=True
        ):
            if act.entity_id in cast and automatic.get(act, 0.0) <= _MOST_AUTOMATIC:
                often[act] = often.get(act, 0) + count
    tokens = tuple(sorted(sorted(often, key=lambda act: (often[act], act))[:_MOST_TOKENS]))
    number = {act: place for place, act in enumerate(tokens)}
    at_ms, token, minute = [], [], []
    for place, acts in enumerate(days):
        known = np.array([number.get(act, -1) for act in acts.tokens], dtype=np.int64)
        mine = known[acts.token] if len(known) else acts.token
        kept = (mine >= 0) & ~acts.automatic
        at_ms.append(acts.at_ms[kept] + place * _DAY_MS)
        token.append(mine[kept])
        minute.append(acts.minute[kept])
    empty = np.zeros(0, dtype=np.int64)
    return (
        _Stream(
            np.concatenate([empty, *at_ms]), np.concatenate([empty, *token]), np.concatenate([empty, *minute]),
            len(tokens),
        ),
        tokens,
    )  # fmt: skip


def _moved(stream: _Stream, seed: int) -> _Stream:
    """The same acts, each at another time within half an hour."""
    moved = stream.at_ms + ((2 * uniforms(2000 + seed, len(stream.at_ms)) - 1) * _JITTER_MS).astype(np.int64)
    order = np.argsort(moved, kind="stable")
    return _Stream(moved[order], stream.token[order], stream.minute[order], stream.size)


def _follows(stream: _Stream) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Which act (index) is followed by which token within the gap, each token once, and after how many milliseconds."""
    firsts, thens, lasted = [], [], []
    index = np.arange(len(stream.token))
    for step in range(1, len(stream.token)):
        gap = stream.at_ms[step:] - stream.at_ms[:-step]
        near = gap <= _GAP_MS
        if not near.any():
            break
        firsts.append(index[:-step][near])
        thens.append(stream.token[step:][near])
        lasted.append(gap[near])
    if not firsts:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing
    first, then, took = np.concatenate(firsts), np.concatenate(thens), np.concatenate(lasted)
    # Steps grow, so the first of each pair is the soonest.
    _, soonest = np.unique(first * max(stream.size, 1) + then, return_index=True)
    return first[soonest], then[soonest], took[soonest]


def _counts(stream: _Stream, allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(tokens, tokens): how many of the first were followed by the second."""
    first, then, _ = _follows(stream)
    pairs = stream.token[first] * stream.size + then
    counts = np.bincount(pairs, minlength=stream.size**2).reshape(stream.size, stream.size)
    return np.where(allowed, counts, 0)


def _links(
    counts: NDArray[np.int64],
    often: NDArray[np.int64],
    expected: NDArray[np.float64],
    rates: NDArray[np.float64],
) -> list[tuple[int, int]]:
    """Pairs of steps that hold."""
    found = []
    for first, then in zip(*np.nonzero((rates <= _RATE) & (counts >= _LEAST)), strict=True):
        count, trials = int(counts[first, then]), int(often[first])
        strong = log_odds(count, trials, float(expected[first, then])) >= _LEAST_EFFECT
        if strong and wilson(count, trials)[0] >= _LEAST_LOW:
            found.append((int(first), int(then)))
    return found


def _ends(chain: list[int], times: list[NDArray[np.int64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts and ends of the occurrences of a chain: each step is the soonest after the one before."""
    start = end = times[chain[0]][:-1]
    for token in chain[1:]:
        follows = times[token][np.searchsorted(times[token], end, side="right")]
        kept = follows - end <= _GAP_MS
        start, end = start[kept], follows[kept]
    return start, end


def _gaps(chain: list[int], times: list[NDArray[np.int64]]) -> list[float]:
    """Median seconds between the steps of a chain."""
    reached = [times[chain[0]][:-1]]
    for token in chain[1:]:
        follows = times[token][np.searchsorted(times[token], reached[-1], side="right")]
        kept = follows - reached[-1] <= _GAP_MS
        reached = [*(each[kept] for each in reached), follows[kept]]
    return [float(np.median(then - first)) / 1000 for first, then in pairwise(reached)]


def _grow(
    chain: list[int],
    times: list[NDArray[np.int64]],
    expected: NDArray[np.float64],
    often: NDArray[np.int64],
    allowed: NDArray[np.bool_],
    bar: float,
    tokens: tuple[Act, ...],
    cast: Cast,
) -> Iterator[list[int]]:
    """The chain itself, and every longer one whose next step follows the whole of it."""
    yield chain
    if len(chain) == LONGEST:
        return
    _, end = _ends(chain, times)
    last = chain[-1]
    for token in np.flatnonzero(allowed[last]).tolist():
        follows = times[token][np.searchsorted(times[token], end, side="right")]
        count = int(np.count_nonzero(follows - end <= _GAP_MS))
        if count < _LEAST or any(cast.siblings(tokens[token].entity_id, tokens[n].entity_id) for n in chain):
            continue
        chance = len(end) * float(expected[last, token]) / max(int(often[last]), 1)
        if float(surprise(count, len(end), chance)) >= bar and wilson(count, len(end))[0] >= _LEAST_LOW:
            yield from _grow([*chain, token], times, expected, often, allowed, bar, tokens, cast)


def _pattern(
    chain: list[int],
    stream: _Stream,
    times: list[NDArray[np.int64]],
    expected: NDArray[np.float64],
    often: NDArray[np.int64],
    tokens: tuple[Act, ...],
    rate: float,
    window: Window,
) -> Pattern | None:
    """The pattern of a chain; its rate is how often the first step leads to the last."""
    start, end = _ends(chain, times)
    count, trials = len(start), int(often[chain[0]])
    days = np.unique(start // _DAY_MS)
    if count < _LEAST or len(days) < _LEAST_DAYS:
        return None
    lasted = float(np.median(end - start)) / 1000
    low, high = wilson(count, trials)
    chance = float(trials)
    for one, other in pairwise(chain):
        chance *= min(float(expected[one, other]) / max(int(often[one]), 1), 1.0)
    if low < _LEAST_LOW or lasted < _REACTION_S or (len(chain) == 2 and lasted <= PAIR_S):
        return None
    steps = tuple(tokens[token] for token in chain)
    mine = np.isin(stream.at_ms, start) & (stream.token == chain[0])
    return Pattern(
        key="sequence|" + "|".join(f"{act.entity_id}={act.state}" for act in steps),
        pattern_type=PatternType.SEQUENCE,
        entities=(steps[-1].entity_id, *(act.entity_id for act in steps[:-1])),
        room_id=window.cast.room(steps[-1].entity_id),
        action=steps[-1],
        trigger=steps[-2],
        steps=steps,
        statistics=Statistics(
            log_odds(count, trials, chance), count, trials, len(days), count / trials, low, high, rate
        ),
        when=When(hours=tuple(np.unique(stream.minute[mine] // 60).tolist())),
        first_seen=window.days[int(days[0])].isoformat(),
        last_seen=window.days[int(days[-1])].isoformat(),
        parameters={"duration_s": lasted, "gaps_s": _gaps(chain, times)},
        description=(
            ", then ".join(name_of(act) for act in steps)
            + f" ({count} of {trials} times, within {lasted / 60:.0f} minutes)"
        ),
    )


def _longest(found: list[Pattern]) -> list[Pattern]:
    """Without chains that are a part of a longer one."""

    def inside(short: tuple[Act, ...], long: tuple[Act, ...]) -> bool:
        return any(long[n : n + len(short)] == short for n in range(len(long) - len(short) + 1))

    return [
        one
        for one in found
        if not any(len(other.steps) > len(one.steps) and inside(one.steps, other.steps) for other in found)
    ]


def _digest(steps: list[list[str]]) -> str:
    text = json.dumps(steps).encode()
    return f"{zlib.crc32(text):08x}{zlib.adler32(text):08x}"
