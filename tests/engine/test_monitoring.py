"""How the learning stands, as the file tells it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest

from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.monitoring import progress
from custom_components.occupancy_ml.engine.store import DailyScore, Store
from custom_components.occupancy_ml.engine.store.jobs import JobStatus

CLOCK = LocalClock("UTC")
NOW_US = CLOCK.day_bounds(date(2026, 3, 9))[0]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store.open(tmp_path / "home.db", NOW_US)
    yield opened
    opened.close()


def standing(store: Store) -> dict[str, Any]:
    with store.reader() as connection:
        return cast(dict[str, Any], progress(connection, CLOCK, ["kitchen"], NOW_US))


def degraded(store: Store) -> set[str]:
    return {name for name, stage in standing(store)["stages"].items() if stage["degraded"]}


def test_what_a_later_night_made_up_for_is_degraded_no_more(store: Store) -> None:
    def begin(job_type: str) -> int:
        return store.jobs.start(job_type, "2026-03-08", NOW_US)

    def fail(job: int) -> None:
        store.jobs.finish(job, JobStatus.FAILED, NOW_US, error_message="stopped before it was done")

    fail(begin("backfill"))
    assert degraded(store) == {"backfill"}
    assert standing(store)["stages"]["backfill"]["reason"] == "stopped before it was done"
    night = begin("routines")
    fail(begin("daily"))
    fail(night)
    assert degraded(store) == {"backfill", "daily", "routines"}
    night = begin("routines")
    store.jobs.finish(begin("daily"), JobStatus.COMPLETED, NOW_US)
    store.jobs.finish(night, JobStatus.COMPLETED, NOW_US)
    assert degraded(store) == set()
    assert standing(store)["stages"]["backfill"]["reason"] is None
    fail(begin("scores"))
    fail(begin("backfill"))
    assert degraded(store) == {"scores", "backfill"}


def test_days_scored_while_the_clock_was_ahead_count_for_nothing(store: Store) -> None:
    right = DailyScore("kitchen", "2026-03-08", "shown", "hindsight", 288, 2.88, 28.8)
    ahead = DailyScore("kitchen", "2027-03-08", "shown", "hindsight", 288, 200.0, 2880.0)
    store.scores.write([right, ahead])
    assert standing(store)["rooms"]["kitchen"]["accuracy"]["moments"] == 288
    assert standing(store)["rooms"]["kitchen"]["accuracy"]["log_loss"] == pytest.approx(0.1)
