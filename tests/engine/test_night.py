"""The night's work: recorded, repeatable, and one failure costs nothing but itself."""

from __future__ import annotations

from datetime import date, timedelta
import logging
from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.adaptation.report import quality
from custom_components.occupancy_ml.engine.adaptation.scores import days_to_score, score_day
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.occupancy.training import missing_for_training
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import Learning, Source
from custom_components.occupancy_ml.engine.store import Store
from custom_components.occupancy_ml.engine.store.jobs import JobStatus
from custom_components.occupancy_ml.engine.store.labels import Label, LabelSource
from custom_components.occupancy_ml.engine.store.predictions import Prediction
from custom_components.occupancy_ml.engine.store.runs import RunStatus
from tests.engine.adaptation.days import CLOCK, moments, say
from tests.engine.living import START_US, at, flat, live, play, pulse
from tests.engine.store.helpers import query
from tests.simulator import one_person, simulate

HOUR_US = 60 * MINUTE_US
STEPS = (
    "labels",
    "training",
    "changepoints",
    "scores",
    "routine_changes",
    "switches",
    "forecasts",
    "routines",
    "suggestions",
    "maintenance",
)
SIMULATED = simulate(one_person(), date(2026, 3, 2), 5, 4)
NIGHT_US = SIMULATED.start_us + 99 * HOUR_US


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of four days that no night has worked on yet, whole and closed."""
    path = tmp_path_factory.mktemp("night") / "home.db"
    _, engine = live(path, SIMULATED.home, SIMULATED.events, SIMULATED.start_us, NIGHT_US)
    engine.close()
    return path


@pytest.fixture
def engine(learned: Path, tmp_path: Path) -> Engine:
    copy = tmp_path / "home.db"
    copy.write_bytes(learned.read_bytes())
    return Engine.open(copy, SIMULATED.home, NIGHT_US)


def jobs(engine: Engine) -> dict[str, JobStatus]:
    # Routines record each day, week and month besides.
    recent = reversed(engine.store.jobs.recent(100))
    return {job.job_type: job.status for job in recent if job.job_type in STEPS}


def why_no_forecast(engine: Engine) -> set[str | None]:
    return {forecast.reason for forecast in engine.tick(NIGHT_US).forecasts.values()}


def test_every_step_is_recorded_and_told(engine: Engine) -> None:
    assert why_no_forecast(engine) == {"nothing was learned yet"}
    night = engine.night(NIGHT_US)
    steps = [next(night)]
    assert why_no_forecast(engine) == {"the history is still being learned from"}
    steps += night
    assert "the history is still being learned from" not in why_no_forecast(engine)
    assert list(dict.fromkeys(step.name for step in steps)) == [*STEPS, "done"]
    shares = [step.progress for step in steps]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    recorded = [job for job in engine.store.jobs.recent(100) if job.job_type in STEPS]
    assert [job.job_type for job in reversed(recorded)] == list(STEPS)
    assert {job.status for job in recorded} == {JobStatus.COMPLETED}
    assert {job.processing_date for job in recorded} == {"2026-03-06"}
    report = engine.training_report()
    assert report.time_us == NIGHT_US
    assert set(report.rooms) == {room.room_id for room in SIMULATED.home.rooms}
    assert any(room.in_service for room in report.rooms.values())
    shown = engine.tick(NIGHT_US + MINUTE_US)
    for room_id, room in report.rooms.items():
        assert (shown.rooms[room_id].source is Source.MODEL) == room.in_service
        assert (shown.rooms[room_id].unknown_reason is None) == room.in_service
        if room.status is RunStatus.COMPLETED:
            better = room.metrics["log_loss"] < room.metrics["filter_log_loss"]
            assert room.in_service == better  # a model that is no better than the filter does not serve
            assert room.in_service or room.reason
    engine.close()


def test_on_request_forecasts_are_fitted_from_scratch(engine: Engine) -> None:
    list(engine.night(NIGHT_US))
    room = SIMULATED.home.rooms[0].room_id
    before = engine.store.forecasts.runs()
    list(engine.night(NIGHT_US + HOUR_US))
    assert engine.store.forecasts.runs() == before
    list(engine.night(NIGHT_US + 2 * HOUR_US, cause="request", rooms=[room]))
    assert [run[:3] for run in engine.store.forecasts.runs()[len(before) :]] == [
        (room, "completed", "request")
    ]
    engine.close()


def test_a_second_night_says_the_same(engine: Engine) -> None:
    list(engine.night(NIGHT_US))
    labels = engine.store.labels.counts()
    assert labels["hindsight"] > 100
    tables = ("episodes", "daily_scores", "features", "predictions")
    before = {table: query(engine.store.path, f"SELECT count(*) FROM {table}") for table in tables}
    list(engine.night(NIGHT_US))
    # Learning goes on a step each time, so single labels may move; their sum of minutes stays.
    minutes = {
        room.room_id: sum(
            label.end_us - label.start_us for label in engine.store.labels.read(0, 2**62, room.room_id)
        )
        for room in SIMULATED.home.rooms
    }
    assert len(set(minutes.values())) == 1
    assert engine.store.labels.counts()["hindsight"] == pytest.approx(labels["hindsight"], rel=0.2)
    after = {table: query(engine.store.path, f"SELECT count(*) FROM {table}") for table in tables}
    assert after["features"] == before["features"]
    assert after["predictions"] == before["predictions"]
    assert after["daily_scores"] == before["daily_scores"]
    engine.close()


def test_two_nights_of_the_same_file_have_the_same_bits(learned: Path, tmp_path: Path) -> None:
    found = []
    for name in "ab":
        copy = tmp_path / f"{name}.db"
        copy.write_bytes(learned.read_bytes())
        engine = Engine.open(copy, SIMULATED.home, NIGHT_US)
        list(engine.night(NIGHT_US))
        tables = ("labels", "clr_model_artifacts", "bocpd_model_state", "daily_scores", "episodes")
        found.append({table: query(copy, f"SELECT * FROM {table} ORDER BY 1, 2, 3, 4") for table in tables})
        engine.close()
    assert found[0] == found[1]


def test_a_step_that_fails_leaves_the_others_to_go_on(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.store.metadata.set("scored_until", "not a date")
    with caplog.at_level(logging.CRITICAL):
        list(engine.night(NIGHT_US))
    assert jobs(engine) == {
        name: JobStatus.FAILED if name == "scores" else JobStatus.COMPLETED for name in STEPS
    }
    failed = engine.store.jobs.recent(1, "scores")[0]
    assert "not a date" in str(failed.error_message)
    home = engine.tick(NIGHT_US + MINUTE_US).home
    assert home.learning is Learning.DEGRADED
    assert "scores" in str(home.learning_reason)
    engine.store.metadata.set("scored_until", "2026-03-05")
    list(engine.night(NIGHT_US + HOUR_US))
    assert engine.tick(NIGHT_US + HOUR_US).home.learning is not Learning.DEGRADED
    assert jobs(engine) == dict.fromkeys(STEPS, JobStatus.COMPLETED)
    engine.close()


def test_a_room_that_cannot_be_trained_keeps_its_model_and_costs_no_other(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    list(engine.night(NIGHT_US))
    serving = {room for room, report in engine.training_report().rooms.items() if report.in_service}
    room_id = sorted(serving)[0]
    # Rows of that room that are no numbers, as a damaged file or an older fault may leave them.
    with engine.store.transaction():
        engine.store.database.execute(
            "UPDATE features SET vector = ? WHERE room = (SELECT id FROM rooms WHERE room_id = ?)",
            (b"\xff\x7f" * len(FEATURE_NAMES), room_id),
        )
    with caplog.at_level(logging.CRITICAL):
        list(engine.night(NIGHT_US + MINUTE_US))
    rooms = engine.training_report().rooms
    assert rooms[room_id].status is RunStatus.FAILED
    assert {report.status for name, report in rooms.items() if name != room_id} <= {
        RunStatus.COMPLETED,
        RunStatus.GATE_NOT_MET,
    }
    assert engine.store.runs.recent_runs(1, room_id)[0].status is RunStatus.FAILED
    assert jobs(engine)["training"] is JobStatus.FAILED
    shown = engine.tick(NIGHT_US + 2 * MINUTE_US)
    assert shown.rooms[room_id].source is Source.MODEL
    assert shown.home.learning is Learning.DEGRADED
    engine.close()


def test_stopping_midway_leaves_a_file_for_the_next_night(engine: Engine) -> None:
    """In whichever step: each night here comes one step further than the one before."""
    path = engine.store.path
    for number, stop_at in enumerate(STEPS):
        now_us = NIGHT_US + 2 * number * MINUTE_US
        work = engine.night(now_us)
        for step in work:
            if step.name == stop_at:
                break
        work.close()  # type: ignore[attr-defined]
        assert jobs(engine)[stop_at] is JobStatus.FAILED
        assert not [run for run in engine.store.runs.recent_runs(50) if run.status is RunStatus.RUNNING]
        engine.tick(now_us + MINUTE_US)
        engine.close()
        engine = Engine.open(path, SIMULATED.home, now_us + 2 * MINUTE_US)
    list(engine.night(now_us + 2 * MINUTE_US))
    assert jobs(engine) == dict.fromkeys(STEPS, JobStatus.COMPLETED)
    assert any(report.in_service for report in engine.training_report().rooms.values())
    engine.close()


def test_only_the_rooms_asked_for_are_trained(engine: Engine) -> None:
    list(engine.night(NIGHT_US, cause="request", rooms=["kitchen"]))
    runs = engine.store.runs.recent_runs(50)
    assert [(run.subject, run.cause) for run in runs] == [("kitchen", "request")]
    engine.close()


def test_the_gate_says_what_is_missing(tmp_path: Path) -> None:
    events = [event for n in range(12) for event in pulse(3600 * n, ("hall", "kitchen")[n % 2])]
    shown, engine = live(tmp_path / "home.db", flat(), events, START_US, START_US + 13 * HOUR_US)
    list(engine.night(START_US + 13 * HOUR_US))
    report = engine.training_report().rooms["hall"]
    assert report.status is RunStatus.GATE_NOT_MET
    assert "3 days" in str(report.reason)
    state = engine.tick(START_US + 13 * HOUR_US + MINUTE_US).rooms["hall"]
    assert (state.source, state.unknown_reason) == (Source.PRIOR, report.reason)
    assert state.probability is not None  # until then the prior model serves, and says so
    assert shown[-1].rooms["hall"].source is Source.PRIOR
    engine.close()


def test_a_room_in_which_nobody_stays_does_not_keep_the_home_learning(engine: Engine) -> None:
    list(engine.night(NIGHT_US))
    assert engine.tick(NIGHT_US + MINUTE_US).home.learning is Learning.READY
    for model_is_missing, rows, days, learning in (
        ("for want of days", 300, 2, Learning.LEARNING),
        ("since nobody was ever seen there", 2000, 8, Learning.READY),
    ):
        engine.predictor.retire("kitchen")
        why = missing_for_training(rows, days, positives=0.0, negatives=float(rows))
        assert why is not None, model_is_missing
        engine.predictor.why_no_model["kitchen"] = why
        assert engine.tick(NIGHT_US + 2 * MINUTE_US).home.learning is learning, model_is_missing
    engine.close()


def test_a_night_in_a_year_to_come_does_not_keep_labels_from_being_made(tmp_path: Path) -> None:
    home = flat(persons=True)
    engine = Engine.open(tmp_path / "home.db", home, START_US)
    engine.store.metadata.set_us("labelled_until", START_US + 365 * DAY_US)
    events = [at(60, "person.ada", "not_home"), at(60, "person.bo", "not_home"), *pulse(90, "hall")]
    play(engine, events, START_US, START_US + 2 * HOUR_US)
    list(engine.night(START_US + 2 * HOUR_US))
    assert engine.store.labels.counts()["away"] == 3
    engine.close()


def test_a_night_in_a_year_to_come_does_not_keep_days_from_being_scored(engine: Engine) -> None:
    engine.store.metadata.set("scored_until", "2027-03-05")
    list(engine.night(NIGHT_US))
    (days,) = engine.store.database.all("SELECT count(DISTINCT day) FROM daily_scores WHERE n > 0")
    assert days[0] >= 3
    assert (
        engine.store.metadata.get("scored_until")
        == LocalClock(SIMULATED.home.time_zone).at(NIGHT_US).date().isoformat()
    )
    engine.close()


def test_what_is_said_of_days_ago_is_scored_and_taken_back_it_leaves_the_scores(tmp_path: Path) -> None:
    """Days that were scored long before, and a correction over a midnight."""
    today = date(2026, 3, 20)
    noon_us = CLOCK.day_bounds(today)[0] + 12 * HOUR_US
    engine = Engine.open(tmp_path / "home.db", flat(), noon_us, durable=False)
    said = [today - timedelta(days=number) for number in (3, 11, 12)]
    for day in said:
        say(engine.store, "kitchen", moments(day), [0.9] * len(moments(day)))
    engine.store.metadata.set("scored_until", today.isoformat())

    def corrected() -> dict[str, int]:
        list(engine.night(noon_us + MINUTE_US, without=STEPS))
        scores = engine.store.scores.read("2026-01-01", today.isoformat(), "kitchen")
        return {
            score.day: score.n for score in scores if (score.model, score.truth) == ("shown", "correction")
        }

    midnight_us = CLOCK.day_bounds(said[1])[0]
    spans = [
        (noon_us - 3 * DAY_US, noon_us - 3 * DAY_US + HOUR_US),
        (midnight_us - HOUR_US, midnight_us + HOUR_US),
    ]
    labels = [
        engine.relabel("kitchen", start_us, end_us, False, noon_us + number, None).label_id
        for number, (start_us, end_us) in enumerate(spans)
    ]
    # The moment at midnight tells of the hour before, and is of the next day.
    assert list(corrected().values()) == [11, 13, 12]
    for number, label_id in enumerate(labels):
        engine.withdraw("kitchen", noon_us + 10 + number, label_id)
    assert corrected() == {}
    assert days_to_score(engine.store) == {}
    engine.close()


def test_a_correction_becomes_a_label_and_an_example(tmp_path: Path) -> None:
    home = flat(zone="America/New_York")
    _, engine = live(tmp_path / "home.db", home, pulse(60, "hall"), START_US, START_US + 30 * MINUTE_US)
    now_us = START_US + 30 * MINUTE_US
    before = engine.tracker.vectors(now_us)[2]
    start_us, end_us = now_us - 10 * MINUTE_US, now_us + 20 * MINUTE_US
    shown = engine.relabel("bedroom", start_us, end_us, True, now_us, "ada").snapshot
    assert shown.rooms["bedroom"].source is Source.CORRECTION
    assert shown.rooms["bedroom"].occupied is True
    (label,) = engine.store.labels.read(0, 2**62, "bedroom")
    assert (label.start_us, label.end_us, label.target, label.source) == (
        start_us,
        end_us,
        1.0,
        LabelSource.CORRECTION,
    )
    assert (label.created_by, label.local_date, label.time_zone) == ("ada", "2026-03-02", "America/New_York")
    assert label.known_at_us == now_us
    play(engine, [], now_us, end_us)
    table = engine.store.features.read("bedroom", start_us, end_us, FEATURE_SET_VERSION)
    kept = table.vectors[table.window_start_us == start_us][-1]
    assert kept == pytest.approx(
        before, rel=1e-3, abs=1e-3, nan_ok=True
    )  # of when it was told, before it moved anything
    # It holds through its interval whatever the model says; the others go on.
    assert engine.tick(end_us - MINUTE_US // 2).rooms["bedroom"].occupied is True
    with pytest.raises(KeyError):
        engine.relabel("cellar", start_us, end_us, True, now_us, None)
    with pytest.raises(ValueError, match="after the start"):
        engine.relabel("hall", end_us, start_us, True, now_us, None)
    engine.close()


def test_a_correction_at_a_windows_end_loses_no_row(tmp_path: Path) -> None:
    _, engine = live(tmp_path / "home.db", flat(), pulse(60, "hall"), START_US, START_US + 9 * MINUTE_US)
    now_us = START_US + 11 * MINUTE_US
    engine.relabel("hall", now_us - MINUTE_US, now_us, False, now_us, None)
    play(engine, [], now_us, START_US + 20 * MINUTE_US)
    ends = engine.store.features.read("kitchen", 0, 2**62, FEATURE_SET_VERSION).window_end_us
    assert ((ends - START_US) // MINUTE_US).tolist() == [5, 10, 15, 20]
    engine.close()


@pytest.mark.parametrize(("day", "windows"), [(date(2026, 3, 29), 276), (date(2026, 10, 25), 300)])
def test_scores_of_the_days_on_which_the_clock_changes(tmp_path: Path, day: date, windows: int) -> None:
    home, clock = flat(), LocalClock("Europe/Berlin")
    start_us, end_us = clock.day_bounds(day)
    store = Store.open(tmp_path / "home.db", end_us)
    store.labels.add(
        Label(start_us - DAY_US, end_us + DAY_US, 1.0, 1.0, LabelSource.HINDSIGHT, end_us, "kitchen")
    )
    store.predictions.write(
        [
            Prediction("kitchen", time_us, 0.8, True, "prior", 0.8, 0)
            for time_us in range(start_us - HOUR_US, end_us + HOUR_US, 5 * MINUTE_US)
        ]
    )
    list(score_day(store, home, clock, day))
    scores = {score.model: score for score in store.scores.read(day.isoformat(), day.isoformat())}
    assert scores["shown"].n == windows
    assert scores["shown"].brier_sum / scores["shown"].n == pytest.approx(0.04)
    found = quality(store.database.all, ["kitchen"], day + timedelta(days=1))
    assert found is not None
    assert found < 1
    store.close()
