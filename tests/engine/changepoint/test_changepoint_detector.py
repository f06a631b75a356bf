"""What holds for any values: properties, pruning, what is refused, what is found."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given, settings, strategies as st
import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.changepoint import (
    HOME_STREAM,
    BetaBernoulli,
    Channel,
    Detector,
    GammaPoisson,
    NormalGamma,
    Settings,
    Stream,
    home_streams,
    single,
)

Draw = Callable[[np.random.Generator], float]
KEEP_ALL = Settings(prune_below=0.0)
NUMBERS = st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6))
BITS = st.sampled_from((0.0, 1.0, float("nan")))
COUNTS = st.one_of(st.just(float("nan")), st.integers(0, 10**6).map(float))
MIXED = (
    single("number", NormalGamma()),
    single("bit", BetaBernoulli(), 20.0),
    single("count", GammaPoisson(), 2.0),
    Stream("all", (Channel("x", NormalGamma(log1p=True)), Channel("y", BetaBernoulli()))),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NUMBERS, BITS, COUNTS, COUNTS, BITS), min_size=1, max_size=60), st.booleans())
def test_every_posterior_sums_to_one_and_outputs_agree_with_it(
    rows: list[tuple[float, ...]], pruned: bool
) -> None:
    detector = Detector(MIXED, Settings() if pruned else KEEP_ALL)
    for row in rows:
        update = detector.update(row)
        for number, name in enumerate(detector.names):
            lengths, probabilities = detector.run_length_posterior(name)
            assert probabilities.sum() == pytest.approx(1.0, abs=1e-9)
            assert (np.diff(lengths) > 0).all()
            assert lengths[0] == 0
            assert update.mean_run_length[number] == pytest.approx(probabilities @ lengths)
            assert update.change_probability[number] == pytest.approx(probabilities[lengths <= 5].sum())
        assert np.isfinite(update.log_evidence).all()
        assert ((update.recent >= 0.0) & (update.recent <= 1.0)).all()


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_the_order_of_the_streams_changes_no_number(order: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    streams = [single(str(number), NormalGamma(strength=number + 1.0), 20.0 + number) for number in range(6)]
    values = random.normal(0, 1 + 3 * (random.random((60, 6)) < 0.1), (60, 6))
    values[random.random(values.shape) < 0.1] = np.nan
    straight, shuffled = Detector(streams), Detector([streams[i] for i in order])
    for row in values:
        one, other = straight.update(row), shuffled.update(row[order])
        assert np.array_equal(one.recent[order], other.recent)
        assert np.array_equal(one.log_evidence[order], other.log_evidence)
        assert np.array_equal(one.mean_log_run_length[order], other.mean_log_run_length)
        assert np.array_equal(one.mode_run_length[order], other.mode_run_length)


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (NormalGamma(), [0.0, 1.0, 0.5, -0.5]),
        (BetaBernoulli(), [0.0, 1.0, 1.0, 0.0]),
        (GammaPoisson(), [3.0, 1.0, 0.0, 4.0]),
    ],
)
def test_a_missing_value_teaches_nothing_but_time_passes(
    model: NormalGamma | BetaBernoulli | GammaPoisson, values: list[float]
) -> None:
    detector = Detector([single("a", model, 50.0)], KEEP_ALL)
    for value in values:
        detector.update([value])
    lengths, before = detector.run_length_posterior("a")
    assert detector.update([np.nan]).log_evidence[0] == pytest.approx(0.0, abs=1e-12)
    later_lengths, after = detector.run_length_posterior("a")
    assert later_lengths[1:] == pytest.approx(lengths + 1)
    assert after[1:] == pytest.approx(before * (1 - 1 / 50.0), abs=1e-15)
    assert after[0] == pytest.approx(1 / 50.0)


def test_a_channel_that_is_always_missing_changes_nothing() -> None:
    random = np.random.default_rng(5)
    alone = Detector([single("a", NormalGamma())])
    beside = Detector([Stream("a", (Channel("a", NormalGamma()), Channel("dead", BetaBernoulli())))])
    for value in random.normal(0, 1, 100):
        one, other = alone.update([value]), beside.update([value, np.nan])
        assert np.array_equal(one.recent, other.recent)
        assert np.array_equal(one.log_evidence, other.log_evidence)


def _jumps(updates: int, streams: int, seed: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    jumps = np.where(random.random((updates, streams)) < 0.01, random.normal(0, 4, (updates, streams)), 0.0)
    return np.asarray(jumps.cumsum(axis=0) + random.normal(0, 1, (updates, streams)))


def test_pruning_takes_no_more_mass_than_it_says() -> None:
    values = _jumps(160, 8, seed=1)
    streams = [single(str(number), NormalGamma()) for number in range(8)]
    exact, pruned = Detector(streams, KEEP_ALL), Detector(streams)
    for row in values[:16]:
        exact.update(row)
        pruned.update(row)
    for row in values[16:32]:
        exact.update(row)
        pruned.update(row)
    for name in exact.names:
        lengths, probabilities = exact.run_length_posterior(name)
        kept_lengths, kept = pruned.run_length_posterior(name)
        dropped = ~np.isin(lengths, kept_lengths)
        assert (probabilities[dropped] < 1e-4).all()
        assert np.abs(kept - probabilities[~dropped]).max() <= 1e-4 * max(1, dropped.sum())
    for row in values[32:]:
        one, other = exact.update(row), pruned.update(row)
        assert np.abs(one.change_probability - other.change_probability).max() < 5e-3
    runs = [
        sum(len(detector.run_length_posterior(name)[0]) for name in exact.names)
        for detector in (exact, pruned)
    ]
    assert runs[1] < 0.7 * runs[0]


def test_the_number_of_runs_is_bounded() -> None:
    # Missing values favour no run, so only the bound can end them.
    detector = Detector([single("a", NormalGamma(), 1000.0)], Settings(max_runs=40))
    for step in range(1, 401):
        detector.update([np.nan])
        kept = len(detector.run_length_posterior("a")[0])
        # The youngest 16 stay besides, and 15 more come before the next pruning.
        assert kept <= 40 + 16 + step % 16


@pytest.mark.parametrize("recent", [(0,), (3,), (1, 2, 15)])
def test_recent_run_lengths_are_exact_after_pruning(recent: tuple[int, ...]) -> None:
    detector = Detector([single("a", NormalGamma())], Settings(recent=recent))
    for value in _jumps(300, 1, seed=4):
        update = detector.update(value)
        lengths, probabilities = detector.run_length_posterior("a")
        expected = [probabilities[lengths <= k].sum() for k in recent]
        assert update.recent[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("stream", "before", "after"),
    [
        (single("a", NormalGamma()), lambda r: r.normal(0, 1), lambda r: r.normal(4, 1)),
        (single("a", NormalGamma(log1p=True)), lambda r: r.poisson(1), lambda r: r.poisson(20)),
        (single("a", BetaBernoulli()), lambda r: r.random() < 0.05, lambda r: r.random() < 0.95),
        (single("a", GammaPoisson()), lambda r: r.poisson(1), lambda r: r.poisson(12)),
    ],
    ids=["number", "log1p", "binary", "count"],
)
def test_a_planted_change_is_found_within_a_few_updates(stream: Stream, before: Draw, after: Draw) -> None:
    random = np.random.default_rng(11)
    detector = Detector([stream])
    for _ in range(200):
        update = detector.update([float(before(random))])
    assert update.change_probability[0] < 0.2
    assert update.mean_log_run_length[0] > np.log(100)
    seen = [float(detector.update([float(after(random))]).change_probability[0]) for _ in range(6)]
    assert max(seen) > 0.7
    for _ in range(20):
        update = detector.update([float(after(random))])
    assert abs(int(update.mode_run_length[0]) - 26) <= 2


def test_the_home_sees_activity_move_from_room_to_room() -> None:
    # Somebody is always active, so "any motion" never changes; where it happens does.
    streams = home_streams(["kitchen", "bedroom"])
    assert streams[-1].name == HOME_STREAM
    detector = Detector([streams[-1]])
    assert detector.channel_names == ((HOME_STREAM, "kitchen"), (HOME_STREAM, "bedroom"))
    for _ in range(100):
        update = detector.update([1.0, 0.0])
    assert update.change_probability[0] < 0.05
    for _ in range(4):
        update = detector.update([0.0, 1.0])
    assert update.change_probability[0] > 0.99


def test_a_stream_each_and_the_home_take_counts_then_activity() -> None:
    detector = Detector(home_streams(["a", "b"]))
    assert detector.names == ("a", "b", HOME_STREAM)
    assert detector.channel_names == (("a", "a"), ("b", "b"), (HOME_STREAM, "a"), (HOME_STREAM, "b"))
    assert home_streams([]) == ()
    with pytest.raises(ValueError, match="different names"):
        home_streams(["a", "a"])


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ([0.0, 1.0, 1.0], "5 values expected"),
        ([float("inf"), 1.0, 1.0, 1.0, 0.0], "infinite"),
        ([1e200, 1.0, 1.0, 1.0, 0.0], "too large"),
        ([0.0, 0.5, 1.0, 1.0, 0.0], "neither 0 nor 1"),
        ([0.0, 1.0, 1.5, 1.0, 0.0], "natural number"),
        ([0.0, 1.0, -1.0, 1.0, 0.0], "natural number"),
        ([0.0, 1.0, 1.0, -1.0, 0.0], "negative"),
    ],
)
def test_values_that_fit_no_model_are_refused_and_change_nothing(values: list[float], reason: str) -> None:
    detector = Detector(MIXED)
    detector.update([0.0, 1.0, 2.0, 3.0, 0.0])
    before = detector.to_payload()
    with pytest.raises(ValueError, match=reason):
        detector.update(values)
    assert detector.to_payload() == before


def test_a_square_array_is_streams_by_channels() -> None:
    channels = (Channel("x", NormalGamma()), Channel("y", NormalGamma()))
    one, other = (Detector([Stream("a", channels), Stream("b", channels)]) for _ in range(2))
    shaped = one.update([[1.0, 2.0], [3.0, 4.0]])
    flat = other.update([1.0, 2.0, 3.0, 4.0])
    assert np.array_equal(shaped.log_evidence, flat.log_evidence)


def test_no_streams_is_a_home_without_rooms() -> None:
    detector = Detector(())
    for _ in range(40):
        update = detector.update([])
    assert update.step == 40
    assert update.recent.shape == (0, 3)


def test_long_runs_need_no_care() -> None:
    detector = Detector([single("a", NormalGamma())])
    random = np.random.default_rng(2)
    for value in random.normal(0, 1, 5000):
        update = detector.update([value])
    assert update.mode_run_length[0] == 5000
    assert update.age[0] == 5000
    assert detector.run_length_posterior("a")[1].sum() == pytest.approx(1.0, abs=1e-12)
