"""What a changepoint detector watches: channels with a conjugate model, grouped into streams."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

# Expected updates between changes. Tuned on annotated series of the Turing Change Point Dataset,
# where 125 to 200 score alike; not fitted to any home.
MEAN_RUN_LENGTH = 150.0
# No area id of Home Assistant holds a colon.
HOME_STREAM = ":home"


def _require_positive(**parameters: float) -> None:
    for name, value in parameters.items():
        if not 0.0 < value < float("inf"):
            raise ValueError(f"{name} must be positive and finite, not {value}")


@dataclass(frozen=True, slots=True)
class NormalGamma:
    """Numbers: normal with unknown mean and variance, normal-inverse-gamma prior.

    The predictive distribution is Student's t (Murphy 2007, "Conjugate Bayesian
    analysis of the Gaussian distribution", section 6).

    Attributes:
        mean: prior mean, in the unit of the values (after `log1p`).
        strength: how many observations the prior mean weighs (kappa).
        shape: alpha of the inverse gamma on the variance.
        rate: beta of the inverse gamma on the variance.
        log1p: whether the values are counts, to be taken as log(1 + value).

    Raises:
        ValueError: a parameter is not positive or the mean is not finite.
    """

    mean: float = 0.0
    strength: float = 1.0
    shape: float = 1.0
    rate: float = 1.0
    log1p: bool = False

    def __post_init__(self) -> None:
        _require_positive(strength=self.strength, shape=self.shape, rate=self.rate)
        if not abs(self.mean) < float("inf"):
            raise ValueError("mean must be finite")


@dataclass(frozen=True, slots=True)
class BetaBernoulli:
    """Yes or no (1 or 0): Bernoulli with a beta prior.

    Attributes:
        ones: prior pseudo-count of ones.
        zeros: prior pseudo-count of zeros.

    Raises:
        ValueError: a pseudo-count is not positive.
    """

    ones: float = 1.0
    zeros: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(ones=self.ones, zeros=self.zeros)


@dataclass(frozen=True, slots=True)
class GammaPoisson:
    """Counts: Poisson with a gamma prior. The predictive is a negative binomial.

    Attributes:
        shape: prior pseudo-count of events.
        rate: prior pseudo-count of updates.

    Raises:
        ValueError: a parameter is not positive.
    """

    shape: float = 1.0
    rate: float = 1.0

    def __post_init__(self) -> None:
        _require_positive(shape=self.shape, rate=self.rate)


Model = NormalGamma | BetaBernoulli | GammaPoisson


@dataclass(frozen=True, slots=True)
class Channel:
    """One number an update: its name (unique in its stream) and its model."""

    name: str
    model: Model


@dataclass(frozen=True, slots=True)
class Stream:
    """One run-length posterior over one or more channels, whose likelihoods multiply.

    Attributes:
        name: unique in its detector.
        channels: at least one.
        mean_run_length: expected updates between changes; the constant hazard is its inverse.

    Raises:
        ValueError: no channel, a channel twice, or a mean run length of one or less.
    """

    name: str
    channels: tuple[Channel, ...]
    mean_run_length: float = MEAN_RUN_LENGTH

    def __post_init__(self) -> None:
        names = {channel.name for channel in self.channels}
        if not names or len(names) != len(self.channels):
            raise ValueError(f"stream {self.name!r} needs channels with different names")
        if not 1.0 < self.mean_run_length < float("inf"):
            raise ValueError(f"the mean run length of {self.name!r} must be finite and above one")


def single(name: str, model: Model, mean_run_length: float = MEAN_RUN_LENGTH) -> Stream:
    """A stream of one channel, which carries the name of the stream."""
    return Stream(name, (Channel(name, model),), mean_run_length)


def home_streams(
    room_ids: Sequence[str], *, counts: Model | None = None, mean_run_length: float = MEAN_RUN_LENGTH
) -> tuple[Stream, ...]:
    """The streams of a home: one a room, then the home's own, named `HOME_STREAM`.

    A room is watched by its event counts. The home is the product
    of one beta-Bernoulli a room ("was it active"), since one stream of "any motion"
    loses which room it was.

    Args:
        room_ids: rooms in order. An update takes 2 * len(room_ids) values: the counts of
            all rooms, then 1 or 0 for the activity of all rooms.
        counts: model of a room's counts; log1p and normal unless stated. Where most counts are 0
            (under one event in ten updates) that takes each event for a change; `GammaPoisson` does not.
        mean_run_length: expected updates between changes, for all streams.

    Returns:
        One stream a room and, where there is a room, the stream of the home.

    Raises:
        ValueError: a room is named twice, or like the home.
    """
    if len({*room_ids, HOME_STREAM}) != len(room_ids) + 1:
        raise ValueError("rooms and home need different names")
    if not room_ids:
        return ()
    model = NormalGamma(log1p=True) if counts is None else counts
    rooms = tuple(single(room_id, model, mean_run_length) for room_id in room_ids)
    channels = tuple(Channel(room_id, BetaBernoulli()) for room_id in room_ids)
    return (*rooms, Stream(HOME_STREAM, channels, mean_run_length))


_MODELS: dict[str, type[Model]] = {kind.__name__: kind for kind in (NormalGamma, BetaBernoulli, GammaPoisson)}


def streams_to_json(streams: Sequence[Stream]) -> list[Any]:
    """The streams as JSON values."""
    return [
        [
            stream.name,
            stream.mean_run_length,
            [
                [channel.name, type(channel.model).__name__, asdict(channel.model)]
                for channel in stream.channels
            ],
        ]
        for stream in streams
    ]


def streams_from_json(values: Sequence[Any]) -> tuple[Stream, ...]:
    """The streams of `streams_to_json`.

    Raises:
        KeyError, TypeError, ValueError: the values are not such.
    """
    return tuple(
        Stream(
            str(name),
            tuple(Channel(str(channel), _MODELS[model](**fields)) for channel, model, fields in channels),
            float(mean_run_length),
        )
        for name, mean_run_length, channels in values
    )
