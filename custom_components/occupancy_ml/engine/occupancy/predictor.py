"""All rooms now: models where there are any, the whereabouts filter elsewhere, corrections above all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

import numpy as np

from ..events import MICROSECONDS, MINUTE_US
from ..features import FEATURE_NAMES, is_day_off
from ..home import Home
from ..localtime import LocalClock
from ..numeric import expit, logit
from ..snapshot import Reason, RoomState, Source
from .explain import Recency, group_of, reasons, said
from .logistic import Floats
from .model import RoomModel, contributions
from .online import OnlineCalibration
from .rhythm import slot_of
from .rules import Baseline, room_rules
from .switch import SwitchState, threshold
from .switch_learning import SwitchLearner

WHEREABOUTS = FEATURE_NAMES.index("whereabouts")
"""The column of the features that is the offset of every model."""

# The last part is the room's rhythm, which the model brings along.
_GROUP_OF_PART = (*(group_of(name) for name in FEATURE_NAMES), "clock")
_GROUPS = tuple(dict.fromkeys(_GROUP_OF_PART))
_NUMBERS = np.array([_GROUPS.index(group) for group in _GROUP_OF_PART])
# What one correction moves online calibration, in effective labels. People correct what is wrong: that is no fair
# sample of all moments.
_CORRECTION_WEIGHT = 0.25
_SURE, _SURE_AFTERWARDS = 0.98, 0.75  # what a correction is shown as: a person may err
# A correction ends when its opposite is at least so likely and something happened since: somebody acted,
# or the score moved by so much. Half a day is the longest; what spoke of a time that was over, five minutes, and
# less surely: it may be told because that time is over.
_CONTRADICTED = 0.8
# Where nobody was said to be, somebody who is noticed there need not be as likely.
_NOTICED = 0.6
_MOVED = 2.0
_LONGEST_US = 12 * 3600 * MICROSECONDS
_AFTERWARDS_US = 5 * 60 * MICROSECONDS
# So many corrections of a room that were replaced are remembered: mis-taps in a row are taken back one by one.
_REPLACED = 4


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said of a room, in force until contradicted.

    Attributes:
        occupied: what was said.
        since_us: when.
        until_us: until when nothing contradicts it.
        score: log-odds of the room at that time.
    """

    occupied: bool
    since_us: int
    until_us: int
    score: float | None = None

    @property
    def of_the_past(self) -> bool:
        """Whether it spoke of a time that was over when it was told."""
        return self.until_us <= self.since_us

    def shown(self, probability: float) -> float:
        """P(occupied) while it stands, of a room of which the sensors say so much."""
        if not self.of_the_past:
            return _SURE if self.occupied else 1 - _SURE
        if self.occupied:
            return max(probability, _SURE_AFTERWARDS)
        return min(probability, 1 - _SURE_AFTERWARDS)


class Predictor:
    """Models, corrections and switches of all rooms."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._models: dict[str, tuple[RoomModel, int]] = {}
        self._corrections: dict[str, Correction] = {}
        # By room: those it took the place of while they stood, the latest last.
        self._replaced: dict[str, list[Correction]] = {}
        self._online: dict[str, OnlineCalibration] = {}
        # By room: log-odds of the latest prediction before online calibration.
        self._scores: dict[str, float] = {}
        # By room: when the last correction was told, and the online calibration before it.
        self._before: dict[str, tuple[int, OnlineCalibration]] = {}
        self._switches: dict[str, SwitchState] = {}
        self._thresholds = {room.room_id: threshold(room.preference) for room in home.rooms}
        self.switch_learner = SwitchLearner(home.rooms)
        self.why_no_model: dict[str, str] = {}
        self.baselines: Mapping[str, Baseline] = {}
        self._clock = LocalClock(home.time_zone)

    def use(self, room_id: str, model: RoomModel, trained_us: int) -> None:
        """Put a model into service. What was told since the last one is in it."""
        self._models[room_id] = (model, trained_us)
        self._online.pop(room_id, None)
        self._before.pop(room_id, None)
        self.why_no_model.pop(room_id, None)

    def retire(self, room_id: str) -> None:
        """Go back to the filter."""
        self._models.pop(room_id, None)

    def has_model(self, room_id: str) -> bool:
        """Whether the room has its own model."""
        return room_id in self._models

    def correct(self, room_id: str, occupied: bool, now_us: int, until_us: int) -> None:
        """Believe a person about the present, at least until a moment, and learn from it."""
        if (stood := self._corrections.get(room_id)) is not None:
            self._replaced[room_id] = [*self._replaced.get(room_id, ()), stood][-_REPLACED:]
        self._corrections[room_id] = Correction(occupied, now_us, until_us)
        self._before[room_id] = (now_us, self._online.get(room_id, OnlineCalibration()))
        self.judge(room_id, occupied, _CORRECTION_WEIGHT)

    def judge(self, room_id: str, occupied: bool, weight: float) -> None:
        """Learn from what is true of a room at the moment of the latest prediction.

        Args:
            room_id: which.
            occupied: whether somebody is in it.
            weight: in effective labels.
        """
        if room_id in self._scores:
            online = self._online.get(room_id, OnlineCalibration())
            self._online[room_id] = online.update(self._scores[room_id], occupied, weight)

    def shared_coefficients(self, room_id: str) -> Floats | None:
        """What the coefficients of the models of the other rooms have in common, shrunk to zero; None where there is none."""
        others = [model.coefficients for other, (model, _) in self._models.items() if other != room_id]
        return np.sum(others, axis=0) / (len(others) + 1) if others else None

    def withdraw(self, room_id: str, since_us: int) -> bool:
        """Believe no more what was said of a room at a moment; whether nothing is in force in its place.

        What it had replaced while that stood is in force again.
        """
        replaced = [each for each in self._replaced.pop(room_id, ()) if each.since_us != since_us]
        correction = self._corrections.get(room_id)
        if correction is None or correction.since_us != since_us:
            if correction is not None and replaced:
                self._replaced[room_id] = replaced
            return False
        del self._corrections[room_id]
        told_us, before = self._before.get(room_id, (None, None))
        if before is not None and told_us == since_us:
            self._online[room_id] = before
        if not replaced:
            return True
        self._corrections[room_id] = replaced.pop()
        if replaced:
            self._replaced[room_id] = replaced
        return False

    def standing(self) -> list[tuple[str, bool]]:
        """(room, occupied) of the corrections in force that speak of the present."""
        return [(k, c.occupied) for k, c in self._corrections.items() if not c.of_the_past]

    def measure_anew(self) -> None:
        """The features come from another belief now: corrections in force are held against the next prediction."""
        self._corrections = {k: replace(c, score=None) for k, c in self._corrections.items()}

    def predict(self, now_us: int, vectors: Floats, recencies: Mapping[str, Recency]) -> dict[str, RoomState]:
        """The states of all rooms.

        Args:
            now_us: the moment.
            vectors: (R, d) features of all rooms.
            recencies: by room id.
        """
        local = self._clock.at(now_us)
        half_hour = local.hour * 2 + local.minute // 30
        slots = [slot_of(half_hour, day_off) for day_off in is_day_off(vectors).tolist()]
        groups = self._groups(vectors, slots)
        scores = [
            self._score(room.room_id, parts) for room, parts in zip(self.home.rooms, groups, strict=True)
        ]
        chances = expit(scores).tolist()
        return {
            room.room_id: self._room(
                room.room_id,
                now_us,
                half_hour,
                groups[number],
                scores[number],
                chances[number],
                recencies[room.room_id],
            )
            for number, room in enumerate(self.home.rooms)
        }

    def _groups(self, vectors: Floats, slots: Sequence[int]) -> list[dict[str, float]]:
        """By room, log-odds by group of reasons."""
        offsets = vectors[:, WHEREABOUTS]
        groups: list[dict[str, float]] = [{"filter": offset} for offset in offsets.tolist()]
        own = [number for number, room in enumerate(self.home.rooms) if room.room_id in self._models]
        if not own:
            return groups
        models = [self._models[self.home.rooms[number].room_id][0] for number in own]
        parts, constants, calibrated = contributions(
            models, vectors[own], offsets[own], [slots[number] for number in own]
        )
        cells = len(_GROUPS) * np.arange(len(own))[:, None] + _NUMBERS
        sums = np.bincount(cells.ravel(), parts.ravel()).reshape(len(own), -1).tolist()
        base = (constants + calibrated).tolist()
        for number, values, rest in zip(own, sums, base, strict=True):
            groups[number] |= zip(_GROUPS, values, strict=True)
            groups[number]["base"] = rest
        return groups

    def _score(self, room_id: str, groups: dict[str, float]) -> float:
        """The log-odds of a room; what was told since the last night joins the groups."""
        self._scores[room_id] = score = sum(groups.values())
        if room_id in self._online:
            groups["told"] = self._online[room_id].apply(score) - score
            score = sum(groups.values())
        return score

    def _room(
        self,
        room_id: str,
        now_us: int,
        half_hour: int,
        groups: Mapping[str, float],
        score: float,
        model_says: float,
        recency: Recency,
    ) -> RoomState:
        probability = model_says
        trained_us = self._models[room_id][1] if room_id in self._models else None
        found = reasons(groups, recency, now_us)
        source = Source.MODEL if trained_us is not None else Source.PRIOR
        why = None if trained_us is not None else self.why_no_model.get(room_id, "nothing was learned yet")
        rules = room_rules(recency.here_us, recency.elsewhere_us, recency.motion_on or recency.presence_on)
        occupied: bool | None = None
        baseline = self.baselines.get(room_id)
        if baseline is not None:
            probability = baseline.probability(rules, half_hour)
            occupied = baseline.occupied(rules)
            source, why = Source.BASELINE, baseline.reason
            found = (Reason(baseline.words(rules), float(logit(probability))),)
        correction = self._standing(room_id, score, now_us, recency)
        if correction is not None:
            probability = correction.shown(model_says)
            source, occupied = Source.CORRECTION, None
            rest = float(logit(np.float64(probability))) - sum(reason.contribution for reason in found)
            found = (said(correction.occupied, correction.since_us, rest), *found)
        if occupied is None:
            occupied = self._switch(room_id, probability, now_us, recency, told=correction is not None)
        else:
            self._switches[room_id] = SwitchState(occupied)
        return RoomState(
            room_id, probability, occupied, source, found, trained_us, why, model=model_says, rules=rules
        )

    def _switch(self, room_id: str, probability: float, now_us: int, recency: Recency, *, told: bool) -> bool:
        # A signal may be shorter than the time between two looks.
        sensed = recency.motion_on or recency.presence_on or recency.here_us <= MINUTE_US
        on_from = self._thresholds[room_id]
        before = self._switches.get(room_id) or SwitchState(probability >= on_from)
        setting = self.switch_learner.setting(room_id)
        state = before.next(setting, on_from, probability, now_us, sensed=sensed, told=told)
        self._switches[room_id] = state
        self.switch_learner.note(now_us, room_id, None if told else probability, sensed=sensed)
        return state.on

    def _standing(self, room_id: str, score: float, now_us: int, recency: Recency) -> Correction | None:
        correction = self._corrections.get(room_id)
        if correction is None:
            return None
        if correction.score is None:
            correction = self._corrections[room_id] = replace(correction, score=score)
        if now_us < correction.until_us:
            return correction
        age = now_us - correction.since_us
        sign = 1.0 if correction.occupied else -1.0
        acted = min(recency.here_us, recency.elsewhere_us, recency.door_us) < age
        moved = sign * ((correction.score or 0.0) - score) >= _MOVED
        noticed = not correction.occupied and recency.here_us < age
        contradicted = expit(-sign * score) > (_NOTICED if noticed else _CONTRADICTED) and (acted or moved)
        longest = _AFTERWARDS_US if correction.of_the_past else _LONGEST_US
        if contradicted or age > longest:
            del self._corrections[room_id]
            self._replaced.pop(room_id, None)
            return None
        return correction

    def to_json(self) -> dict[str, Any]:
        """Corrections and switches, for a restart. Models are artifacts of their own."""
        return {
            "corrections": {k: astuple(c) for k, c in self._corrections.items()},
            "replaced": {k: [astuple(c) for c in each] for k, each in self._replaced.items()},
            "online": {k: online.to_json() for k, online in self._online.items()},
            "scores": self._scores,
            "before": {k: [told_us, online.to_json()] for k, (told_us, online) in self._before.items()},
            "switches": {k: [s.on, s.against_us] for k, s in self._switches.items()},
            "switch_learner": self.switch_learner.to_json(),
            "why_no_model": self.why_no_model,
        }

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave; rooms that are gone are left out."""
        rooms = {room.room_id for room in self.home.rooms}
        self._corrections = {k: Correction(*v) for k, v in value["corrections"].items() if k in rooms}
        self._replaced = {
            k: [Correction(*c) for c in v] for k, v in value.get("replaced", {}).items() if k in rooms
        }
        self._switches = {k: SwitchState(*v) for k, v in value["switches"].items() if k in rooms}
        self.switch_learner.restore(value["switch_learner"])
        self.why_no_model = {k: v for k, v in value["why_no_model"].items() if k in rooms}
        self._online = {k: OnlineCalibration.from_json(v) for k, v in value["online"].items() if k in rooms}
        self._scores = {k: v for k, v in value["scores"].items() if k in rooms}
        self._before = {
            k: (told_us, OnlineCalibration.from_json(v))
            for k, (told_us, v) in value["before"].items()
            if k in rooms
        }
