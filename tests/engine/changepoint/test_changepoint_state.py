"""Saving and restoring bit by bit, damaged bytes, and streams that come and go."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
import pytest

from custom_components.occupancy_ml.engine.changepoint import (
    HOME_STREAM,
    Announcer,
    BetaBernoulli,
    Channel,
    Detector,
    NormalGamma,
    PayloadError,
    Settings,
    Stream,
    Update,
    home_streams,
    single,
)
from custom_components.occupancy_ml.engine.payload import pack, unpack

FIELDS = (
    "step",
    "log_evidence",
    "mean_run_length",
    "mean_log_run_length",
    "mode_run_length",
    "recent",
    "change_probability",
    "age",
)


def same_bits(one: Update, other: Update) -> bool:
    return all(np.array_equal(getattr(one, field), getattr(other, field)) for field in FIELDS)


def home_values(updates: int, rooms: int, seed: int = 0) -> NDArray[np.float64]:
    """Counts that jump now and then, then whether there were any; some missing."""
    random = np.random.default_rng(seed)
    level = np.exp(np.where(random.random((updates, rooms)) < 0.02, random.normal(0, 1, (updates, rooms)), 0))
    counts = random.poisson(np.cumprod(level, axis=0).clip(0.05, 50)).astype(np.float64)
    counts[random.random(counts.shape) < 0.05] = np.nan
    return np.column_stack([counts, np.where(np.isnan(counts), np.nan, counts > 0)])


@pytest.mark.parametrize("saved_at", [0, 1, 15, 16, 17, 63, 64, 100, 250])
@pytest.mark.parametrize("prune_below", [0.0, 1e-4])
def test_a_restored_detector_goes_on_with_the_same_bits(saved_at: int, prune_below: float) -> None:
    values = home_values(330, 4)
    original = Detector(home_streams(list("abcd")), Settings(prune_below=prune_below))
    announcer = Announcer(original.names)
    for row in values[:saved_at]:
        announcer.update(original.update(row))
    payload = original.to_payload()
    restored = Detector.from_payload(payload)
    restored_announcer = Announcer.from_payload(announcer.to_payload())
    assert restored.to_payload() == payload
    assert restored.streams == original.streams
    assert restored.settings == original.settings
    for row in values[saved_at:]:
        one, other = original.update(row), restored.update(row)
        assert same_bits(one, other)
        assert announcer.update(one) == restored_announcer.update(other)
    assert original.to_payload() == restored.to_payload()
    assert announcer.to_payload() == restored_announcer.to_payload()


def test_every_damage_is_noticed() -> None:
    detector = Detector(home_streams(["a"]))
    detector.update([1.0, 1.0])
    payload = detector.to_payload()
    for position in range(0, len(payload), 7):
        broken = bytearray(payload)
        broken[position] ^= 0x10
        with pytest.raises(PayloadError):
            Detector.from_payload(bytes(broken))
    for length in (0, 3, 20, len(payload) - 1):
        with pytest.raises(PayloadError):
            Detector.from_payload(payload[:length])
    with pytest.raises(PayloadError):
        Detector.from_payload(payload + b"\0")


def test_a_state_of_another_kind_or_shape_is_refused() -> None:
    with pytest.raises(PayloadError, match="kind"):
        Detector.from_payload(Announcer(["a"]).to_payload())
    with pytest.raises(PayloadError, match="kind"):
        Announcer.from_payload(Detector([]).to_payload())
    with pytest.raises(PayloadError, match="cannot be read"):
        Detector.from_payload(pack("changepoint-detector", {"settings": 1}, {}))
    with pytest.raises(PayloadError, match="cannot be read"):
        Announcer.from_payload(
            pack("changepoint-announcer", {"names": ["a", "a"], "threshold": 0.5, "lag": 5}, {})
        )


def test_arrays_come_back_exactly() -> None:
    arrays = {
        "floats": np.array([[0.1, -np.inf, np.nan], [5e-324, -0.0, 1e308]]),
        "whole": np.array([2**62, -1]),
        "flags": np.array([True, False]),
        "none": np.empty((0, 3)),
    }
    header, back = unpack("test", pack("test", {"word": "ü", "number": 0.1}, arrays))
    assert header == {"word": "ü", "number": 0.1}
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()
    with pytest.raises(ValueError, match="type"):
        pack("test", {}, {"text": np.array(["a"])})


def test_streams_that_stay_are_not_disturbed_by_those_that_come_and_go() -> None:
    random = np.random.default_rng(9)
    values = random.normal(0, 1, (200, 4))
    values[100:, 1] += 3
    streams = {name: single(name, NormalGamma()) for name in "abcd"}
    whole = Detector([streams["b"]], Settings(prune_below=0.0))
    changing = Detector([streams[name] for name in "abc"], Settings(prune_below=0.0))
    late = Detector([streams["d"]], Settings(prune_below=0.0))
    for step, row in enumerate(values):
        if step == 90:
            changing = changing.with_streams([streams["d"], streams["b"]])
        expected = whole.update(row[1:2])
        update = changing.update(row[:3] if step < 90 else row[[3, 1]])
        place = changing.names.index("b")
        assert update.recent[place] == pytest.approx(expected.recent[0], abs=1e-12)
        assert update.age[place] == step + 1
        if step >= 90:
            alone = late.update(row[3:])
            assert update.recent[0] == pytest.approx(alone.recent[0], abs=1e-12)
            assert update.mean_run_length[0] == pytest.approx(alone.mean_run_length[0])
            assert update.age[0] == step - 89


def test_streams_come_after_many_updates_and_with_pruning() -> None:
    values = home_values(600, 3)
    detector = Detector(home_streams(["a", "b"]))
    for row in values[:300]:
        detector.update(row[[0, 1, 3, 4]])
    detector = detector.with_streams(home_streams(["a", "b", "c"]))
    for row in values[300:]:
        update = detector.update(row)
        assert (update.mode_run_length <= update.age).all()
    assert update.age.tolist() == [600, 600, 300, 600]
    for name in detector.names:
        assert detector.run_length_posterior(name)[1].sum() == pytest.approx(1.0, abs=1e-9)


def test_a_room_that_joins_the_home_counts_as_unseen_so_far() -> None:
    def home(*rooms: str) -> Stream:
        return Stream(HOME_STREAM, tuple(Channel(room, BetaBernoulli()) for room in rooms))

    random = np.random.default_rng(1)
    bits = random.integers(0, 2, (120, 2)).astype(np.float64)
    joined = Detector([home("a")])
    always = Detector([home("b", "a")])
    for step, (a, b) in enumerate(bits):
        if step == 60:
            joined = joined.with_streams([home("b", "a")])
        early = step < 60
        one = joined.update([a] if early else [b, a])
        other = always.update([np.nan if early else b, a])
        assert one.recent == pytest.approx(other.recent, abs=1e-12)


def test_a_channel_whose_model_changed_starts_anew() -> None:
    detector = Detector([single("a", NormalGamma(rate=1.0))])
    for _ in range(50):
        detector.update([1.0])
    changed = detector.with_streams([single("a", NormalGamma(rate=2.0))])
    assert changed.update([1.0]).mode_run_length[0] == 51
    fresh = Detector([single("a", NormalGamma(rate=2.0))])
    after = detector.with_streams([single("a", NormalGamma(rate=2.0))]).update([1.0]).log_evidence[0]
    assert after == pytest.approx(fresh.update([1.0]).log_evidence[0])


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: NormalGamma(rate=0.0), "rate must be positive"),
        (lambda: NormalGamma(mean=float("nan")), "mean must be finite"),
        (lambda: BetaBernoulli(ones=-1.0), "ones must be positive"),
        (lambda: Stream("a", ()), "needs channels"),
        (lambda: Stream("a", (Channel("x", NormalGamma()), Channel("x", BetaBernoulli()))), "needs channels"),
        (lambda: single("a", NormalGamma(), 1.0), "above one"),
        (lambda: Detector([single("a", NormalGamma()), single("a", BetaBernoulli())]), "same name"),
        (lambda: Settings(recent=()), "recent"),
        (lambda: Settings(recent=(5, 1)), "recent"),
        (lambda: Settings(recent=(16,)), "recent"),
        (lambda: Settings(prune_below=0.5), "prune_below"),
        (lambda: Settings(max_runs=3), "max_runs"),
        (lambda: Announcer(["a", "a"]), "same name"),
        (lambda: Announcer(["a"], threshold=1.0), "threshold"),
    ],
)
def test_what_makes_no_sense_cannot_be_made(make: Callable[[], object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        make()
