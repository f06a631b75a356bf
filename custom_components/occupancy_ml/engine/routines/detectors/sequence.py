"""Sequences: what comes next after what came last, over rooms and devices.

A variable-order Markov model (Buehlmann and Wyner 1999): a longer context stands only where it says more about what
comes next than the context without its oldest step. Chance is the same acts in another order within four hours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
import json
import zlib

import numpy as np
from numpy.typing import NDArray

from ..acts import Acts, Cast, Day
from ..chance import log_odds, q_values, shuffled, surprise, wilson
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, acts_of, name_of, opportunities
from .co_occurrence import WINDOW_S as PAIR_S

LONGEST = 4
GAP_S = 600
_PERMUTATIONS = 10
_ROWS = 600
_DAYS = 56
_RATE = 0.05
_LEAST = 6
_LEAST_DAYS = 5
_LEAST_LOW = 0.3
_LEAST_EFFECT = 1.5
_REACTION_S = 0.5
_MOST_AUTOMATIC = 0.34
_BLOCK_MS = 4 * 3_600_000


@dataclass(frozen=True, slots=True)
class _Stream:
    """Acts by hand and arrivals in the order they came, an act that repeats itself once; (n,) each."""

    token: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    minute: NDArray[np.int64]


class Sequence:
    """Chains of two to four acts, each within ten minutes of the one before. Pairs in quick succession are not its own."""

    pattern_type = PatternType.SEQUENCE
    table = "sequence_daily"

    def daily(self, day: Day, window: Window) -> list[Row]:
        """One row for each chain of the day that ends with somebody's hand."""
        stream = _stream(day.acts)
        hand = _hands(day.acts.tokens, window.cast)
        rows: list[Row] = []
        for length in range(LONGEST, 1, -1):
            starts = _chains(stream, length)
            starts = starts[hand[stream.token[starts + length - 1]]] if len(starts) else starts
            if not len(starts):
                continue
            chains = stream.token[starts[:, None] + np.arange(length)]
            lasted = (stream.at_ms[starts + length - 1] - stream.at_ms[starts]) / 1000
            minutes = stream.minute[starts + length - 1]
            before = _count(stream.token[_chains(stream, length - 1)[:, None] + np.arange(length - 1)])
            unique, back = np.unique(chains, axis=0, return_inverse=True)
            for number, chain in enumerate(unique.tolist()):
                mine = back.reshape(-1) == number
                steps = [[day.acts.tokens[t].entity_id, day.acts.tokens[t].state] for t in chain]
                rows.append(
                    {
                        "sequence_id": _digest(steps),
                        "sequence": steps,
                        "frequency": int(mine.sum()),
                        "avg_duration_seconds": float(lasted[mine].mean()),
                        "confidence": int(mine.sum()) / before[tuple(chain[:-1])],
                        "minutes": minutes[mine][:24].tolist(),
                    }
                )
        rows.sort(key=lambda row: (-row["frequency"], -len(row["sequence"]), row["sequence_id"]))
        return rows[:_ROWS]

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Chains whose last step follows the others more often than chance has it."""
        window = window.last(_DAYS)
        numbers: dict[Act, int] = {}
        streams: list[_Stream] = []
        for day in acts_of(window):
            known = np.array(
                [numbers.setdefault(act, len(numbers)) for act in day.acts.tokens], dtype=np.int64
            )
            stream = _stream(day.acts)
            ours = np.array([act.entity_id in window.cast for act in day.acts.tokens], dtype=np.bool_)
            kept = ours[stream.token] if len(ours) else np.zeros(0, dtype=np.bool_)
            token = known[stream.token[kept]] if len(known) else stream.token
            streams.append(_Stream(token, stream.at_ms[kept], stream.minute[kept]))
            yield None
        tokens = tuple(numbers)
        hand = _hands(tokens, window.cast)
        _, automatic = opportunities(window)
        busy = np.array([automatic.get(act, 0.0) > _MOST_AUTOMATIC for act in tokens], dtype=np.bool_)
        counts: list[dict[tuple[int, ...], int]] = []
        for length in range(1, LONGEST + 1):
            counts.append(_all_chains(streams, length))
            yield None
        total = sum(counts[0].values())
        told = self._told(window, numbers)
        yield None
        kept_chains = [
            chain
            for table in counts[1:]
            for chain, count in sorted(table.items())
            if count >= _LEAST
            and hand[chain[-1]]
            and not busy[list(chain)].any()
            and chain in told
            and len(told[chain].days) >= _LEAST_DAYS
            and not _repeats(chain, tokens, window.cast)
        ]
        scores = [_score(chain, counts, total) for chain in kept_chains]
        null = []
        for permutation in range(_PERMUTATIONS):
            mixed = [
                _Stream(stream.token[shuffled(permutation * 1000 + n, stream.at_ms // _BLOCK_MS)], stream.at_ms,
                        stream.minute)
                for n, stream in enumerate(streams)
            ]  # fmt: skip
            by_chance = [_all_chains(mixed, length) for length in range(1, LONGEST + 1)]
            yield None
            best = [
                _score(chain, by_chance, total)
                for table in by_chance[1:]
                for chain, count in table.items()
                if count >= _LEAST and hand[chain[-1]] and not _repeats(chain, tokens, window.cast)
            ]
            null.append(best)
            yield None
        rates = q_values(scores, _padded(null))
        found: dict[tuple[int, ...], Pattern] = {}
        for chain, rate in zip(kept_chains, rates.tolist(), strict=True):
            pattern = _pattern(chain, rate, counts, total, tokens, told[chain], window)
            if pattern is not None and _says_more(chain, counts, found):
                found[chain] = pattern
        yield list(found.values())

    def _told(self, window: Window, numbers: dict[Act, int]) -> dict[tuple[int, ...], _Told]:
        """Days, durations and minutes of each chain, from the stored aggregates."""
        told: dict[tuple[int, ...], _Told] = {}
        columns = ("date", "sequence", "frequency", "avg_duration_seconds", "minutes")
        for day, steps, frequency, lasted, minutes in window.read(self.table, columns):
            acts = [Act(*step) for step in json.loads(steps)]
            if all(act in numbers for act in acts):
                chain = tuple(numbers[act] for act in acts)
                entry = told.setdefault(chain, _Told([], 0.0, 0, []))
                entry.days.append(day)
                entry.lasted += lasted * frequency
                entry.count += frequency
                entry.minutes += json.loads(minutes)
        return told


@dataclass(slots=True)
class _Told:
    days: list[str]
    lasted: float
    count: int
    minutes: list[int]


def _stream(acts: Acts) -> _Stream:
    done = ~acts.automatic
    token, at_ms, minute = acts.token[done], acts.at_ms[done], acts.minute[done]
    kept = np.ones(len(token), dtype=np.bool_)
    kept[1:] = token[1:] != token[:-1]
    return _Stream(token[kept], at_ms[kept], minute[kept])


def _hands(tokens: tuple[Act, ...], cast: Cast) -> NDArray[np.bool_]:
    return np.array(
        [act.entity_id in cast and not cast.sees(act.entity_id) for act in tokens], dtype=np.bool_
    )


def _chains(stream: _Stream, length: int) -> NDArray[np.int64]:
    """Where chains of a length start: each step within the gap of the one before."""
    count = len(stream.token) - length + 1
    if count <= 0:
        return np.zeros(0, dtype=np.int64)
    close = np.diff(stream.at_ms) <= GAP_S * 1000
    kept = np.ones(count, dtype=np.bool_)
    for step in range(length - 1):
        kept &= close[step : step + count]
    return np.flatnonzero(kept)


def _count(chains: NDArray[np.int64]) -> dict[tuple[int, ...], int]:
    unique, counts = np.unique(chains, axis=0, return_counts=True)
    return {tuple(chain): count for chain, count in zip(unique.tolist(), counts.tolist(), strict=True)}


def _all_chains(streams: list[_Stream], length: int) -> dict[tuple[int, ...], int]:
    """How often each chain occurs over all days."""
    parts = [s.token[_chains(s, length)[:, None] + np.arange(length)] for s in streams]
    filled = [part for part in parts if len(part)]
    return _count(np.concatenate(filled)) if filled else {}


def _expected(
    chain: tuple[int, ...], counts: list[dict[tuple[int, ...], int]], total: int
) -> tuple[int, float]:
    """How often the context came, and how often the last step would have followed by chance."""
    context = counts[len(chain) - 2][chain[:-1]]
    return context, context * counts[0][chain[-1:]] / max(total, 1)


def _score(chain: tuple[int, ...], counts: list[dict[tuple[int, ...], int]], total: int) -> float:
    context, expected = _expected(chain, counts, total)
    return float(surprise(counts[len(chain) - 1][chain], context, expected))


def _padded(null: list[list[float]]) -> NDArray[np.float64]:
    """Scores of permutations of different lengths as one array, filled with 0."""
    width = max((len(each) for each in null), default=0)
    return np.array([each + [0.0] * (width - len(each)) for each in null]).reshape(len(null), width)


def _repeats(chain: tuple[int, ...], tokens: tuple[Act, ...], cast: Cast) -> bool:
    """Whether a thing stands in it twice."""
    ids = [tokens[step].entity_id for step in chain]
    return any(cast.siblings(one, other) for n, one in enumerate(ids) for other in ids[:n])


def _says_more(
    chain: tuple[int, ...], counts: list[dict[tuple[int, ...], int]], found: dict[tuple[int, ...], Pattern]
) -> bool:
    """Whether the oldest step makes the last one clearly more probable than without it."""
    shorter = chain[1:]
    if len(chain) == 2 or shorter not in found:
        return True
    with_it = counts[len(chain) - 1][chain] / counts[len(chain) - 2][chain[:-1]]
    without = counts[len(shorter) - 1][shorter] / counts[len(shorter) - 2][shorter[:-1]]
    return with_it > without + 0.1


def _pattern(
    chain: tuple[int, ...],
    rate: float,
    counts: list[dict[tuple[int, ...], int]],
    total: int,
    tokens: tuple[Act, ...],
    told: _Told,
    window: Window,
) -> Pattern | None:
    count = counts[len(chain) - 1][chain]
    context, expected = _expected(chain, counts, total)
    low, high = wilson(count, context)
    effect = log_odds(count, context, expected)
    lasted = told.lasted / max(told.count, 1)
    if rate > _RATE or low < _LEAST_LOW or effect < _LEAST_EFFECT or lasted < _REACTION_S:
        return None
    if len(chain) == 2 and lasted <= PAIR_S:
        return None
    steps = tuple(tokens[step] for step in chain)
    minutes = np.array(told.minutes, dtype=np.int64)
    hours = tuple(int(h) for h in np.unique(minutes // 60))
    return Pattern(
        key="sequence|" + "|".join(f"{act.entity_id}={act.state}" for act in steps),
        pattern_type=PatternType.SEQUENCE,
        entities=(steps[-1].entity_id, *(act.entity_id for act in steps[:-1])),
        room_id=window.cast.room(steps[-1].entity_id),
        action=steps[-1],
        trigger=steps[-2],
        steps=steps,
        statistics=Statistics(effect, count, context, len(told.days), count / context, low, high, rate),
        when=When(hours=hours),
        first_seen=told.days[0],
        last_seen=told.days[-1],
        parameters={"duration_s": lasted, "gap_s": GAP_S},
        description=(
            " -> ".join(name_of(act) for act in steps)
            + f" ({count} of {context} times, over {lasted / 60:.1f} minutes)"
        ),
    )


def _digest(steps: list[list[str]]) -> str:
    text = json.dumps(steps).encode()
    return f"{zlib.crc32(text):08x}{zlib.adler32(text):08x}"
