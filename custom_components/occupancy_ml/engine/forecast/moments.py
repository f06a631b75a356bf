"""What is known at a moment, kept every quarter of an hour: the inputs of forecasts, and nothing from after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..events import MINUTE_US
from ..features import FEATURE_NAMES, WINDOW_US
from ..home import Home, Role, RoomKind
from ..snapshot import HOME, SLEEP
from .bins import Floats
from .reservoir import UNITS, step

MOMENT_US = 15 * MINUTE_US
"""Moments are a quarter of an hour apart."""

AWAY, RESTING = -1, -2
"""Where somebody is, when in no room or asleep; else a room's index."""

# Who rests for so long is taken to be asleep.
_RESTING_US = 30 * MINUTE_US
# A change that is taken back within a window was none.
_BLIP_US = WINDOW_US
# While the past is replayed and learned from, it is not known well what is.
_START_US = 60 * MINUTE_US
_CHOSEN = (
    "whereabouts", "recency_here", "count_here_15", "count_here_60", "presence_on", "motion_on",
    "lights_on", "media_on", "appliances_on", "doors_open",
)  # fmt: skip
_COLUMNS = [FEATURE_NAMES.index(name) for name in _CHOSEN]
_EXIT, _PERSONS = FEATURE_NAMES.index("recency_exit_door"), FEATURE_NAMES.index("persons_home")
_HERE = [FEATURE_NAMES.index(f"count_here_{n}") for n in (5, 15, 60)]
_QUARTER = _HERE[1]
# Of those who are home and awake, so many let a quarter of an hour pass without a sign, and so many are all in bedrooms.
_QUIET_AWAKE, _ALONE_AWAKE = 0.2, 0.2


@dataclass(frozen=True, slots=True)
class Layout:
    """Which number of a moment's vector is what.

    Attributes:
        processes: rooms in order, then the home, then sleep.
        bedrooms: indices of bedrooms.
        context: entities the user named as context, in order.
        workdays: indices of those among them that tell workdays from days off.
    """

    processes: tuple[str, ...]
    bedrooms: tuple[int, ...]
    context: tuple[str, ...] = ()
    workdays: tuple[int, ...] = ()

    @classmethod
    def of(cls, home: Home, context: Sequence[str] = ()) -> Layout:
        """The layout of a home."""
        telling = {sensor.entity_id for sensor in home.sensors if sensor.role is Role.WORKDAY}
        workdays = tuple(n for n, name in enumerate(context) if name in telling)
        rooms = tuple(room.room_id for room in home.rooms)
        bedrooms = tuple(n for n, room in enumerate(home.rooms) if room.kind is RoomKind.BEDROOM)
        return cls((*rooms, HOME, SLEEP), bedrooms, tuple(context), workdays)

    @property
    def rooms(self) -> int:
        """How many rooms there are."""
        return len(self.processes) - 2

    @property
    def size(self) -> int:
        """Numbers of a vector."""
        return self.rooms * len(_CHOSEN) + 2 * len(self.processes) + 7 + len(self.context) + UNITS

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features of `Rows`, in order."""
        return (
            *_CHOSEN,
            *(f"elapsed_{name}" for name in ("own", "home", "sleep")),
            *(f"chance_{process}" for process in self.processes),
            "place_before", "recency_exit_door", "persons_home",
            *(f"activity_{minutes}" for minutes in (5, 15, 60)),
            *self.context,
            *(f"silent_{name}" for name in self.context),
            *(f"reservoir_{number}" for number in range(UNITS)),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of a home, by time; in half precision as they are stored, or in double as they are made.

    Attributes:
        time_us: (T,).
        rooms: (T, R, 10) features of each room.
        chance: (T, P) believed P(occupied) of each process.
        elapsed: (T, P) minutes since what is believed changed.
        home: (T, 7) place now and before, outer door, persons, activity in 5, 15 and 60 minutes.
        context: (T, C) what the named entities said, nan where nothing.
        echo: (T, UNITS) state of the home's reservoir.
    """

    time_us: NDArray[np.int64]
    rooms: NDArray[Any]
    chance: NDArray[Any]
    elapsed: NDArray[Any]
    home: NDArray[Any]
    context: NDArray[Any]
    echo: NDArray[Any]

    @classmethod
    def of(cls, layout: Layout, time_us: NDArray[np.int64], vectors: NDArray[Any]) -> Moments:
        """From (T, layout.size) vectors; what comes out are views of them."""
        r, k, p = layout.rooms, len(_CHOSEN), len(layout.processes)
        parts = np.split(vectors, np.cumsum([r * k, p, p, 7, len(layout.context)]), axis=1)
        return cls(time_us, parts[0].reshape(-1, r, k), *parts[1:])

    @property
    def exit_door(self) -> NDArray[Any]:
        """(T,) how long ago an outer door moved, as `recency_of` tells it."""
        door: NDArray[Any] = self.home[:, 2]
        return door


class Watch:
    """What is believed of every process, and since when; fed with the windows in order."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        size = len(layout.processes)
        self.time_us = 0
        self._believed = np.zeros(size, dtype=np.int64)
        self._since_us = np.zeros(size, dtype=np.int64)
        self._before_us = np.zeros(size, dtype=np.int64)
        self._place = self._last_place = AWAY
        self._usual_sleep = 0.0
        self._echo: Floats = np.zeros(UNITS)

    def see(
        self,
        window_end_us: int,
        vectors: Floats,
        shown: Floats | None = None,
        context: Floats | None = None,
        usual_sleep: float = 0.0,
    ) -> Floats:
        """Take in the end of a window; the moment's vector.

        Args:
            window_end_us: microseconds UTC.
            vectors: (R, d) features.
            shown: (R + 1,) P(occupied) as shown of the rooms and the home; what the filter says where left out.
            context: (C,) what the named entities say.
            usual_sleep: how often they sleep at this time; 0 where that is not known.
        """
        chance = self._chances(vectors, shown, usual_sleep)
        believed = (chance >= 0.5).astype(np.int64)
        if not self.time_us:
            self._since_us[:] = self._before_us[:] = window_end_us
            self._believed = believed
        self._change(window_end_us, believed)
        self.time_us = window_end_us
        place = self._where(chance)
        if place != self._place:
            self._place, self._last_place = place, self._place
        if window_end_us % MOMENT_US == 0:
            self._echo = step(self._echo, 2 * chance - 1)
        return self._vector(window_end_us, vectors, chance, context)

    def notice(self, now_us: int, shown: Floats) -> None:
        """Take in what is shown between the ends of windows: how long ago it changed is known to the minute.

        Args:
            now_us: microseconds UTC.
            shown: (R + 1,) P(occupied) as shown of the rooms and the home.
        """
        if self.time_us:
            believed = (_rounded(shown) >= 0.5).astype(np.int64)
            self._change(now_us, np.append(believed, self._believed[-1]))

    def _change(self, now_us: int, believed: NDArray[np.int64]) -> None:
        """What is believed from a time on; what is taken back soon has not changed at all."""
        changed = believed != self._believed
        if changed.any():
            blip = changed & (now_us - self._since_us <= _BLIP_US)
            since = np.where(blip, self._before_us, now_us)
            self._before_us = np.where(changed, self._since_us, self._before_us)
            self._since_us = np.where(changed, since, self._since_us)
            self._believed = believed

    def go_on(self, earlier: Watch) -> None:
        """Another watched the past until this one began: what has not changed since has been so for as long as it knew.

        What changed within the hour after and is as it was before has not changed: that is how a start looks.
        """
        same = self._believed == earlier._believed
        same &= self._since_us <= earlier.time_us + _START_US
        self._since_us = np.where(same, earlier._since_us, self._since_us)
        self._before_us = np.where(same, earlier._before_us, self._before_us)
        if self.time_us <= earlier.time_us + _START_US:
            self._echo = earlier._echo

    def peek(
        self,
        now_us: int,
        vectors: Floats,
        shown: Floats | None = None,
        context: Floats | None = None,
        usual_sleep: float = 0.0,
    ) -> Floats:
        """The vector of a moment after the last window, as if a window ended. See `see`."""
        other = Watch(self._layout)
        other.restore(self.to_json())
        return other.see(now_us, vectors, shown, context, usual_sleep)

    def _chances(self, vectors: Floats, shown: Floats | None, usual_sleep: float) -> Floats:
        """(P,) believed P(occupied) of each process."""
        if shown is None:
            rooms = 1 / (1 + np.exp(-vectors[:, _COLUMNS[0]]))
            anyone = min(rooms.sum(), 1.0)
        else:
            rooms, anyone = shown[:-1], shown[-1]
        bedrooms = list(self._layout.bedrooms)
        if bedrooms:
            others = np.delete(rooms, bedrooms)
            rest = rooms[bedrooms].max() * (1 - others.max(initial=0.0))
        else:
            # No room tells of sleep: what is usual does, while nothing moves.
            rest = anyone if usual_sleep and not vectors[:, _QUARTER].any() else 0.0
        # Who is in bed at noon is awake, unless they sleep at noon (Bayes' rule); who slept and still rests still sleeps.
        self._usual_sleep = max(usual_sleep, self._usual_sleep) if rest >= 0.5 else 0.0
        if usual_sleep:
            usual = max(usual_sleep, self._usual_sleep)
            rest *= usual / (usual + (_ALONE_AWAKE if bedrooms else _QUIET_AWAKE) * (1 - usual))
        return _rounded(np.concatenate([rooms, [anyone, rest]]))

    def _where(self, chance: Floats) -> int:
        rooms = self._layout.rooms
        if chance[rooms] < 0.5 or not rooms:
            return AWAY
        if self._believed[-1] and self.time_us - self._since_us[-1] >= _RESTING_US:
            return RESTING
        return int(chance[:rooms].argmax())

    def _vector(self, now_us: int, vectors: Floats, chance: Floats, context: Floats | None) -> Floats:
        # A clock that was set back a little says that what was seen last is still to come.
        elapsed = np.clip((now_us - self._since_us) / MINUTE_US, 0.0, 60_000.0)
        activity = np.log1p(np.expm1(vectors[:, _HERE]).sum(axis=0))
        first = vectors[0] if len(vectors) else np.zeros(len(FEATURE_NAMES))
        home = [self._place, self._last_place, first[_EXIT], first[_PERSONS], *activity]
        named = np.full(len(self._layout.context), np.nan) if context is None else context
        parts = (vectors[:, _COLUMNS].ravel(), chance, elapsed, home, named, self._echo)
        return _rounded(np.concatenate(parts))

    def to_json(self) -> dict[str, Any]:
        """The whole state, for a restart."""
        return {
            "time_us": self.time_us,
            "believed": self._believed.tolist(),
            "since_us": self._since_us.tolist(),
            "before_us": self._before_us.tolist(),
            "places": [self._place, self._last_place],
            "usual_sleep": self._usual_sleep,
            "echo": self._echo.tolist(),
        }

    def restore(self, value: dict[str, Any]) -> None:
        """Take over what `to_json` gave for the same processes.

        Raises:
            ValueError: it is of others.
        """
        if len(value["believed"]) != len(self._believed):
            raise ValueError("the state is of other processes")
        self.time_us = value["time_us"]
        self._believed = np.array(value["believed"], dtype=np.int64)
        self._since_us = np.array(value["since_us"], dtype=np.int64)
        self._before_us = np.array(value["before_us"], dtype=np.int64)
        self._place, self._last_place = value["places"]
        self._usual_sleep = value.get("usual_sleep", 0.0)
        self._echo = np.array(value["echo"])


def _rounded(values: Floats) -> Floats:
    """As it will be read again: moments are stored in half precision."""
    rounded: Floats = values.astype(np.float16).astype(np.float64)
    return rounded
