"""The recursion against the reference library and against enumeration of every segmentation."""

from __future__ import annotations

from itertools import pairwise, product

from bayesian_changepoint_detection import online_changepoint_detection as reference
import numpy as np
from numpy.typing import NDArray
import pytest
from scipy.special import betaln, gammaln, logsumexp

from custom_components.occupancy_ml.engine.changepoint import (
    BetaBernoulli,
    Channel,
    Detector,
    GammaPoisson,
    NormalGamma,
    Settings,
    Stream,
    single,
)

KEEP_ALL = Settings(prune_below=0.0)


def log_marginal(model: NormalGamma | BetaBernoulli | GammaPoisson, values: NDArray[np.float64]) -> float:
    """Log probability of a whole segment in closed form; missing values are left out."""
    x = values[~np.isnan(values)]
    n = len(x)
    if isinstance(model, BetaBernoulli):
        return float(
            betaln(model.ones + x.sum(), model.zeros + n - x.sum()) - betaln(model.ones, model.zeros)
        )
    if isinstance(model, GammaPoisson):
        shape = model.shape + x.sum()
        return float(
            gammaln(shape)
            - gammaln(model.shape)
            + model.shape * np.log(model.rate)
            - shape * np.log(model.rate + n)
            - gammaln(x + 1.0).sum()
        )
    if n == 0:
        return 0.0
    x = np.log1p(x) if model.log1p else x
    kappa, alpha = model.strength + n, model.shape + n / 2
    beta = (
        model.rate
        + 0.5 * ((x - x.mean()) ** 2).sum()
        + model.strength * n * (x.mean() - model.mean) ** 2 / (2 * kappa)
    )
    return float(
        gammaln(alpha)
        - gammaln(model.shape)
        + model.shape * np.log(model.rate)
        - alpha * np.log(beta)
        + 0.5 * np.log(model.strength / kappa)
        - n / 2 * np.log(2 * np.pi)
    )


def enumerate_segmentations(stream: Stream, values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """P(run length) after all values, and the log evidence, summed over every set of changes."""
    hazard = 1.0 / stream.mean_run_length
    n = len(values)
    by_length: list[list[float]] = [[] for _ in range(n + 1)]
    for changes in product((False, True), repeat=n):
        bounds = [0, *(i + 1 for i, change in enumerate(changes) if change)]
        if bounds[-1] != n:
            bounds.append(n)
        log_joint = sum(np.log(hazard) if change else np.log1p(-hazard) for change in changes)
        for start, end in pairwise(bounds):
            for number, channel in enumerate(stream.channels):
                log_joint += log_marginal(channel.model, values[start:end, number])
        by_length[0 if changes[-1] else n - bounds[-2]].append(float(log_joint))
    weights = np.array([logsumexp(entries) if entries else -np.inf for entries in by_length])
    evidence = float(logsumexp(weights))
    return np.exp(weights - evidence), evidence


def posterior(detector: Detector, stream: str, length: int) -> NDArray[np.float64]:
    lengths, probabilities = detector.run_length_posterior(stream)
    dense = np.zeros(length)
    dense[lengths] = probabilities
    return dense


@pytest.mark.parametrize(
    ("prior", "mean_run_length"),
    [
        (NormalGamma(mean=0.0, strength=1.0, shape=0.1, rate=0.01), 250.0),
        (NormalGamma(mean=1.5, strength=0.3, shape=2.0, rate=4.0), 20.0),
    ],
)
def test_posteriors_are_those_of_the_reference_library(prior: NormalGamma, mean_run_length: float) -> None:
    # Both hold, in row r after t values, P(the change came r values ago | t values), normalised
    # after every value; row 0 is the mass of a change right after the value. No convention differs.
    random = np.random.default_rng(7)
    values = np.concatenate([random.normal(m, s, (60, 3)) for m, s in ((0, 1), (4, 0.5), (-1, 2))])
    streams = [single(name, prior, mean_run_length) for name in "abc"]
    detector = Detector(streams, KEEP_ALL)
    ours = np.zeros((3, len(values) + 1, len(values) + 1))
    ours[:, 0, 0] = 1.0
    for step, row in enumerate(values, start=1):
        detector.update(row)
        for number, name in enumerate("abc"):
            ours[number, :, step] = posterior(detector, name, len(values) + 1)
    for number in range(3):
        theirs, _ = reference.online_changepoint_detection(
            values[:, number],
            lambda lengths: reference.constant_hazard(mean_run_length, lengths),
            reference.StudentT(prior.shape, prior.rate, prior.strength, prior.mean),
        )
        assert np.abs(theirs - ours[number]).max() < 1e-9


Model = NormalGamma | BetaBernoulli | GammaPoisson
SERIES: dict[str, tuple[tuple[Model, ...], list[list[float]]]] = {
    "number": (
        (NormalGamma(0.2, 0.5, 1.5, 0.7),),
        [[0.1], [0.3], [-0.2], [5.0], [5.5], [np.nan], [4.8], [9.0], [0.0]],
    ),
    "log1p": ((NormalGamma(log1p=True),), [[0], [1], [0], [30], [25], [np.nan], [np.nan], [28], [0]]),
    "binary": ((BetaBernoulli(0.5, 2.0),), [[0], [0], [0], [0], [1], [1], [np.nan], [1], [1], [0]]),
    "count": ((GammaPoisson(2.0, 0.5),), [[0], [1], [0], [14], [np.nan], [11], [17], [2], [1]]),
    "several": (
        (NormalGamma(), BetaBernoulli(), GammaPoisson(), BetaBernoulli(3.0, 1.0)),
        [
            [0.1, 0, 2, 1],
            [0.4, 0, np.nan, 1],
            [np.nan, np.nan, np.nan, np.nan],
            [6.0, 1, 9, 0],
            [5.0, np.nan, 8, np.nan],
            [5.5, 1, 12, 0],
            [np.nan, 1, 1, 0],
        ],
    ),
}


@pytest.mark.parametrize("name", SERIES)
def test_posterior_and_evidence_are_those_of_every_segmentation_summed(name: str) -> None:
    models, rows = SERIES[name]
    values = np.array(rows, dtype=np.float64)
    stream = Stream(name, tuple(Channel(str(i), model) for i, model in enumerate(models)), 4.0)
    detector = Detector([stream], KEEP_ALL)
    evidence = 0.0
    for count, row in enumerate(values, start=1):
        update = detector.update(row)
        evidence += float(update.log_evidence[0])
        expected, expected_evidence = enumerate_segmentations(stream, values[:count])
        found = posterior(detector, name, count + 1)
        assert found == pytest.approx(expected, abs=1e-12)
        assert evidence == pytest.approx(expected_evidence, abs=1e-10)
        lengths = np.arange(count + 1)
        assert update.mean_run_length[0] == pytest.approx(expected @ lengths)
        assert update.mean_log_run_length[0] == pytest.approx(expected @ np.log1p(lengths))
        assert update.mode_run_length[0] == expected.argmax()
        assert update.recent[0] == pytest.approx([expected[: k + 1].sum() for k in (1, 2, 5)])
        assert update.change_probability[0] == update.recent[0, -1]


def test_streams_of_different_models_side_by_side_are_each_as_alone() -> None:
    random = np.random.default_rng(3)
    streams = [
        single("count", GammaPoisson(), 30.0),
        Stream("both", (Channel("n", NormalGamma()), Channel("b", BetaBernoulli())), 90.0),
        single("number", NormalGamma(strength=0.2), 60.0),
    ]
    values = np.column_stack(
        [
            random.poisson(3, 80),
            random.normal(0, 1, 80),
            random.integers(0, 2, 80),
            random.normal(2, 1, 80),
        ]
    ).astype(np.float64)
    values[random.random(values.shape) < 0.2] = np.nan
    together = Detector(streams, KEEP_ALL)
    alone = [Detector([stream], KEEP_ALL) for stream in streams]
    for row in values:
        update = together.update(row)
        parts = [row[:1], row[1:3], row[3:]]
        for number, (detector, part) in enumerate(zip(alone, parts, strict=True)):
            single_update = detector.update(part)
            assert update.log_evidence[number] == pytest.approx(single_update.log_evidence[0], abs=1e-12)
            assert update.recent[number] == pytest.approx(single_update.recent[0], abs=1e-12)
