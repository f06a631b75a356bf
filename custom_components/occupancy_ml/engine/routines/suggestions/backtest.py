"""What an automation would have done on the stored days, and whether a person did the same anyway.

The past is not touched by what is tested on it: after a firing that was right, the thing is left as the person
left it; after one that was wrong, it counts as put right when the time to follow is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
import math
from typing import Any

import numpy as np

from ...events import DAY_US, MICROSECONDS, to_us
from ...localtime import LocalClock
from .past import Flags, Past, Times, Track
from .proposal import ALL_DAYS, AtTime, Becomes, HomeBecomes, Proposal, RoomBecomes

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
        """Whether it is right often enough, with 90 % certainty, on enough days, and nothing does it already.

        The plain share flatters: candidates are chosen among many by how they did on the very same days.
        """
        days = len({moment // DAY_US for moment in (*self.right_us, *self.wrong_us)})
        enough = self.fired >= _LEAST_FIRINGS and days >= _LEAST_DAYS
        return enough and self.lower >= bar and not self.is_automated

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        return {
            "days": self.days,
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
    automation does; as wrong otherwise. Where the entity was not known, nobody listened, or the past ends first, it
    does not count.

    Args:
        proposal: the automation.
        past: with all its entities and rooms.
        clock: the home's.
        since_us: from when on its numbers were fixed; None where they are of today.
    """
    acted = past.track(proposal.action.entity_id)
    within_us = proposal.within_s * MICROSECONDS
    moments = _triggered(proposal, past, clock)
    moments = moments[(moments >= past.start_us) & (moments + within_us <= past.end_us)]
    held_us = (
        0 if isinstance(proposal.trigger, AtTime | HomeBecomes) else proposal.trigger.held_s * MICROSECONDS
    )
    moments = moments[past.is_heard(moments - held_us, moments + within_us)]
    moments = moments[_may_fire(proposal, past, clock, moments)]
    is_so = acted.stands_at(moments, proposal.action.state)
    already = int(np.count_nonzero(is_so))
    moments = moments[acted.known_at(moments) & ~is_so]

    done = np.flatnonzero(acted.is_state(proposal.action.state))
    done_us = acted.times_us[done]
    following = np.searchsorted(done_us, moments, side="right")
    # The sentinel lies beyond every time allowed.
    followed_us = np.append(done_us, np.iinfo(np.int64).max)[following]
    by_automation = np.append(acted.automated[done], False)[following]
    lost_us = acted.times_us[acted.codes == 0]
    is_known = np.searchsorted(lost_us, moments, side="right") == np.searchsorted(
        lost_us, moments + within_us, side="right"
    )

    right: list[int] = []
    wrong: list[int] = []
    automated = 0
    free_us = past.start_us
    counted_us = -1
    for moment, then_us, was_automated, known in zip(
        moments.tolist(), followed_us.tolist(), by_automation.tolist(), is_known.tolist(), strict=True
    ):
        # What was brought about once is so until the hand that followed; it fires no second time before.
        if moment < free_us or then_us == counted_us:
            continue
        if then_us > moment + within_us:
            if known:
                wrong.append(moment)
            free_us = moment + within_us
            continue
        counted_us = then_us
        if was_automated:
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


def _triggered(proposal: Proposal, past: Past, clock: LocalClock) -> Times:
    """The moments of the trigger, in order, conditions aside."""
    trigger = proposal.trigger
    if isinstance(trigger, AtTime):
        return _daily(trigger.minute, past, clock)
    if isinstance(trigger, Becomes):
        return _becomes(past.track(trigger.entity_id), trigger.state, trigger.held_s)
    if isinstance(trigger, RoomBecomes):
        return _becomes(past.room(trigger.room_id), "on" if trigger.occupied else "off", trigger.held_s)
    moments = np.unique(
        np.concatenate([np.empty(0, np.int64), *(past.track(p).times_us for p in past.persons)])
    )
    home = past.someone_home(moments)
    turned: Times = moments[1:][(home[1:] != home[:-1]) & (home[1:] == trigger.occupied)]
    return turned


def _daily(minute: int, past: Past, clock: LocalClock) -> Times:
    first, last = clock.at(past.start_us).date(), clock.at(past.end_us).date()
    at = time(minute // 60, minute % 60)
    # A time that the clock skips is the moment after the jump; one that it repeats is the first.
    return np.array(
        [
            to_us(datetime.combine(first + timedelta(days=number), at, clock.zone).astimezone(UTC))
            for number in range((last - first).days + 1)
        ],
        np.int64,
    )


def _becomes(track: Track, state: str, held_s: int) -> Times:
    """When a real state gives way to this one, and this one is held; what (re)appears is no change."""
    index = np.flatnonzero(track.is_state(state)[1:] & (track.codes[:-1] != 0)) + 1
    moments = track.times_us[index] + held_s * MICROSECONDS
    ends = np.append(track.times_us, np.iinfo(np.int64).max)[index + 1]
    held: Times = moments[ends >= moments]
    return held


def _may_fire(proposal: Proposal, past: Past, clock: LocalClock, moments: Times) -> Flags:
    """(m,) whether the conditions hold. Hours are looked at by the half hour."""
    may = np.ones(len(moments), np.bool_)
    days, half_hours = clock.days_and_half_hours(moments)
    if proposal.days != ALL_DAYS:
        # The first day of the proleptic calendar was a Monday.
        may &= np.isin((days - 1) % 7, sorted(proposal.days))
    if proposal.hours is not None:
        begin, end = proposal.hours
        minutes = half_hours * 30
        if begin < end:
            may &= (minutes >= begin) & (minutes < end)
        else:
            may &= (minutes >= begin) | (minutes < end)
    for entity_id, state in proposal.given:
        may &= past.track(entity_id).stands_at(moments, state)
    if proposal.someone_home:
        may &= past.someone_home(moments)
    return may
