"""Sessions: bouts of activity in a room or the home, their usual starts, how long they last, what they use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..acts import Day
from ..calendar import Calendar, week_of
from ..chance import log_odds, q_values, wilson
from ..clockwork import Return, returns
from ..patterns import Pattern, PatternType, Statistics, When
from ..window import Row, Window, acts_of, clock_text, days_text

HOME = "home"
"""The session type of the whole home; the others are rooms."""
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
        found: dict[str, list[list[Any]]] = {}
        devices: dict[str, Counter[str]] = {}
        for day in acts_of(window):
            for kind, sessions, used in _sessions(day, window):
                found.setdefault(kind, []).extend(sessions)
                devices.setdefault(kind, Counter()).update(used)
            yield None
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
            if kind != HOME and float(np.median(near)) > _LONGEST_S:
                continue
            used = [entity_id for entity_id, _ in devices[kind].most_common(5) if entity_id in window.cast]
            seen = [days[index].isoformat() for index in time.hits.tolist()]
            what = "The home comes to life" if kind == HOME else f"Activity in {kind} begins"
            patterns.append(
                Pattern(
                    key=f"session|{kind}|{''.join(map(str, time.weekdays))}|{time.minute // 90}",
                    pattern_type=PatternType.SESSION,
                    entities=tuple(used),
                    room_id=None if kind == HOME else kind,
                    statistics=Statistics(
                        log_odds(len(time.hits), time.opportunities, time.expected),
                        len(time.hits),
                        time.opportunities,
                        len(time.hits),
                        len(time.hits) / time.opportunities,
                        low,
                        high,
                        rate,
                    ),
                    when=When(time.minute, time.spread, (time.minute // 60,), time.weekdays),
                    first_seen=seen[0],
                    last_seen=seen[-1],
                    parameters={"session_type": kind, "duration_s": float(np.median(near)), "devices": used},
                    source="weekly",
                    aggregates=len(weeks),
                    description=(
                        f"{what} around {clock_text(time.minute)} {days_text(time.weekdays)}, for about"
                        f" {np.median(near) / 60:.0f} minutes ({len(time.hits)} of {time.opportunities} days)"
                    ),
                )
            )
        yield patterns


def _sessions(day: Day, window: Window) -> Iterator[tuple[str, list[list[Any]], dict[str, int]]]:
    """By session type: [date, minute of the start, seconds] of each, and the devices used in them."""
    acts, cast = day.acts, window.cast
    text = day.day.isoformat()
    hand = np.flatnonzero(~acts.automatic)
    rooms = [cast.room(act.entity_id) for act in acts.tokens]
    for kind in (HOME, *cast.rooms):
        of_kind = np.array(
            [room is not None if kind == HOME else room == kind for room in rooms], dtype=np.bool_
        )
        if not of_kind.any():
            continue
        mine = hand[of_kind[acts.token[hand]]]
        if not len(mine):
            continue
        at_ms, minute = acts.at_ms[mine], acts.minute[mine]
        begins = np.flatnonzero(np.diff(at_ms, prepend=-(1 << 40)) > _GAP_MS[kind == HOME])
        ends = np.append(begins[1:], len(mine)) - 1
        # What begins sooner after midnight may only go on from the day before.
        lasting = (at_ms[ends] - at_ms[begins] >= _LEAST_MS) & (at_ms[begins] >= _GAP_MS[kind == HOME])
        sessions = [
            [text, int(minute[b]), float((at_ms[e] - at_ms[b]) / 1000)]
            for b, e in zip(begins[lasting].tolist(), ends[lasting].tolist(), strict=True)
        ]
        used: Counter[str] = Counter()
        for token, count in enumerate(np.bincount(acts.token[mine], minlength=len(acts.tokens)).tolist()):
            if count:
                used[acts.tokens[token].entity_id] += count
        if sessions:
            yield kind, sessions, dict(used)


def _typical(minutes: list[int]) -> list[str]:
    """The half hours in which most sessions begin, at most three, as HH:MM."""
    counts = Counter(minute // 30 for minute in minutes)
    best = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:3]
    return [clock_text(half * 30) for half, _ in best]
