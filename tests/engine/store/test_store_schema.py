"""The contract: tables, views, their columns, order and types."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.store import (
    CONTRACT_VERSION,
    SCHEMA_VERSION,
    FeatureBlock,
    Label,
    LabelSource,
    Store,
    StoreUnavailableError,
)
from custom_components.occupancy_ml.engine.store.database import read_only
from tests.engine.store.helpers import NOW_US, ROLES, WINDOW_US, motion

# What outside readers rely on. A change here needs another contract version.
PINNED_VERSION = "1.0.2"
PINNED_VIEWS = {
    "vw_clr_training_dataset": [
        ("room_id", "text"),
        ("window_start", "integer"),
        ("window_end", "integer"),
        ("feature_set_version", "integer"),
        ("computed_at", "integer"),
        ("activity", "integer"),
        ("vector", "blob"),
        ("target", "real"),
        ("weight", "real"),
        ("source", "text"),
        ("label_id", "integer"),
    ],
    "vw_clr_latest_model_artifact": [
        ("room_id", "text"),
        ("artifact_id", "integer"),
        ("run_id", "integer"),
        ("created_at", "integer"),
        ("feature_set_version", "integer"),
        ("payload", "text"),
        ("metrics", "text"),
    ],
    "vw_bocpd_feature_stream": [
        ("room_id", "text"),
        ("window_start", "integer"),
        ("window_end", "integer"),
        ("feature_set_version", "integer"),
        ("activity", "integer"),
    ],
    "vw_bocpd_latest_state": [
        ("stream", "text"),
        ("updated_at", "integer"),
        ("run_id", "integer"),
        ("payload", "blob"),
    ],
    "vw_latest_feature_snapshot": [
        ("room_id", "text"),
        ("window_start", "integer"),
        ("window_end", "integer"),
        ("feature_set_version", "integer"),
        ("computed_at", "integer"),
        ("activity", "integer"),
        ("vector", "blob"),
    ],
}
ROUTINES = {
    "acts_daily",
    "anomaly_daily",
    "automation_versions",
    "co_occurrence_daily",
    "contextual_monthly",
    "day_type_weekly",
    "duration_daily",
    "patterns",
    "room_based_daily",
    "seasonal_monthly",
    "sequence_daily",
    "session_weekly",
    "suggestion_feedback",
    "suggestions",
    "time_based_daily",
}
TABLES = ROUTINES | {
    "bocpd_model_state",
    "bocpd_training_runs",
    "checkpoints",
    "clr_model_artifacts",
    "clr_training_runs",
    "daily_reliability",
    "daily_scores",
    "daily_truth",
    "entities",
    "episodes",
    "event_contexts",
    "features",
    "forecast_artifacts",
    "forecast_moments",
    "forecast_runs",
    "forecast_scores",
    "forecasts",
    "labels",
    "metadata",
    "predictions",
    "processing_jobs",
    "raw_events",
    "roles",
    "rooms",
    "row_counts",
    "states",
}


def fill(store: Store) -> None:
    """At least one row for each view."""
    ends = NOW_US + np.arange(1, 4, dtype=np.int64) * WINDOW_US
    for room_id in ("hall", "kitchen"):
        for version in (1, 2):
            store.features.write(
                [
                    FeatureBlock(
                        room_id,
                        version,
                        ends - WINDOW_US,
                        ends,
                        NOW_US,
                        np.arange(3),
                        np.ones((3, 2)) * version,
                    )
                ]
            )
    store.labels.add(
        Label(NOW_US, NOW_US + 2 * WINDOW_US, 1.0, 2.0, LabelSource.CORRECTION, NOW_US, room_id="hall")
    )
    run_id = store.runs.start_run("hall", "schedule", NOW_US, 1)
    store.runs.save_artifact(run_id, "hall", NOW_US, 1, {"w": [1.5]}, {"brier": 0.1})
    stream_run = store.bocpd.start_run("home", "schedule", NOW_US, 1)
    store.bocpd.save_state("home", NOW_US, b"posterior", stream_run)


def test_tables_and_views_are_those_of_the_contract(store: Store) -> None:
    names: dict[str, str] = dict(
        store.database.all("SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view')")
    )
    assert {name for name, kind in names.items() if kind == "table"} == TABLES
    assert {name for name, kind in names.items() if kind == "view"} == set(PINNED_VIEWS)


def test_rows_of_corrections_are_for_training_alone(store: Store) -> None:
    fill(store)
    ends = np.array([NOW_US + 2 * WINDOW_US - 7, NOW_US + 4 * WINDOW_US], dtype=np.int64)
    views = ("vw_bocpd_feature_stream", "vw_latest_feature_snapshot")
    before = [store.database.all(f"SELECT * FROM {view}") for view in views]
    count = "SELECT count(*) FROM vw_clr_training_dataset"
    examples = store.database.scalar(count)
    store.features.write(
        [FeatureBlock("hall", 2, ends - WINDOW_US - (0, 9), ends, NOW_US, np.zeros(2, int), np.ones((2, 2)))]
    )
    assert [store.database.all(f"SELECT * FROM {view}") for view in views] == before
    assert store.database.scalar(count) == examples + 1


@pytest.mark.parametrize("view", PINNED_VIEWS)
def test_the_columns_of_a_view_are_pinned(store: Store, view: str) -> None:
    assert CONTRACT_VERSION == PINNED_VERSION
    fill(store)
    names = [column for column, _ in PINNED_VIEWS[view]]
    with store.reader() as connection:
        cursor = connection.execute(f"SELECT * FROM {view}")
        rows = cursor.fetchall()
        assert [column[0] for column in cursor.description] == names
        typed = ", ".join(f"typeof({name})" for name in names)
        kinds = set(connection.execute(f"SELECT {typed} FROM {view}").fetchall())
    assert rows
    assert kinds == {tuple(kind for _, kind in PINNED_VIEWS[view])}


def test_the_snapshot_is_the_newest_row_of_each_room(store: Store) -> None:
    fill(store)
    rows = store.database.all(
        "SELECT room_id, window_end, feature_set_version FROM vw_latest_feature_snapshot ORDER BY room_id"
    )
    last_us = NOW_US + 3 * WINDOW_US
    assert rows == [("hall", last_us, 2), ("kitchen", last_us, 2)]


def test_a_vector_can_be_read_with_nothing_but_numpy(store: Store) -> None:
    fill(store)
    store.features.set_names(2, ["one", "other"])
    with store.reader() as connection:
        (blob,) = connection.execute("SELECT vector FROM vw_latest_feature_snapshot").fetchone()
        (names,) = connection.execute("SELECT value FROM metadata WHERE key = 'feature_names_v2'").fetchone()
    assert np.frombuffer(blob, "<f2").tolist() == [2.0, 2.0]
    assert json.loads(names) == ["one", "other"]


def test_the_file_is_set_up_as_designed(store: Store) -> None:
    pragmas = {
        name: store.database.scalar(f"PRAGMA {name}")
        for name in (
            "journal_mode",
            "synchronous",
            "busy_timeout",
            "foreign_keys",
            "auto_vacuum",
            "user_version",
        )
    }
    assert pragmas == {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 5000,
        "foreign_keys": 1,
        "auto_vacuum": 2,
        "user_version": SCHEMA_VERSION,
    }
    status = json.loads(store.metadata.all()["migration_status"])
    assert status == {"from": 0, "to": SCHEMA_VERSION, "status": "completed", "at_us": NOW_US}


def test_a_reader_sees_what_is_committed_and_cannot_write(store: Store) -> None:
    store.events.append([motion(0)], ROLES)
    with store.reader() as reader:
        count = "SELECT count(*) FROM raw_events"
        assert reader.execute(count).fetchone() == (1,)
        with store.transaction():
            store.events.append([motion(1)], ROLES)
            assert reader.execute(count).fetchone() == (1,)
        assert reader.execute(count).fetchone() == (2,)
    with pytest.raises(StoreUnavailableError, match="readonly"), store.reader() as reader:
        reader.execute("DELETE FROM raw_events")
    assert store.events.count() == 2


def test_a_reader_of_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailableError), read_only(tmp_path / "none.db"):
        pass
