"""Training of one room: pair labels with features, pass the gate, fit, keep what is better."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
import logging

import numpy as np
from numpy.typing import NDArray

from ..events import DAY_US
from ..features import FEATURE_SET_VERSION, is_day_off
from ..localtime import LocalClock
from ..store import Store
from ..store.labels import LabelSource
from ..store.pairing import pair
from ..store.runs import RunStatus
from .logistic import Floats
from .model import Fit, RoomModel, fit_room
from .predictor import WHEREABOUTS
from .rhythm import HALF_HOURS
from .sampling import sampling_weights

_LOGGER = logging.getLogger(__name__)

_LOOK_BACK_US = 84 * DAY_US
_PART_US = 7 * DAY_US
_HALF_LIFE_DAYS = 42.0
# The gate: less than this teaches nothing that the next day would not overturn.
MIN_ROWS = 2 * 288
MIN_DAYS = 3
_NEEDS_DAYS = f"needs {MIN_DAYS} days with labels"
MIN_OF_EACH = 6.0  # rows' worth of occupied and of vacant time
# Hindsight comes from the filter's own model of the home and leans to it: a model that is about as good there is better
# in truth.
_LENIENCE = 1.05


@dataclass(frozen=True, slots=True)
class RoomReport:
    """What became of one attempt to train a room.

    Attributes:
        status: completed, gate_not_met or failed.
        reason: why not, or why the model was not taken into service.
        in_service: whether a model of this run serves now.
        rows: labelled rows.
        days: local days with such rows.
        metrics: log loss, Brier score and log loss of the baselines, all on days not seen in fitting.
    """

    room_id: str
    status: RunStatus
    reason: str | None = None
    in_service: bool = False
    rows: int = 0
    days: int = 0
    metrics: dict[str, float] = field(default_factory=dict)


def train_room(
    store: Store, clock: LocalClock, room_id: str, now_us: int, cause: str, shared: Floats | None = None
) -> Generator[None, None, tuple[RoomReport, RoomModel | None]]:
    """Train a room from the store, with its run record and artifact.

    Args:
        store: features and labels.
        clock: of the home.
        room_id: which room.
        now_us: the time.
        cause: why, for the record.
        shared: coefficients that other rooms have in common.

    Yields:
        Nothing, after every slice of work. Returns the report and the model, if it is to serve.

    Raises:
        StoreError: subclasses; the run may then not say how it ended.
    """
    run_id = store.runs.start_run(room_id, cause, now_us, FEATURE_SET_VERSION)
    try:
        return (yield from _attempt(store, clock, room_id, now_us, run_id, shared))
    except GeneratorExit:
        store.runs.finish_run(run_id, RunStatus.FAILED, now_us, reason="stopped before it was done")
        raise
    except Exception as error:  # one room's failure must not cost the others, nor its model in service
        _LOGGER.exception("Training a room failed")
        reason = f"{type(error).__name__}: {error}"
        store.runs.finish_run(run_id, RunStatus.FAILED, now_us, reason=reason)
        return RoomReport(room_id, RunStatus.FAILED, reason), None


@dataclass(frozen=True, slots=True)
class Labelled:
    """The labelled rows of a room, by time.

    Attributes:
        ends_us: (n,) int64, where their windows end.
        features: (n, d) in single precision, as they are stored.
        targets: (n,) of their labels.
        weights: (n,) likewise.
        told: (n,) whether somebody or something said so, other than hindsight.
        corrected: (n,) whether a person did.
    """

    ends_us: NDArray[np.int64]
    features: NDArray[np.float32]
    targets: Floats
    weights: Floats
    told: NDArray[np.bool_]
    corrected: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ends_us)


def labelled(store: Store, room_id: str, now_us: int) -> Generator[None, None, Labelled]:
    """What a room is trained with, read some days at a time: weeks of rows as objects would take tens of megabytes.

    Yields:
        Nothing, after each of them.
    """
    parts: list[Labelled] = []
    first_us = now_us - _LOOK_BACK_US
    while first_us < now_us:
        # Windows lie on either side of such a bound, none across it.
        end_us = (first_us // _PART_US + 1) * _PART_US
        end_us = end_us if end_us <= now_us else now_us + 1
        table = store.features.read(room_id, first_us, end_us, FEATURE_SET_VERSION)
        yield
        labels = store.labels.read(first_us, min(end_us, now_us), room_id, known_by_us=now_us)
        chosen = pair(table.window_start_us, table.window_end_us, room_id, labels)
        paired = chosen >= 0
        which = chosen[paired]
        parts.append(
            Labelled(
                table.window_end_us[paired],
                table.vectors[paired],
                np.array([label.target for label in labels], dtype=np.float64)[which],
                np.array([label.weight for label in labels], dtype=np.float64)[which],
                np.array([label.source is not LabelSource.HINDSIGHT for label in labels], dtype=np.bool_)[
                    which
                ],
                np.array([label.source is LabelSource.CORRECTION for label in labels], dtype=np.bool_)[which],
            )
        )
        yield
        first_us = end_us
    parts = [part for part in parts if len(part)] or parts[:1]
    return Labelled(*(np.concatenate([getattr(part, name) for part in parts]) for name in Labelled.__slots__))


def _attempt(
    store: Store, clock: LocalClock, room_id: str, now_us: int, run_id: int, shared: Floats | None
) -> Generator[None, None, tuple[RoomReport, RoomModel | None]]:
    found = yield from labelled(store, room_id, now_us)
    rows, ends, targets = len(found), found.ends_us, found.targets
    days, half_hours = clock.days_and_half_hours(ends)
    weights = found.weights * sampling_weights(targets, found.weights, found.corrected)
    weights = weights * 0.5 ** ((now_us - ends) / DAY_US / _HALF_LIFE_DAYS)
    yield
    seen_days = len(np.unique(days))
    positives, negatives = float(targets.sum()), float((1 - targets).sum())
    span = {"data_start_us": int(ends[0]), "data_end_us": int(ends[-1])} if rows else {}

    def finish(status: RunStatus, reason: str | None, metrics: dict[str, float] | None = None) -> None:
        store.runs.finish_run(
            run_id,
            status,
            now_us,
            rows=rows,
            days=seen_days,
            positives=positives,
            negatives=negatives,
            metrics=metrics,
            reason=reason,
            **span,
        )

    missing = missing_for_training(rows, seen_days, positives, negatives)
    if missing is not None:
        finish(RunStatus.GATE_NOT_MET, missing)
        return RoomReport(room_id, RunStatus.GATE_NOT_MET, missing, rows=rows, days=seen_days), None
    slots = half_hours + HALF_HOURS * is_day_off(found.features)
    offset = found.features[:, WHEREABOUTS].astype(np.float64)
    fit: Fit = yield from fit_room(found.features, offset, targets, weights, days, slots, shared)
    metrics = {
        "log_loss": fit.log_loss,
        "brier": fit.brier,
        "filter_log_loss": fit.filter_log_loss,
        "prior_log_loss": fit.prior_log_loss,
        "told_share": float(found.told.mean()),
    }
    better = fit.log_loss < _LENIENCE * fit.filter_log_loss
    reason = None if better else "the model was not better than the general one on days it had not seen"
    with store.transaction():
        if better:
            store.runs.save_artifact(
                run_id, room_id, now_us, FEATURE_SET_VERSION, fit.model.to_json(), metrics=metrics
            )
        else:
            store.runs.retire(room_id)
        finish(RunStatus.COMPLETED, reason, metrics)
    report = RoomReport(room_id, RunStatus.COMPLETED, reason, better, rows, seen_days, metrics)
    return report, fit.model if better else None


def waits_for_days(reason: str | None) -> bool:
    """Whether a room has no model for want of days alone; None: it was never trained.

    A passage in which nobody ever stays has none for good, and lacks nothing.
    """
    return reason is None or reason.startswith(_NEEDS_DAYS)


def missing_for_training(rows: int, days: int, positives: float, negatives: float) -> str | None:
    """What labels still lack to teach anything, None where there are enough.

    Args:
        rows: labelled rows.
        days: local days with such rows.
        positives: rows' worth of occupied time.
        negatives: rows' worth of vacant time.
    """
    if rows < MIN_ROWS or days < MIN_DAYS:
        return f"{_NEEDS_DAYS}, has {days}"
    if positives < MIN_OF_EACH:
        return "was hardly ever occupied so far"
    if negatives < MIN_OF_EACH:
        return "was hardly ever vacant so far"
    return None
