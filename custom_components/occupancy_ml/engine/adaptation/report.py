"""The report card: sums over days of what was shown, beside what a home has without it.

It is read from the daily sums alone, so it outlives events, predictions and labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
import json
from typing import Any

import numpy as np

from ..occupancy.rules import CALIBRATED, PRIOR, words
from ..snapshot import Merit
from ..store.scores import BINS
from .gate import CHECKPOINT
from .scores import MODEL, RIVAL, SHOWN
from .truth import TRUTHS

type Json = dict[str, Any]
type Read = Callable[[str, Sequence[object]], Iterable[tuple[Any, ...]]]

SPANS = (1, 7, 14, 60)
"""Days a report card may look back."""

MERIT_DAYS = 14

# A day of moments: with less, a source says too little of a room to be the one to go by.
_ENOUGH = 288
# Half a day of moments, all days taken together: one correction on the first day made a home "900 % worse" than
# the time of day.
_LEAST = 144
_MOMENTS_A_DAY = 288

# Room by room: the groups of one fit into the memory of the processor, those of all rooms are sorted for longer.
_SUMS = """
SELECT truth, model, count(*), sum(n), sum(brier_sum), sum(log_loss_sum),
       sum(occupied_minutes), sum(vacant_minutes), sum(missed_minutes), sum(false_minutes),
       sum(flips), sum(true_flips)
FROM daily_scores WHERE day >= ? AND day < ? AND room = (SELECT id FROM rooms WHERE room_id = ?)
GROUP BY model, truth
"""
# What was shown, and the prior, on those days alone on which something else was scored too.
_SAME_DAYS = """
SELECT sum(s.brier_sum), sum(p.log_loss_sum)
FROM rooms r CROSS JOIN daily_scores b ON b.room = r.id AND b.day >= ? AND b.day < ?
JOIN daily_scores s ON s.room = b.room AND s.day = b.day AND s.model = 'shown' AND s.truth = b.truth
LEFT JOIN daily_scores p ON p.room = b.room AND p.day = b.day AND p.model = 'prior' AND p.truth = b.truth
WHERE r.room_id = ? AND b.truth = ? AND b.model = ?
"""
_BINS = """
SELECT truth, model, bins FROM daily_reliability
WHERE day >= ? AND day < ? AND room = (SELECT id FROM rooms WHERE room_id = ?)
"""
_NAMES = {SHOWN: "what was shown", MODEL: "the model"}
_NOTHING = "Nothing was scored yet. Each night scores the day before."
_LITTLE = "Less than half a day was scored so far: too little to go by. Each night scores the day before."
TOO_LITTLE_SCORED = "Too little was scored so far. Each night scores the day before."
"""Why there is no figure of a room or the home yet."""
_NOTES = {
    "reference": "Scored against the room's reference entity.",
    "correction": (
        "Scored against what people said afterwards. They speak up when something was wrong, so these moments are"
        " harder than most."
    ),
    "hindsight": (
        "Marked as hindsight: there is no independent truth, so this is scored against what later movements showed."
        " It cannot see what no sensor ever saw."
    ),
}


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums of one model against one truth over some days.

    Attributes:
        days: local days with anything scored.
        n: moments of five minutes.
        brier: sum of squared errors.
        log_loss: sum of log losses.
        occupied: minutes that were occupied.
        vacant: minutes that were not.
        missed: occupied minutes called vacant.
        false: vacant minutes called occupied.
        flips: changes of what was called.
        true_flips: changes of the truth.
        shown_brier: sum of squared errors of what was shown at the same moments.
        prior_log_loss: sum of log losses of the time-of-day prior at the same moments.
    """

    days: int
    n: int
    brier: float
    log_loss: float
    occupied: int
    vacant: int
    missed: int
    false: int
    flips: int
    true_flips: int
    shown_brier: float | None = None
    prior_log_loss: float | None = None

    def figures(self) -> Json:
        """Means and rates, as `docs/report_card.md` tells them."""
        scored_days = self.n / _MOMENTS_A_DAY
        rates = [
            1 - wrong / of
            for wrong, of in ((self.missed, self.occupied), (self.false, self.vacant))
            if of
        ]  # fmt: skip
        return {
            "days": self.days,
            "moments": self.n,
            "brier": round(self.brier / self.n, 4),
            "log_loss": round(self.log_loss / self.n, 4),
            "skill": None
            if not self.prior_log_loss
            else round(1 - self.log_loss / self.prior_log_loss, 3),
            "balanced_accuracy": round(sum(rates) / 2, 4) if len(rates) == 2 else None,
            "occupied_share": round(self.occupied / (self.occupied + self.vacant), 4),
            "missed_minutes_a_day": round(self.missed / scored_days, 1),
            "false_minutes_a_day": round(self.false / scored_days, 1),
            "flips_a_day": round(self.flips / scored_days, 1),
            "true_flips_a_day": round(self.true_flips / scored_days, 1),
            "shown_better_by": _gain(self),
        }  # fmt: skip


type Table = Mapping[str, Mapping[str, Mapping[str, Sums]]]
"""Sums by room, truth and model."""


def read_sums(read: Read, room_ids: Iterable[str], today: date, days: int) -> Table:
    """The sums of the local days before today, as many as `days`."""
    table: dict[str, dict[str, dict[str, Sums]]] = {}
    span = _span(today, days)
    for room_id in room_ids:
        for truth, model, *sums in read(_SUMS, [*span, room_id]):
            table.setdefault(room_id, {}).setdefault(truth, {})[model] = Sums(*sums)
    for room_id, truths in table.items():
        for truth, models in truths.items():
            shown, prior = models.get(SHOWN), models.get(PRIOR)
            for model, its in models.items():
                if shown is not None and its.days == shown.days:
                    beside = (shown.brier, None if prior is None else prior.log_loss)
                else:
                    (beside,) = read(_SAME_DAYS, [*span, room_id, truth, model])
                models[model] = replace(its, shown_brier=beside[0], prior_log_loss=beside[1])
    return table


def report_card(read: Read, room_ids: Sequence[str], today: date, days: int) -> Json:
    """The report card of rooms, and of the home where `snapshot.HOME` is among them, over some days.

    Args:
        read: runs a query on the file.
        room_ids: which.
        today: the local date; it is not part of the report.
        days: how many days before it.

    Returns:
        By room what `docs/report_card.md` explains, in values that JSON knows.
    """
    table = read_sums(read, room_ids, today, days)
    bins = _reliability(read, room_ids, today, days)
    serving = _in_service(read)
    return {
        room_id: _card(room_id, table.get(room_id, {}), bins, serving.get(room_id), days)
        for room_id in room_ids
    }


def merits(read: Read, room_ids: Iterable[str], today: date) -> dict[str, Merit]:
    """The few numbers of the report card that sensors show, by room."""
    found = {}
    for room_id, truths in read_sums(read, room_ids, today, MERIT_DAYS).items():
        truth = truth_of(truths)
        if truth is None:
            continue
        sums = truths[truth]
        name = best_baseline(sums)
        shown = sums[SHOWN]
        gain = None if name is None else _gain(sums[name])
        if name is not None and gain is not None:
            scored = shown.n / _MOMENTS_A_DAY
            wrong = (shown.missed + shown.false) / scored
            gains = [(rival, _gain(sums[rival])) for rival in _rivals(sums)]
            rivals = tuple((name_of(rival), better) for rival, better in gains if better is not None)
            found[room_id] = Merit(gain, name_of(name), wrong, truth, scored, rivals)
    return found


def quality(read: Read, room_ids: Iterable[str], today: date) -> float | None:
    """Skill of what was shown in all rooms against the time-of-day prior: 1 - log loss / log loss.

    Each room is scored by the truth its report card goes by.
    """
    shown = prior = 0.0
    for truths in read_sums(read, room_ids, today, MERIT_DAYS).values():
        truth = truth_of(truths)
        if truth is not None and PRIOR in truths[truth]:
            shown += truths[truth][SHOWN].log_loss
            prior += truths[truth][PRIOR].log_loss
    return 1 - shown / prior if prior > 0 else None


def truth_of(truths: Mapping[str, Mapping[str, Sums]]) -> str | None:
    """The source to go by: the most independent one that tells of a day or more, else the one that tells most.

    None where none tells of half a day.
    """
    told = {truth: models[SHOWN].n for truth, models in truths.items() if SHOWN in models}
    for source in TRUTHS:
        if told.get(source, 0) >= _ENOUGH:
            return source.value
    most = max(told, key=lambda truth: told[truth], default=None)
    return None if most is None or told[most] < _LEAST else most


def best_baseline(sums: Mapping[str, Sums]) -> str | None:
    """The rule, as it is or calibrated, or the prior, with the least Brier score."""
    names = [name for name in sums if name not in (SHOWN, MODEL) and not name.startswith(RIVAL)]
    return min(names, key=lambda name: (sums[name].brier / sums[name].n, name), default=None)


def _rivals(sums: Mapping[str, Sums]) -> list[str]:
    return sorted(name for name in sums if name.startswith(RIVAL))


def name_of(model: str) -> str:
    """A model in plain words."""
    if model.startswith(RIVAL):
        return model.removeprefix(RIVAL)
    if model in _NAMES:
        return _NAMES[model]
    return words(model) + (", calibrated" if model.endswith(CALIBRATED) else "")


def _span(today: date, days: int) -> list[object]:
    return [(today - timedelta(days=days)).isoformat(), today.isoformat()]


def _reliability(
    read: Read, room_ids: Iterable[str], today: date, days: int
) -> dict[tuple[str, str, str], list[Json | None]]:
    """By room, truth and model, what came true of what was said, by tenth of probability."""
    found: dict[tuple[str, str, str], list[bytes]] = {}
    span = _span(today, days)
    for room_id in room_ids:
        for truth, model, bins in read(_BINS, [*span, room_id]):
            found.setdefault((room_id, truth, model), []).append(bins)
    told: dict[tuple[str, str, str], list[Json | None]] = {}
    for name, each in found.items():
        sums = np.frombuffer(b"".join(each), "<f4").reshape(-1, 3, BINS).sum(axis=0, dtype=np.float64)
        told[name] = [
            {"n": int(n), "said": round(said / n, 4), "occupied": round(occupied / n, 4)} if n else None
            for n, said, occupied in zip(*sums.tolist(), strict=True)
        ]
    return told


def _gain(sums: Sums) -> float | None:
    """How much less what was shown erred at the same moments; negative where it erred more."""
    if sums.shown_brier is None or sums.brier <= 0:
        return None
    return round(1 - sums.shown_brier / sums.brier, 3)


def _in_service(read: Read) -> Mapping[str, str]:
    """Why a baseline is shown, by room; nothing where what was kept is of another form, as for `gate.load`."""
    for (payload,) in read("SELECT payload FROM checkpoints WHERE name = ?", [CHECKPOINT]):
        try:
            return {room_id: value["reason"] for room_id, value in json.loads(payload).items()}
        except AttributeError, KeyError, TypeError, ValueError:
            return {}
    return {}


def _card(
    room_id: str,
    truths: Mapping[str, Mapping[str, Sums]],
    bins: Mapping[tuple[str, str, str], list[Json | None]],
    shows_baseline: str | None,
    days: int,
) -> Json:
    truth = truth_of(truths)
    rows = [
        {
            "model": model,
            "name": name_of(model),
            "truth": source.value,
            **sums.figures(),
            "reliability": bins.get((room_id, source.value, model)),
        }
        for source in TRUTHS
        for model, sums in sorted(truths.get(source, {}).items(), key=lambda item: _order(*item))
    ]
    best = None if truth is None else best_baseline(truths[truth])
    return {
        "days": days,
        "truth": truth,
        "independent": truth in ("reference", "correction"),
        "note": (_LITTLE if rows else _NOTHING) if truth is None else _NOTES[truth],
        "best_baseline": None if best is None else name_of(best),
        "better_by": None if truth is None or best is None else _gain(truths[truth][best]),
        "shows_baseline": shows_baseline,
        "says": [] if truth is None else _says(truths[truth], best),
        "rows": rows,
    }


def _order(model: str, sums: Sums) -> tuple[int, float]:
    """What was shown first, then the model, then the others, the best first."""
    return (SHOWN, MODEL).index(model) if model in (SHOWN, MODEL) else 2, sums.brier / sums.n


def _says(sums: Mapping[str, Sums], best: str | None) -> list[str]:
    """The comparison with the best baseline and with every rival, as sentences."""
    said = []
    for model in [best, *_rivals(sums)]:
        if model is None:
            continue
        gain = _gain(sums[model])
        if gain is None:
            said.append(f"{name_of(model)} made no error at these moments.")
            continue
        if gain > 0:
            said.append(f"What was shown erred {gain:.0%} less than {name_of(model)}.")
        elif gain < 0:
            said.append(f"{name_of(model)} was better: what was shown erred {-gain:.0%} more.")
        else:
            said.append(f"What was shown erred as much as {name_of(model)}.")
    return said
