"""Events: accepted state changes, the one input of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
import math

MICROSECONDS = 1_000_000
MINUTE_US = 60 * MICROSECONDS
DAY_US = 86_400 * MICROSECONDS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Home Assistant's words for "there is no state"; kept apart from real states.
NO_STATE = frozenset({"unavailable", "unknown", ""})


class Origin(IntEnum):
    """Where an event came from. The numbers are stored: never renumber."""

    LIVE = 0
    HISTORY = 1
    IMPORT = 2


class Cause(IntEnum):
    """Who caused an event, as far as its context tells. Stored: never renumber."""

    UNKNOWN = 0
    PERSON = 1
    AUTOMATION = 2
    DEVICE = 3


@dataclass(frozen=True, slots=True)
class Event:
    """One accepted state change.

    Attributes:
        time_us: microseconds UTC; with `entity_id` the de-duplication key.
        entity_id: which entity.
        state: the new state as Home Assistant writes it.
        previous: the state before, None where nobody knows. Not stored: the event before tells it.
        origin: live, recorder history or import.
        cause: person, automation, device or unknown.
        attributes: the few attributes that the sensor's role declares.
    """

    time_us: int
    entity_id: str
    state: str
    previous: str | None = None
    origin: Origin = Origin.LIVE
    cause: Cause = Cause.UNKNOWN
    attributes: Mapping[str, str | float | int | bool] | None = None

    @property
    def is_real(self) -> bool:
        """Whether the entity told a state at all."""
        return self.state not in NO_STATE

    @property
    def value(self) -> float | None:
        """The state as a finite number, None where it is none."""
        return number_of(self.state)


def number_of(state: str) -> float | None:
    """A state as a finite number, None where it is none."""
    try:
        number = float(state)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def to_us(moment: datetime) -> int:
    """Microseconds UTC of an aware datetime, exactly.

    Raises:
        ValueError: the datetime is naive.
    """
    if moment.tzinfo is None:
        raise ValueError("a naive time says no moment")
    return (moment - _EPOCH) // timedelta(microseconds=1)


def from_us(time_us: int) -> datetime:
    """The aware UTC datetime of a count of microseconds."""
    return _EPOCH + timedelta(microseconds=time_us)
