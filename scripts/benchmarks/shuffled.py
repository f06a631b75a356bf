"""Changes of routine announced on simulated homes: on days as they were, on days in any order, on days that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import numpy as np

from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.routine_changes import (
    Floats,
    Found,
    against_the_usual,
    changes,
    days_of,
)
from custom_components.occupancy_ml.engine.slices import finished
from custom_components.occupancy_ml.engine.store.episodes import Episode
from tests.simulator import one_person, simulate, two_people_and_a_cat

_FIRST = date(2026, 1, 5)
_DAYS = 112
_CHANGED = date(2026, 3, 16)
_ORDERS = 20
_HOMES = {"one_person": one_person, "two_people_and_a_cat": two_people_and_a_cat}
_SEEDS = (1, 2, 3)
HOME = "anyone home"


def false_alarms() -> list[dict[str, Any]]:
    """By home and seed: announcements on stable days, on shuffled days, and of a change on 16 March.

    What was true is taken for what hindsight would have found, so that the detector alone is measured.
    """
    rows = []
    for name, make in _HOMES.items():
        for seed in _SEEDS:
            stable = _days(simulate(make(), _FIRST, _DAYS, seed))
            rng = np.random.default_rng(seed)
            orders = [rng.permutation(_DAYS - 1) for _ in range(_ORDERS)]
            shuffled = [{key: values[order] for key, values in stable.items()} for order in orders]
            moved = _days(simulate(make(routine_change_day=_CHANGED), _FIRST, _DAYS, seed))
            found = _announced(moved)
            near = [each for each in found if abs(each.day - (_CHANGED - _FIRST).days) <= 5]
            years = (_DAYS - 1) / 365
            rows.append(
                {
                    "home": name,
                    "seed": seed,
                    "rooms": len(stable) - 1,
                    "stable": len(_announced(stable)),
                    "shuffled_a_room_and_year": round(
                        sum(each.process != HOME for days in shuffled for each in _announced(days))
                        / (_ORDERS * (len(stable) - 1) * years),
                        3,
                    ),
                    "shuffled_a_home_and_year": round(
                        sum(each.process == HOME for days in shuffled for each in _announced(days))
                        / (_ORDERS * years),
                        3,
                    ),
                    "changed_found_within_5_days": len(near),
                    "changed_announced": len(found),
                }
            )
    return rows


def told(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table, with the mean of the shuffled days."""
    head = "home                  seed  rooms  stable days  shuffled, a room and year  a home and year  changed: near/all"
    lines = [
        f"{row['home']:<22}{row['seed']:>4}{row['rooms']:>7}{row['stable']:>13}"
        f"{row['shuffled_a_room_and_year']:>27.3f}{row['shuffled_a_home_and_year']:>17.3f}"
        f"{row['changed_found_within_5_days']:>14}/{row['changed_announced']}"
        for row in rows
    ]
    means = [np.mean([row[f"shuffled_a_{of}_and_year"] for row in rows]) for of in ("room", "home")]
    return "\n".join([head, *lines, f"mean{means[0]:>69.3f}{means[1]:>17.3f}"])


def _announced(days: Mapping[str, Floats]) -> list[Found]:
    return finished(changes(list(days.values()), list(days)))


def _days(simulated: Any) -> dict[str, Floats]:
    """By room, and of the home, (days, 3) as the engine compares them."""
    clock = LocalClock(simulated.home.time_zone)
    weekend = np.array([(_FIRST + timedelta(days=n)).weekday() >= 5 for n in range(_DAYS - 1)])
    rooms = {room: simulated.occupied(room) for room in simulated.areas}
    home = _merged([span for spans in rooms.values() for span in spans])
    return {
        name: against_the_usual(
            days_of(_episodes(name, spans, simulated.start_us, simulated.end_us), _FIRST, _DAYS - 1, clock),
            weekend,
        )
        for name, spans in {**rooms, HOME: home}.items()
    }


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], end))
        else:
            out.append((start, end))
    return out


def _episodes(name: str, spans: Sequence[tuple[int, int]], start_us: int, end_us: int) -> list[Episode]:
    """The stretches there, and between them the others."""
    found, until_us = [], start_us
    for begin, end in spans:
        if begin > until_us:
            found.append(Episode(name, until_us, begin, False, 1.0))
        found.append(Episode(name, begin, end, True, 1.0))
        until_us = end
    return [*found, Episode(name, until_us, end_us, False, 1.0)]
