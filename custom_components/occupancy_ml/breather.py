"""Work that lets the event loop in."""

from __future__ import annotations

import time


class Breather:
    """Lets the event loop in during long work of the engine, called as often as it likes.

    A thread that computes hands the interpreter over only every 5 ms, and then not for sure; one that sleeps
    hands it over at once.
    """

    EVERY_S = 0.0015
    PAUSE_S = 0.0003

    def __init__(self) -> None:
        self._last = time.perf_counter()

    def __call__(self) -> None:
        """Sleep for a moment when the last time is long enough ago."""
        if time.perf_counter() - self._last >= self.EVERY_S:
            time.sleep(self.PAUSE_S)
            self._last = time.perf_counter()
