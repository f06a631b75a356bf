"""A proposal: one trigger, what must hold, one action. What is back-tested, and what becomes an automation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..patterns import Act

ALL_DAYS = frozenset(range(7))
WORKDAYS = frozenset(range(5))
WEEKEND = frozenset((5, 6))

# Times of day that mean one and the same habit, found again night by night.
_SAME_HABIT_MIN = 60
_DAY_MIN = 24 * 60


@dataclass(frozen=True, slots=True)
class AtTime:
    """Every day at a local minute of the day, 0 to 1439."""

    minute: int


@dataclass(frozen=True, slots=True)
class Becomes:
    """An entity takes a state, and keeps it for so many seconds."""

    entity_id: str
    state: str
    held_s: int = 0


@dataclass(frozen=True, slots=True)
class RoomBecomes:
    """A room becomes occupied, or vacant, as this integration shows it, and stays so for so many seconds."""

    room_id: str
    occupied: bool
    held_s: int = 0


@dataclass(frozen=True, slots=True)
class HomeBecomes:
    """The first person comes home, or the last one leaves."""

    occupied: bool


type Trigger = AtTime | Becomes | RoomBecomes | HomeBecomes


@dataclass(frozen=True, slots=True)
class Proposal:
    """An automation as the engine thinks of it.

    Attributes:
        trigger: what starts it.
        action: the state it brings an entity into, as Home Assistant names it; it never fires where that is so already.
        within_s: a person who does the same within so many seconds would have done it anyway.
        days: weekdays on which it may fire, Monday is 0.
        hours: local minutes of the day [from, to), whole half hours, in which it may fire; past midnight where
            from >= to.
        given: states that other entities must be in.
        someone_home: whether somebody must be home.
    """

    trigger: Trigger
    action: Act
    within_s: int
    days: frozenset[int] = ALL_DAYS
    hours: tuple[int, int] | None = None
    given: tuple[tuple[str, str], ...] = ()
    someone_home: bool = False

    def __post_init__(self) -> None:
        """Refuse what can never fire.

        Raises:
            ValueError: no day, or no time to follow.
        """
        if not self.days or not self.days <= ALL_DAYS:
            raise ValueError("a proposal needs a day of the week")
        if self.within_s <= 0:
            raise ValueError("what a person does needs time")

    @property
    def entity_ids(self) -> set[str]:
        """All entities it looks at or changes."""
        found = {self.action.entity_id, *(entity_id for entity_id, _ in self.given)}
        if isinstance(self.trigger, Becomes):
            found.add(self.trigger.entity_id)
        return found

    def is_same_habit(self, other: Proposal) -> bool:
        """Whether both stand for one habit, found anew with slightly different numbers."""
        if self.action != other.action:
            return False
        mine, theirs = self.trigger, other.trigger
        if isinstance(mine, AtTime) and isinstance(theirs, AtTime):
            apart = abs(mine.minute - theirs.minute)
            return min(apart, _DAY_MIN - apart) <= _SAME_HABIT_MIN and bool(self.days & other.days)
        if isinstance(mine, Becomes) and isinstance(theirs, Becomes):
            return (mine.entity_id, mine.state) == (theirs.entity_id, theirs.state)
        if isinstance(mine, RoomBecomes) and isinstance(theirs, RoomBecomes):
            return (mine.room_id, mine.occupied) == (theirs.room_id, theirs.occupied)
        return mine == theirs

    def to_json(self) -> dict[str, Any]:
        """Plain data; `from_json` reads it back."""
        trigger = self.trigger
        told: dict[str, Any]
        if isinstance(trigger, AtTime):
            told = {"at": trigger.minute}
        elif isinstance(trigger, Becomes):
            told = {"entity_id": trigger.entity_id, "state": trigger.state, "held_s": trigger.held_s}
        elif isinstance(trigger, RoomBecomes):
            told = {"room_id": trigger.room_id, "occupied": trigger.occupied, "held_s": trigger.held_s}
        else:
            told = {"home": trigger.occupied}
        return {
            "trigger": told,
            "action": {"entity_id": self.action.entity_id, "state": self.action.state},
            "within_s": self.within_s,
            "days": sorted(self.days),
            "hours": None if self.hours is None else list(self.hours),
            "given": [list(pair) for pair in self.given],
            "someone_home": self.someone_home,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Proposal:
        """What `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError: it is something else.
        """
        told = value["trigger"]
        trigger: Trigger
        if "at" in told:
            trigger = AtTime(int(told["at"]))
        elif "room_id" in told:
            trigger = RoomBecomes(str(told["room_id"]), bool(told["occupied"]), int(told["held_s"]))
        elif "home" in told:
            trigger = HomeBecomes(bool(told["home"]))
        else:
            trigger = Becomes(str(told["entity_id"]), str(told["state"]), int(told["held_s"]))
        hours = value["hours"]
        return cls(
            trigger=trigger,
            action=Act(str(value["action"]["entity_id"]), str(value["action"]["state"])),
            within_s=int(value["within_s"]),
            days=frozenset(int(day) for day in value["days"]),
            hours=None if hours is None else (int(hours[0]), int(hours[1])),
            given=tuple((str(entity_id), str(state)) for entity_id, state in value["given"]),
            someone_home=bool(value["someone_home"]),
        )
