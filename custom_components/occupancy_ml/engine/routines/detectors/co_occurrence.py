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

from ..acts import Day
from ..chance import log_odds, q_values, surprise, wilson
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..reading import CHATTER
from ..window import Row, Window, name_of, opportunities, pages

WINDOW_S = 90
_BIN_S = 10
_WIDTH = WINDOW_S // _BIN_S
_LAGS_MIN = (8, 10, 12, 15, 18, 21, 25, 30, 35, 40, 50, 60)
_LAGS = tuple(sign * minutes * 60 // _BIN_S for minutes in _LAGS_MIN for sign in (-1, 1))
_AT_ONCE = 1440  # bins
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
_FAR = np.full(CHATTER, np.inf)


class CoOccurrence:
    """Pairs of acts, ordered: the first may trigger the second."""

    pattern_type = PatternType.CO_OCCURRENCE
    table = "co_occurrence_daily"

    def daily(self, day: Day, window: Window) -> list[Row]:
        """One row for each pair that came within the window, or could have by chance."""
        acts, cast = day.acts, window.cast
        tokens = acts.tokens
        hand = np.flatnonzero([not cast.sees(act.entity_id) for act in tokens])
        if not len(hand):
            return []
        bins = day.length_ms // (_BIN_S * 1000) + 1
        seen = np.zeros((len(tokens), bins), dtype=np.float32)
        done = ~acts.automatic
        seen[acts.token[done], acts.at_ms[done] // (_BIN_S * 1000)] = 1.0
        after = np.zeros((len(hand), bins), dtype=np.float32)
        for shift in range(_WIDTH):
            after[:, : bins - shift] = np.maximum(after[:, : bins - shift], seen[hand, shift:])
        allowed = cast.may_follow(tokens)[:, hand]
        counts = np.stack([_together(seen, after, lag) for lag in (0, *_LAGS)])
        counts[:, ~allowed] = 0
        chance = counts[1:].sum(axis=0)
        rank = counts[0] * 1000 + chance
        first, then = np.unravel_index(np.argsort(-rank, axis=None, kind="stable")[:_ROWS], rank.shape)
        times = [acts.at_ms[(acts.token == number) & done] for number in range(len(tokens))]
        minutes = [acts.minute[(acts.token == number) & done] for number in range(len(tokens))]
        rows: list[Row] = []
        for one, place in zip(first.tolist(), then.tolist(), strict=True):
            if rank[one, place] == 0:
                break
            other = int(hand[place])
            # Most rows are of pairs that only chance brought together at other delays.
            delays = _delays(times[one], times[other]) if counts[0, one, place] else _FAR[: len(times[one])]
            near = delays <= WINDOW_S
            count = int(near.sum())
            pair = sorted((tokens[one].entity_id, tokens[other].entity_id))
            rows.append(
                {
                    "first_entity": tokens[one].entity_id,
                    "first_state": tokens[one].state,
                    "then_entity": tokens[other].entity_id,
                    "then_state": tokens[other].state,
                    "device_pair": "|".join(pair),
                    "co_occurrence_count": count,
                    "time_window_seconds": WINDOW_S,
                    "confidence": count / max(len(times[one]), 1),
                    "typical_hours": sorted(set((minutes[one][near] // 60).tolist())) if count else [],
                    "typical_delay_seconds": float(np.median(delays[near])) if count else None,
                    "by_chance": counts[1:, one, place].astype(int).tolist(),
                }
            )
        return rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Pairs that chance does not explain."""
        window = window.last(_DAYS)
        often, automatic = opportunities(window)
        yield None
        pairs: dict[tuple[Act, Act], _Pair] = {}
        columns = (
            "date", "first_entity", "first_state", "then_entity", "then_state", "co_occurrence_count",
            "typical_hours", "typical_delay_seconds", "by_chance",
        )  # fmt: skip
        for page in pages(window, self.table, columns):
            for day, a, a_state, b, b_state, count, hours, delay, chance in page:
                if a in window.cast and b in window.cast:
                    pair = pairs.setdefault((Act(a, a_state), Act(b, b_state)), _Pair())
                    pair.add(day, count, hours, delay, chance)
            yield None
        kept = [
            (acts, pair)
            for acts, pair in sorted(pairs.items())
            if pair.count >= _LEAST and len(pair.days) >= _LEAST_DAYS
        ]
        if not kept:
            yield []
            return
        counts = np.array([pair.count for _, pair in kept], dtype=np.float64)
        chances = np.array([pair.chance for _, pair in kept]).T  # (lags, pairs)
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
    chance: NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(_LAGS), dtype=np.int64))

    def add(self, day: str, count: int, hours: str, delay: float | None, chance: str) -> None:
        self.chance += np.fromstring(chance[1:-1], dtype=np.int64, sep=",")
        if count:
            self.count += count
            self.days.append(day)
            self.hours.update(json.loads(hours))
            self.delays.append((delay or 0.0, count))

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


def _together(seen: NDArray[np.float32], after: NDArray[np.float32], lag: int) -> NDArray[np.float32]:
    """(tokens, hands): in how many bins of the first the second follows, `lag` bins away."""
    bins = seen.shape[1]
    found = np.zeros((len(seen), len(after)), dtype=np.float32)
    begin, end = max(0, -lag), min(bins, bins - lag)
    for start in range(begin, end, _AT_ONCE):
        stop = min(start + _AT_ONCE, end)
        found += seen[:, start:stop] @ after[:, start + lag : stop + lag].T
    return found


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
