"""What an automation would have done on the stored days, and whether a person did the same anyway.

The past is not touched by what is tested on it: after a firing that was right, the thing is left as the person
left it; after one that was wrong, it counts as put right when the time to follow is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
import math
from typing import Any

import numpy as np

from ...events import DAY_US, MICROSECONDS, to_us
from ...localtime import LocalClock
from .past import Past, Track
from .proposal import AtTime, Becomes, HomeBecomes, Proposal, RoomBecomes

_LEAST_FIRINGS = 6
_LEAST_DAYS = 4
# More of what follows was done by an automation than this: it is there already.
_MOST_AUTOMATED = 0.2
# One-sided 90 %.
_Z = 1.2816


@dataclass(frozen=True, slots=True)
class Backtest:
    """What would have happened over some days.

    Attributes:
        days: how many days were looked at.
        right_us: when it would have fired, and a person did the same within the time allowed.
        wrong_us: when it would have fired, and nobody did.
        automated: how often an automation did the same: it may be there already.
        already: how often it would not have fired, since it was so already.
        new_right, new_wrong: of the firings those since the suggestion was first drafted: its numbers were
            not chosen on them.
    """

    days: float
    right_us: tuple[int, ...] = ()
    wrong_us: tuple[int, ...] = ()
    automated: int = 0
    already: int = 0
    new_right: int = 0
    new_wrong: int = 0

    @property
    def fired(self) -> int:
        """How often it would have fired where what followed is known."""
        return len(self.right_us) + len(self.wrong_us)

    @property
    def precision(self) -> float:
        """The share of firings that a person would have done anyway; 0 where it never fired."""
        return len(self.right_us) / self.fired if self.fired else 0.0

    @property
    def lower(self) -> float:
        """What the share is at least, with 90 % certainty (Wilson's score interval)."""
        n = self.fired
        if not n:
            return 0.0
        share, z2 = self.precision, _Z * _Z
        centre = share + z2 / (2 * n)
        spread = _Z * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
        return (centre - spread) / (1 + z2 / n)

    @property
    def right_a_week(self) -> float:
        """How often a week it would have saved a hand."""
        return 7 * len(self.right_us) / self.days if self.days else 0.0

    @property
    def is_automated(self) -> bool:
        """Whether an automation does it already, at least in part."""
        return self.automated > _MOST_AUTOMATED * (self.fired + self.automated)

    def passes(self, bar: float) -> bool:
        """Whether it was right often enough, on enough days, and nothing does it already."""
        days = len({moment // DAY_US for moment in (*self.right_us, *self.wrong_us)})
        enough = self.fired >= _LEAST_FIRINGS and days >= _LEAST_DAYS
        return enough and self.precision >= bar and not self.is_automated

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return {
            "days": round(self.days, 2),
            "fired": self.fired,
            "right": list(self.right_us),
            "wrong": list(self.wrong_us),
            "automated": self.automated,
            "already": self.already,
            "new_right": self.new_right,
            "new_wrong": self.new_wrong,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Backtest:
        """What `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        return cls(
            days=float(value["days"]),
            right_us=tuple(int(moment) for moment in value["right"]),
            wrong_us=tuple(int(moment) for moment in value["wrong"]),
            automated=int(value["automated"]),
            already=int(value["already"]),
            new_right=int(value["new_right"]),
            new_wrong=int(value["new_wrong"]),
        )


def backtest(proposal: Proposal, past: Past, clock: LocalClock, since_us: int | None = None) -> Backtest:
    """Play a proposal over the past.

    A firing counts as right when a hand brings the entity into the state within `within_s`; as automated when an
    automation does; as wrong otherwise. Where the entity was not known, or the past ends first, it does not count.

    Args:
        proposal: the automation.
        past: with all its entities and rooms.
        clock: the home's.
        since_us: from when on its numbers were fixed; None where they are of today.
    """
    acted = past.track(proposal.action.entity_id)
    target = proposal.action.state
    within_us = proposal.within_s * MICROSECONDS
    right: list[int] = []
    wrong: list[int] = []
    automated = already = 0
    free_us = past.start_us
    for moment in _triggered(proposal, past, clock):
        if moment + within_us > past.end_us or not _may_fire(proposal, past, clock, moment):
            continue
        index = acted.index_at(moment)
        if index < 0 or not acted.states[index]:
            continue
        if acted.states[index] == target:
            already += 1
            continue
        if moment < free_us:
            continue
        followed = _next(acted, index, target, moment + within_us)
        if followed is None:
            if _is_known(acted, index, moment + within_us):
                wrong.append(moment)
            free_us = moment + within_us
        elif acted.automated[followed]:
            automated += 1
        else:
            right.append(moment)
    fixed_us = past.end_us if since_us is None else since_us
    return Backtest(
        days=(past.end_us - past.start_us) / DAY_US,
        right_us=tuple(right),
        wrong_us=tuple(wrong),
        automated=automated,
        already=already,
        new_right=sum(moment >= fixed_us for moment in right),
        new_wrong=sum(moment >= fixed_us for moment in wrong),
    )


def _triggered(proposal: Proposal, past: Past, clock: LocalClock) -> Iterator[int]:
    """The moments of the trigger, in order, conditions aside."""
    trigger = proposal.trigger
    if isinstance(trigger, AtTime):
        yield from _daily(trigger.minute, past, clock)
    elif isinstance(trigger, Becomes):
        yield from _becomes(past.track(trigger.entity_id), trigger.state, trigger.held_s, past)
    elif isinstance(trigger, RoomBecomes):
        state = "on" if trigger.occupied else "off"
        yield from _becomes(past.room(trigger.room_id), state, trigger.held_s, past)
    else:
        yield from _home_becomes(trigger, past)


def _daily(minute: int, past: Past, clock: LocalClock) -> Iterator[int]:
    day, last = clock.at(past.start_us).date(), clock.at(past.end_us).date()
    while day <= last:
        moment = _moment(day, minute, clock)
        if past.start_us <= moment < past.end_us:
            yield moment
        day += timedelta(days=1)


def _moment(day: date, minute: int, clock: LocalClock) -> int:
    # A time that the clock skips is the moment after the jump; one that it repeats is the first.
    return to_us(datetime.combine(day, time(minute // 60, minute % 60), clock.zone).astimezone(UTC))


def _becomes(track: Track, state: str, held_s: int, past: Past) -> Iterator[int]:
    """When a real state gives way to this one, and this one is held; what (re)appears is no change."""
    held_us = held_s * MICROSECONDS
    for index in range(1, len(track.states)):
        if track.states[index] != state or not track.states[index - 1]:
            continue
        moment = int(track.times_us[index]) + held_us
        is_held = index + 1 == len(track.states) or int(track.times_us[index + 1]) >= moment
        if is_held and past.start_us <= moment < past.end_us:
            yield moment


def _home_becomes(trigger: HomeBecomes, past: Past) -> Iterator[int]:
    moments = sorted({int(moment) for person in past.persons for moment in past.track(person).times_us})
    before: bool | None = None
    for moment in moments:
        home = past.someone_home(moment)
        if before is not None and home != before and home == trigger.occupied and moment >= past.start_us:
            yield moment
        before = home


def _may_fire(proposal: Proposal, past: Past, clock: LocalClock, moment: int) -> bool:
    local = clock.at(moment)
    if local.weekday() not in proposal.days:
        return False
    if proposal.hours is not None:
        begin, end = proposal.hours
        minute = local.hour * 60 + local.minute
        if not (begin <= minute < end if begin < end else minute >= begin or minute < end):
            return False
    if any(past.track(entity_id).state_at(moment) != state for entity_id, state in proposal.given):
        return False
    return not proposal.someone_home or past.someone_home(moment)


def _next(track: Track, index: int, state: str, until_us: int) -> int | None:
    """The first change to a state after an index, up to a time."""
    for later in range(index + 1, int(np.searchsorted(track.times_us, until_us, side="right"))):
        if track.states[later] == state:
            return later
    return None


def _is_known(track: Track, index: int, until_us: int) -> bool:
    """Whether the entity told its state all the time from an index up to a time."""
    last = int(np.searchsorted(track.times_us, until_us, side="right"))
    return all(track.states[index:last])
