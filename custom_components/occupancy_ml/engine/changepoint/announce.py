"""From run-length posteriors to announced changes, by a fixed lag.

A stream is suspected while P(run length <= lag) is above the threshold. When that ends,
either the young run has outlived the lag, and it is announced at the most probable start
(t - mode + 1 for the 0-based update t), or the old run is back and nothing was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..payload import PayloadError, pack, unpack
from .detector import Update

_KIND = "changepoint-announcer"
_NEVER = -(2**62)


@dataclass(frozen=True, slots=True)
class Change:
    """An announced change.

    Attributes:
        stream: which stream.
        step: 0-based update whose value was the first after the change.
        seen_at: 0-based update at which it was announced.
    """

    stream: str
    step: int
    seen_at: int


class Announcer:
    """Announces changes of the streams of one detector; feed it every update, in order.

    Args:
        names: the streams, in the detector's order.
        threshold: of P(run length <= lag); the lag is the last of `Settings.recent`.
        lag: the same lag. The young run must be at most twice as long when it outlives it,
            and of two changes at most `lag` updates apart only the first is announced.

    Raises:
        ValueError: a name twice, a threshold outside (0, 1) or a lag below 1.
    """

    def __init__(self, names: Sequence[str], *, threshold: float = 0.5, lag: int = 5) -> None:
        if len(set(names)) != len(names):
            raise ValueError("two streams have the same name")
        if not 0.0 < threshold < 1.0 or lag < 1:
            raise ValueError("the threshold must lie in (0, 1) and the lag be at least 1")
        self.names = tuple(names)
        self.threshold = threshold
        self.lag = lag
        self._suspected: NDArray[np.bool_] = np.zeros(len(self.names), dtype=np.bool_)
        self._last: NDArray[np.int64] = np.full(len(self.names), _NEVER)

    def update(self, update: Update) -> tuple[Change, ...]:
        """Changes announced by this update, in the order of the streams."""
        suspected = update.change_probability > self.threshold
        settled = self._suspected & ~suspected
        self._suspected = suspected
        if not settled.any():
            return ()
        mode = update.mode_run_length
        # Before the current update `step - 1` values were taken in.
        location = update.step - mode
        settled &= (mode <= 2 * self.lag) & (mode < update.age) & (mode > 0)
        settled &= location - self._last > self.lag
        self._last = np.where(settled, location, self._last)
        return tuple(
            Change(self.names[column], int(location[column]), update.step - 1)
            for column in np.flatnonzero(settled)
        )

    def with_streams(self, names: Sequence[str]) -> Announcer:
        """An announcer of other streams; what is known of those that stay is kept."""
        other = Announcer(names, threshold=self.threshold, lag=self.lag)
        index = {name: column for column, name in enumerate(self.names)}
        for column, name in enumerate(other.names):
            if (before := index.get(name)) is not None:
                other._suspected[column] = self._suspected[before]
                other._last[column] = self._last[before]
        return other

    def to_payload(self) -> bytes:
        """The whole state."""
        header = {"names": list(self.names), "threshold": self.threshold, "lag": self.lag}
        return pack(_KIND, header, {"suspected": self._suspected, "last": self._last})

    @classmethod
    def from_payload(cls, data: bytes) -> Announcer:
        """The announcer that `to_payload` saved.

        Raises:
            PayloadError: the bytes are damaged, of another kind or of an unknown version.
        """
        header, arrays = unpack(_KIND, data)
        try:
            announcer = cls(header["names"], threshold=header["threshold"], lag=header["lag"])
            announcer._suspected[:] = arrays["suspected"]
            announcer._last[:] = arrays["last"]
        except (KeyError, TypeError, ValueError) as error:
            raise PayloadError(f"the state of the announcer cannot be read: {error}") from error
        return announcer
