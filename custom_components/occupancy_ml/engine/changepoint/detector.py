"""Bayesian online changepoint detection (Adams and MacKay 2007, arXiv:0710.3742) for many streams at once.

The run length of a stream is the number of updates since its last change, the current
one included; 0 says that the change comes right after the current value. The recursion
runs in log space; axis 0 of all arrays is the run (oldest first), axis 1 the stream, so
that an update is a handful of array operations however many streams there are.

A missing value (NaN) is no observation: its predictive is 1 and the statistics stay.
Time passes all the same, so the run lengths grow and the hazard applies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..payload import Array, PayloadError, pack, unpack
from .conjugate import Floats, Ints, make_blocks
from .models import Stream, streams_from_json, streams_to_json

# How many updates lie between two prunings, and how many a run has at least to prove itself.
PRUNE_EVERY = 16
_KIND = "changepoint-detector"


@dataclass(frozen=True, slots=True)
class Settings:
    """How a detector computes.

    Attributes:
        recent: ascending run lengths k for which P(run length <= k) is told, at most 15;
            the last is the lag of the announcements.
        prune_below: a run whose posterior is lower is dropped at the next pruning; 0 keeps all.
        max_runs: so many runs of a stream outlive a pruning at most, the most probable ones; the
            youngest `PRUNE_EVERY` stay besides.

    Raises:
        ValueError: what the attributes forbid.
    """

    recent: tuple[int, ...] = (1, 2, 5)
    prune_below: float = 1e-4
    max_runs: int = 100

    def __post_init__(self) -> None:
        ascending = sorted(set(self.recent)) == list(self.recent)
        if not self.recent or not ascending or self.recent[0] < 0 or self.recent[-1] >= PRUNE_EVERY:
            raise ValueError(f"recent run lengths must ascend from 0 or more to less than {PRUNE_EVERY}")
        if not 0.0 <= self.prune_below < 0.01:
            raise ValueError("prune_below must be at least 0 and less than 0.01")
        if self.max_runs < PRUNE_EVERY:
            raise ValueError(f"max_runs must be at least {PRUNE_EVERY}")


@dataclass(frozen=True, slots=True)
class Update:
    """What one update told about every stream; arrays of shape (streams,) unless stated.

    Attributes:
        step: updates so far, this one included.
        log_evidence: log predictive density of the values given all before; 0 but for rounding where
            all were missing.
        mean_run_length: expected run length in updates.
        mean_log_run_length: expected log(1 + run length).
        mode_run_length: the most probable run length (int64).
        recent: (streams, len(Settings.recent)), P(run length <= k).
        change_probability: P(run length <= lag), the last column of `recent`.
        age: updates since the stream was added (int64); a run that long began with the stream.
    """

    step: int
    log_evidence: Floats
    mean_run_length: Floats
    mean_log_run_length: Floats
    mode_run_length: Ints
    recent: Floats
    change_probability: Floats
    age: Ints


class Detector:
    """Run-length posteriors of all streams of a home.

    Values of an update stand in the order of the channels of the first stream, then of
    the second, and so on; with one channel a stream that is one value a stream.

    Raises:
        ValueError: two streams of the same name.
    """

    def __init__(self, streams: Sequence[Stream], settings: Settings | None = None) -> None:
        self.streams = tuple(streams)
        self.settings = settings or Settings()
        self._index = {stream.name: number for number, stream in enumerate(self.streams)}
        if len(self._index) != len(self.streams):
            raise ValueError("two streams have the same name")
        channels = [channel for stream in self.streams for channel in stream.channels]
        widths = np.array([len(stream.channels) for stream in self.streams], dtype=np.int64)
        self._channel_stream: Ints = np.repeat(np.arange(len(self.streams)), widths)
        self._first_channel: Ints = np.cumsum(widths) - widths
        hazard = np.array([1.0 / stream.mean_run_length for stream in self.streams], dtype=np.float64)
        self._hazard = hazard
        self._log_hazard: Floats = np.log(hazard)
        self._log_growth: Floats = np.log1p(-hazard)

        # One run to begin with: length 0, nothing seen, certain.
        self._capacity = 64
        self._size = 1
        self._step = 0
        self._born: Ints = np.zeros(len(self.streams), dtype=np.int64)
        self._log_posterior: Floats = np.zeros((self._capacity, len(self.streams)))
        self._starts: Ints = np.zeros((self._capacity, len(self.streams)), dtype=np.int64)
        self._blocks = make_blocks(channels, self._capacity)
        self._log1p: Floats = np.log1p(np.arange(256.0))

    @property
    def step(self) -> int:
        """Updates so far."""
        return self._step

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the streams in the order of every output."""
        return tuple(stream.name for stream in self.streams)

    @property
    def channel_names(self) -> tuple[tuple[str, str], ...]:
        """(stream, channel) of every value of an update, in order."""
        return tuple((s.name, channel.name) for s in self.streams for channel in s.channels)

    def update(self, values: ArrayLike) -> Update:
        """Takes in the next value of every channel.

        Args:
            values: (streams,), (streams, channels) or flat in the order of `channel_names`; NaN is missing.

        Returns:
            What the posteriors say now.

        Raises:
            ValueError: not one value a channel, an infinite value, or one its model forbids.
                Nothing has changed then.
        """
        flat = np.asarray(values, dtype=np.float64).ravel()
        log_evidence, posterior = self._advance(*self._accept(flat))
        if self._step % PRUNE_EVERY == 0 and self.settings.prune_below > 0.0:
            posterior = self._prune(posterior)
        return self._summary(log_evidence, posterior)

    def run_length_posterior(self, stream: str) -> tuple[Ints, Floats]:
        """Run lengths, ascending, and their probabilities, which sum to one.

        Raises:
            KeyError: no such stream.
        """
        column = self._index[stream]
        log_posterior = self._log_posterior[: self._size, column][::-1]
        kept = np.isfinite(log_posterior)
        lengths = self._step - self._starts[: self._size, column][::-1][kept]
        return lengths, np.exp(log_posterior[kept])

    def with_streams(self, streams: Sequence[Stream]) -> Detector:
        """A detector of other streams, which goes on where this one is.

        A stream of the same name keeps its posterior, and each of its channels with the
        same name and model keeps its statistics; a channel that is new to it counts as
        unseen so far. Streams that are new begin now, those not named are gone.

        Raises:
            ValueError: two streams of the same name.
        """
        other = Detector(streams, self.settings)
        other._grow(self._capacity)
        other._step = self._step
        other._size = self._size
        other._born[:] = self._step
        other._log_posterior[: self._size] = -np.inf
        other._log_posterior[self._size - 1] = 0.0
        other._starts[: self._size] = self._step
        for column, stream in enumerate(other.streams):
            before = self._index.get(stream.name)
            if before is not None:
                other._born[column] = self._born[before]
                other._log_posterior[: self._size, column] = self._log_posterior[: self._size, before]
                other._starts[: self._size, column] = self._starts[: self._size, before]
        mine = self._rows_by_channel()
        for key, (kind, row) in other._rows_by_channel().items():
            if key in mine:
                source = self._blocks[kind].stats[:, : self._size, mine[key][1]]
                other._blocks[kind].stats[:, : self._size, row] = source
        return other

    def to_payload(self) -> bytes:
        """The whole state; a detector restored from it goes on with the same bits."""
        header = {
            "streams": streams_to_json(self.streams),
            "settings": [list(self.settings.recent), self.settings.prune_below, self.settings.max_runs],
            "step": self._step,
        }
        arrays: dict[str, Array] = {
            "born": self._born,
            "log_posterior": self._log_posterior[: self._size],
            "starts": self._starts[: self._size],
        }
        for kind, block in self._blocks.items():
            arrays[kind] = block.stats[:, : self._size]
        return pack(_KIND, header, arrays)

    @classmethod
    def from_payload(cls, data: bytes) -> Detector:
        """The detector that `to_payload` saved.

        Raises:
            PayloadError: the bytes are damaged, of another kind or of an unknown version.
        """
        header, arrays = unpack(_KIND, data)
        try:
            recent, prune_below, max_runs = header["settings"]
            detector = cls(
                streams_from_json(header["streams"]), Settings(tuple(recent), prune_below, max_runs)
            )
            size = len(arrays["log_posterior"])
            detector._grow(max(size, detector._capacity))
            detector._step = int(header["step"])
            detector._size = size
            detector._born[:] = arrays["born"]
            detector._log_posterior[:size] = arrays["log_posterior"]
            detector._starts[:size] = arrays["starts"]
            for kind, block in detector._blocks.items():
                block.stats[:, :size] = arrays[kind]
        except (KeyError, TypeError, ValueError) as error:
            raise PayloadError(f"the state of the detector cannot be read: {error}") from error
        return detector

    def _rows_by_channel(self) -> dict[tuple[str, object], tuple[str, int]]:
        """(stream, channel with model) -> (block, row in the block)."""
        channels = [(s.name, channel) for s in self.streams for channel in s.channels]
        return {
            channels[row]: (kind, place)
            for kind, block in self._blocks.items()
            for place, row in enumerate(block.rows)
        }

    def _accept(self, flat: Floats) -> tuple[Floats, NDArray[np.bool_] | None]:
        """The values with 0 for missing ones, and which are there (None for all)."""
        if flat.size != len(self._channel_stream):
            raise ValueError(f"{len(self._channel_stream)} values expected, {flat.size} given")
        finite = np.isfinite(flat)
        seen = None if finite.all() else finite
        if seen is not None:
            if np.isinf(flat).any():
                raise ValueError("a value is infinite")
            flat = np.where(seen, flat, 0.0)
        for block in self._blocks.values():
            if (reason := block.check(flat[block.rows])) is not None:
                raise ValueError(reason)
        return flat, seen

    def _advance(self, flat: Floats, seen: NDArray[np.bool_] | None) -> tuple[Floats, Floats]:
        """The recursion: log evidence (streams,) and the posterior (runs, streams)."""
        size = self._size
        if size == self._capacity:
            self._grow(2 * self._capacity)
        joint = self._log_predictive(flat, seen, size)
        joint += self._log_posterior[:size]
        top = joint.max(axis=0)
        joint -= top
        posterior = np.empty((size + 1, len(self.streams)))
        weight = np.exp(joint, out=posterior[:size])
        total = weight.sum(axis=0)
        log_total = np.log(total)
        joint += self._log_growth - log_total
        self._log_posterior[:size] = joint
        self._log_posterior[size] = self._log_hazard
        weight *= (1.0 - self._hazard) / total
        posterior[size] = self._hazard
        self._step += 1
        self._starts[size] = self._step
        self._size = size + 1
        return top + log_total, posterior

    def _log_predictive(self, flat: Floats, seen: NDArray[np.bool_] | None, size: int) -> Floats:
        """(runs, streams) log predictive density of the values under every run."""
        channels = len(flat)
        density: Floats | None = None
        for block in self._blocks.values():
            some = None if seen is None else seen[block.rows]
            part = block.observe(flat[block.rows], some, size)
            if len(block.rows) == channels:
                density = part
            else:
                if density is None:
                    density = np.empty((size, channels))
                density[:, block.rows] = part
        if density is None or channels == len(self.streams):
            return np.zeros((size, 0)) if density is None else density
        summed: Floats = np.add.reduceat(density, self._first_channel, axis=1)
        return summed

    def _grow(self, capacity: int) -> None:
        size = self._size
        log_posterior = np.zeros((capacity, len(self.streams)))
        log_posterior[:size] = self._log_posterior[:size]
        starts = np.zeros((capacity, len(self.streams)), dtype=np.int64)
        starts[:size] = self._starts[:size]
        self._log_posterior, self._starts, self._capacity = log_posterior, starts, capacity
        for block in self._blocks.values():
            block.grow(capacity, size)

    def _prune(self, posterior: Floats) -> Floats:
        """Drops what `Settings` says; the posterior left, which sums to one again.

        Streams keep different runs. Dropped ones stand first, as holes of probability 0,
        so that the youngest runs of all streams stay in the same last places.
        """
        size = self._size
        young = min(size, PRUNE_EVERY)
        keep = posterior >= self.settings.prune_below
        if size > self.settings.max_runs:
            surplus = size - self.settings.max_runs
            least = np.argpartition(posterior, surplus, axis=0)[:surplus]
            np.put_along_axis(keep, least, False, axis=0)
        keep[-young:] = True
        left = int(keep.sum(axis=0).max(initial=young))
        order = np.argsort(keep, axis=0, kind="stable")[size - left :]
        kept = np.take_along_axis(keep, order, axis=0)
        posterior = np.where(kept, np.take_along_axis(posterior, order, axis=0), 0.0)
        total = posterior.sum(axis=0)
        posterior /= total
        log_posterior = np.take_along_axis(self._log_posterior[:size], order, axis=0)
        self._log_posterior[:left] = np.where(kept, log_posterior - np.log(total), -np.inf)
        self._starts[:left] = np.take_along_axis(self._starts[:size], order, axis=0)
        for block in self._blocks.values():
            block.select(order[:, self._channel_stream[block.rows]])
        self._size = left
        return posterior

    def _summary(self, log_evidence: Floats, posterior: Floats) -> Update:
        size = self._size
        lengths = self._step - self._starts[:size]
        if self._step >= len(self._log1p):
            self._log1p = np.log1p(np.arange(2.0 * (self._step + 1)))
        mode = posterior.argmax(axis=0)
        # The last places hold run lengths 0, 1, 2, ... of every stream.
        youngest = posterior[::-1][: self.settings.recent[-1] + 1].cumsum(axis=0)
        places = [min(k, size - 1) for k in self.settings.recent]
        recent = np.minimum(youngest[places].T, 1.0)
        return Update(
            step=self._step,
            log_evidence=log_evidence,
            mean_run_length=np.einsum("rs,rs->s", posterior, lengths),
            mean_log_run_length=np.einsum("rs,rs->s", posterior, self._log1p.take(lengths)),
            mode_run_length=lengths[mode, np.arange(len(self.streams))],
            recent=recent,
            change_probability=recent[:, -1],
            age=self._step - self._born,
        )
