"""Times in which nobody listened: a replay is as deaf as the life was, but for history that was read since."""

from __future__ import annotations

from collections.abc import Collection, Generator
from itertools import pairwise
import json

from .events import MINUTE_US
from .store import Store

UNHEARD_US = 15 * MINUTE_US
"""No tick for so long: nobody listened."""

_CHECKPOINT = "engine.gaps"
# Who wrote history down may have been off as well: longer silence in it, over a gap, says nothing.
_SILENCE_US = 360 * MINUTE_US
# More than there are beside the events that are kept, in a home that is off every night.
_KEPT = 100


class Gaps:
    """The gaps of a home, in memory until they are saved."""

    def __init__(self, store: Store) -> None:
        self._store = store
        saved = store.checkpoints.load(_CHECKPOINT)
        self._gaps: list[tuple[int, int]] = (
            [] if saved is None else [(a, b) for a, b in json.loads(saved.payload)]
        )

    def note(self, start_us: int, end_us: int) -> None:
        """Nobody listened from a moment to another."""
        # What was heard in the last minute was.
        start_us = start_us // MINUTE_US * MINUTE_US + MINUTE_US - 1
        self._gaps = [*self._gaps, (start_us, end_us)][-_KEPT:]

    def forget_after(self, time_us: int) -> None:
        """The clock was ahead: gaps that end later were none."""
        self._gaps = [gap for gap in self._gaps if gap[1] <= time_us]

    def save(self, now_us: int) -> None:
        """Keep them.

        Raises:
            StoreError: subclasses; nothing was kept.
        """
        self._store.checkpoints.save(_CHECKPOINT, now_us, json.dumps(self._gaps).encode())

    def unheard(
        self, entity_ids: Collection[str], present_us: int, since_us: int = 0
    ) -> Generator[None, None, list[tuple[int, int]]]:
        """Look for the times that nothing stored tells of.

        Args:
            entity_ids: whose events tell of a time.
            present_us: gaps that end later do not count.
            since_us: nor those that ended before.

        Yields:
            Nothing, at pauses. Returns (begin, end) of each, in order, microseconds UTC.
        """
        found = []
        for start_us, end_us in sorted(gap for gap in self._gaps if since_us <= gap[1] <= present_us):
            # What entities are when they come back is stored with times shortly before; what they were when all
            # stopped may be known to the recorder alone.
            begin_us, last_us = start_us, end_us - UNHEARD_US
            told = []
            for batch in self._store.events.read(start_us + 1, last_us, entity_ids):
                for time_us in (event.time_us for event in batch):
                    if time_us <= start_us + UNHEARD_US:
                        begin_us = time_us
                    else:
                        told.append(time_us)
                yield
            each = pairwise([begin_us, *told, end_us])
            found += [(begin, end) for begin, end in each if not told or end - begin > _SILENCE_US]
        return found
