"""Times in which nobody listened: a replay is as deaf as the life was, but for history that was read since."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
import json

from .events import MINUTE_US
from .store import Store

UNHEARD_US = 15 * MINUTE_US
"""No tick for so long: nobody listened."""

_CHECKPOINT = "engine.gaps"
# Who wrote history down may have been off as well: longer silence in it, over a gap, says nothing.
_SILENCE_US = 360 * MINUTE_US
_KEPT = 200


class Gaps:
    """The gaps of a home, in memory until they are saved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.checkpoints.load(_CHECKPOINT)
        self._gaps: list[tuple[int, int]] = (
            [] if saved is None else [(a, b) for a, b in json.loads(saved.payload)]
        )

    def note(self, start_us: int, end_us: int) -> bool:
        """Nobody listened from a moment to another, or the clock was set; whether it is to be saved.

        A gap that ends later than the newest one begins is of a clock that was ahead.
        """
        before = self._gaps
        self._gaps = [gap for gap in before if gap[1] <= end_us]
        # What was heard in the last minute was.
        start_us = start_us // MINUTE_US * MINUTE_US + MINUTE_US - 1
        if end_us - start_us > UNHEARD_US - MINUTE_US:
            self._gaps = [*self._gaps, (start_us, end_us)][-_KEPT:]
        return self._gaps != before

    def save(self, now_us: int) -> None:
        """Keep them.

        Raises:
            StoreError: subclasses; nothing was kept.
        """
        self._store.checkpoints.save(_CHECKPOINT, now_us, json.dumps(self._gaps).encode())

    def unheard(self, entity_ids: Collection[str]) -> list[tuple[int, int]]:
        """(begin, end) of the times nothing stored tells of, in order, microseconds UTC."""
        found = []
        for start_us, end_us in sorted(self._gaps):
            # What entities are when they come back is stored with times shortly before.
            last_us = end_us - UNHEARD_US
            times = [
                event.time_us
                for batch in self._store.events.read(start_us + 1, last_us, entity_ids)
                for event in batch
            ]
            if times:
                each = pairwise([start_us, *times, end_us])
                found += [(begin, end) for begin, end in each if end - begin > _SILENCE_US]
            else:
                found.append((start_us, end_us))
        return found
