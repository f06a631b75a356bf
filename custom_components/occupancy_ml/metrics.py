"""How long the engine's calls take: the last thousand of each, in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
import time

from .engine.events import Event
from .engine.features import WINDOW_US
from .engine.pipeline import Engine, IngestResult
from .engine.snapshot import Snapshot

KEPT = 1_000


class Durations:
    """The last durations of one kind, in seconds."""

    def __init__(self) -> None:
        self._kept: deque[float] = deque(maxlen=KEPT)

    def add(self, seconds: float) -> None:
        """Note one; a clock that was set back counts as no time."""
        self._kept.append(max(seconds, 0.0))

    def quantile(self, share: float) -> float | None:
        """The smallest duration that a share of all do not exceed, None where there is none."""
        ordered = sorted(self._kept)
        if not ordered:
            return None
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]

    def summary(self) -> dict[str, float | int | None]:
        """How many, and their median and 99th percentile in milliseconds."""
        return {"calls": len(self._kept), "p50_ms": self.in_ms(0.5), "p99_ms": self.in_ms(0.99)}

    def in_ms(self, share: float) -> float | None:
        """A quantile in milliseconds."""
        seconds = self.quantile(share)
        return None if seconds is None else round(1000 * seconds, 3)


class Metrics:
    """Calls the engine and notes how long it took. To be used in executor jobs.

    Attributes:
        ingest: storing a batch of events and letting it move the running state.
        prediction: a tick: all rooms' features and probabilities now.
        feature: those ticks that closed a window of five minutes, whose feature rows are stored with them.
    """

    def __init__(self) -> None:
        self.ingest = Durations()
        self.prediction = Durations()
        self.feature = Durations()
        self._window: int | None = None

    def timed_ingest(self, engine: Engine, events: Sequence[Event]) -> IngestResult:
        """`Engine.ingest`."""
        begin = time.perf_counter()
        result = engine.ingest(events)
        self.ingest.add(time.perf_counter() - begin)
        return result

    def timed_tick(self, engine: Engine, now_us: int) -> Snapshot:
        """`Engine.tick`."""
        begin = time.perf_counter()
        snapshot = engine.tick(now_us)
        took = time.perf_counter() - begin
        self.prediction.add(took)
        window, self._window = self._window, now_us // WINDOW_US
        if window not in (None, self._window):
            self.feature.add(took)
        return snapshot

    def summary(self) -> dict[str, dict[str, float | int | None]]:
        """All of it, by kind."""
        return {
            "ingest": self.ingest.summary(),
            "feature": self.feature.summary(),
            "prediction": self.prediction.summary(),
        }
