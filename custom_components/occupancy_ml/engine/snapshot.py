"""What the engine tells the outside: frozen, complete, nothing left to compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Source(StrEnum):
    """What stands behind a probability."""

    MODEL = "model"
    PRIOR = "prior"
    CORRECTION = "correction"


class Learning(StrEnum):
    """How far the home has come."""

    WAITING = "waiting"
    IMPORTING = "importing"
    LEARNING = "learning"
    READY = "ready"
    DEGRADED = "degraded"


@dataclass(frozen=True, slots=True)
class Reason:
    """One part of the score of a prediction.

    Attributes:
        text: the reason in plain English, such as "motion in the hall 20 s ago".
        contribution: log-odds it adds to (or takes from) the room's base rate.
    """

    text: str
    contribution: float


@dataclass(frozen=True, slots=True)
class RoomState:
    """One room now.

    Attributes:
        probability: P(occupied) in [0, 1]; None where the engine knows too little.
        occupied: the probability with hysteresis and hold; None with it.
        source: what stands behind the probability.
        reasons: the strongest first.
        trained_at_us: when the model in service was fitted, None for the prior.
        unknown_reason: why there is no probability, or no own model yet; None when all is well.
    """

    room_id: str
    probability: float | None
    occupied: bool | None
    source: Source
    reasons: tuple[Reason, ...] = ()
    trained_at_us: int | None = None
    unknown_reason: str | None = None


@dataclass(frozen=True, slots=True)
class HomeState:
    """The whole home now.

    Attributes:
        probability: P(anyone is home).
        occupied: the same with hysteresis.
        learning: how far learning has come.
        learning_reason: what is missing or failed, None when ready.
        progress: share of the running import in [0, 1], None when none runs.
        quality: skill of the rooms' models against the time-of-day prior on later
            hindsight labels, at most 1; None until measured.
        trained_at_us: end of the last completed training.
    """

    probability: float | None
    occupied: bool | None
    learning: Learning
    learning_reason: str | None = None
    progress: float | None = None
    quality: float | None = None
    trained_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything entities show, as of `time_us`."""

    time_us: int
    home: HomeState
    rooms: Mapping[str, RoomState]
