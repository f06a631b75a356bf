"""What a routine is, once found: a pattern with its statistic, its times and its life."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
WEEKDAYS = (0, 1, 2, 3, 4)
WEEKEND = (5, 6)


class PatternType(StrEnum):
    """The ten detectors. The words are stored: never rename."""

    TIME_OF_DAY = "time_of_day"
    CO_OCCURRENCE = "co_occurrence"
    SEQUENCE = "sequence"
    ROOM_BASED = "room_based"
    DURATION = "duration"
    ANOMALY = "anomaly"
    SESSION = "session"
    DAY_TYPE = "day_type"
    CONTEXTUAL = "contextual"
    SEASONAL = "seasonal"


class Life(StrEnum):
    """Where a pattern stands in its life.

    Emerging: found, but of few days or of late. Stable: found. Fading: it held, and lately it did not.
    Gone: not found for three weeks.
    """

    EMERGING = "emerging"
    STABLE = "stable"
    FADING = "fading"
    GONE = "gone"


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """An entity takes a state: `light.kitchen`, `on`."""

    entity_id: str
    state: str

    @property
    def domain(self) -> str:
        """Home Assistant's domain of the entity."""
        return self.entity_id.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Statistics:
    """How strong a pattern is.

    Attributes:
        effect: log-odds (time of day, pairs, sequences, contexts) or log ratio of what is seen against what
            chance would give, shrunk towards 0; positive means more than chance.
        occurrences: how often it was seen.
        opportunities: how often it could have been.
        days: on how many days it was seen.
        rate: occurrences / opportunities.
        low, high: 95 % confidence interval of the rate (Wilson), in [0, 1].
        q_value: expected share of false ones among all patterns of this type that are at least as strong,
            by permutation.
    """

    effect: float
    occurrences: int
    opportunities: int
    days: int
    rate: float
    low: float
    high: float
    q_value: float


@dataclass(frozen=True, slots=True)
class When:
    """When a pattern holds, on the home's own clock.

    Attributes:
        minute: typical minute of the day, 0 to 1439, None where it has none.
        spread: four of five lie within so many minutes of it, None where there is no typical minute.
        hours: hours of the day it is seen in, empty for any.
        weekdays: days of the week, Monday 0; all seven for any day.
    """

    minute: int | None = None
    spread: float | None = None
    hours: tuple[int, ...] = ()
    weekdays: tuple[int, ...] = EVERY_DAY


@dataclass(frozen=True, slots=True)
class Pattern:
    """A routine that was found.

    Which fields speak, by type (parameters in brackets):

    - time of day: `action` happens at `when.minute` on `when.weekdays`.
    - co-occurrence: after `trigger`, `action` follows within `window_s` seconds [`window_s`, `delay_s` typical].
    - sequence: `steps` follow one another; `trigger` is the last but one, `action` the last [`gaps_s`,
      `duration_s`].
    - room based: room `room_id` is busy at `when.hours`, or people go on to [`to_room`] (then `kind` says which).
    - duration: `trigger` is the state that usually lasts so long, `action` its end [`median_s`, `p10_s`, `p90_s`].
    - anomaly: `entities[0]` was [`kind`: silent or busy] far from what is expected [`severity`, `date`, `score`].
    - session: a bout of activity of `room_id` starts near `when.minute` [`duration_s`, `devices`].
    - day type: `action` happens more often on `when.weekdays` than on other days [`day_type`, `per_day`, `other`].
    - contextual: `action` happens more often while [`context`: one of `dark`, `home`, `away`, ...] [`lift`].
    - seasonal: activity of `room_id` or the home differs by season or follows a trend [`season`, `trend`].

    Attributes:
        pattern_id: its number in the file, None before it is stored.
        key: what makes it this pattern and no other; stable from night to night.
        entities: all entities it is about, the one that acts first in front.
        action: what happens, and what an automation could do instead.
        trigger: what it follows.
        first_seen, last_seen: local ISO dates of the first and the last day it was seen.
        life: where it stands in its life.
        description: one plain sentence, with entity ids for names.
        date_range: the days it was computed from, as `first to last`.
        source: the layer it was computed from: `daily`, `weekly` or `monthly`.
        aggregates: how many days, weeks or months these were.
        created_at_us: when it was first found.
    """

    key: str
    pattern_type: PatternType
    entities: tuple[str, ...]
    statistics: Statistics
    description: str
    first_seen: str
    last_seen: str
    room_id: str | None = None
    action: Act | None = None
    trigger: Act | None = None
    steps: tuple[Act, ...] = ()
    when: When = When()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    life: Life = Life.EMERGING
    date_range: str = ""
    source: str = "daily"
    aggregates: int = 0
    pattern_id: int | None = None
    created_at_us: int = 0


def to_metadata(pattern: Pattern) -> dict[str, Any]:
    """What of a pattern has no column of its own, as JSON values."""
    stats, when = pattern.statistics, pattern.when
    return {
        "entities": list(pattern.entities),
        "room_id": pattern.room_id,
        "action": _act_json(pattern.action),
        "trigger": _act_json(pattern.trigger),
        "steps": [_act_json(step) for step in pattern.steps],
        "when": {
            "minute": when.minute,
            "spread": when.spread,
            "hours": list(when.hours),
            "weekdays": list(when.weekdays),
        },
        "rate": stats.rate,
        "opportunities": stats.opportunities,
        "days": stats.days,
        "parameters": dict(pattern.parameters),
    }


def from_metadata(value: Mapping[str, Any]) -> tuple[tuple[str, ...], When, dict[str, Any]]:
    """Entities, times and the other fields by name, from `to_metadata`."""
    when = value["when"]
    return (
        tuple(value["entities"]),
        When(when["minute"], when["spread"], tuple(when["hours"]), tuple(when["weekdays"])),
        {
            "room_id": value["room_id"],
            "action": _act(value["action"]),
            "trigger": _act(value["trigger"]),
            "steps": tuple(Act(*step) for step in value["steps"]),
            "parameters": value["parameters"],
        },
    )


def _act_json(act: Act | None) -> list[str] | None:
    return None if act is None else [act.entity_id, act.state]


def _act(value: list[str] | None) -> Act | None:
    return None if value is None else Act(*value)
