"""The model of one room: a linear score around the whereabouts filter, then calibration.

The features are those of the windows, and one more that the model brings along: the room's rhythm, the log-odds of
its share of occupied time at that half hour on that kind of day. What is not known (nan) is as usual.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..numeric import expit
from .calibration import Calibration, applied
from .logistic import Floats, fit_in_slices
from .rhythm import HALF_HOURS, Ints, rhythm, rhythm_of_days_before

ROW_WEIGHT = 1 / 6
"""Rows five minutes apart say nearly the same: about one in six is news."""

# Strength of the pull to "the filter is right", in effective labels for a standard deviation.
_PENALTY = 10.0
_FOLDS = 4
# The rhythm's own deviation, of that of a feature: it has to earn its weight. Labels by hindsight lean to what is
# usual themselves, and at full weight both recorded homes that were tried got worse (docs/decisions.md).
_RHYTHM_DEVIATION = 0.1


@dataclass(frozen=True, slots=True)
class RoomModel:
    """logit p = calibration(offset + intercept + coefficients . (x - mean) / scale).

    The offset is the log-odds of the whereabouts filter; without data all coefficients
    are zero and the model says what the filter says.

    Attributes:
        mean: (d + 1,) of the d features in training, then of the rhythm.
        scale: (d + 1,) their standard deviations; 1 where a feature never moved.
        coefficients: (d + 1,) zero where a feature never moved.
        intercept: constant of the score.
        calibration: map to probabilities.
        rhythm: (SLOTS,) log-odds of the room's share of occupied time, of earlier days.
    """

    mean: Floats
    scale: Floats
    coefficients: Floats
    intercept: float
    calibration: Calibration
    rhythm: Floats

    def score(self, features: NDArray[np.floating], offset: Floats, slots: Ints) -> Floats:
        """(n,) log-odds before calibration of features (n, d), offsets (n,) and slots (n,) of `rhythm`."""
        all_of_them = np.column_stack([features, self.rhythm[slots]])
        result: Floats = offset + self.intercept + _product(self._standard(all_of_them), self.coefficients)
        return result

    def predict(self, features: Floats, offset: Floats, slots: Ints) -> Floats:
        """(n,) probabilities."""
        result: Floats = expit(self.calibration.apply(self.score(features, offset, slots)))
        return result

    def _standard(self, features: Floats) -> Floats:
        """(n, d + 1) in standard deviations from the mean, 0 where not known."""
        return _standard(features, self.mean, self.scale)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "coefficients": self.coefficients.tolist(),
            "intercept": self.intercept,
            "calibration": self.calibration.to_json(),
            "rhythm": self.rhythm.tolist(),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(
            np.array(value["mean"]),
            np.array(value["scale"]),
            np.array(value["coefficients"]),
            value["intercept"],
            Calibration.from_json(value["calibration"]),
            np.array(value["rhythm"]),
        )


def contributions(
    models: Sequence[RoomModel], features: Floats, offset: Floats, slots: Sequence[int]
) -> tuple[Floats, Floats, Floats]:
    """What the features and the rhythm of n rooms add to their log-odds: all at once, since it is asked every tick.

    With the offset they add up to the predicted log-odds exactly.

    Args:
        models: of the rooms, at least one.
        features: (n, d).
        offset: (n,) log-odds of the whereabouts filter.
        slots: n of `rhythm`.

    Returns:
        (n, d + 1) the parts, (n,) the constants, (n,) what calibration adds.
    """
    usual = np.array([model.rhythm[slot] for model, slot in zip(models, slots, strict=True)])
    mean = np.array([model.mean for model in models])
    scale = np.array([model.scale for model in models])
    coefficients = np.array([model.coefficients for model in models])
    constants = np.array([model.intercept for model in models])
    parts = _standard(np.column_stack([features, usual]), mean, scale) * coefficients
    score = offset + constants + parts.sum(axis=1)
    return parts, constants, applied([model.calibration for model in models], score) - score


def _standard(features: Floats, mean: Floats, scale: Floats) -> Floats:
    apart = (features - mean) / scale
    result: Floats = np.where(np.isnan(apart), 0.0, apart)
    return result


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted model and how it did on days it had not seen.

    Attributes:
        model: fitted on all rows.
        log_loss: of the held-out predictions.
        brier: likewise.
        filter_log_loss: of the whereabouts filter alone, on the same rows.
        prior_log_loss: of the share of occupied time at that half hour, learned on the other days.
    """

    model: RoomModel
    log_loss: float
    brier: float
    filter_log_loss: float
    prior_log_loss: float


def fit_room(
    features: NDArray[np.floating],
    offset: Floats,
    targets: Floats,
    weights: Floats,
    days: Ints,
    slots: Ints,
    shared: Floats | None = None,
) -> Generator[None, None, Fit]:
    """Fit a room, with cross-validation over blocks of days.

    Args:
        features: (n, d) in any precision, nan where not known.
        offset: (n,) log-odds of the whereabouts filter.
        targets: (n,) in [0, 1].
        weights: (n,) of the labels.
        days: (n,) the local day of each row; days are held out whole, since rows of one day tell of each other.
        slots: (n,) the local half hour and the kind of day, as `rhythm.slot_of` tells them.
        shared: (d + 1,) coefficients to which those of the room are drawn, zero where left out: what the models of other
            rooms have in common counts while the room's own rows are few.

    Yields:
        Nothing, after every slice of work.
    """
    worth = weights * ROW_WEIGHT
    names = np.unique(days)
    folds = np.searchsorted(names, days) * min(_FOLDS, len(names)) // len(names)
    held_out = np.empty(len(targets))
    prior = np.empty(len(targets))
    for fold in range(min(_FOLDS, len(names))):
        test, train = folds == fold, folds != fold
        if not train.any():
            train = test
        model = yield from _fit(
            features[train],
            offset[train],
            targets[train],
            worth[train],
            days[train],
            slots[train],
            Calibration(),
            shared,
        )
        held_out[test] = model.score(features[test], offset[test], slots[test])
        half_hours = slots % HALF_HOURS
        prior[test] = _share(targets[train], worth[train], half_hours[train])[half_hours[test]]
        yield
    calibration = Calibration.fit(held_out, targets, worth)
    yield
    model = yield from _fit(features, offset, targets, worth, days, slots, calibration, shared)
    yield
    chance = expit((yield from _calibrated_by_others(held_out, targets, worth, folds)))
    return Fit(
        model,
        log_loss(chance, targets, weights),
        float(np.average((chance - targets) ** 2, weights=weights)),
        log_loss(expit(offset), targets, weights),
        log_loss(prior, targets, weights),
    )


def _calibrated_by_others(
    score: Floats, targets: Floats, worth: Floats, folds: Ints
) -> Generator[None, None, Floats]:
    """(n,) calibrated log-odds of held-out scores; the map of a fold never saw its rows."""
    out = score.copy()
    for fold in np.unique(folds):
        test = folds == fold
        if not test.all():
            out[test] = Calibration.fit(score[~test], targets[~test], worth[~test]).apply(score[test])
            yield
    return out


def log_loss(chance: Floats, targets: Floats, weights: Floats | Sequence[float]) -> float:
    """Weighted mean cross entropy of soft targets (n,), probabilities clipped to [0.001, 0.999]."""
    p = np.clip(chance, 1e-3, 1 - 1e-3)
    return float(np.average(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)), weights=weights))


def _fit(
    features: NDArray[np.floating],
    offset: Floats,
    targets: Floats,
    worth: Floats,
    days: Ints,
    slots: Ints,
    calibration: Calibration,
    shared: Floats | None,
) -> Generator[None, None, RoomModel]:
    standard = np.column_stack([features, rhythm_of_days_before(targets, worth, slots, days)])
    unknown = np.isnan(standard)
    seen = np.maximum(len(standard) - unknown.sum(axis=0), 1)
    np.copyto(standard, 0.0, where=unknown)
    mean = standard.sum(axis=0) / seen
    yield
    # In place: these are the largest arrays of a night.
    standard -= mean
    np.copyto(standard, 0.0, where=unknown)
    deviation = np.sqrt((standard**2).sum(axis=0) / seen)
    yield
    moved = deviation > 1e-6
    scale = np.where(moved, deviation, 1.0)
    scale[-1] /= _RHYTHM_DEVIATION
    standard /= scale
    standard *= moved
    centre = np.zeros(standard.shape[1]) if shared is None else shared * moved
    yield
    fit = yield from fit_in_slices(
        standard,
        targets,
        worth,
        penalty=_PENALTY,
        offset=offset + _product(standard, centre),
        intercept_penalty=1.0,
    )
    coefficients = centre + fit.coefficients * moved
    table = rhythm(targets, worth, slots)
    return RoomModel(mean, scale, coefficients, fit.intercept, calibration, table)


def _product(rows: Floats, vector: Floats) -> Floats:
    """(n,) of (n, d) and (d,), in the calling thread: see docs/decisions.md, 56."""
    result: Floats = np.einsum("nd,d->n", rows, vector)
    return result


def _share(targets: Floats, worth: Floats, half_hours: Ints) -> Floats:
    """(48,) share of occupied time by half hour, shrunk to the share of the day."""
    total = (targets @ worth + 0.5) / (worth.sum() + 1.0)
    taken = np.bincount(half_hours, targets * worth, 48)
    seen = np.bincount(half_hours, worth, 48)
    result: Floats = (taken + total) / (seen + 1.0)
    return result
