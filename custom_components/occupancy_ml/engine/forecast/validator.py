"""Every forecast is held against what then came: sums by day, and the report they make."""

from __future__ import annotations

from base64 import b64encode
from binascii import Error as NoBase64, a2b_base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..snapshot import ForecastReport
from ..store.forecasts import ForecastScore
from .baselines import BASELINES
from .bins import CAP, HORIZONS, LEVELS, Floats
from .gate import pinball

type Sums = dict[str, float | list[float]]

_MIDDLE = len(LEVELS) // 2
NEAR = (15, 20)
"""Minutes around the stated time within which a change is a hit."""
SURE = 0.8
"""How sure a forecast has to be of the twenty minutes around its time to say so."""

# Each sum with how many numbers it has, 0 for a single one, in the order in which they are stored. Days that were
# stored with others are not counted.
_PACKED = {
    "n": 0, "crps": 0, "baselines": len(BASELINES), "covered": 0, "width": 0, "came": 0, "stated": 0, "error": 0,
    "signed": 0, "within": len(NEAR), "ahead": len(HORIZONS), "brier": len(HORIZONS),
    "brier_baselines": len(HORIZONS), "said": 10, "confidence": 10, "true": 10, "sure": 0, "sure_true": 0,
}  # fmt: skip
_STORED = np.dtype("<f4")
_BYTES = sum(max(width, 1) for width in _PACKED.values()) * _STORED.itemsize


@dataclass(frozen=True, slots=True)
class Told:
    """What n forecasts said.

    Attributes:
        quantiles: (n, len(LEVELS)) minutes, inf beyond 24 hours.
        none: (n,) P(no change within 24 hours).
        confidence: (n, 2) P(the change comes within 15, and within 20, minutes of the stated time).
        occupied: (n, len(HORIZONS)) P(occupied then).
    """

    quantiles: Floats
    none: Floats
    confidence: Floats
    occupied: Floats

    @classmethod
    def of(cls, vectors: Floats) -> Told:
        """From (n, 14) numbers as they are stored; beyond 24 hours stands as -1."""
        k = len(LEVELS)
        quantiles = np.where(vectors[:, :k] < 0, np.inf, vectors[:, :k])
        return cls(quantiles, vectors[:, k], vectors[:, k + 1 : k + 3], vectors[:, k + 3 :])

    def vectors(self) -> Floats:
        """(n, 14) numbers to be stored."""
        finite = np.where(np.isfinite(self.quantiles), self.quantiles, -1.0)
        return np.concatenate([finite, self.none[:, None], self.confidence, self.occupied], axis=1)

    def take(self, chosen: NDArray[np.bool_]) -> Told:
        """Some of them."""
        return Told(self.quantiles[chosen], self.none[chosen], self.confidence[chosen], self.occupied[chosen])


def covered(told: Told, wait: Floats) -> Floats:
    """(n,) share of the 80 % interval that holds what came; what came beyond 24 hours counts in proportion."""
    beyond = np.clip(0.9 - np.maximum(0.1, 1 - told.none), 0.0, None) / np.maximum(told.none, 1e-9)
    inside = (told.quantiles[:, 0] <= wait) & (wait <= told.quantiles[:, -1])
    return np.where(wait >= CAP, beyond, inside)


def sums_of(told: Told, wait: Floats, later: Floats, baselines: Floats, brier: Floats) -> Sums:
    """Sums of the scores of n forecasts.

    Args:
        told: what they said.
        wait: (n,) minutes until the change came, cut at 24 hours.
        later: (n, len(HORIZONS)) the state then, nan where not known.
        baselines: (4, n) losses of the baselines.
        brier: (4, n, len(HORIZONS)) squared errors of the baselines' P(occupied), nan where not known.
    """
    came = wait < CAP
    stated = np.minimum(told.quantiles[:, _MIDDLE], CAP)
    error = (stated - wait)[came]
    said = came & np.isfinite(told.quantiles[:, _MIDDLE])
    hits = [(np.abs(stated - wait) <= minutes) & came for minutes in NEAR]
    asked = np.isfinite(told.quantiles[:, _MIDDLE])
    bins = np.clip((told.confidence[:, 0] * 10).astype(np.int64), 0, 9)
    squared = (told.occupied - later) ** 2
    both = np.isfinite(squared) & np.isfinite(brier).all(axis=0)
    sure = asked & (told.confidence[:, 1] >= SURE)
    return {
        "n": float(len(wait)),
        "crps": float(pinball(told.quantiles, wait).sum()),
        "baselines": baselines.sum(axis=1).tolist(),
        "covered": float(covered(told, wait).sum()),
        "width": float(
            (np.minimum(told.quantiles[:, -1], CAP) - np.minimum(told.quantiles[:, 0], CAP)).sum()
        ),
        "came": float(came.sum()),
        "stated": float(said.sum()),
        "error": float(np.abs(error).sum()),
        "signed": float(error.sum()),
        "within": [float(hit.sum()) for hit in hits],
        "ahead": both.sum(axis=0).astype(float).tolist(),
        "brier": np.where(both, squared, 0.0).sum(axis=0).tolist(),
        "brier_baselines": np.where(both, brier, 0.0).sum(axis=1).min(axis=0).tolist(),
        "said": np.bincount(bins[asked], minlength=10).astype(float).tolist(),
        "confidence": np.bincount(bins[asked], told.confidence[asked, 0], minlength=10).tolist(),
        "true": np.bincount(bins[asked], hits[0][asked].astype(float), minlength=10).tolist(),
        "sure": float(sure.sum()),
        "sure_true": float((sure & hits[1]).sum()),
    }


def packed(sums: Mapping[str, float | list[float]]) -> str:
    """The sums as they are stored: seven digits in a text. A report of months reads thousands of them."""
    numbers = [np.broadcast_to(sums.get(name, 0.0), max(width, 1)) for name, width in _PACKED.items()]
    return b64encode(np.concatenate(numbers).astype(_STORED).tobytes()).decode("ascii")


def added(parts: Iterable[str | Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of several days, as `packed` or, from before there was such a form, by name; empty without any.

    What cannot be read counts for nothing: it was carried over from a damaged file.
    """
    found = b"".join(_numbers(part if isinstance(part, str) else packed(part)) for part in parts)
    if not found:
        return {}
    total = (
        np.frombuffer(found, _STORED).reshape(-1, _BYTES // _STORED.itemsize).sum(axis=0, dtype=np.float64)
    )
    told, first = {}, 0
    for name, width in _PACKED.items():
        told[name] = total[first : first + width].tolist() if width else float(total[first])
        first += max(width, 1)
    return told


def _numbers(text: str) -> bytes:
    try:
        found = a2b_base64(text)
    except NoBase64:
        return b""
    return found if len(found) == _BYTES else b""


def report_of(
    process: str,
    to_occupied: bool,
    scores: Sequence[ForecastScore],
    reason: str | None,
    weights: Mapping[str, float],
) -> ForecastReport:
    """The report of a process and direction from its days: of what was published, else of what was kept back."""
    published = sum(score.published for score in scores)
    kind = "published" if published else "all"
    total = added(score.sums[kind] for score in scores if kind in score.sums)
    n, came = total.get("n", 0.0), total.get("came", 0.0)
    moments = sum(score.moments for score in scores)
    events = int(sum(score.sums.get("events", 0) for score in scores))
    if not n:
        nothing: tuple[tuple[int, float, float], ...] = ()
        return ForecastReport(
            process, to_occupied, moments, events, 0.0, reason, None, {}, None, None, None, None, None,
            {}, {}, nothing, 0.0, None, dict(weights),
        )  # fmt: skip
    baselines = dict(zip(BASELINES, (np.array(total["baselines"]) / n).tolist(), strict=True))
    crps = total["crps"] / n
    best = min(baselines.values())
    bins = tuple(
        (int(said), sure / max(said, 1.0), true / max(said, 1.0))
        for said, sure, true in zip(total["said"], total["confidence"], total["true"], strict=True)
    )
    brier = {
        minutes: (mine / ahead, theirs / ahead)
        for minutes, ahead, mine, theirs in zip(
            HORIZONS, total["ahead"], total["brier"], total["brier_baselines"], strict=True
        )
        if ahead
    }
    return ForecastReport(
        process=process,
        to_occupied=to_occupied,
        moments=moments,
        events=events,
        published=published / max(moments, 1),
        reason=reason,
        crps=crps,
        baselines=baselines,
        skill=1 - crps / best if best > 0 else None,
        coverage_80=total["covered"] / n,
        width_80=total["width"] / n,
        mean_error=total["error"] / came if came else None,
        bias=total["signed"] / came if came else None,
        within={m: hit / came for m, hit in zip(NEAR, total["within"], strict=True)} if came else {},
        brier=brier,
        confidence=bins,
        sure=total["sure"] / n,
        sure_true=total["sure_true"] / total["sure"] if total["sure"] else None,
        weights=dict(weights),
    )
