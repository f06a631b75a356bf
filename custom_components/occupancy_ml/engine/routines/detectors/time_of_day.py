"""Time of day: what an entity does by hour, and the times at which it does so again and again."""

from __future__ import annotations

from collections.abc import Iterator
import json

import numpy as np

from ..acts import Day
from ..chance import log_odds, q_values, wilson
from ..clockwork import Return, returns
from ..patterns import Act, Pattern, PatternType, Statistics, When
from ..window import Row, Window, clock_text, days_text, name_of, pages

_DAYS = 56
_RATE = 0.05
# A pattern must hold more often than not, as far as the interval tells.
_LEAST_LOW = 0.35
_LEAST_DAYS = 5
# What happens more often a day has no time of its own.
_MOST_A_DAY = 20.0
_MINUTES_KEPT = 48
_MOST_AUTOMATIC = 0.34


class TimeOfDay:
    """Per entity and state, by hour."""

    pattern_type = PatternType.TIME_OF_DAY
    table = "time_based_daily"

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """One row for each act of the day."""
        acts = day.acts
        rows: list[Row] = []
        for number, act in enumerate(acts.tokens):
            mine = acts.token == number
            hand = mine & ~acts.automatic
            minutes = acts.minute[hand]
            hours = np.bincount(minutes // 60, minlength=24)
            count = int(hours.sum())
            peak = np.flatnonzero((hours == hours.max()) & (hours > 0)).tolist()
            rows.append(
                {
                    "entity_id": act.entity_id,
                    "state": act.state,
                    "domain": act.domain,
                    "room": window.cast.room(act.entity_id),
                    "hourly_distribution": hours.tolist(),
                    "minutes": minutes[:_MINUTES_KEPT].tolist(),
                    "peak_hours": peak,
                    "frequency": count * 3_600_000 / day.length_ms,
                    "confidence": float(hours.max() / count) if count else 0.0,
                    "occurrences": count,
                    "by_automation": int((mine & acts.automatic).sum()),
                }
            )
        yield rows

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """Times that return, of all acts that people do."""
        window = window.last(_DAYS)
        number = {day.isoformat(): index for index, day in enumerate(window.days)}
        columns = ("date", "entity_id", "state", "minutes", "occurrences", "by_automation")
        by_act: dict[Act, list[tuple[int, list[int], int, int]]] = {}
        for page in pages(window, self.table, columns):
            for day, entity_id, state, minutes, count, automatic in page:
                if day in number and entity_id in window.cast:
                    by_act.setdefault(Act(entity_id, state), []).append(
                        (number[day], json.loads(minutes), count, automatic)
                    )
            yield None
        weekdays = window.weekdays
        found: list[tuple[Act, Return]] = []
        best: list[float] = []
        null = []
        for seed, (act, told) in enumerate(sorted(by_act.items())):
            total, automatic = sum(each[2] for each in told), sum(each[3] for each in told)
            if len(told) < _LEAST_DAYS or total > _MOST_A_DAY * len(window.days):
                continue
            if automatic > _MOST_AUTOMATIC * (total + automatic):
                continue
            day_of = np.repeat([each[0] for each in told], [len(each[1]) for each in told]).astype(np.int64)
            minute = np.array([m for each in told for m in each[1]], dtype=np.int64)
            times, by_chance = returns(day_of, minute, weekdays, seed)
            null.append(by_chance)
            found += [(act, time) for time in times]
            best += [time.score for time in times]
            yield None
        rates = q_values(best, np.array(null).T if null else np.zeros((1, 0)))
        patterns = []
        for (act, time), rate in zip(found, rates.tolist(), strict=True):
            low, high = wilson(len(time.hits), time.opportunities)
            if rate <= _RATE and low >= _LEAST_LOW and len(time.hits) >= _LEAST_DAYS:
                patterns.append(_pattern(act, time, rate, low, high, window))
        yield patterns


def _pattern(act: Act, time: Return, rate: float, low: float, high: float, window: Window) -> Pattern:
    days = [window.days[index] for index in time.hits.tolist()]
    share = len(time.hits) / time.opportunities
    # The days of the week and the quarter of the day tell two times of one act apart.
    key = f"time_of_day|{act.entity_id}={act.state}|{''.join(map(str, time.weekdays))}|{time.minute // 90}"
    return Pattern(
        key=key,
        pattern_type=PatternType.TIME_OF_DAY,
        entities=(act.entity_id,),
        room_id=window.cast.room(act.entity_id),
        action=act,
        statistics=Statistics(
            effect=log_odds(len(time.hits), time.opportunities, time.expected),
            occurrences=len(time.hits),
            opportunities=time.opportunities,
            days=len(time.hits),
            rate=share,
            low=low,
            high=high,
            q_value=rate,
        ),
        when=When(time.minute, time.spread, ((time.minute // 60) % 24,), time.weekdays),
        first_seen=days[0].isoformat(),
        last_seen=days[-1].isoformat(),
        description=(
            f"{name_of(act)} around {clock_text(time.minute)} {days_text(time.weekdays)}"
            f" ({len(time.hits)} of {time.opportunities} days, give or take {time.spread:.0f} minutes)"
        ),
        parameters={"expected_by_chance": time.expected},
    )
