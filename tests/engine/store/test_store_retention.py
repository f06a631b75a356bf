"""Retention: what is old goes in short steps, what people said and what serves stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
import re

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, Event, from_us
from custom_components.occupancy_ml.engine.store import (
    DailyScore,
    Episode,
    FeatureBlock,
    JobStatus,
    Label,
    LabelSource,
    Prediction,
    Retention,
    RunStatus,
    Store,
)
from custom_components.occupancy_ml.engine.store.routines import PatternRow
from tests.engine.store.helpers import NOW_US, ROLES, WINDOW_US, all_events
from tests.engine.store.test_store_schema import PINNED_VIEWS

POLICY = Retention(
    raw_events=2,
    features=4,
    predictions=3,
    hindsight_labels=4,
    episodes=6,
    daily_scores=6,
    runs=5,
    jobs=5,
)
DAYS = range(1, 11)


def ago(days: float) -> int:
    """A time before now."""
    return NOW_US - round(days * DAY_US)


def fill(store: Store) -> None:
    """Ten days of everything, in the middle of each day before now."""
    events = [
        Event(ago(day - 0.5) + n, "binary_sensor.hall_motion", "on" if n % 2 else "off")
        for day in DAYS
        for n in range(3000)
    ]
    store.events.append(events, ROLES)
    ends = np.array([ago(day - 0.5) for day in reversed(DAYS)], np.int64)
    n = len(ends)
    for room_id in ("hall", "kitchen"):
        store.features.write(
            [FeatureBlock(room_id, 1, ends - WINDOW_US, ends, NOW_US, np.arange(n), np.ones((n, 30)))]
        )
        store.predictions.write([Prediction(room_id, int(end), 0.5, True, "model") for end in ends])
    base = Label(0, 1, 1.0, 1.0, LabelSource.CORRECTION, 0, room_id="hall")
    said = [
        replace(
            base, start_us=int(end) - WINDOW_US, end_us=int(end) + 60, known_at_us=int(end), source=source
        )
        for end in ends
        for source in LabelSource
    ]
    for label in said:
        store.labels.add(label)
    for end in ends.tolist():
        store.episodes.replace("hall", end, end + 9, [Episode("hall", end, end + 9, True, 0.5)])
        run_id = store.runs.start_run("hall", "schedule", end, 1)
        store.runs.finish_run(run_id, RunStatus.COMPLETED, end + 1)
        store.runs.save_artifact(run_id, "hall", end, 1, {"end": end})
        stream_run = store.bocpd.start_run("home", "schedule", end, 1)
        store.bocpd.finish_run(stream_run, RunStatus.COMPLETED, end + 1)
        job_id = store.jobs.start("night", "2026-02-01", end)
        store.jobs.finish(job_id, JobStatus.COMPLETED, end + 1)
    oldest = store.runs.recent_runs(99)[-1]
    store.runs.save_artifact(oldest.run_id, "kitchen", ago(20), 1, {"old": "but in service"})
    last = store.bocpd.recent_runs(99)[-1]
    store.bocpd.save_state("home", ago(9), b"posterior", last.run_id)
    today = date(2026, 3, 1)
    store.scores.write(
        [
            DailyScore("hall", (today - timedelta(days=day)).isoformat(), "shown", "hindsight", 1, 0.1, 0.2)
            for day in range(11)
        ]
    )


def test_each_layer_keeps_its_days(store: Store) -> None:
    fill(store)
    assert sum(store.trim(NOW_US, POLICY)) > 0
    assert store.events.count() == 2 * 3000
    assert all_events(store)[0].time_us == ago(1.5)
    for room_id in ("hall", "kitchen"):
        assert len(store.features.read(room_id, ago(99), NOW_US, 1)) == 4
        assert len(store.predictions.read(room_id, ago(99), NOW_US)) == 3
    assert store.labels.counts() == {
        "away": 10,
        "correction": 10,
        "helper": 10,
        "hindsight": 4,
        "reference": 10,
    }
    assert len(store.episodes.read("hall", ago(99), NOW_US)) == 6
    # One day more than asked: a local day may reach a day further back than a UTC day.
    assert store.scores.read("2026-01-01", "2026-12-31")[0].day == "2026-02-22"
    assert len(store.jobs.recent(99)) == 5


# What is not trimmed: names and what there is one of, and what people said or decided.
FOR_EVER = {
    "metadata",
    "entities",
    "rooms",
    "roles",
    "states",
    "event_contexts",
    "row_counts",
    "checkpoints",
    "bocpd_model_state",
    "forecast_artifacts",
    "patterns",
    "suggestions",
    "suggestion_feedback",
    "automation_versions",
}


def test_every_table_is_trimmed_or_meant_to_stay(store: Store) -> None:
    fill(store)
    asked: list[str] = []
    store.database._connection.set_trace_callback(asked.append)
    list(store.trim(NOW_US, POLICY))
    store.database._connection.set_trace_callback(None)
    trimmed = {found[1] for sql in asked if (found := re.match(r"DELETE FROM (\w+) ", sql))}
    looked_at = {found[1] for sql in asked if (found := re.match(r"SELECT DISTINCT \w+ FROM (\w+) ", sql))}
    tables = {
        name
        for (name,) in store.database.all(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        )
    }
    assert (trimmed | looked_at) & FOR_EVER == set()
    assert trimmed | looked_at | FOR_EVER == tables


def test_models_in_service_stay_with_the_runs_they_come_from(store: Store) -> None:
    fill(store)
    list(store.trim(NOW_US, POLICY))
    serving = store.runs.artifacts_in_service()
    assert serving["hall"].payload == {"end": ago(0.5)}
    assert serving["kitchen"].payload == {"old": "but in service"}
    assert [run.started_us for run in store.runs.recent_runs(99)] == [
        ago(day - 0.5) for day in (*range(1, 6), 10)
    ]
    # Those relieved go with the features they were fitted to.
    assert store.database.scalar("SELECT count(*) FROM clr_model_artifacts") == 4 + 1
    assert store.bocpd.load_state("home") is not None
    assert len(store.bocpd.recent_runs(99)) == 6


@pytest.mark.parametrize("view", PINNED_VIEWS)
def test_trimming_breaks_no_view(store: Store, view: str) -> None:
    fill(store)
    list(store.trim(NOW_US, POLICY))
    with store.reader() as reader:
        assert reader.execute(f"SELECT * FROM {view}").fetchall()


def test_the_steps_are_bounded_and_the_file_gets_smaller(store: Store) -> None:
    fill(store)
    store.checkpoint()
    before = store.database.scalar("PRAGMA page_count")
    steps = []
    for gone in store.trim(NOW_US, POLICY):
        # Between two steps nothing is held: others write.
        assert not store.database.in_transaction
        steps.append(gone)
    assert max(steps) <= 5001
    assert store.database.scalar("PRAGMA freelist_count") == 0
    assert store.database.scalar("PRAGMA page_count") < before / 2
    assert store.database.scalar("PRAGMA integrity_check") == "ok"
    assert sum(store.trim(NOW_US, POLICY)) == 0


def test_trimming_ends_in_a_file_that_gives_nothing_back(store: Store) -> None:
    fill(store)
    store.database.execute("PRAGMA journal_mode = DELETE")
    store.database.execute("PRAGMA auto_vacuum = NONE")
    store.database.execute("VACUUM")
    assert store.database.scalar("PRAGMA auto_vacuum") == 0
    assert sum(store.trim(NOW_US, POLICY)) > 0
    assert store.database.scalar("PRAGMA freelist_count") > 0
    assert sum(store.trim(NOW_US, POLICY)) == 0


def test_trimming_that_stops_half_way_is_taken_up_again(store: Store) -> None:
    fill(store)
    steps = store.trim(NOW_US, POLICY)
    next(steps)
    steps.close()
    assert 2 * 3000 < store.events.count() < 10 * 3000
    list(store.trim(NOW_US, POLICY))
    assert store.events.count() == 2 * 3000


@pytest.mark.parametrize("days", [-100, -1, 0, 100])
def test_a_night_with_a_wrong_clock_changes_nothing_for_the_next(store: Store, days: int) -> None:
    """Behind, it must not stop what is due later; ahead, it takes three days at most."""
    fill(store)
    sum(store.trim(ago(5), POLICY))
    sum(store.trim(ago(4) + days * DAY_US, POLICY))
    assert all_events(store)[-1].time_us > ago(1)
    sum(store.trim(ago(3), POLICY))
    sum(store.trim(ago(2), POLICY))
    assert store.metadata.get_us("last_trim_at") == ago(2)
    sum(store.trim(NOW_US, POLICY))
    assert all_events(store)[0].time_us == ago(1.5)


def test_routines_that_are_gone_go_where_somebody_wants_that(store: Store) -> None:
    def pattern(key: str, life: str, last_seen: str) -> PatternRow:
        return PatternRow(
            key, "time_of_day", "light.hall", "{}", "It goes on.", 0.9, 0.8, 0.95, 0.5, 0.01, 20, life,
            "2025-01-01", last_seen, None, "daily", None, NOW_US,
        )  # fmt: skip

    young, old = (from_us(ago(days)).date().isoformat() for days in (20, 40))
    store.patterns.put([pattern("a", "gone", old), pattern("b", "gone", young), pattern("c", "fading", old)])
    list(store.trim(NOW_US))
    assert {row.key for row in store.patterns.read()} == {"a", "b", "c"}
    list(store.trim(NOW_US, replace(Retention(), gone_patterns=30)))
    assert {row.key for row in store.patterns.read()} == {"b", "c"}
    with pytest.raises(ValueError, match="at least a day"):
        Retention(raw_events=0)


def test_nothing_young_goes_with_the_defaults(store: Store) -> None:
    fill(store)
    assert sum(store.trim(NOW_US)) == 0
    assert store.events.count() == 10 * 3000


def test_a_label_that_something_young_superseded_may_go(store: Store) -> None:
    base = Label(ago(9), ago(8), 1.0, 1.0, LabelSource.HINDSIGHT, ago(8), room_id="hall")
    old = store.labels.add(base)
    new = store.labels.add(replace(base, source=LabelSource.CORRECTION, known_at_us=NOW_US))
    store.labels.supersede(old, new)
    other = store.labels.add(replace(base, source=LabelSource.CORRECTION, target=0.0))
    replacing = store.labels.add(replace(base, target=0.5))
    store.labels.supersede(other, replacing)
    list(store.trim(NOW_US, POLICY))
    kept = store.labels.read(ago(10), NOW_US, include_superseded=True)
    assert {label.label_id for label in kept} == {new, other, replacing}
