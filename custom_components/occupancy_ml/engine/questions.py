"""When to ask a person whether somebody is in a room: seldom, and only where the answer is worth it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime

from .events import MINUTE_US
from .snapshot import SLEEP, Snapshot, Source

# Between these the model does not know.
_UNSURE_FROM, _UNSURE_TO = 0.3, 0.7
# What is unclear for a moment mostly clears up by itself.
_UNSURE_FOR_US = 5 * MINUTE_US
# Nobody is asked about an empty home, nor at hours at which a phone should be silent.
_SOMEBODY_HOME = 0.8
_WAKING_HOURS = range(9, 21)


class Questions:
    """Watches snapshots, in order of time, for a question worth asking.

    Args:
        rooms: those that may be asked about: where no sensor tells anything, nothing is ever sure.
    """

    def __init__(self, rooms: Collection[str]) -> None:
        self._rooms = frozenset(rooms)
        self._unsure_since: dict[str, int] = {}

    def worth_asking(self, snapshot: Snapshot, local: datetime, last_asked: date | None) -> str | None:
        """The room to ask about now, None where there is no question, or one was asked that day.

        Args:
            snapshot: what is shown now.
            local: the same moment on the home's clock.
            last_asked: the local day of the last question.
        """
        unsure = {
            room_id: state.probability
            for room_id, state in snapshot.rooms.items()
            if room_id in self._rooms
            and state.probability is not None
            and state.source is not Source.CORRECTION
            and _UNSURE_FROM <= state.probability <= _UNSURE_TO
        }
        self._unsure_since = {
            room_id: min(self._unsure_since.get(room_id, snapshot.time_us), snapshot.time_us)
            for room_id in unsure
        }
        if last_asked == local.date() or local.hour not in _WAKING_HOURS:
            return None
        if (snapshot.home.probability or 0.0) < _SOMEBODY_HOME or _asleep(snapshot):
            return None
        long_enough = [
            room_id
            for room_id, since_us in self._unsure_since.items()
            if snapshot.time_us - since_us >= _UNSURE_FOR_US
        ]
        return min(long_enough, key=lambda room_id: (abs(unsure[room_id] - 0.5), room_id), default=None)


def _asleep(snapshot: Snapshot) -> bool:
    """Whether those who are home are believed to sleep: who works at night does so by day."""
    sleep = snapshot.forecasts.get(SLEEP)
    return sleep is not None and sleep.occupied
