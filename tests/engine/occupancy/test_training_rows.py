"""What a room is trained with is the same, read in parts or at one go."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings, strategies as st
import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.features import FEATURE_SET_VERSION, WINDOW_US
from custom_components.occupancy_ml.engine.occupancy.training import labelled
from custom_components.occupancy_ml.engine.slices import finished, told_as
from custom_components.occupancy_ml.engine.store import FeatureBlock, Label, LabelSource, Store, pair
from tests.engine.store.helpers import NOW_US

DAYS = 18
_STEP_US = 12 * WINDOW_US
_LABELS = st.lists(
    st.builds(
        lambda start, length, **rest: Label(
            start_us=NOW_US // WINDOW_US * WINDOW_US - DAYS * DAY_US + start * _STEP_US,
            end_us=NOW_US // WINDOW_US * WINDOW_US - DAYS * DAY_US + (start + length) * _STEP_US,
            **rest,
        ),
        st.integers(0, 24 * DAYS),
        st.integers(1, 24 * 9),
        target=st.sampled_from([0.0, 1.0]),
        weight=st.sampled_from([0.5, 1.0, 6.0]),
        source=st.sampled_from([LabelSource.CORRECTION, LabelSource.REFERENCE, LabelSource.AWAY]),
        known_at_us=st.sampled_from([NOW_US - 1, NOW_US, NOW_US + 1]),
        room_id=st.sampled_from([None, "hall", "kitchen"]),
    ),
    max_size=12,
)


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with some weeks of windows of a room."""
    path = tmp_path_factory.mktemp("rows") / "home.db"
    store = Store.open(path, NOW_US)
    last = NOW_US // WINDOW_US
    ends = np.arange(last - DAYS * DAY_US // WINDOW_US, last + 1, dtype=np.int64) * WINDOW_US
    vectors = np.random.default_rng(1).normal(size=(len(ends), 3)).astype(np.float32)
    counts = np.zeros(len(ends), np.int64)
    store.features.set_names(FEATURE_SET_VERSION, ["one", "two", "three"])
    store.features.write(
        [FeatureBlock("hall", FEATURE_SET_VERSION, ends - WINDOW_US, ends, NOW_US, counts, vectors)]
    )
    store.close()
    return path


@settings(max_examples=25, deadline=None)
@given(_LABELS)
def test_parts_add_up_to_the_whole(rows: Path, labels: list[Label]) -> None:
    """A label that reaches over the bound of a part counts on both sides of it, and the same one wins."""
    store = Store.open(rows, NOW_US)
    try:
        with store.transaction():
            for label in store.labels.read(0, 2 * NOW_US, include_superseded=True):
                store.database.execute("DELETE FROM labels WHERE id = ?", (label.label_id,))
            for label in labels:
                store.labels.add(label)
        pauses: list[None] = []
        found = finished(told_as(labelled(store, "hall", NOW_US), pauses.append))
        table = store.features.read("hall", NOW_US - 84 * DAY_US, NOW_US + 1, FEATURE_SET_VERSION)
        known = store.labels.read(NOW_US - 84 * DAY_US, NOW_US, "hall", known_by_us=NOW_US)
        chosen = pair(table.window_start_us, table.window_end_us, "hall", known)
    finally:
        store.close()
    ours = [known[number] for number in chosen[chosen >= 0]]
    assert len(pauses) > 20
    assert np.array_equal(found.ends_us, table.window_end_us[chosen >= 0])
    assert np.array_equal(found.features, table.vectors[chosen >= 0])
    assert found.targets.tolist() == [label.target for label in ours]
    assert found.weights.tolist() == [label.weight for label in ours]
    assert found.corrected.tolist() == [label.source is LabelSource.CORRECTION for label in ours]
    assert found.told.all()
