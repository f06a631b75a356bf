"""Sessions: bouts of activity in a room or the home, their usual starts, how long they last, what they use.

Of the home as a whole the ends are looked at too: when it comes to rest, at night or because everybody leaves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..acts import Day
from ..calendar import Calendar, week_of
from ..cast import Cast
from ..chance import log_odds, q_values, wilson
from ..clockwork import Return, returns
from ..patterns import Pattern, PatternType, Statistics, When
from ..window import Row, Window, acts_of, clock_text, days_text, lasting_text

HOME, REST = "home", "home-rest"
"""The session type of the whole home, and what its patterns call the time between; the others are rooms."""
_WORDS = {HOME: "The home comes to life", REST: "The home comes to rest"}
_DAY_MS = 86_400_000
# Longer without an act ends a session: in a room, in the home (a night's sleep).
_GAP_MS = {False: 30 * 60_000, True: 120 * 60_000}
_LEAST_MS = 5 * 60_000
_KEPT = 150
_RATE = 0.05
_LEAST_DAYS = 5
_LEAST_LOW = 0.35
_NEAR_MIN = 60
# A room that is busy for longer is not the place of a session.
_LONGEST_S = 6 * 3600.0


class Session:
    """Per room and for the home, by week."""

    pattern_type = PatternType.SESSION
    table = "session_weekly"

    def aggregate(self, period: Calendar, window: Window) -> Iterator[list[Row] | None]:
        """One row for each room that had a session in the week, and one for the home."""
        bouts: dict[str, list[_Bout]] = {}
        devices: dict[str, Counter[str]] = {}
        for day in acts_of(window):
            for kind, bout, used in _bouts(day, period, window.cast):
                bouts.setdefault(kind, []).append(bout)
                devices.setdefault(kind, Counter()).update(used)
            yield None
        found = {kind: _sessions(each, kind == HOME) for kind, each in bouts.items()}
        yield [
            {
                "session_type": kind,
                "avg_session_duration": float(np.mean([each[2] for each in sessions])),
                "session_count": len(sessions),
                "typical_start_times": _typical([each[1] for each in sessions]),
                "devices_used": dict(devices[kind].most_common(20)),
                "sessions": sessions[:_KEPT],
            }
            for kind, sessions in sorted(found.items())
            if sessions
        ]

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Starts that return."""
        aggregates = window.aggregates
        since, until = week_of(window.days[0]).name, week_of(window.days[-1]).name
        rows = aggregates.read(self.table, ("week", "session_type", "sessions", "devices_used"), since, until)
        weeks = {row[0] for row in rows}
        days = [day for day in window.days if week_of(day).name in weeks]
        number = {day.isoformat(): index for index, day in enumerate(days)}
        weekdays = np.array([day.weekday() for day in days], dtype=np.int64)
        told: dict[str, list[tuple[int, int, float]]] = {}
        devices: dict[str, Counter[str]] = {}
        for _, kind, sessions, used in rows:
            for day, minute, seconds in json.loads(sessions):
                if day in number:
                    told.setdefault(kind, []).append((number[day], minute, seconds))
            devices.setdefault(kind, Counter()).update(json.loads(used))
        told[REST] = _rests(told.get(HOME, []), days)
        devices[REST] = devices.get(HOME, Counter())
        found: list[tuple[str, Return]] = []
        null: list[NDArray[np.float64]] = []
        for seed, kind in enumerate(sorted(told)):
            if len({each[0] for each in told[kind]}) < _LEAST_DAYS:
                continue
            table = np.array(told[kind])
            times, by_chance = returns(
                table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), weekdays, 3000 + seed
            )
            found += [(kind, time) for time in times]
            null.append(by_chance)
            yield None
        rates = q_values([time.score for _, time in found], np.array(null).T if null else np.zeros((1, 0)))
        patterns = []
        for (kind, time), rate in zip(found, rates.tolist(), strict=True):
            low, high = wilson(len(time.hits), time.opportunities)
            if rate > _RATE or low < _LEAST_LOW or len(time.hits) < _LEAST_DAYS:
                continue
            near = [
                seconds
                for _, minute, seconds in told[kind]
                if abs((minute - time.minute + 720) % 1440 - 720) <= _NEAR_MIN
            ]
            lasting = float(np.median(near))
            if kind not in (HOME, REST) and lasting > _LONGEST_S:
                continue
            used = [entity_id for entity_id, _ in devices[kind].most_common(5) if entity_id in window.cast]
            seen = [days[index].isoformat() for index in time.hits.tolist()]
            share = len(time.hits) / time.opportunities
            effect = log_odds(len(time.hits), time.opportunities, time.expected)
            patterns.append(
                Pattern(
                    key=f"session|{kind}|{''.join(map(str, time.weekdays))}|{time.minute // 90}",
                    pattern_type=PatternType.SESSION,
                    entities=tuple(used),
                    room_id=None if kind in (HOME, REST) else kind,
                    statistics=Statistics(
                        effect, len(time.hits), time.opportunities, len(time.hits), share, low, high, rate
                    ),
                    when=When(time.minute, time.spread, (time.minute // 60,), time.weekdays),
                    first_seen=seen[0],
                    last_seen=seen[-1],
                    parameters={"session_type": kind, "duration_s": lasting, "devices": used},
                    source="weekly",
                    aggregates=len(weeks),
                    description=(
                        f"{_WORDS.get(kind, f'Activity in {kind} begins')} around {clock_text(time.minute)}"
                        f" {days_text(time.weekdays)}, for about {lasting_text(lasting)}"
                        f" ({len(time.hits)} of {time.opportunities} days)"
                    ),
                )
            )
        yield patterns


@dataclass(frozen=True, slots=True)
class _Bout:
    """Acts of one kind of session on one day: (n,) milliseconds since the week began, (n,) minutes of the clock."""

    day: str
    at_ms: NDArray[np.int64]
    minute: NDArray[np.int64]


def _bouts(day: Day, period: Calendar, cast: Cast) -> Iterator[tuple[str, _Bout, dict[str, int]]]:
    """By session type: the acts of a day, and how often each device acted."""
    acts = day.acts
    begin_ms = (day.day - period.first).days * _DAY_MS
    hand = np.flatnonzero(~acts.automatic)
    rooms = [cast.room(act.entity_id) for act in acts.tokens]
    for kind in (HOME, *cast.rooms):
        of_kind = np.array(
            [room is not None if kind == HOME else room == kind for room in rooms], dtype=np.bool_
        )
        mine = hand[of_kind[acts.token[hand]]] if of_kind.any() else hand[:0]
        if not len(mine):
            continue
        used: Counter[str] = Counter()
        for token, count in enumerate(np.bincount(acts.token[mine], minlength=len(acts.tokens)).tolist()):
            if count:
                used[acts.tokens[token].entity_id] += count
        yield kind, _Bout(day.day.isoformat(), begin_ms + acts.at_ms[mine], acts.minute[mine]), dict(used)


def _sessions(bouts: Sequence[_Bout], home: bool) -> list[list[Any]]:
    """[date, minute of the start, seconds] of each session of a week. A night may pass within one."""
    at_ms = np.concatenate([bout.at_ms for bout in bouts])
    minute = np.concatenate([bout.minute for bout in bouts])
    day = np.repeat(np.arange(len(bouts)), [len(bout.at_ms) for bout in bouts])
    begins = np.flatnonzero(np.diff(at_ms, prepend=-(1 << 40)) > _GAP_MS[home])
    ends = np.append(begins[1:], len(at_ms)) - 1
    # What begins sooner after the week began may only go on from the one before.
    lasting = (at_ms[ends] - at_ms[begins] >= _LEAST_MS) & (at_ms[begins] >= _GAP_MS[home])
    return [
        [bouts[int(day[b])].day, int(minute[b]), float((at_ms[e] - at_ms[b]) / 1000)]
        for b, e in zip(begins[lasting].tolist(), ends[lasting].tolist(), strict=True)
    ]


def _rests(sessions: Sequence[tuple[int, int, float]], days: Sequence[date]) -> list[tuple[int, int, float]]:
    """When the home came to rest, as (index of the day, minute, seconds until the next session)."""
    number = {day: index for index, day in enumerate(days)}
    spans = sorted(
        (days[index].toordinal() * 1440 + minute, days[index].toordinal() * 1440 + minute + seconds / 60)
        for index, minute, seconds in sessions
    )
    found = []
    for (_, end), (following, _) in pairwise(spans):
        ordinal, minute = divmod(int(end), 1440)
        index = number.get(date.fromordinal(ordinal))
        # Longer than a day nothing is known of.
        if index is not None and 0 < following - end < 1440:
            found.append((index, minute, (following - end) * 60))
    return found


def _typical(minutes: list[int]) -> list[str]:
    """The half hours in which most sessions begin, at most three, as HH:MM."""
    counts = Counter(minute // 30 for minute in minutes)
    best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return [clock_text(half * 30) for half, _ in best]
