"""Which suggestion comes first: what it saves, how sure that is, and what this user made of others like it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
import math

from .backtest import Backtest
from .proposal import AtTime, Proposal, RoomBecomes

# Two opinions of each kind that nobody gave: a single click moves the order, but does not decide it.
_PRIOR = 2.0
_MOST = 1.5


class Reason(StrEnum):
    """Why a suggestion was dismissed. Each says something about other features of it."""

    NOT_USEFUL = "not_useful"
    WRONG_TIME = "wrong_time"
    WRONG_DEVICE = "wrong_device"
    RISKY = "risky"
    ALREADY_DONE = "already_done"
    OTHER = "other"


# The features that a reason speaks against; all of them where it names none.
_AGAINST: Mapping[Reason, tuple[str, ...]] = {
    Reason.WRONG_TIME: ("trigger", "part", "type"),
    Reason.WRONG_DEVICE: ("entity", "class", "room"),
    Reason.RISKY: ("class", "entity"),
    Reason.ALREADY_DONE: ("entity",),
}


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a user made of a suggestion: its features, whether he liked it, and why not."""

    features: tuple[str, ...]
    liked: bool
    reason: Reason | None = None


def features_of(
    proposal: Proposal, pattern_type: str, safety_class: str, room_id: str | None
) -> tuple[str, ...]:
    """The features that opinions are about, as `kind:value`."""
    trigger = proposal.trigger
    found = [
        f"type:{pattern_type}",
        f"class:{safety_class}",
        f"entity:{proposal.action.entity_id}",
        f"trigger:{type(trigger).__name__}",
    ]
    if isinstance(trigger, AtTime):
        found.append(f"part:{trigger.minute // 360}")
    if isinstance(trigger, RoomBecomes):
        found.append(f"room:{trigger.room_id}")
    elif room_id is not None:
        found.append(f"room:{room_id}")
    return tuple(found)


class Taste:
    """What is known of a user's taste: by feature, the log-odds of liking it, shrunk to none.

    Each feature is its own beta-binomial with a symmetric prior; a suggestion's preference is their sum, bounded,
    so that taste reorders suggestions and never hides the evidence.
    """

    def __init__(self, opinions: Iterable[Opinion] = ()) -> None:
        self._liked: defaultdict[str, float] = defaultdict(float)
        self._disliked: defaultdict[str, float] = defaultdict(float)
        for opinion in opinions:
            self.learn(opinion)

    def learn(self, opinion: Opinion) -> None:
        """Take in one opinion."""
        if opinion.liked:
            for feature in opinion.features:
                self._liked[feature] += 1.0
            return
        against = _AGAINST.get(opinion.reason) if opinion.reason is not None else None
        for feature in opinion.features:
            if against is None or feature.partition(":")[0] in against:
                self._disliked[feature] += 1.0

    def preference(self, features: Iterable[str]) -> float:
        """Log-odds of liking a suggestion with these features, within +-1.5."""
        total = sum(
            math.log((self._liked[feature] + _PRIOR) / (self._disliked[feature] + _PRIOR))
            for feature in features
        )
        return max(-_MOST, min(_MOST, total))


def rank(tested: Backtest, taste: Taste, features: Iterable[str]) -> float:
    """What a suggestion is worth: sure to be right, often of use, to this user's taste. Higher comes first."""
    return tested.lower * math.log2(1.0 + tested.right_a_week) * math.exp(taste.preference(features))
