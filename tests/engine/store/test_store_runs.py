"""Runs, models, changepoint states and jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.store import (
    ChangepointState,
    JobStatus,
    RunStatus,
    Store,
    StoreRejectedError,
)
from tests.engine.store.helpers import NOW_US, crash


def test_a_run_is_recorded_from_start_to_end(store: Store) -> None:
    run_id = store.runs.start_run("hall", "schedule", 5, 1)
    (running,) = store.runs.recent_runs(5)
    assert (running.subject, running.status, running.cause) == ("hall", RunStatus.RUNNING, "schedule")
    assert (running.ended_us, running.metrics, running.reason) == (None, None, None)
    store.runs.finish_run(
        run_id,
        RunStatus.COMPLETED,
        9,
        rows=100,
        days=3,
        positives=20.5,
        negatives=79.5,
        data_start_us=1,
        data_end_us=4,
        metrics={"brier": 0.125},
    )
    (done,) = store.runs.recent_runs(5, "hall")
    assert (done.run_id, done.status, done.started_us, done.ended_us) == (run_id, RunStatus.COMPLETED, 5, 9)
    assert (done.rows, done.days, done.positives, done.negatives) == (100, 3, 20.5, 79.5)
    assert (done.feature_set_version, done.data_start_us, done.data_end_us) == (1, 1, 4)
    assert done.metrics == {"brier": 0.125}


def test_recent_runs_are_the_newest_first_and_of_one_room_where_asked(store: Store) -> None:
    for started_us, room_id in ((1, "hall"), (3, "kitchen"), (2, "hall")):
        run_id = store.runs.start_run(room_id, "request", started_us, 1)
        store.runs.finish_run(run_id, RunStatus.GATE_NOT_MET, started_us, reason="too few days")
    assert [run.started_us for run in store.runs.recent_runs(2)] == [3, 2]
    assert [run.started_us for run in store.runs.recent_runs(9, "hall")] == [2, 1]
    assert store.runs.recent_runs(9, "nowhere") == []
    assert store.runs.recent_runs(1)[0].reason == "too few days"


def test_a_model_put_in_service_relieves_the_one_before(store: Store) -> None:
    run_id = store.runs.start_run("hall", "schedule", 5, 1)
    store.runs.save_artifact(run_id, "hall", 6, 1, {"w": [0.1]})
    champion = store.runs.save_artifact(run_id, "hall", 7, 1, {"w": [0.1, 1 / 3]}, {"brier": 0.1})
    store.runs.save_artifact(run_id, "hall", 8, 1, {"w": []}, in_service=False)
    other = store.runs.save_artifact(run_id, "kitchen", 9, 1, {"w": [2]})
    serving = store.runs.artifact_in_service("hall")
    assert serving is not None
    assert (serving.artifact_id, serving.payload) == (champion, {"w": [0.1, 1 / 3]})
    assert (serving.metrics, serving.in_service, serving.created_us) == ({"brier": 0.1}, True, 7)
    assert {r: a.artifact_id for r, a in store.runs.artifacts_in_service().items()} == {
        "hall": champion,
        "kitchen": other,
    }
    view = store.database.all(
        "SELECT room_id, artifact_id FROM vw_clr_latest_model_artifact ORDER BY room_id"
    )
    assert view == [("hall", champion), ("kitchen", other)]
    store.runs.retire("hall")
    assert store.runs.artifact_in_service("hall") is None
    assert store.runs.artifact_in_service("nowhere") is None


def test_a_model_that_cannot_be_stored_leaves_the_one_before_in_service(store: Store) -> None:
    run_id = store.runs.start_run("hall", "schedule", 5, 1)
    first = store.runs.save_artifact(run_id, "hall", 6, 1, {"w": [0.1]})
    with pytest.raises(ValueError, match="not JSON compliant"):
        store.runs.save_artifact(run_id, "hall", 7, 1, {"w": [float("nan")]})
    with pytest.raises(StoreRejectedError):
        store.runs.save_artifact(run_id + 1, "hall", 7, 1, {"w": []})
    serving = store.runs.artifact_in_service("hall")
    assert serving is not None
    assert serving.artifact_id == first


def test_a_posterior_is_kept_byte_for_byte_with_its_run(store: Store) -> None:
    run_id = store.bocpd.start_run("room/hall", "schedule", 5, 1)
    store.bocpd.finish_run(run_id, RunStatus.COMPLETED, 6, rows=12, days=1, metrics={"hazard": 0.01})
    payload = bytes(range(256))
    store.bocpd.save_state("room/hall", 7, payload, run_id)
    store.bocpd.save_states(
        [ChangepointState("room/hall", 8, payload[::-1]), ChangepointState("home", 8, b"")]
    )
    assert store.bocpd.load_state("room/hall") == ChangepointState("room/hall", 8, payload[::-1], run_id)
    assert store.bocpd.load_state("nowhere") is None
    assert store.bocpd.streams() == ["home", "room/hall"]
    (run,) = store.bocpd.recent_runs(5, "room/hall")
    assert (run.subject, run.rows, run.positives, run.metrics) == ("room/hall", 12, None, {"hazard": 0.01})
    store.bocpd.delete_state("home")
    assert store.bocpd.streams() == ["room/hall"]
    assert [run.run_id for run in store.bocpd.recent_runs(5)] == [run_id]


def test_a_job_is_recorded_with_its_duration(store: Store) -> None:
    job_id = store.jobs.start("night", "2026-02-28", 100)
    store.jobs.finish(
        job_id,
        JobStatus.COMPLETED,
        350,
        events_processed=7,
        patterns_detected=0,
        aggregates_stored=3,
    )
    failed = store.jobs.start("import", "2026-03-01", 400)
    store.jobs.finish(failed, JobStatus.FAILED, 401, error_message="the disk is full")
    newest, oldest = store.jobs.recent(5)
    assert (newest.job_id, newest.status, newest.error_message) == (
        failed,
        JobStatus.FAILED,
        "the disk is full",
    )
    assert (oldest.processing_date, oldest.duration_us, oldest.events_processed) == ("2026-02-28", 250, 7)
    assert (oldest.patterns_detected, oldest.aggregates_stored) == (0, 3)
    assert [job.job_id for job in store.jobs.recent(5, "night")] == [job_id]


def test_a_run_ends_as_much_later_as_the_stopwatch_says(store: Store) -> None:
    """The engine knows one time for all of a night; what it does takes time all the same."""
    took = iter((1_000, 1_700, 2_000, 2_900))
    store.database.stopwatch = lambda: next(took)
    run_id = store.runs.start_run("hall", "schedule", 100, 1)
    store.runs.finish_run(run_id, RunStatus.COMPLETED, 100)
    run_id = store.bocpd.start_run("hall", "schedule", 100, 1)
    store.bocpd.finish_run(run_id, RunStatus.GATE_NOT_MET, 100)
    assert [run.ended_us for run in store.runs.recent_runs(5)] == [800]
    assert [run.ended_us for run in store.bocpd.recent_runs(5)] == [1_000]


def test_what_is_not_there_cannot_be_finished(store: Store) -> None:
    with pytest.raises(StoreRejectedError, match="no row 5"):
        store.runs.finish_run(5, RunStatus.FAILED, 1)
    with pytest.raises(StoreRejectedError, match="no row 5"):
        store.bocpd.finish_run(5, RunStatus.FAILED, 1)
    with pytest.raises(StoreRejectedError, match="no row 5"):
        store.jobs.finish(5, JobStatus.FAILED, 1)


def test_what_a_crash_left_running_is_failed_at_the_next_start(store: Store, tmp_path: Path) -> None:
    done = store.jobs.start("night", "2026-02-27", 1)
    store.jobs.finish(done, JobStatus.COMPLETED, 2)
    store.jobs.start("night", "2026-02-28", 3)
    store.runs.start_run("hall", "schedule", 4, 1)
    store.bocpd.start_run("home", "schedule", 5, 1)
    again = Store.open(crash(store, tmp_path / "after"), NOW_US)
    try:
        assert again.was_unclean
        assert [(job.status, job.completed_at_us) for job in again.jobs.recent(5)] == [
            (JobStatus.FAILED, NOW_US),
            (JobStatus.COMPLETED, 2),
        ]
        for run in (*again.runs.recent_runs(5), *again.bocpd.recent_runs(5)):
            assert (run.status, run.ended_us) == (RunStatus.FAILED, NOW_US)
            assert run.reason is not None
            assert run.reason.startswith("interrupted")
    finally:
        again.close()


def test_a_job_takes_as_long_as_the_stopwatch_says(store: Store) -> None:
    """The engine's time stands still while a job works."""
    ticks = iter([1_000, 5_000, 250_000, 900_000])
    store.database.stopwatch = lambda: next(ticks)
    night = store.jobs.start("daily", "2026-02-28", 100)
    other = store.jobs.start("weekly", "2026-03-01", 100)
    store.jobs.finish(night, JobStatus.COMPLETED, 100)
    store.jobs.finish(other, JobStatus.FAILED, 100, error_message="the disk is full")
    assert {job.job_type: job.duration_us for job in store.jobs.recent(5)} == {
        "daily": 249_000,
        "weekly": 895_000,
    }
