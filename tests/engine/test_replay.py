"""A recorded home played through the engine: in order, deterministic, never looking ahead."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
import json
from pathlib import Path

import pytest

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us
from custom_components.occupancy_ml.engine.forecast.moments import MOMENT_US
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.replay import RecordingError, load_recording, replay
from custom_components.occupancy_ml.engine.snapshot import Snapshot, Source
from tests.engine.store.helpers import query
from tests.simulator import demo_home, simulate, write_folder

SIMULATED = simulate(demo_home(), date(2026, 3, 2), 2, 8)
TABLES = (
    "raw_events",
    "features",
    "labels",
    "predictions",
    "episodes",
    "daily_scores",
    "checkpoints",
    "clr_training_runs",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recorded")
    write_folder(SIMULATED, path)
    (path / "truth.csv").unlink()  # it is never opened
    (path / "corrections.csv").write_text(
        "known_at,start,end,area_id,state\n"
        + "".join(
            f"{from_us(known).isoformat()},{from_us(known - 10 * MINUTE_US).isoformat()},"
            f"{from_us(known + 20 * MINUTE_US).isoformat()},{room},{state}\n"
            for known, room, state in (
                (SIMULATED.start_us + 1990 * MINUTE_US, "bathroom", "vacant"),
                (SIMULATED.start_us + 1800 * MINUTE_US, "office", "occupied"),
            )
        )
    )
    return path


def test_twice_the_same_numbers_and_the_same_file(folder: Path, tmp_path: Path) -> None:
    recording = load_recording(folder)
    shares: list[float] = []
    one = list(replay(recording, tmp_path / "one.db", progress=shares.append))
    two = list(replay(recording, tmp_path / "two.db"))
    assert one == two
    assert shares == sorted(shares)
    for table in TABLES:
        rows = [
            query(tmp_path / name, f"SELECT * FROM {table} ORDER BY 1, 2, 3") for name in ("one.db", "two.db")
        ]
        assert rows[0] == rows[1]
        assert rows[0]
    times = [snapshot.time_us for snapshot in one]
    assert times[0] - recording.events[0].time_us < MINUTE_US
    assert {after - before for before, after in pairwise(times)} == {MINUTE_US}
    assert times[-1] <= recording.events[-1].time_us


def test_who_is_there_does_not_depend_on_forecasts_and_routines(folder: Path, tmp_path: Path) -> None:
    recording = load_recording(folder)
    whole = list(replay(recording, tmp_path / "whole.db"))
    alone = list(replay(recording, tmp_path / "alone.db", now_only=True))
    assert [snapshot.rooms for snapshot in alone] == [snapshot.rooms for snapshot in whole]
    assert not any(snapshot.forecasts for snapshot in alone)
    jobs = "SELECT DISTINCT job_type FROM processing_jobs"
    left_out = set(query(tmp_path / "whole.db", jobs)) - set(query(tmp_path / "alone.db", jobs))
    assert {("forecasts",), ("routines",), ("suggestions",)} <= left_out


def test_forecasts_are_those_of_an_engine_that_looks_every_minute(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = load_recording(folder)
    quarters = [s for s in replay(recording, tmp_path / "quarters.db") if s.time_us % MOMENT_US == 0]
    tick = Engine.tick

    def every_minute(self: Engine, now_us: int, *, forecasts: bool = True) -> Snapshot:
        return tick(self, now_us)

    monkeypatch.setattr(Engine, "tick", every_minute)
    minutes = list(replay(recording, tmp_path / "minutes.db"))
    assert [s.forecasts for s in minutes if s.time_us % MOMENT_US == 0] == [s.forecasts for s in quarters]
    assert all(snapshot.forecasts for snapshot in quarters)
    for table in ("forecast_moments", "forecasts"):
        kept = [
            query(tmp_path / name, f"SELECT * FROM {table} ORDER BY 1, 2, 3")
            for name in ("quarters.db", "minutes.db")
        ]
        assert kept[0] == kept[1]
        # In so few days no model knows anything that could be kept to be scored.
        assert bool(kept[0]) == (table == "forecast_moments")


def test_a_correction_is_not_seen_before_it_is_known(folder: Path, tmp_path: Path) -> None:
    plain = list(replay(load_recording(folder), tmp_path / "plain.db"))
    recording = load_recording(folder, corrections=folder / "corrections.csv")
    assert [row.room_id for row in recording.corrections] == ["office", "bathroom"]  # by when they are known
    known_us = recording.corrections[0].known_at_us
    marked = list(replay(recording, tmp_path / "marked.db"))
    before = [snapshot for snapshot in plain if snapshot.time_us < known_us]
    assert marked[: len(before)] == before
    assert marked[len(before)].rooms["office"].source is Source.CORRECTION
    assert plain[len(before)].rooms["office"].source is not Source.CORRECTION


def test_a_dropped_sensor_is_as_if_it_had_never_been(folder: Path, tmp_path: Path) -> None:
    whole, dropped = load_recording(folder), load_recording(folder, drop="_bed$|_presence$")
    gone = {s.entity_id for s in whole.home.sensors} - {s.entity_id for s in dropped.home.sensors}
    assert gone == {"binary_sensor.alex_bed", "binary_sensor.robin_bed", "binary_sensor.office_presence"}
    assert not gone & {event.entity_id for event in dropped.events}
    assert len(dropped.events) < len(whole.events)
    assert dropped.home.rooms == whole.home.rooms
    # The home was watched all the time, also before the first and after the last event that is left.
    shown = list(replay(dropped, tmp_path / "home.db"))
    assert shown[0].time_us - whole.events[0].time_us < MINUTE_US
    assert whole.events[-1].time_us - shown[-1].time_us < MINUTE_US
    stored = query(tmp_path / "home.db", "SELECT entity_id FROM entities")
    assert not gone & {str(row[0]) for row in stored}


def test_what_is_not_a_recording_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="cannot be read"):
        load_recording(tmp_path)
    (tmp_path / "home.json").write_text("{}")
    with pytest.raises(RecordingError, match="not in the form"):
        load_recording(tmp_path)
    (tmp_path / "home.json").write_text((folder / "home.json").read_text())
    (tmp_path / "events.csv").write_text("time,entity_id,state\nyesterday,light.kitchen,on\n")
    with pytest.raises(RecordingError, match="not in the form"):
        load_recording(tmp_path)
    (tmp_path / "events.csv").write_text("time,entity_id,state\n")
    empty = load_recording(tmp_path)
    assert list(replay(empty, tmp_path / "home.db")) == []
    assert json.loads((tmp_path / "home.json").read_text())["time_zone"] == empty.home.time_zone
