"""The running state of a home: events and minutes in, features out, exact across restarts."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
import zlib

import numpy as np
from numpy.typing import NDArray

from .changepoint import Detector, GammaPoisson, home_streams
from .events import MINUTE_US, Event
from .features import FEATURE_NAMES, FEATURE_SET_VERSION, WINDOW_US, Windows
from .home import Home, Role
from .localtime import LocalClock
from .numeric import logit
from .payload import PayloadError, pack, unpack
from .pets import Pets
from .senses import Senses
from .sensor_health import SensorHealth
from .whereabouts import (
    DEAF,
    Company,
    Hindsight,
    Layout,
    Minute,
    Mixture,
    Observer,
    Parameters,
    initial_belief,
    rhythm_of,
    smooth,
)

Floats = NDArray[np.float64]

REMEMBERED_MINUTES = 7 * 1440
"""Smoothing looks back so far: what happened a week ago no longer changes."""

WHEREABOUTS_VERSION = 6
"""To be raised when the filter's parameters or what a minute holds change: the state is then made anew."""

_KIND = "tracker"
_LIKELIHOOD_BOUND = 7.0  # log-odds beyond which the filter's certainty is not believed
# Where nobody listened for a while, what was known fades with this time constant.
_FADE_MINUTES = 120.0
_LEAST_FOR_LEARNING = 600  # minutes
_REFILTERED_MINUTES = 1440  # what was heard a day ago no longer moves the filter
_JUST_US = 2 * MINUTE_US
# Hindsight reaches over so long a time in which nobody listened. Over a longer one what was before tells nothing of
# what comes after.
_BRIDGED_MINUTES = 360


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The features of all rooms at the end of one window.

    Attributes:
        window_end_us: end of the window of five minutes.
        activity: (R,) how often somebody acted within it.
        vectors: (R, d) features.
        anyone: P(somebody is home).
    """

    window_end_us: int
    activity: NDArray[np.int64]
    vectors: Floats
    anyone: float


class Tracker:
    """Senses, windows, filter and changepoint streams of one home, in step."""

    def __init__(self, home: Home, start_us: int) -> None:
        self.home = home
        self.layout = Layout.of(home)
        self.clock = LocalClock(home.time_zone)
        minute = start_us // MINUTE_US
        rooms = [room.room_id for room in home.rooms]
        self.senses = Senses(home)
        self.health = SensorHealth(home)
        self.pets = Pets(home)
        self.observer = Observer(len(rooms), self.senses, minute)
        self.windows = Windows(home, self.senses, minute)
        self.filter = Mixture(
            self.layout, self._with_pets(Parameters.prior(self.layout)), self.clock.hour(start_us)
        )
        # Where people are by the hour, as hindsight of the last week tells; None before there is any.
        self._rhythm: Floats | None = None
        self.detector = Detector(home_streams(rooms, counts=GammaPoisson()))
        self._run_length = np.zeros(len(rooms))
        self._change = np.zeros(len(rooms))
        self._minutes: deque[Minute] = deque(maxlen=REMEMBERED_MINUTES)

    @property
    def time_us(self) -> int:
        """The begin of the running minute."""
        return self.observer.minute * MINUTE_US

    def take(self, event: Event) -> int | None:
        """Take in an event of the running minute (an earlier one counts as of now); the room that fired, if any."""
        self.health.see(event)
        self.senses.ignored, self.senses.new = self.health.ignored, self.health.new
        room = self.senses.see(event)
        self.observer.hear_persons()
        if room is None:
            return None
        if not self.pets.hear(
            room,
            self.senses.role(event.entity_id),
            event.cause,
            event.time_us,
            self.clock.hour(self.time_us),
            home=self.filter.anyone_home(),
            persons=self.senses.persons_level(),
        ):
            self.senses.discount(event.entity_id)
        else:
            self.observer.hear(room, by_hand=self.senses.by_hand(event.entity_id))
            self.windows.hear(room, event.time_us, self.senses.role(event.entity_id))
        return room

    def advance(self, now_us: int) -> Generator[None, None, list[FeatureRow]]:
        """Go on to a later moment; returns the feature rows of the windows that ended on the way.

        Yields:
            Nothing, after every minute.
        """
        rows: list[FeatureRow] = []
        for minute in self.observer.advance(now_us // MINUTE_US):
            hour = self.clock.hour(minute.minute * MINUTE_US)
            self.filter.step(minute, hour)
            self.pets.advance(hour, self.filter.anyone_home(), self.senses.persons_level())
            self._remember(minute)
            end_us = (minute.minute + 1) * MINUTE_US
            ended = end_us % WINDOW_US == 0
            activity = self.windows.activity(WINDOW_US // MINUTE_US) if ended else None
            self.windows.advance(minute.minute + 1)
            self.health.advance(end_us)
            self.senses.ignored, self.senses.new = self.health.ignored, self.health.new
            for room in self.senses.motion_rooms(end_us):
                self.windows.hear(room, end_us, Role.MOTION)
            if activity is not None:
                self._detect(activity)
                rows.append(FeatureRow(end_us, activity, *self.present(end_us)))
            yield
        return rows

    def _remember(self, minute: Minute) -> None:
        self._minutes.append(minute.sharing(self._minutes[-1]) if self._minutes else minute)

    def skip(self, now_us: int) -> None:
        """Go on to a later moment when nobody listened in between."""
        passed = now_us // MINUTE_US - self.observer.minute
        if passed <= 0:
            return
        # What was heard before it is over; what woke us is not.
        since = self.windows.since_us(now_us)
        if passed <= _BRIDGED_MINUTES:
            self._minutes.extend(self.observer.unheard(now_us // MINUTE_US))
        else:
            self._minutes.clear()  # smoothing needs consecutive minutes
        self.observer.skip(now_us // MINUTE_US, np.flatnonzero(since < _JUST_US).tolist())
        self.windows.advance(self.observer.minute)
        self.health.skip(now_us)
        kept = float(np.exp(-passed / _FADE_MINUTES))
        fresh = initial_belief(self.layout, self.clock.hour(now_us), self._rhythm)
        self.filter.after_a_gap(kept, fresh)

    def set_back(self, now_us: int) -> None:
        """The clock went back to a moment that is not long ago: what comes now is news, the minutes wait for it."""
        self.senses.set_back(now_us)
        self.health.set_back(now_us)

    def belief(self) -> tuple[Floats, float]:
        """((R,) P(somebody is in the room), P(somebody is home)) now, the running minute included."""
        rooms = len(self.layout.room_ids)
        if not any(self.layout.sensed):  # nothing here tells of people: anywhere is as good as anywhere else
            return np.full(rooms, 1 / (rooms + 1)), rooms / (rooms + 1)
        minute = self.observer.current()
        return self.filter.peek(minute, self.clock.hour(self.time_us))

    def vectors(self, now_us: int) -> Floats:
        """(R, d) the features of all rooms at a moment of the running minute."""
        return self.present(now_us)[0]

    def present(self, now_us: int) -> tuple[Floats, float]:
        """(`vectors`, P(somebody is home)) at a moment of the running minute."""
        chances, anyone = self.belief()
        odds = np.clip(logit(np.clip(chances, 1e-6, 1 - 1e-6)), -_LIKELIHOOD_BOUND, _LIKELIHOOD_BOUND)
        vectors = self.windows.vectors(
            now_us,
            self.clock.at(now_us),
            whereabouts=odds,
            nearness=self.filter.pair.nearness,
            run_length=self._run_length,
            change=self._change,
        )
        return vectors, anyone

    def refilter(self, told: Sequence[tuple[int, int, bool]]) -> Generator[None]:
        """Hear the last day again, from nothing: for when a correction is taken back.

        Args:
            told: the corrections that still count, in order: (minute in which it was told, room number,
                whether occupied).

        Yields:
            Nothing, after every minute. The belief changes at the end.
        """
        again = Mixture(self.layout, self.filter.parameters)
        left = deque(told)
        minutes = list(self._minutes)[-_REFILTERED_MINUTES:]
        while minutes and left and left[0][0] < minutes[0].minute:
            left.popleft()
        for minute in minutes:
            while left and left[0][0] <= minute.minute:
                again.correct(*left.popleft()[1:])
            again.step(minute, self.clock.hour(minute.minute * MINUTE_US))
            yield
        for _, room, occupied in left:
            again.correct(room, occupied)
        self.filter = again

    def look_back(
        self, told: Mapping[int, Sequence[tuple[int, bool]]] | None = None
    ) -> Generator[float, None, Hindsight | None]:
        """Smooth what is remembered, then learn the filter's parameters from it.

        Args:
            told: by minute, the numbers of rooms of which a person said whether somebody is there.

        Yields:
            The share that is done. Returns None where too little was heard yet, or nothing tells of people.
        """
        minutes = tuple(self._minutes)
        if len(minutes) < _LEAST_FOR_LEARNING or not any(self.layout.sensed):
            return None
        hours = [self.clock.hour(minute.minute * MINUTE_US) for minute in minutes]
        parameters = self.filter.parameters
        company = Company(self.layout, parameters)
        found = yield from smooth(self.layout, parameters, minutes, hours, company, told)
        self.filter.use(self._with_pets(Parameters.learned(self.layout, found.counts)))
        of_steps = [self.clock.hour(minute * MINUTE_US) for minute in found.minutes.tolist()]
        self._rhythm = rhythm_of(found, of_steps)
        return found

    def _with_pets(self, parameters: Parameters) -> Parameters:
        return replace(parameters, fire=self.pets.explain(parameters.fire))

    def _detect(self, activity: NDArray[np.int64]) -> None:
        values = np.concatenate([activity, (activity > 0).astype(np.int64)]).astype(np.float64)
        update = self.detector.update(values)
        rooms = len(activity)
        self._run_length = update.mean_log_run_length[:rooms]
        self._change = update.change_probability[:rooms]

    def to_payload(self) -> bytes:
        """The whole state; a tracker restored from it goes on with the same bits."""
        minutes = tuple(self._minutes)
        rooms, sensors = len(self.home.rooms), len(self.senses.presence) + 1
        header = {
            "signature": signature(self.home),
            "senses": self.senses.to_json(),
            "health": self.health.to_json(),
            "pets": self.pets.to_json(),
            "observer": self.observer.to_json(),
            "windows": self.windows.to_json(),
            "parameters": self.filter.parameters.to_json(),
            "company": self.filter.company.chance,
            "first_minute": minutes[0].minute if minutes else 0,
        }
        fires = [(n, channel, context) for n, m in enumerate(minutes) for channel, context in m.fires]
        levels = np.frombuffer(b"".join(m.levels for m in minutes), np.int8).reshape(-1, sensors)
        contexts = np.frombuffer(b"".join(m.contexts for m in minutes), np.int8)
        contexts = contexts.reshape(len(minutes), 2 * rooms)
        arrays = {
            "belief": self.filter.pair.belief,
            "company": self.filter.company.rooms,
            "rhythm": np.zeros((0, rooms + 1)) if self._rhythm is None else self._rhythm,
            "run_length": self._run_length,
            "change": self._change,
            "fires": np.array(fires, dtype=np.int64).reshape(-1, 3),
            "contexts_low": contexts % 2 == 1,
            "contexts_high": contexts % 4 >= 2,
            "deaf": contexts == DEAF,
            "watched": np.array([m.watched for m in minutes], dtype=np.bool_),
            "on": levels == 1,
            "several": levels[:, -1] == 2,
            "off": levels == 0,
            "detector": np.frombuffer(self.detector.to_payload(), dtype=np.uint8).astype(np.int64),
        }
        return zlib.compress(pack(_KIND, header, arrays), 1)

    @classmethod
    def from_payload(cls, home: Home, data: bytes) -> Tracker:
        """The tracker that `to_payload` saved.

        Raises:
            PayloadError: the bytes are damaged, or of a home with other rooms or sensors.
        """
        try:
            header, arrays = unpack(_KIND, zlib.decompress(data))
        except zlib.error as error:
            raise PayloadError(f"the state cannot be unpacked: {error}") from error
        if header["signature"] != signature(home):
            raise PayloadError("the state is of a home with other rooms or sensors")
        try:
            return cls._restored(home, header, arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise PayloadError(f"the state is of another version: {error!r}") from error

    @classmethod
    def _restored(cls, home: Home, header: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Tracker:
        tracker = cls(home, 0)
        tracker.senses.restore(header["senses"])
        tracker.health.restore(header["health"])
        tracker.pets.restore(header["pets"])
        tracker.senses.ignored, tracker.senses.new = tracker.health.ignored, tracker.health.new
        tracker.observer.restore(header["observer"])
        tracker.windows.restore(header["windows"])
        tracker.filter.use(Parameters.from_json(header["parameters"]))
        tracker.filter.pair.belief = arrays["belief"]
        tracker.filter.company.rooms, tracker.filter.company.chance = arrays["company"], header["company"]
        tracker._rhythm = arrays["rhythm"] if len(arrays["rhythm"]) else None
        tracker._run_length, tracker._change = arrays["run_length"], arrays["change"]
        tracker.detector = Detector.from_payload(arrays["detector"].astype(np.uint8).tobytes())
        fires: dict[int, list[tuple[int, int]]] = {}
        for number, channel, context in arrays["fires"].tolist():
            fires.setdefault(number, []).append((channel, context))
        levels = arrays["on"].astype(np.int8) - (~(arrays["on"] | arrays["off"])).astype(np.int8)
        levels[arrays["several"], -1] = 2
        first = header["first_minute"]
        recent = arrays["contexts_low"].astype(np.int8) + 2 * arrays["contexts_high"].astype(np.int8)
        recent[arrays["deaf"]] = DEAF
        for number, contexts in enumerate(recent):
            tracker._remember(
                Minute(
                    first + number,
                    tuple(fires.get(number, ())),
                    contexts,
                    levels[number],
                    bool(arrays["watched"][number]),
                )
            )
        return tracker


def signature(home: Home) -> list[Any]:
    """What of a home the running state depends on."""
    return [
        WHEREABOUTS_VERSION,
        FEATURE_SET_VERSION,
        len(FEATURE_NAMES),
        home.time_zone,
        [[room.room_id, room.kind.value] for room in home.rooms],
        [
            # Only environment sensors are read by their class, and others may get theirs late at start-up.
            [s.entity_id, s.role.value, s.room_id, s.device_class if s.role is Role.ENVIRONMENT else None]
            for s in home.sensors
            if s.role is not Role.RIVAL  # looked at only when a day is scored
        ],
    ]
