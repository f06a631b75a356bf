"""Co-occurrence: what follows what within a minute and a half, more often than the time of day explains.

Chance is the pair's own cross-correlogram away from zero (the shift predictor of Perkel, Gerstein and Moore 1967): how
often the second follows the first by some ten to sixty minutes, before or after. That keeps the rhythm of the day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
import json

import numpy as np
from numpy.typing import NDArray

from ..acts import Acts, Day
from ..chance import log_odds, q_values, surprise, wilson
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, name_of, opportunities, pages

WINDOW_S = 90
_BIN_S = 10
_WIDTH = WINDOW_S // _BIN_S
_LAGS_MIN = (8, 10, 12, 15, 18, 21, 25, 30, 35, 40, 50, 60)
_LAGS = tuple(sign * minutes * 60 // _BIN_S for minutes in _LAGS_MIN for sign in (-1, 1))
_BEYOND = max(_LAGS)
_AT_ONCE = 250  # rows
# The least seen of these are left out, so that a busy home's day takes no more than some 200 KB.
_ROWS = 1500
_DAYS = 56
_RATE = 0.05
_LEAST = 6
_LEAST_DAYS = 5
_LEAST_LOW = 0.2
_LEAST_EFFECT = 1.5
# Nobody's hand is faster: what follows sooner is one switch with two names, or an automation that left no trace.
_REACTION_S = 0.5
_MOST_AUTOMATIC = 0.34


class CoOccurrence:
    """Pairs of acts, ordered: the first may trigger the second."""

    pattern_type = PatternType.CO_OCCURRENCE
    table = "co_occurrence_daily"

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """One row for each pair that came within the window, or could have by chance."""
        acts, cast = day.acts, window.cast
        tokens = acts.tokens
        hand = np.flatnonzero([not cast.sees(act.entity_id) for act in tokens])
        if not len(hand):
            yield []
            return
        after = _after(acts, hand, day.length_ms // (_BIN_S * 1000) + 1)
        allowed = cast.may_follow(tokens)[:, hand]
        token, begins, place = _bins_of(acts)
        yield None
        counts = np.zeros((1 + len(_LAGS), len(tokens), len(hand)), dtype=np.int32)
        for number, lag in enumerate((0, *_LAGS)):
            if len(token):
                # Bins with an act are few: looking these up costs a tenth of a product of matrices of all bins.
                counts[number, token] = np.add.reduceat(after[place + _BEYOND + lag], begins, axis=0)
            yield None
        counts[:, ~allowed] = 0
        rank = counts[0] * 1000 + counts[1:].sum(axis=0)
        first, then = np.unravel_index(np.argsort(-rank, axis=None, kind="stable")[:_ROWS], rank.shape)
        by_chance = counts[1:, first, then].T.tolist()
        times, minutes = _by_token(acts, acts.at_ms), _by_token(acts, acts.minute)
        yield None
        rows: list[Row] = []
        for one, answer, at_lags in zip(first.tolist(), then.tolist(), by_chance, strict=True):
            if rank[one, answer] == 0:
                break
            if len(rows) % _AT_ONCE == _AT_ONCE - 1:
                yield None
            other = int(hand[answer])
            count, hours, delay = 0, [], None
            # Most rows are of pairs that only chance brought together at other delays.
            if counts[0, one, answer]:
                delays = _delays(times[one], times[other])
                near = delays <= WINDOW_S
                count = int(np.count_nonzero(near))
                if count:
                    hours = sorted(set((minutes[one][near] // 60).tolist()))
                    delay = float(np.median(delays[near]))
            rows.append(
                {
                    "first_entity": tokens[one].entity_id,
                    "first_state": tokens[one].state,
                    "then_entity": tokens[other].entity_id,
                    "then_state": tokens[other].state,
                    "device_pair": "|".join(sorted((tokens[one].entity_id, tokens[other].entity_id))),
                    "co_occurrence_count": count,
                    "time_window_seconds": WINDOW_S,
                    "confidence": count / max(len(times[one]), 1),
                    "typical_hours": hours,
                    "typical_delay_seconds": delay,
                    "by_chance": at_lags,
                }
            )
        yield rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Pairs that chance does not explain."""
        window = window.last(_DAYS)
        often, automatic = opportunities(window)
        yield None
        pairs: dict[tuple[str, str, str, str], _Pair] = {}
        columns = (
            "date", "first_entity", "first_state", "then_entity", "then_state", "co_occurrence_count",
            "typical_hours", "typical_delay_seconds", "by_chance",
        )  # fmt: skip
        for page in pages(window, self.table, columns):
            for day, a, a_state, b, b_state, count, hours, delay, chance in page:
                if a in window.cast and b in window.cast:
                    if (pair := pairs.get(key := (a, a_state, b, b_state))) is None:
                        pair = pairs[key] = _Pair()
                    pair.add(day, count, hours, delay, chance)
            yield None
        kept = [
            ((Act(*key[:2]), Act(*key[2:])), pair)
            for key, pair in sorted(pairs.items(), key=lambda each: each[0])
            if pair.count >= _LEAST and len(pair.days) >= _LEAST_DAYS
        ]
        if not kept:
            yield []
            return
        counts = np.array([pair.count for _, pair in kept], dtype=np.float64)
        chances = np.array([pair.by_chance() for _, pair in kept]).T  # (lags, pairs)
        trials = np.array([max(often.get(acts[0], 0), pair.count) for acts, pair in kept], dtype=np.float64)
        # Half an observation stands for what two dozen lags were too few to show.
        expected = chances.mean(axis=0) + 0.5
        scores = surprise(counts, trials, expected)
        others = (chances.sum(axis=0) - chances) / (len(chances) - 1) + 0.5
        rates = q_values(scores, surprise(chances, trials, others))
        yield None
        patterns = []
        for ((first, then), pair), trial, by_chance, rate in zip(
            kept, trials.tolist(), expected.tolist(), rates.tolist(), strict=True
        ):
            low, high = wilson(pair.count, trial)
            effect = log_odds(pair.count, trial, by_chance)
            if rate > _RATE or low < _LEAST_LOW or effect < _LEAST_EFFECT or pair.delay < _REACTION_S:
                continue
            if max(automatic.get(first, 0.0), automatic.get(then, 0.0)) > _MOST_AUTOMATIC:
                continue
            stats = Statistics(
                effect, pair.count, int(trial), len(pair.days), pair.count / trial, low, high, rate
            )
            patterns.append(_pattern(first, then, pair, stats, window))
        yield patterns


@dataclass(slots=True)
class _Pair:
    """What is known of a pair over all days."""

    count: int = 0
    days: list[str] = field(default_factory=list)
    hours: set[int] = field(default_factory=set)
    delays: list[tuple[float, int]] = field(default_factory=list)
    chances: list[str] = field(default_factory=list)

    def add(self, day: str, count: int, hours: str, delay: float | None, chance: str) -> None:
        self.chances.append(chance)
        if count:
            self.count += count
            self.days.append(day)
            self.hours.update(json.loads(hours))
            self.delays.append((delay or 0.0, count))

    def by_chance(self) -> NDArray[np.int64]:
        """(lags,) what chance brought together on all days. Of most pairs nobody asks: it is read only here."""
        numbers = np.fromstring(",".join(text[1:-1] for text in self.chances), dtype=np.int64, sep=",")
        total: NDArray[np.int64] = numbers.reshape(-1, len(_LAGS)).sum(axis=0)
        return total

    @property
    def delay(self) -> float:
        """The weighted median of the days' medians, in seconds."""
        ordered = sorted(self.delays)
        half, passed = self.count / 2, 0
        for delay, count in ordered:
            passed += count
            if passed >= half:
                return delay
        return 0.0


def _after(acts: Acts, hand: NDArray[np.int64], bins: int) -> NDArray[np.int16]:
    """(bins and what lies beyond them, hands): 1 where a kind of act follows within the window.

    The widest lag lies beyond on either side, and nothing follows there.
    """
    after = np.zeros((bins + 2 * _BEYOND, len(hand)), dtype=np.int16)
    column = np.full(len(acts.tokens), -1)
    column[hand] = np.arange(len(hand))
    mine = ~acts.automatic & (column[acts.token] >= 0)
    place, of = _BEYOND + acts.at_ms[mine] // (_BIN_S * 1000), column[acts.token[mine]]
    for shift in range(_WIDTH):
        after[place - shift, of] = 1
    after[:_BEYOND] = 0
    return after


def _bins_of(acts: Acts) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Tokens of acts by hand, where the bins of each begin, and the bins that hold one, token by token."""
    done = ~acts.automatic
    most = int(acts.at_ms.max(initial=0)) // (_BIN_S * 1000) + 1
    seen = np.unique(acts.token[done] * most + acts.at_ms[done] // (_BIN_S * 1000))
    token, place = np.divmod(seen, most)
    kinds, begins = np.unique(token, return_index=True)
    return kinds, begins, place


def _by_token(acts: Acts, values: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """For each token the values of its acts by hand, in order."""
    done = np.flatnonzero(~acts.automatic)
    order = done[np.argsort(acts.token[done], kind="stable")]
    return np.split(values[order], np.searchsorted(acts.token[order], np.arange(1, len(acts.tokens))))


def _delays(first: NDArray[np.int64], then: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) seconds from each of the first to the next of the second, a day where there is none."""
    place = np.searchsorted(then, first, side="right")
    follows = np.append(then, np.iinfo(np.int64).max // 2)[place]
    found: NDArray[np.float64] = np.minimum((follows - first) / 1000, 86_400.0)
    return found


def _pattern(first: Act, then: Act, pair: _Pair, stats: Statistics, window: Window) -> Pattern:
    return Pattern(
        key=f"co_occurrence|{first.entity_id}={first.state}|{then.entity_id}={then.state}",
        pattern_type=PatternType.CO_OCCURRENCE,
        entities=(then.entity_id, first.entity_id),
        room_id=window.cast.room(then.entity_id),
        action=then,
        trigger=first,
        steps=(first, then),
        statistics=stats,
        when=When(hours=tuple(sorted(pair.hours))),
        first_seen=pair.days[0],
        last_seen=pair.days[-1],
        parameters={"window_s": WINDOW_S, "delay_s": pair.delay},
        description=(
            f"When {name_of(first)}, {name_of(then)} within {WINDOW_S} seconds"
            f" ({stats.occurrences} of {stats.opportunities} times, usually after {pair.delay:.0f} s)"
        ),
    )
