"""Where somebody is from when to when, and the ways between rooms."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
import random

from tests.simulator.clock import SECOND_US
from tests.simulator.config import AWAY, SimulatedHomeConfig

WALKING = "walking"


@dataclass(frozen=True, slots=True)
class Stay:
    """One being in one room (or `AWAY`) for `[start_us, end_us)`."""

    who: str
    start_us: int
    end_us: int
    room_id: str
    activity: str


type Routes = Mapping[tuple[str, str], tuple[str, ...]]


def routes(config: SimulatedHomeConfig) -> Routes:
    """The rooms between any two rooms on the shortest way, the outside included as `AWAY`.

    Raises:
        ValueError: some room cannot be reached.
    """
    near = {room_id: set(others) for room_id, others in config.adjacency.items()}
    near[AWAY] = {room.room_id for room in config.rooms if room.outer}
    for room_id in near[AWAY]:
        near[room_id].add(AWAY)
    between: dict[tuple[str, str], tuple[str, ...]] = {}
    for source in near:
        way: dict[str, tuple[str, ...]] = {source: ()}
        queue = deque([source])
        while queue:
            here = queue.popleft()
            for there in sorted(near[here] - way.keys()):
                way[there] = way[here] if here == source else (*way[here], here)
                # Nobody takes a way through the garden to get from one room to another.
                if there != AWAY:
                    queue.append(there)
        if len(way) != len(near):
            raise ValueError(f"no way from {source} to {sorted(near.keys() - way.keys())}")
        between |= {(source, target): path for target, path in way.items()}
    return between


class Walker:
    """Moves one person through the home and writes down the stays, without a gap."""

    def __init__(self, who: str, ways: Routes, rng: random.Random, start_us: int, room_id: str) -> None:
        self.who = who
        self.now_us = start_us
        self.room_id = room_id
        self.stays: list[Stay] = []
        self._ways = ways
        self._rng = rng

    def stay(self, room_id: str, activity: str, until_us: int) -> None:
        """Walk to `room_id` and stay there until `until_us`, or for a second if the walk took that long."""
        if room_id != self.room_id:
            for passed in self._ways[self.room_id, room_id]:
                self._add(passed, WALKING, self.now_us + int(self._rng.uniform(3, 9) * SECOND_US))
        self._add(room_id, activity, max(until_us, self.now_us + SECOND_US))

    def _add(self, room_id: str, activity: str, until_us: int) -> None:
        last = self.stays[-1] if self.stays else None
        if last is not None and last.room_id == room_id and last.activity == activity:
            self.stays[-1] = Stay(self.who, last.start_us, until_us, room_id, activity)
        else:
            self.stays.append(Stay(self.who, self.now_us, until_us, room_id, activity))
        self.now_us, self.room_id = until_us, room_id
