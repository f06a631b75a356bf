"""Each day once, in order, again with the same result, whatever comes between."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.events import DAY_US
from custom_components.occupancy_ml.engine.renaming import rename_entity
from custom_components.occupancy_ml.engine.routines import Life, Pattern, PatternType
from custom_components.occupancy_ml.engine.routines.acts import unpack_acts
from custom_components.occupancy_ml.engine.store import Retention, Store
from custom_components.occupancy_ml.engine.store.jobs import JobStatus
from tests.engine.routines.homes import (
    FIRST,
    at,
    everything,
    keep,
    month_of_habits,
    night_after,
    routines_of,
    store_with,
)

DAYS = 33
EVENTS = month_of_habits(DAYS)
LAST = FIRST + timedelta(days=DAYS - 1)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """All days made up at once from the events."""
    store = store_with(tmp_path_factory.mktemp("scratch") / "home.db", EVENTS)
    for _ in routines_of(store).backfill(DAYS, night_after(LAST)):
        pass
    yield store
    store.close()


def told(patterns: list[Pattern]) -> set[tuple[object, ...]]:
    return {(p.description, p.statistics, p.first_seen, p.last_seen, p.when, p.life) for p in patterns}


def test_the_habits_are_found_and_nothing_else_of_their_kind(scratch: Store) -> None:
    patterns = routines_of(scratch).patterns(types=[PatternType.TIME_OF_DAY, PatternType.CO_OCCURRENCE])
    assert {p.key.rpartition("|")[0] for p in patterns if p.pattern_type is PatternType.TIME_OF_DAY} == {
        "time_of_day|switch.coffee=on|0123456",
        "time_of_day|switch.coffee=off|0123456",
    }
    (pair,) = [p for p in patterns if p.pattern_type is PatternType.CO_OCCURRENCE]
    assert [act.entity_id for act in pair.steps] == ["light.hall", "light.den"]
    assert pair.steps == (pair.trigger, pair.action)
    assert 20 <= pair.parameters["delay_s"] <= 40
    coffee = next(
        p for p in patterns if p.action is not None and p.action.state == "on" and p.trigger is None
    )
    assert coffee.when.minute == pytest.approx(400, abs=5)
    assert coffee.statistics.low > 0.6
    assert coffee.statistics.q_value <= 0.05


def test_filters_choose(scratch: Store) -> None:
    routines = routines_of(scratch)
    about = routines.patterns(entity_id="switch.coffee")
    assert about
    assert about == [p for p in routines.patterns() if "switch.coffee" in p.entities]
    assert routines.patterns(room_id="hall") == [p for p in routines.patterns() if p.room_id == "hall"]
    assert routines.patterns(lives=[Life.GONE]) == []
    assert all(p.statistics.low >= 0.6 for p in routines.patterns(least_rate=0.6))


def test_a_night_that_ran_while_the_clock_was_ahead_is_made_good(scratch: Store, tmp_path: Path) -> None:
    right = FIRST + timedelta(days=20)
    until_us = night_after(right)
    store = store_with(tmp_path / "home.db", [event for event in EVENTS if event.time_us < until_us])
    for day in (right, right + timedelta(days=10)):
        for _ in routines_of(store).night(night_after(day)):
            pass
    keep(store, [event for event in EVENTS if event.time_us >= until_us])
    for number in range(21, DAYS):
        for _ in routines_of(store).night(night_after(FIRST + timedelta(days=number))):
            pass
    assert everything(store) == everything(scratch)
    store.close()


def test_night_by_night_gives_what_all_at_once_gives(scratch: Store, tmp_path: Path) -> None:
    store = store_with(tmp_path / "home.db", EVENTS)
    for number in range(DAYS):
        for _ in routines_of(store).night(night_after(FIRST + timedelta(days=number))):
            pass
    assert everything(store) == everything(scratch)
    found = {p.description: p.statistics for p in routines_of(store).patterns() if p.life is not Life.FADING}
    assert found == {p.description: p.statistics for p in routines_of(scratch).patterns()}
    store.close()


def test_a_day_again_changes_nothing(scratch: Store, tmp_path: Path) -> None:
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    before, patterns = everything(store), store.patterns.read()
    for _ in routines_of(store).backfill(DAYS, night_after(LAST)):
        pass
    assert everything(store) == before
    assert store.patterns.read() == patterns
    store.close()


def test_days_whose_events_are_forgotten_keep_what_was_found(scratch: Store, tmp_path: Path) -> None:
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    before = everything(store)
    # Half a day is gone, and the days before it.
    store.database.execute("DELETE FROM raw_events WHERE time_us < ?", (at(FIRST + timedelta(days=9), 720),))
    for _ in routines_of(store).backfill(DAYS, night_after(LAST)):
        pass
    after = everything(store)
    for table in before:
        if table != "duration_daily":  # what went on in the hours that are gone has no length
            assert after[table] == before[table], table
    store.close()


def test_months_and_weeks_of_which_days_are_forgotten_stay_as_they_were(
    scratch: Store, tmp_path: Path
) -> None:
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    before = everything(store)
    for _ in store.trim(night_after(LAST), Retention(raw_events=13, routine_days=13)):
        pass
    store.database.execute("UPDATE session_weekly SET session_count = 99 WHERE week = '2026-W13'")
    for _ in routines_of(store).backfill(DAYS, night_after(LAST)):
        pass
    after = everything(store)
    assert len(store.aggregates.periods("acts_daily")) < 15
    for table in ("seasonal_monthly", "contextual_monthly", "session_weekly", "day_type_weekly"):
        assert after[table] == before[table], table
    store.close()


@pytest.mark.parametrize("slices", [1, 7, 20, 60, 400])
def test_a_kill_in_the_middle_is_repeated_cleanly(scratch: Store, tmp_path: Path, slices: int) -> None:
    path = tmp_path / "home.db"
    store = store_with(path, EVENTS)
    work = routines_of(store).backfill(DAYS, night_after(LAST))
    for _ in range(slices):
        next(work)
    # The process ends here: nothing is closed, and the file is opened by the next.
    again = Store.open(path, night_after(LAST))
    assert {job.status for job in again.jobs.recent(500)} <= {JobStatus.COMPLETED, JobStatus.FAILED}
    assert again.jobs.recent(1)[0].error_message
    for _ in routines_of(again).backfill(DAYS, night_after(LAST)):
        pass
    assert everything(again) == everything(scratch)
    assert told(routines_of(again).patterns()) == told(routines_of(scratch).patterns())
    again.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.jobs, "finish", lambda *_, **__: None)
        work.close()  # type: ignore[attr-defined]
    store.close()


def test_missed_nights_are_caught_up_in_order(scratch: Store, tmp_path: Path) -> None:
    store = store_with(tmp_path / "home.db", EVENTS)
    early = FIRST + timedelta(days=11)
    for day in (early, LAST):  # three weeks apart
        for _ in routines_of(store).night(night_after(day)):
            pass
    jobs = [job for job in reversed(store.jobs.recent(500)) if job.job_type in ("daily", "weekly", "monthly")]
    for kind in ("daily", "weekly", "monthly"):
        dates = [job.processing_date for job in jobs if job.job_type == kind]
        assert dates == sorted(set(dates))
    daily = [job for job in jobs if job.job_type == "daily"]
    assert [job.processing_date for job in daily] == [
        (FIRST + timedelta(days=n)).isoformat() for n in range(DAYS)
    ]
    assert all(job.status is JobStatus.COMPLETED and job.aggregates_stored for job in daily)
    assert daily[-1].patterns_detected
    assert {job.processing_date for job in jobs if job.job_type == "weekly"} == {
        "2026-03-08", "2026-03-15", "2026-03-22", "2026-03-29",
    }  # fmt: skip
    assert [job.processing_date for job in jobs if job.job_type == "monthly"] == ["2026-04-01"]
    assert everything(store) == everything(scratch)
    store.close()


def test_a_second_night_has_nothing_to_do(scratch: Store, tmp_path: Path) -> None:
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    jobs = len(store.jobs.recent(500))
    assert list(routines_of(store).night(night_after(LAST))) == [1.0]
    assert len(store.jobs.recent(500)) == jobs
    store.close()


def test_progress_grows_to_one(tmp_path: Path) -> None:
    store = store_with(tmp_path / "home.db", EVENTS[:200])
    shares = list(routines_of(store).backfill(30, night_after(LAST)))
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    store.close()


def test_without_events_there_is_nothing(tmp_path: Path) -> None:
    store = store_with(tmp_path / "home.db", [])
    assert list(routines_of(store).night(night_after(LAST))) == [1.0]
    assert routines_of(store).patterns() == []
    store.close()


def test_layers_are_forgotten_each_in_its_time_and_patterns_never(scratch: Store, tmp_path: Path) -> None:
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    patterns = store.patterns.read()
    policy = Retention(routine_days=10, routine_weeks=14, routine_months=1)
    for _ in store.trim(night_after(LAST), policy):
        pass
    days = store.aggregates.periods("time_based_daily")
    assert days[0] >= (LAST - timedelta(days=11)).isoformat()
    assert days[-1] == LAST.isoformat()
    assert store.aggregates.periods("session_weekly") == ["2026-W12", "2026-W13"]
    assert store.patterns.read() == patterns
    for _ in store.trim(
        night_after(LAST) + 2 * DAY_US, Retention(routine_days=1, routine_weeks=1, routine_months=1)
    ):
        pass
    assert store.aggregates.periods("time_based_daily") == []
    store.close()


def test_a_renamed_entity_keeps_its_past(scratch: Store, tmp_path: Path) -> None:
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    rename_entity(store, "switch.coffee", "switch.espresso", night_after(LAST))
    rows = store.aggregates.read("time_based_daily", ("entity_id",), "2026-01-01", "2026-12-31")
    names = {row[0] for row in rows}
    assert "switch.espresso" in names
    assert "switch.coffee" not in names
    assert "switch.coffee" not in {e for p in routines_of(store).patterns() for e in p.entities}
    assert any(p.device_id == "switch.espresso" for p in store.patterns.read())
    days = [
        unpack_acts(data)
        for _, data in store.aggregates.read("acts_daily", ("date", "acts"), "2026-01-01", "2026-12-31")
    ]
    assert any(act.entity_id == "switch.espresso" for day in days for act in day.acts.tokens)
    assert not any(act.entity_id == "switch.coffee" for day in days for act in day.acts.tokens)
    store.close()


def test_a_renamed_entity_keeps_its_weeks_and_months(scratch: Store, tmp_path: Path) -> None:
    columns = {
        "day_type_weekly": ("activity_patterns", "device_usage_diff"),
        "contextual_monthly": ("device_usage_patterns", "correlation_scores"),
        "seasonal_monthly": ("activity",),
    }
    scratch.backup_to(tmp_path / "copy.db")
    store = Store.open(tmp_path / "copy.db", night_after(LAST))
    # Another that is named like it stays as it is.
    (row,) = store.database.all("SELECT activity FROM seasonal_monthly LIMIT 1")
    store.database.execute(
        "UPDATE seasonal_monthly SET activity = ?", (row[0][:-1] + ',"switch.coffee_2=on":1}',)
    )
    before = [store.aggregates.read(table, names, "", "9") for table, names in columns.items()]
    assert all('"switch.coffee=on"' in str(rows) for rows in before)
    rename_entity(store, "switch.coffee", "switch.espresso", night_after(LAST))
    after = [store.aggregates.read(table, names, "", "9") for table, names in columns.items()]
    assert str(after) == str(before).replace('"switch.coffee=', '"switch.espresso=')
    store.close()


def test_the_digest_tells_the_month(scratch: Store) -> None:
    routines = routines_of(scratch)
    text = routines.digest("2026-03")
    assert text.startswith("2026-03: ")
    assert "switch.coffee turns on around 06:4" in text
    assert "0 new" in routines.digest("2026-02")
    with pytest.raises(ValueError, match=r"."):
        routines.digest("March")
