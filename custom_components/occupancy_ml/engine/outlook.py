"""The snapshot: rooms from the predictor, the home from the filter, and how far learning has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .features import FEATURE_NAMES
from .occupancy.predictor import Predictor, recencies
from .occupancy.rules import home_rules
from .occupancy.switch import switch
from .snapshot import HomeState, Learning, Merit, RoomState, Snapshot
from .tracker import Floats, Tracker

_PRESENCE = FEATURE_NAMES.index("presence_on")


class Outlook:
    """Builds snapshots; remembers whether the home was shown as occupied.

    Attributes:
        quality: skill of what was shown, None until measured.
        merits: by room, how good what was shown was.
        trained_us: end of the last training.
        failed: by step of the night, why it failed.
    """

    def __init__(self, trained_us: int | None) -> None:
        self.quality: float | None = None
        self.merits: Mapping[str, Merit] = {}
        self.trained_us = trained_us
        self.failed: dict[str, str] = {}
        self._occupied: bool | None = None

    def to_json(self) -> dict[str, Any]:
        """What a restart must not change."""
        return {"occupied": self._occupied, "failed": self.failed}

    def restore(self, value: Mapping[str, Any]) -> None:
        """Take over what `to_json` gave."""
        self._occupied = value["occupied"]
        self.failed.update(value["failed"])

    def snapshot(self, tracker: Tracker, predictor: Predictor, now_us: int, vectors: Floats) -> Snapshot:
        """Everything as of a moment of the tracker's running minute; vectors (R, d) are its features."""
        home = tracker.home
        motion = np.zeros(len(home.rooms))
        motion[tracker.senses.motion_rooms(now_us)] = 1.0
        windows = tracker.windows
        recent = recencies(
            home, windows.since_us(now_us), windows.since_door_us(now_us), motion, vectors[:, _PRESENCE]
        )
        rooms = predictor.predict(now_us, vectors, recent)
        # The rules of the home: activity anywhere, or a person entity that is home.
        since_us = min((each.here_us for each in recent.values()), default=10**18)
        on = any(each.motion_on or each.presence_on for each in recent.values())
        rules = home_rules(since_us, on, tracker.senses.persons_home()[0] > 0)
        return Snapshot(now_us, self._home(tracker, predictor, rooms, rules), rooms, merits=self.merits)

    def _home(
        self, tracker: Tracker, predictor: Predictor, rooms: Mapping[str, RoomState], rules: int
    ) -> HomeState:
        learning, reason = self._learning(tracker, predictor)
        probability = None
        if rooms:
            _, anyone = tracker.belief()
            # Nobody can be in a room of an empty home.
            probability = max([anyone, *(state.probability or 0.0 for state in rooms.values())])
            self._occupied = switch(self._occupied, probability)
        return HomeState(
            probability,
            self._occupied if rooms else None,
            learning,
            reason,
            quality=self.quality,
            trained_at_us=self.trained_us,
            rules=rules,
        )

    def _learning(self, tracker: Tracker, predictor: Predictor) -> tuple[Learning, str | None]:
        if self.failed:
            name, error = next(iter(self.failed.items()))
            return Learning.DEGRADED, f"the step {name} failed: {error}"
        rooms = tracker.layout.room_ids
        if not rooms or not tracker.home.sensors:
            return Learning.WAITING, "no sensors are watched"
        without = sum(not predictor.has_model(room_id) for room_id in rooms)
        if without:
            return Learning.LEARNING, f"{without} of {len(rooms)} rooms have no model of their own yet"
        return Learning.READY, None
