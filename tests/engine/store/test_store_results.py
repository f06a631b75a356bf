"""Predictions, scores, episodes, checkpoints, metadata."""

from __future__ import annotations

from dataclasses import replace

import pytest

from custom_components.occupancy_ml.engine.store import (
    CONTRACT_VERSION,
    SCHEMA_VERSION,
    Checkpoint,
    DailyScore,
    Episode,
    Prediction,
    Store,
    StoreRejectedError,
)


def test_predictions_read_back_by_room_and_span(store: Store) -> None:
    said = [
        Prediction("hall", time_us, time_us / 10, time_us > 5, "prior", 1 - time_us / 10, time_us)
        for time_us in range(10)
    ]
    store.predictions.write([*said[::-1], replace(said[3], room_id="kitchen")])
    store.predictions.write(
        [Prediction("hall", -1, 0.5, False, "prior"), replace(said[9], time_us=99, rules=None)]
    )
    assert store.predictions.read("hall", 2, 8) == said[2:8]
    assert store.predictions.read("nowhere", 0, 10) == []
    series = store.predictions.series("hall", 2, 8)
    assert series.time_us.tolist() == series.rules.tolist() == list(range(2, 8))
    assert series.probability.tolist() == [time_us / 10 for time_us in range(2, 8)]
    assert series.model.tolist() == [1 - time_us / 10 for time_us in range(2, 8)]
    assert series.occupied.tolist() == [False] * 4 + [True] * 2
    # Moments of which only what was shown is known cannot be compared with anything.
    assert series.time_us.tolist() == store.predictions.series("hall", -9, 999).time_us.tolist()[2:8]
    assert len(store.predictions.series("hall", -9, 999).time_us) == 10
    assert len(store.predictions.series("nowhere", 0, 10).time_us) == 0


def test_a_prediction_of_the_same_room_and_time_is_replaced(store: Store) -> None:
    first = Prediction("hall", 5, 0.25, False, "prior")
    store.predictions.write([first])
    store.predictions.write([replace(first, probability=0.75, occupied=True, source="model")])
    assert store.predictions.read("hall", 0, 9) == [Prediction("hall", 5, 0.75, True, "model")]


def test_a_probability_out_of_range_is_refused_with_its_whole_batch(store: Store) -> None:
    with pytest.raises(StoreRejectedError):
        store.predictions.write(
            [Prediction("hall", 1, 0.5, True, "model"), Prediction("hall", 2, 1.01, True, "model")]
        )
    assert store.predictions.read("hall", 0, 9) == []
    store.predictions.write([Prediction("hall", 1, 0.5, True, "model")])
    assert len(store.predictions.read("hall", 0, 9)) == 1


def test_a_day_scored_again_replaces_its_sums(store: Store) -> None:
    score = DailyScore("hall", "2026-03-01", "shown", "hindsight", 10, 1.5, 4.25)
    others = [
        replace(score, day="2026-02-28"),
        replace(score, model="prior"),
        replace(score, truth="reference"),
        replace(score, room_id="kitchen"),
    ]
    store.scores.write([score, *others])
    store.scores.write([replace(score, n=11, brier_sum=2.0)])
    assert len(store.scores.read("2026-02-01", "2026-03-31")) == 5
    assert store.scores.read("2026-03-01", "2026-03-01", "hall", "hindsight") == [
        replace(score, model="prior"),
        replace(score, n=11, brier_sum=2.0),
    ]
    assert store.scores.read("2026-02-01", "2026-02-28") == [others[0]]


def test_episodes_are_replaced_over_a_span_and_cut_at_its_bounds(store: Store) -> None:
    store.episodes.replace("kitchen", 0, 50, [Episode("kitchen", 0, 50, True, 0.5)])
    store.episodes.replace("hall", 0, 100, [Episode("hall", 0, 100, True, 0.75)])
    for _ in range(2):
        store.episodes.replace("hall", 40, 60, [Episode("hall", 45, 60, False, 1.0)])
    assert store.episodes.read("hall", 0, 100) == [
        Episode("hall", 0, 40, True, 0.75),
        Episode("hall", 45, 60, False, 1.0),
        Episode("hall", 60, 100, True, 0.75),
    ]
    assert store.episodes.read("hall", 40, 45) == []
    assert store.episodes.read("kitchen", 0, 100) == [Episode("kitchen", 0, 50, True, 0.5)]
    with pytest.raises(ValueError, match="of the room named"):
        store.episodes.replace("hall", 0, 1, [Episode("kitchen", 0, 1, True, 0.5)])


def test_a_checkpoint_is_kept_byte_for_byte(store: Store) -> None:
    payload = bytes(range(256)) * 5
    store.checkpoints.save("windows", 1, b"old")
    store.checkpoints.save("windows", 2, payload)
    store.checkpoints.save("board", 3, b"")
    assert store.checkpoints.load("windows") == Checkpoint("windows", 2, payload)
    assert store.checkpoints.load("nothing") is None
    assert store.checkpoints.names() == ["board", "windows"]
    store.checkpoints.delete("board")
    assert store.checkpoints.load("board") is None


def test_metadata_keeps_texts_and_times(store: Store) -> None:
    assert store.metadata.get("last_ingest_at") is None
    assert store.metadata.get_us("last_ingest_at") is None
    store.metadata.set_us("last_ingest_at", 2**60)
    store.metadata.set("note", "Küche")
    assert store.metadata.get_us("last_ingest_at") == 2**60
    stored = store.metadata.all()
    assert stored["note"] == "Küche"
    assert (stored["schema_version"], stored["contract_version"]) == (str(SCHEMA_VERSION), CONTRACT_VERSION)
