"""The snapshot: rooms from the predictor, the home from the filter, and how far learning has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .features import FEATURE_NAMES
from .home import RoomKind
from .occupancy.explain import Recency
from .occupancy.predictor import Predictor
from .occupancy.rules import home_rules
from .occupancy.switch import switch
from .occupancy.training import waits_for_days
from .snapshot import HomeState, Learning, Merit, Movement, RoomState, Snapshot, Source
from .tracker import Floats, Tracker

_PRESENCE = FEATURE_NAMES.index("presence_on")
_NEVER = 10**18
# Hours at which a bedroom that is occupied is one in which people sleep.
_NIGHT = (22, 23, 0, 1, 2, 3, 4, 5, 6)


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

    def snapshot(
        self, tracker: Tracker, predictor: Predictor, now_us: int, vectors: Floats, anyone: float
    ) -> Snapshot:
        """Everything as of a moment of the tracker's running minute; vectors (R, d) and anyone are its `present`."""
        recent = _recencies(tracker, now_us, vectors[:, _PRESENCE])
        rooms = predictor.predict(now_us, vectors, recent)
        for number, room_id in enumerate(tracker.layout.room_ids):
            movement = tracker.pets.movement(number, now_us)
            if movement is not Movement.UNKNOWN:
                rooms[room_id] = replace(rooms[room_id], movement=movement)
        # The rules of the home: activity anywhere, or a person entity that is home.
        since_us = min((each.here_us for each in recent.values()), default=10**18)
        on = any(each.motion_on or each.presence_on for each in recent.values())
        rules = home_rules(since_us, on, tracker.senses.persons_home()[0] > 0)
        home = self._home(tracker, predictor, rooms, rules, anyone)
        return Snapshot(
            now_us,
            home,
            rooms,
            merits=self.merits,
            faults=tracker.health.faults(),
            new_sensors=tuple(sorted(tracker.health.new)),
        )

    def _home(
        self,
        tracker: Tracker,
        predictor: Predictor,
        rooms: Mapping[str, RoomState],
        rules: int,
        anyone: float,
    ) -> HomeState:
        learning, reason = self._learning(tracker, predictor)
        probability = None
        if rooms:
            # Nobody can be in a room of an empty home. A baseline knows nothing of the home: that a bedroom is
            # usually occupied at night says nothing while everybody is away.
            said = (s.model if s.source is Source.BASELINE else s.probability for s in rooms.values())
            probability = max([anyone, *(each or 0.0 for each in said)])
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
        waiting = sum(
            not predictor.has_model(room_id) and waits_for_days(predictor.why_no_model.get(room_id))
            for room_id in rooms
        )
        if waiting:
            return Learning.LEARNING, f"{waiting} of {len(rooms)} rooms have no model of their own yet"
        return Learning.READY, None


def _recencies(tracker: Tracker, now_us: int, presence: Floats) -> dict[str, Recency]:
    """By room, what happened last; presence (R,) counts the presence sensors that are on."""
    windows, rooms = tracker.windows, tracker.home.rooms
    since, by = windows.since_us(now_us), windows.last_by()
    since_us, door_us = since.tolist(), windows.since_door_us(now_us)
    moving = frozenset(tracker.senses.motion_rooms(now_us))
    night = tracker.clock.hour(now_us) in _NIGHT
    # The last two rooms with activity: of one of them the other is elsewhere.
    latest = np.argsort(since, kind="stable")[:2].tolist()
    found = {}
    for number, room in enumerate(rooms):
        other = next((each for each in latest if each != number), None)
        found[room.room_id] = Recency(
            here_us=since_us[number],
            elsewhere_us=_NEVER if other is None else since_us[other],
            door_us=door_us,
            motion_on=number in moving,
            presence_on=bool(presence[number]),
            here_by=by[number],
            elsewhere=None if other is None else rooms[other].room_id,
            elsewhere_by=None if other is None else by[other],
            bedtime=night and room.kind is RoomKind.BEDROOM,
        )
    return found
