"""Who was where: stays of several people laid over one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.simulator.config import AWAY
from tests.simulator.walking import Stay


class TruthRow(NamedTuple):
    """Nobody comes or goes within `[start_us, end_us)`.

    Attributes:
        area_id: the rooms with people in them joined by "+", or "away".
        activity: what the residents do (in their order), then guests who are in, joined by "+".
    """

    start_us: int
    end_us: int
    area_id: str
    activity: str


def clip(stays: Iterable[Stay], start_us: int, end_us: int) -> list[Stay]:
    """The parts of the stays within `[start_us, end_us)`, by start and name."""
    kept = [
        Stay(s.who, max(s.start_us, start_us), min(s.end_us, end_us), s.room_id, s.activity)
        for s in stays
        if s.start_us < end_us and s.end_us > start_us
    ]
    return sorted(kept, key=lambda stay: (stay.start_us, stay.who))


def overlay(stays: Sequence[Stay], residents: Sequence[str]) -> list[TruthRow]:
    """One row for every stretch in which nobody moves, from the first start to the last end."""
    rank = {name: (0, str(index)) for index, name in enumerate(residents)}
    edges = sorted(
        [(stay.start_us, 1, stay) for stay in stays] + [(stay.end_us, 0, stay) for stay in stays],
        key=lambda edge: (edge[0], edge[1], edge[2].who),
    )
    rows: list[TruthRow] = []
    here: dict[str, Stay] = {}
    since_us = 0
    for time_us, begins, stay in edges:
        if time_us > since_us and here:
            shown = sorted(
                (s for s in here.values() if s.who in rank or s.room_id != AWAY),
                key=lambda s: rank.get(s.who, (1, s.who)),
            )
            rooms = "+".join(sorted({s.room_id for s in shown} - {AWAY})) or AWAY
            activity = "+".join(s.activity for s in shown)
            if rows and rows[-1][1:] == (since_us, rooms, activity):
                rows[-1] = TruthRow(rows[-1].start_us, time_us, rooms, activity)
            else:
                rows.append(TruthRow(since_us, time_us, rooms, activity))
        since_us = time_us
        if begins:
            here[stay.who] = stay
        elif here.get(stay.who) == stay:
            del here[stay.who]
    return rows


def unions(stays: Iterable[Stay]) -> list[tuple[int, int]]:
    """The times at which at least one of the stays lasts, in order and apart."""
    merged: list[tuple[int, int]] = []
    for start_us, end_us in sorted((stay.start_us, stay.end_us) for stay in stays):
        if merged and start_us <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end_us))
        else:
            merged.append((start_us, end_us))
    return merged
