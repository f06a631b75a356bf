"""Feature rows: one a room and window, in half precision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.store import FeatureBlock, Store, StoreRejectedError
from tests.engine.store.helpers import NOW_US, WINDOW_US


def block(first: int, n: int, room_id: str = "hall", version: int = 1, width: int = 3) -> FeatureBlock:
    """Rows of `n` windows in a row from the window with number `first` on."""
    numbers = np.arange(first, first + n, dtype=np.int64)
    return FeatureBlock(
        room_id=room_id,
        version=version,
        window_start_us=NOW_US + numbers * WINDOW_US,
        window_end_us=NOW_US + (numbers + 1) * WINDOW_US,
        computed_at_us=NOW_US,
        activity=numbers % 4,
        vectors=numbers[:, None] + np.arange(width) / 8,
    )


def test_rows_read_back_by_room_span_and_version(store: Store) -> None:
    store.features.write([block(0, 10), block(0, 10, "kitchen"), block(0, 10, version=2, width=5)])
    table = store.features.read("hall", NOW_US + 2 * WINDOW_US, NOW_US + 7 * WINDOW_US, 1)
    expected = block(2, 5)
    assert len(table) == 5
    assert (table.window_start_us == expected.window_start_us).all()
    assert (table.window_end_us == expected.window_end_us).all()
    assert (table.activity == expected.activity).all()
    assert (table.vectors == expected.vectors).all()
    kinds = (table.window_end_us.dtype.name, table.activity.dtype.name, table.vectors.dtype.name)
    assert kinds == ("int64", "int32", "float32")


def test_a_window_that_starts_before_the_span_is_not_in_it(store: Store) -> None:
    store.features.write([block(0, 3)])
    assert len(store.features.read("hall", NOW_US + 1, NOW_US + 2 * WINDOW_US, 1)) == 1


def test_vectors_are_those_of_half_precision_clipped_to_its_range(store: Store) -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(0, 100, (50, 4))
    vectors[0] = (1e9, -1e9, np.inf, np.nan)
    store.features.write([replace(block(0, 50), vectors=vectors)])
    kept = store.features.read("hall", NOW_US, NOW_US + 50 * WINDOW_US, 1).vectors
    assert kept[0, :3].tolist() == [65504.0, -65504.0, 65504.0]
    assert np.isnan(kept[0, 3])
    assert (kept[1:] == vectors[1:].astype(np.float16)).all()
    assert np.allclose(kept[1:], vectors[1:], rtol=1e-3, atol=1e-3)


def test_a_row_computed_again_replaces_the_earlier_one(store: Store) -> None:
    store.features.write([block(0, 4)])
    later = block(2, 1)
    store.features.write([replace(later, vectors=later.vectors + 1, computed_at_us=NOW_US + 5)])
    table = store.features.read("hall", NOW_US, NOW_US + 9 * WINDOW_US, 1)
    assert table.vectors[:, 0].tolist() == [0, 1, 3, 3]
    assert store.features.count() == 4


def test_nothing_stored_reads_as_empty_arrays_of_the_right_width(store: Store) -> None:
    store.features.set_names(3, ["a", "b"])
    table = store.features.read("nowhere", 0, NOW_US, 3)
    assert (len(table), table.vectors.shape) == (0, (0, 2))
    assert store.features.span(3) is None


def test_deleting_takes_the_windows_that_end_within_a_span(store: Store) -> None:
    store.features.write([block(0, 6), block(0, 6, "kitchen"), block(0, 6, version=2)])
    assert store.features.delete_within(NOW_US + 6 * WINDOW_US, NOW_US + 9 * WINDOW_US, 1) == 0
    assert store.features.delete_within(NOW_US + 3 * WINDOW_US, NOW_US + 6 * WINDOW_US, 1) == 6
    assert store.features.span(1) == (NOW_US, NOW_US + 3 * WINDOW_US)
    assert store.features.count(2) == 6
    assert sum(store.features.delete_other_versions(1)) == 6
    assert store.features.count(1) == 6
    assert store.features.count() == 6


def test_the_names_of_a_version_are_fixed(store: Store) -> None:
    assert store.features.names(1) is None
    store.features.set_names(1, ["a", "b", "c"])
    store.features.set_names(1, ["a", "b", "c"])
    assert store.features.names(1) == ("a", "b", "c")
    assert store.metadata.get("feature_set_version") == "1"
    with pytest.raises(StoreRejectedError, match="other names"):
        store.features.set_names(1, ["a", "c", "b"])
    with pytest.raises(ValueError, match="has 3 columns"):
        store.features.write([block(0, 2), block(2, 2, width=4)])
    assert store.features.count() == 0


def test_arrays_of_different_length_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="differ in length"):
        store.features.write([replace(block(0, 3), activity=np.zeros(2, np.int64))])
