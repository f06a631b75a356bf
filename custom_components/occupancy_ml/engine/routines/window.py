"""What detectors share: the days they look at, and the acts of these days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..store.routines import Aggregates
from .acts import Day, unpack_acts
from .calendar import Calendar
from .cast import Cast
from .patterns import Act, Pattern, PatternType

type Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """The aggregates a detector asks for.

    Attributes:
        aggregates: the tables.
        cast: the home's entities.
        days: the local days that were processed, in order, none after the last one.
        time_zone: of the home, which tells its hemisphere.
        holidays: which of the days were holidays.
        deaf: days of which more than an hour was not heard, those of the window and others.
    """

    aggregates: Aggregates
    cast: Cast
    days: tuple[date, ...]
    time_zone: str = "UTC"
    holidays: frozenset[date] = frozenset()
    deaf: frozenset[date] = frozenset()

    @property
    def since(self) -> str:
        """The first day."""
        return self.days[0].isoformat()

    @property
    def until(self) -> str:
        """The last day."""
        return self.days[-1].isoformat()

    @property
    def weekdays(self) -> NDArray[np.int64]:
        """(d,) days of the week, Monday 0."""
        return np.array([day.weekday() for day in self.days], dtype=np.int64)

    def last(self, count: int) -> Window:
        """The same over the last days only."""
        return replace(self, days=self.days[-count:])

    def read(self, table: str, columns: Sequence[str]) -> list[tuple[Any, ...]]:
        """Columns of the rows of these days."""
        return self.aggregates.read(table, columns, self.since, self.until)


def pages(window: Window, table: str, columns: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
    """Columns of the rows of these days, a day at a time: a slice each."""
    for day in window.days:
        text = day.isoformat()
        yield window.aggregates.read(table, columns, text, text)


class Detector(Protocol):
    """One of the ten. What `daily` gives of a day depends on that day alone, but for anomalies."""

    @property
    def pattern_type(self) -> PatternType:
        """What it finds."""

    @property
    def table(self) -> str:
        """Where its aggregates are kept."""

    def daily(self, day: Day, window: Window) -> Iterator[list[Row] | None]:
        """The aggregate of a day, None after each slice, at last the rows; `window` ends with the day before."""

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """The patterns of a window of aggregates: None after each slice, at last the patterns."""


class LongDetector(Protocol):
    """A detector whose aggregates are of weeks or months."""

    @property
    def pattern_type(self) -> PatternType:
        """What it finds."""

    @property
    def table(self) -> str:
        """Where its aggregates are kept."""

    def aggregate(self, period: Calendar, window: Window) -> Iterator[list[Row] | None]:
        """The aggregate of a week or month from its days: None after each slice, at last the rows."""

    def detect(self, window: Window) -> Iterator[list[Pattern] | None]:
        """The patterns of the aggregates up to the last day of a window."""


def acts_of(window: Window) -> Iterator[Day]:
    """The stored acts of the days of a window, in order."""
    for day in window.days:
        text = day.isoformat()
        for events, data in window.aggregates.read("acts_daily", ("events", "acts"), text, text):
            yield unpack_acts(data, events)


def opportunities(window: Window) -> tuple[dict[Act, int], dict[Act, float]]:
    """How often each act happened by hand in a window, and which share of it an automation did."""
    often: dict[Act, int] = {}
    automatic: dict[Act, int] = {}
    columns = ("entity_id", "state", "occurrences", "by_automation")
    for entity_id, state, count, by_automation in window.aggregates.sums(
        "time_based_daily", columns[:2], columns[2:], window.since, window.until
    ):
        act = Act(entity_id, state)
        often[act], automatic[act] = count, by_automation
    return often, {act: many / max(many + often[act], 1) for act, many in automatic.items()}


def name_of(act: Act) -> str:
    """An act in words, with the entity id for a name."""
    if act.state == "on":
        return f"{act.entity_id} turns on"
    if act.state == "off":
        return f"{act.entity_id} turns off"
    return f"{act.entity_id} becomes {act.state}"


def clock_text(minute: int) -> str:
    """A minute of the day as HH:MM."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def lasting_text(seconds: float) -> str:
    """A while in words."""
    if seconds < 100:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 6000 else f"{seconds / 3600:.1f} hours"


def days_text(weekdays: Sequence[int]) -> str:
    """Days of the week in words."""
    known = {
        (0, 1, 2, 3, 4, 5, 6): "every day",
        (0, 1, 2, 3, 4): "on weekdays",
        (5, 6): "on weekends",
    }
    names = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
    return known.get(tuple(weekdays)) or "on " + " and ".join(names[day] for day in weekdays)
