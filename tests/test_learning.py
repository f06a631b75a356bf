"""Nights, first trainings and what keeps them from running twice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from pathlib import Path
from zoneinfo import ZoneInfo

from freezegun.api import FrozenDateTimeFactory
from homeassistant.components.recorder import get_instance
from homeassistant.core import HomeAssistant
from hypothesis import given, strategies as st
import pytest
from pytest_homeassistant_custom_component.common import MockConfigEntry

from custom_components.occupancy_ml import learning
from custom_components.occupancy_ml.engine.events import MINUTE_US, Event, to_us
from custom_components.occupancy_ml.engine.home import Home, Room, RoomKind
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import SLEEP, FoundBy, RoutineChange
from custom_components.occupancy_ml.engine.store import Job
from custom_components.occupancy_ml.engine.store.runs import RunStatus
from custom_components.occupancy_ml.marks import Marks, load
from custom_components.occupancy_ml.night_hour import night_due
from custom_components.occupancy_ml.night_lines import Known, log_forecasts
from tests.a_home import HALL, KITCHEN, coordinator_of, make_entry, pass_time, set_up, settle
from tests.house import build_house

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
ZONES = [ZoneInfo(name) for name in ("Europe/Amsterdam", "America/New_York", "Asia/Kolkata", "Pacific/Apia")]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "hour", "last", "due"),
    [
        # An ordinary night, in winter an hour ahead of UTC.
        ("2026-01-10 01:59", 3, "2026-01-09 02:01", False),
        ("2026-01-10 02:00", 3, "2026-01-09 02:01", True),
        ("2026-01-10 02:05", 3, "2026-01-10 02:04", False),
        # Busy or restarting at three: still in the same night, no more in the morning.
        ("2026-01-10 04:59", 3, "2026-01-09 02:01", True),
        ("2026-01-10 05:00", 3, "2026-01-09 02:01", False),
        # A computer that is off every night learns in the day after that.
        ("2026-01-10 14:00", 3, "2026-01-09 02:01", False),
        ("2026-01-10 14:02", 3, "2026-01-09 02:01", True),
        ("2026-01-10 14:02", 3, None, False),
        # On the day the clock skips from two to three, two o'clock is the moment of the skip.
        ("2026-03-29 00:59", 2, "2026-03-28 01:01", False),
        ("2026-03-29 01:00", 2, "2026-03-28 01:01", True),
        ("2026-03-29 01:30", 2, "2026-03-29 01:05", False),
        # On the day it repeats two to three, the first time counts.
        ("2026-10-25 00:00", 2, "2026-10-24 00:01", True),
        ("2026-10-25 01:00", 2, "2026-10-25 00:05", False),
        ("2026-10-25 01:30", 2, "2026-10-25 00:05", False),
        # A night was noted while the clock was ahead: the next is due at its hour.
        ("2026-01-10 02:00", 3, "2026-01-20 02:01", True),
        ("2026-01-10 02:00", 3, "2027-01-20 02:01", True),
        ("2026-01-10 14:00", 3, "2026-01-20 02:01", False),
        # A clock that is set back by a little has not lost the night that just ended.
        ("2026-01-10 02:05", 3, "2026-01-10 02:06", False),
    ],
)
def test_when_the_night_is_due(now: str, hour: int, last: str | None, due: bool) -> None:
    assert night_due(at(now), AMSTERDAM, hour, None if last is None else at(last)) is due


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
)
def test_one_night_a_day_all_year(zone: ZoneInfo, hour: int, start: datetime) -> None:
    """Minute by minute over three days: one night for each local day, never two within twenty hours."""
    now, last = start.replace(tzinfo=UTC), start.replace(tzinfo=UTC)
    nights = []
    for minute in range(0, 3 * 1440, 5):
        moment = now + timedelta(minutes=minute)
        if night_due(moment, zone, hour, last):
            nights.append(moment)
            last = moment
    assert len(nights) in (2, 3, 4)
    assert all(later - earlier > timedelta(hours=20) for earlier, later in pairwise(nights))


@given(
    zone=st.sampled_from(ZONES),
    hour=st.integers(0, 23),
    start=st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)),  # noqa: DTZ001 - made aware below
    ahead=st.timedeltas(timedelta(0), timedelta(days=4000)),
)
def test_however_far_ahead_the_last_night_was_the_next_comes(
    zone: ZoneInfo, hour: int, start: datetime, ahead: timedelta
) -> None:
    now = start.replace(tzinfo=UTC)
    moments = [now + timedelta(minutes=minute) for minute in range(0, 3 * 1440, 30)]
    assert any(night_due(moment, zone, hour, now + ahead) for moment in moments)


async def jobs(entry: MockConfigEntry) -> list[Job]:
    coordinator = coordinator_of(entry)
    return await coordinator.run(lambda: coordinator.engine.store.jobs.recent(1000))


async def test_the_night_runs_once_on_the_day_the_clock_skips_its_hour(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory
) -> None:
    freezer.move_to("2026-03-28 12:00:00+00:00")
    await hass.config.async_update(time_zone="Europe/Amsterdam")
    build_house(hass)
    entry = make_entry(hass)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "night_hour": 2})
    assert await hass.config_entries.async_setup(entry.entry_id)
    await settle(hass)
    before = len(await jobs(entry))
    freezer.move_to("2026-03-29 00:50:30+00:00")
    await pass_time(hass, freezer, timedelta())
    assert len(await jobs(entry)) == before
    freezer.move_to("2026-03-29 01:01:30+00:00")
    await pass_time(hass, freezer, timedelta())
    once = len(await jobs(entry))
    assert once > before
    for _ in range(5):
        await pass_time(hass, freezer, timedelta(minutes=20))
    assert len(await jobs(entry)) == once
    freezer.move_to("2026-03-30 00:01:30+00:00")
    await pass_time(hass, freezer, timedelta())
    assert len(await jobs(entry)) > once


async def test_a_changed_home_need_not_wait_for_the_night_to_be_forecast(
    hass: HomeAssistant, freezer: FrozenDateTimeFactory, caplog: pytest.LogCaptureFixture
) -> None:
    """Other members, another kind of room, a room less and again: what is stored teaches the home as it is now."""
    caplog.set_level("INFO", "custom_components.occupancy_ml")
    freezer.move_to("2026-05-08 12:00:00+00:00")
    build_house(hass)
    entry = await set_up(hass, {"kitchen": KITCHEN, "hall": HALL})

    async def past() -> AsyncIterator[list[Event]]:
        for day, hour in product(range(4, 8), range(24)):
            start_us = to_us(datetime(2026, 5, day, hour, tzinfo=UTC))
            motion = "binary_sensor.kitchen_motion" if hour % 3 else "binary_sensor.hall_motion"
            yield [Event(start_us, motion, "on"), Event(start_us + 20 * MINUTE_US, motion, "off")]

    learner = entry.runtime_data.learner
    await learner.async_import(past())
    await learner.async_train("request")

    async def unlearned() -> set[str]:
        await settle(hass)
        await pass_time(hass, freezer, timedelta(minutes=5))
        forecasts = coordinator_of(entry).data.forecasts
        return {process for process, each in forecasts.items() if each.reason == "nothing was learned yet"}

    assert not {"kitchen", "hall"} & await unlearned()
    lines = [record.getMessage() for record in caplog.records if record.name.endswith(".night_lines")]
    assert {"forecast_fitted process=1 cause=schedule", "forecast_fitted process=2 cause=schedule"} <= {
        *lines
    }
    assert any(line.startswith("night_completed cause=request failed_steps=0 quality=") for line in lines)
    hass.config_entries.async_update_entry(entry, options={**entry.options, "members": ["gaussian_process"]})
    assert not {"kitchen", "hall"} & await unlearned()
    kitchen, hall = entry.subentries.values()
    hass.config_entries.async_update_subentry(entry, kitchen, data={**kitchen.data, "kind": "bedroom"})
    assert not {"kitchen", "hall"} & await unlearned()
    hass.config_entries.async_remove_subentry(entry, hall.subentry_id)
    assert "kitchen" not in await unlearned()
    # A restart that changes nothing teaches nothing.
    before = len(await jobs(entry))
    assert await hass.config_entries.async_reload(entry.entry_id)
    assert "kitchen" not in await unlearned()
    assert len(await jobs(entry)) == before
    hass.config_entries.async_add_subentry(entry, hall)  # it was removed by mistake
    assert not {"kitchen", "hall"} & await unlearned()


def test_what_forecasts_did_in_a_night_is_told_without_a_name(caplog: pytest.LogCaptureFixture) -> None:
    home = Home("UTC", (Room("attic", RoomKind.OTHER), Room("kitchen", RoomKind.OTHER)), ())
    old = RoutineChange("kitchen", "2026-02-01", 1, FoundBy.DAYS)
    new = RoutineChange(SLEEP, "2026-03-01", 5, FoundBy.FORECASTS, why=("people sleep in the attic",))
    before = Known(frozenset({("kitchen", "schedule", 1)}), (old,))
    fits = {("kitchen", "schedule", 7), ("@home", "alarm", 8), ("kitchen", "challenger", 9)}
    with caplog.at_level("INFO"):
        log_forecasts(home, before, Known(before.fits | fits, (old, new)))
        log_forecasts(home, before, before)
    assert [record.getMessage() for record in caplog.records] == [
        "forecast_fitted process=2 cause=schedule",
        "forecast_fitted process=home cause=alarm",
        "forecast_promoted process=2",
        "routine_changed process=sleep found_by=forecasts since=2026-03-01",
    ]


def test_a_fit_that_failed_is_none(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", Home("UTC", (), ()), 0)
    for time_us, status in enumerate((RunStatus.COMPLETED, RunStatus.FAILED)):
        run_id = engine.store.forecasts.start_run("kitchen", "schedule", time_us)
        engine.store.forecasts.finish_run(run_id, status, time_us)
    assert Known.of(engine).fits == {("kitchen", "schedule", 0)}
    engine.close()


async def test_progress_shows_while_history_is_read(hass: HomeAssistant) -> None:
    build_house(hass)
    seen: list[tuple[str, object]] = []

    def note(_event: object) -> None:
        if (state := hass.states.get("sensor.home_learning_status")) is not None:
            seen.append((state.state, state.attributes.get("progress")))

    hass.bus.async_listen("state_changed", note)
    await set_up(hass)
    assert any(state == "importing" and isinstance(progress, int) for state, progress in seen)
    status = hass.states.get("sensor.home_learning_status")
    assert status is not None
    assert status.state in ("waiting", "learning", "ready")
    assert status.attributes["progress"] is None


def test_marks_start_where_reading_stopped() -> None:
    marks = Marks(complete={"a"}, read_until_us={"b": 500})
    assert marks.starts(["a", "b", "c"], 10) == {"a": 10, "b": 500, "c": 10}
    # One that was listened to is read from before the last live event, others from where they were.
    day = 86_400_000_000
    marks.note_start(day)
    assert marks.starts(["a", "b", "c"], 10) == {"a": day - 900_000_000, "b": 500, "c": 10}


def test_marks_keep_a_gap_until_it_was_read() -> None:
    marks = Marks(complete={"a"})
    for last_ingest_us in (5, 9):
        marks.note_start(last_ingest_us)
        assert marks.heard_until_us == 5
    marks.finish(["a"])
    marks.note_start(20)
    assert marks.heard_until_us == 20


def test_marks_forget_what_is_no_longer_watched() -> None:
    marks = Marks(complete={"a", "b"}, read_until_us={"c": 5}, heard_until_us=10**12)
    marks.starts(["b"], 0)
    assert (marks.complete, marks.read_until_us) == ({"b"}, {})
    assert marks.starts(["a", "b"], 7)["a"] == 7


def test_marks_follow_a_rename() -> None:
    marks = Marks(complete={"a"}, read_until_us={"b": 5})
    marks.rename("a", "x")
    marks.rename("b", "y")
    marks.rename("z", "w")
    assert (marks.complete, marks.read_until_us) == ({"x"}, {"y": 5})


def no_more(*_: object) -> None:
    """What the recorder's executor says when it has shut down."""
    raise RuntimeError("cannot schedule new futures after shutdown")


@pytest.mark.parametrize("ready", [True, False])
async def test_a_recorder_that_does_not_answer_keeps_nothing_else_waiting(
    hass: HomeAssistant, monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    """It cannot be read, or is never ready: what is due is done, and its history is read when it answers."""
    build_house(hass)
    entry = await set_up(hass)
    for n in range(4):
        hass.states.async_set("binary_sensor.kitchen_motion", "on" if n % 2 else "off")
    await settle(hass)
    recorder = get_instance(hass)
    if ready:
        monkeypatch.setattr(recorder, "async_add_executor_job", no_more)
    else:
        recorder.async_recorder_ready.clear()
        monkeypatch.setattr(learning, "_READY_WITHIN_S", 0)
    try:
        room = next(iter(entry.subentries.values()))
        hass.config_entries.async_update_subentry(entry, room, data={**room.data, "kind": "living"})
        await hass.async_block_till_done()
        coordinator, learner = coordinator_of(entry), entry.runtime_data.learner
        while learner.is_busy:
            await hass.async_block_till_done()
        assert not await coordinator.run(lambda: coordinator.engine.needs_rebuild)
        await hass.services.async_call("occupancy_ml", "retrain", {}, blocking=True)
        await hass.async_block_till_done()
        assert coordinator.data.catching_up is False
        heard = await coordinator.run(lambda: load(coordinator.engine.store).heard_until_us)
        assert heard is not None
    finally:
        monkeypatch.undo()
        recorder.async_recorder_ready.set()
    if ready:
        await hass.config_entries.async_reload(entry.entry_id)
        coordinator = coordinator_of(entry)
    await settle(hass)
    assert await coordinator.run(lambda: load(coordinator.engine.store).heard_until_us) is None
