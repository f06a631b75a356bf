"""What the engine tells the outside: frozen, complete, nothing left to compute."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from .events import MICROSECONDS


class Source(StrEnum):
    """What stands behind a probability."""

    MODEL = "model"
    PRIOR = "prior"
    CORRECTION = "correction"
    BASELINE = "baseline"


class Movement(StrEnum):
    """What moved in a room lately."""

    HUMAN = "human"
    PET = "pet"
    UNKNOWN = "unknown"


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
        text: the reason in plain English, such as "motion in {room} {when}".
        contribution: log-odds it adds or takes; those of a prediction sum to its log-odds.
        time_us: the moment that {when} stands for, None where it does not occur.
        room_id: the room that {room} stands for, None where it does not occur.
    """

    text: str
    contribution: float
    time_us: int | None = None
    room_id: str | None = None

    def words(self, names: Mapping[str, str], when: Callable[[int], str]) -> str:
        """The reason with names by room id, and moments as `when` tells them."""
        room = "" if self.room_id is None else names.get(self.room_id, self.room_id.replace("_", " "))
        return self.text.format(room=room, when="" if self.time_us is None else when(self.time_us))


def ago(now_us: int) -> Callable[[int], str]:
    """Tells moments as seen from now: '20 s ago', '5 min ago', '3 h ago', '2 days ago'."""

    def when(time_us: int) -> str:
        seconds = max(now_us - time_us, 0) // MICROSECONDS
        if seconds < 90:
            return f"{seconds} s ago"
        if seconds < 90 * 60:
            return f"{round(seconds / 60)} min ago"
        if seconds < 36 * 3600:
            return f"{round(seconds / 3600)} h ago"
        return f"{round(seconds / 86_400)} days ago"

    return when


@dataclass(frozen=True, slots=True)
class RoomState:
    """One room now.

    Attributes:
        probability: P(occupied) in [0, 1]; None where the engine knows too little.
        occupied: the probability with hysteresis and hold; None with it.
        source: what stands behind the probability.
        reasons: the strongest first.
        trained_at_us: when the model in service was fitted, None for the prior.
        unknown_reason: why there is no probability, no own model yet, or a baseline instead; None when all is well.
        model: what the model says (or the filter, without one), whatever is shown.
        rules: what the rules say, as bits of `occupancy.rules.RULES`.
        movement: what moved here within the last quarter of an hour.
    """

    room_id: str
    probability: float | None
    occupied: bool | None
    source: Source
    reasons: tuple[Reason, ...] = ()
    trained_at_us: int | None = None
    unknown_reason: str | None = None
    model: float | None = None
    rules: int = 0
    movement: Movement = Movement.UNKNOWN


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
        rules: what the rules say, as bits of `occupancy.rules.RULES`.
    """

    probability: float | None
    occupied: bool | None
    learning: Learning
    learning_reason: str | None = None
    progress: float | None = None
    quality: float | None = None
    trained_at_us: int | None = None
    rules: int = 0


@dataclass(frozen=True, slots=True)
class Merit:
    """How good what was shown in a room was over the last 14 days, in a few numbers of its report card.

    Attributes:
        gain: 1 - Brier score / Brier score of the best baseline on the same moments; negative where it is better.
        best: that baseline in words.
        minutes_wrong: minutes missed and false a scored day.
        truth: against what (`reference`, `correction`, `hindsight`).
        days: how much was scored, in days.
        rivals: the same gain over each entity the room is compared with.
    """

    gain: float
    best: str
    minutes_wrong: float
    truth: str
    days: float
    rivals: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another time at which the change may come: a local maximum of its density, and the mass around it."""

    time_us: int
    probability: float


@dataclass(frozen=True, slots=True)
class Forecast:
    """When a process changes next. A process is a room, or `HOME` (anyone home) or `SLEEP` (asleep).

    Attributes:
        process: room id, `HOME` or `SLEEP`.
        made_at_us: when it was made.
        occupied: the state now: somebody there, somebody home, asleep.
        published: whether it beats the best baseline on this home; if not, nothing but `reason` is to be shown.
        reason: why it is not published, None when it is.
        median_us: the time before which the change comes with one half; None when it rather does not within 24 hours.
        quantiles: minutes from `made_at_us`, by probability (0.1, 0.25, 0.5, 0.75, 0.9), None beyond 24 hours.
        confidence: P(the change comes within 15 minutes of `median_us`); None without a median.
        none_24h: P(no change within 24 hours).
        alternatives: at most three, the likeliest first; none where it is not published.
        occupied_in: P(in the state "occupied" so many minutes from now), by minutes (5, 15, 30, 60, 120, 240).
        told_in: of these minutes, those whose P beats the best baseline on this home; the others are not to be shown.
    """

    process: str
    made_at_us: int
    occupied: bool
    published: bool
    reason: str | None
    median_us: int | None
    quantiles: Mapping[float, float | None]
    confidence: float | None
    none_24h: float
    alternatives: tuple[Alternative, ...]
    occupied_in: Mapping[int, float]
    told_in: tuple[int, ...] = (5, 15, 30, 60, 120, 240)


HOME = "@home"
"""The process "anyone home": no area has such an id."""

SLEEP = "@sleep"
"""The process "asleep", where a bedroom or sleep labels exist."""


@dataclass(frozen=True, slots=True)
class ForecastCurve:
    """A forecast over 24 hours, step by step.

    Attributes:
        process: room id, `HOME` or `SLEEP`.
        made_at_us: when it was made.
        step_us: the length of a step; step n ends at `made_at_us + (n + 1) * step_us`.
        occupied: (n,) P(in the state "occupied" at the end of the step).
        changed: (n,) P(the next change has come by the end of the step).
        hazard: (n,) P(the next change comes in the step given that it has not come before).
    """

    process: str
    made_at_us: int
    step_us: int
    occupied: tuple[float, ...]
    changed: tuple[float, ...]
    hazard: tuple[float, ...]


class FoundBy(StrEnum):
    """What showed that a routine changed: the days themselves, or forecasts that got worse."""

    DAYS = "days"
    FORECASTS = "forecasts"


@dataclass(frozen=True, slots=True)
class RoutineChange:
    """From a day on, the days of a process are no longer what they were.

    Attributes:
        process: room id, `HOME` or `SLEEP`.
        since: the first local date (ISO) of the new routine.
        noticed_us: when it was noticed; several of a process may be noticed in one night.
        found_by: what showed it.
        probability: how sure the changepoint detector was at its surest; None where only forecasts got worse.
        why: the features whose distribution moved most, in plain English; empty where the days showed it.
    """

    process: str
    since: str
    noticed_us: int
    found_by: FoundBy
    probability: float | None = None
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ForecastReport:
    """How the forecasts of one process and direction did over some days, all of them made before what they tell.

    Attributes:
        process: room id, `HOME` or `SLEEP`.
        to_occupied: whether it is the change to occupied, or that to vacant.
        moments: how many were scored.
        events: how many changes came.
        published: share of the moments at which the forecast was published.
        reason: why it is not published now, None when it is.
        crps: mean continuous ranked probability score, in minutes.
        baselines: the same by baseline.
        skill: 1 - crps / the best baseline's, None until measured.
        coverage_80: share of changes within the 80 % interval.
        width_80: its mean width, in minutes.
        mean_error: mean absolute error of the stated time, in minutes, of changes within 24 hours.
        bias: mean signed error in minutes; above 0 is later than it came.
        within: share of changes within so many minutes of the stated time (15, 20).
        brier: by minutes ahead, mean Brier score of `occupied_in`, and that of the best baseline.
        confidence: ten bins of `confidence`: (how often said, its mean, share that came true).
        sure: share of the forecasts that gave the twenty minutes around their time at least 80 %.
        sure_true: share of those whose change came within them, None where it was never said.
        weights: of the members of the ensemble.
    """

    process: str
    to_occupied: bool
    moments: int
    events: int
    published: float
    reason: str | None
    crps: float | None
    baselines: Mapping[str, float]
    skill: float | None
    coverage_80: float | None
    width_80: float | None
    mean_error: float | None
    bias: float | None
    within: Mapping[int, float]
    brier: Mapping[int, tuple[float, float]]
    confidence: tuple[tuple[int, float, float], ...]
    sure: float
    sure_true: float | None
    weights: Mapping[str, float]


class Fault(StrEnum):
    """What is wrong with a sensor."""

    STUCK = "stuck"
    SILENT = "silent"
    UNAVAILABLE = "unavailable"
    RESTLESS = "restless"


@dataclass(frozen=True, slots=True)
class SensorFault:
    """A sensor that is not believed for now, and since when that is so."""

    entity_id: str
    fault: Fault
    since_us: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything entities show, as of `time_us`.

    Attributes:
        forecasts: by process.
        merits: by room, where anything was scored.
        faults: sensors that are not believed for now.
        new_sensors: those that joined lately: what their level means has to be learned first.
        routine_changes: those that were announced, the last one last.
        catching_up: the past of the home is still to be replayed, so faults and new sensors are not known yet.
    """

    time_us: int
    home: HomeState
    rooms: Mapping[str, RoomState]
    forecasts: Mapping[str, Forecast] = field(default_factory=dict)
    merits: Mapping[str, Merit] = field(default_factory=dict)
    faults: tuple[SensorFault, ...] = ()
    new_sensors: tuple[str, ...] = ()
    routine_changes: tuple[RoutineChange, ...] = ()
    catching_up: bool = False
