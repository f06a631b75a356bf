"""A person's word of a room, given or taken back: it becomes a label and moves what is believed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .adaptation.retraining import Cause
from .adaptation.scores import score_again
from .archive import Archive, Told
from .events import DAY_US, MINUTE_US
from .forecast.forecaster import Forecaster
from .labels.corrections import (
    add_correction,
    last_correction,
    of_the_present,
    standing_correction,
    told_of_late,
    withdraw_correction,
)
from .occupancy.predictor import Predictor
from .slices import finished
from .store import Store, StoreRejectedError
from .store.labels import Label, LabelSource
from .tracker import Tracker

_WEIGHT = 6.0
# What a person says of "now" speaks of the last minutes too, and of the next, which nothing may contradict yet.
_SAID_OF_US = 5 * MINUTE_US
_SAID_FOR_US = MINUTE_US


def said_of(asked_us: int, now_us: int) -> tuple[int, int]:
    """The interval that a person speaks of who was asked at a moment: said at once, it is of the present."""
    moment_us = now_us if now_us - asked_us <= _SAID_FOR_US else asked_us
    return moment_us - _SAID_OF_US, moment_us + _SAID_FOR_US


@dataclass(frozen=True, slots=True)
class Relabelling:
    """What of a home a person's word changes. Either call leaves the next tick to show what is believed then.

    Attributes:
        store: where labels are kept.
        archive: keeps the features of a correction, and rows of windows that end meanwhile.
        tracker: the running state.
        predictor: of the rooms.
        forecasts: learn anew from what was corrected.
        breathe: called often, to let other threads run.
    """

    store: Store
    archive: Archive
    tracker: Tracker
    predictor: Predictor
    forecasts: Forecaster
    breathe: Callable[[], None]

    def relabel(
        self, room_id: str, start_us: int, end_us: int, occupied: bool, now_us: int, who: str | None
    ) -> int:
        """Let a word of a room over [start, end) count, see `Engine.relabel`; the number of its label."""
        number = self._number(room_id)
        if end_us <= start_us:
            raise ValueError("the end must be after the start")
        said = Label(
            start_us=start_us,
            end_us=end_us,
            target=float(occupied),
            weight=_WEIGHT,
            source=LabelSource.CORRECTION,
            known_at_us=now_us,
            room_id=room_id,
            created_by=who,
            local_date=self.tracker.clock.at(start_us).date().isoformat(),
            time_zone=self.tracker.home.time_zone,
        )
        with self.store.transaction():
            label_id = add_correction(self.store, said)
            score_again(self.store, self.tracker.clock, start_us, end_us, now_us)
        self.forecasts.retrain(room_id, Cause.CORRECTION)
        if of_the_present(said):
            self._advance(now_us)
            if now_us < end_us:
                vector = self.tracker.vectors(now_us)[number]
                self.archive.expect(Told(room_id, start_us, end_us, vector))
            self.tracker.filter.correct(number, occupied)
            self.predictor.correct(room_id, occupied, now_us, end_us)
        return label_id

    def withdraw(self, room_id: str, now_us: int, label_id: int | None = None) -> int:
        """Take back a correction of a room, see `Engine.withdraw`; the number of its label."""
        self._number(room_id)
        if label_id is None:
            last = last_correction(self.store, room_id)
            label_id = None if last is None else last.label_id
        said = None if label_id is None else self.store.labels.get(label_id)
        if label_id is None or said is None or said.room_id != room_id:
            raise LookupError(f"{room_id} has no such correction")
        try:
            with self.store.transaction():
                said = withdraw_correction(self.store, label_id, now_us)
                score_again(self.store, self.tracker.clock, said.start_us, said.end_us, now_us)
        except StoreRejectedError as error:
            raise LookupError(str(error)) from error
        self.archive.expect_no_more(room_id, said.start_us, said.end_us)
        self._advance(now_us)
        if self.predictor.withdraw(room_id, said.known_at_us):
            earlier = standing_correction(self.store, room_id, now_us)
            if earlier is not None:
                self.predictor.correct(room_id, bool(earlier.target), earlier.known_at_us, earlier.end_us)
        if of_the_present(said) and now_us - said.known_at_us < DAY_US:
            for _ in self.tracker.refilter(told_of_late(self.store, self.tracker.layout.room_ids, now_us)):
                self.breathe()
        return said.label_id or label_id

    def _advance(self, now_us: int) -> None:
        """The minutes before were believed without what was said."""
        self.archive.add_rows(finished(self.tracker.advance(now_us), self.breathe))

    def _number(self, room_id: str) -> int:
        if room_id not in self.tracker.layout.room_ids:
            raise KeyError(room_id)
        return self.tracker.layout.room_ids.index(room_id)
