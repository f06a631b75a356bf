"""A home written as a folder: whole, in order, and as good as the original for a replay."""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, datetime
import json
from pathlib import Path
from typing import Any

from homeassistant.auth.models import User
from homeassistant.core import Context, HomeAssistant
from homeassistant.exceptions import HomeAssistantError, Unauthorized
import pytest
import voluptuous as vol

from custom_components.occupancy_ml.const import DOMAIN
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Cause, Event, to_us
from custom_components.occupancy_ml.engine.export import ExportKind, Naming, export
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.replay import CorrectionRow, Recording, load_recording, replay
from custom_components.occupancy_ml.engine.snapshot import Reason, Snapshot
from custom_components.occupancy_ml.engine.store import Label, LabelKind, LabelSource
from tests.a_home import ROOMS, coordinator_of, set_up, settle, stored_events
from tests.engine.living import START_US, at, flat, play, pulse
from tests.house import build_house
from tests.simulator import demo_home, simulate

SIMULATED = simulate(demo_home(), date(2026, 3, 2), 3, 7)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(engine: Engine, folder: Path, kind: ExportKind, now_us: int, *, anonymize: bool) -> Path:
    for _ in export(engine.store, engine.home, folder, kind, now_us, anonymize=anonymize):
        pass
    return folder


def awkward(home: Home) -> tuple[Home, tuple[Event, ...]]:
    """The simulated home with ids out of order, and whole seconds in which several things happen at once."""
    renamed = {
        sensor.entity_id: f"{sensor.entity_id.partition('.')[0]}.{chr(122 - number % 26)}_{number}"
        for number, sensor in enumerate(home.sensors)
    }
    sensors = tuple(Sensor(renamed[s.entity_id], s.role, s.room_id, s.device_class) for s in home.sensors)
    events = [
        Event(
            # Coarse on purpose: what happens at once is taken in by the order of the ids.
            event.time_us // 20_000_000 * 20_000_000,
            renamed[event.entity_id],
            # Persons tell of zones too.
            "Aunt Em's" if event.state == "not_home" and number % 2 else event.state,
            event.previous,
            cause=Cause.AUTOMATION if number % 7 == 0 else event.cause,
        )
        for number, event in enumerate(SIMULATED.events)
        if event.entity_id in renamed
    ]
    return Home(home.time_zone, home.rooms, sensors), tuple(sorted(events, key=lambda e: e.time_us))


def shown(snapshots: list[Snapshot], rooms: dict[str, str]) -> list[tuple[Any, ...]]:
    """Everything of the snapshots but the names of the rooms."""

    def named(reasons: tuple[Reason, ...]) -> list[Reason]:
        return [replace(reason, room_id=rooms.get(reason.room_id or "")) for reason in reasons]

    return [
        (
            snapshot.time_us,
            snapshot.home,
            {
                rooms[room_id]: (s.probability, s.occupied, s.source, named(s.reasons), s.trained_at_us)
                for room_id, s in snapshot.rooms.items()
            },
        )
        for snapshot in snapshots
    ]


def test_a_replay_of_the_export_gives_the_same_bits(tmp_path: Path) -> None:
    home, events = awkward(SIMULATED.home)
    engine = Engine.open(tmp_path / "home.db", home, SIMULATED.start_us)
    engine.import_events(events)
    end_us = SIMULATED.start_us + 3 * DAY_US
    told_us = SIMULATED.start_us + 2 * DAY_US
    engine.relabel(home.rooms[0].room_id, told_us - 60 * MINUTE_US, told_us, True, told_us, "ada")
    stored = tuple(event for batch in engine.store.events.read(0, 1 << 62) for event in batch)
    for name, anonymize in (("plain", False), ("anonymous", True)):
        folder = write(engine, tmp_path / name, ExportKind.EVENTS, end_us, anonymize=anonymize)
        naming = Naming(home, anonymize=anonymize)
        told = load_recording(folder, corrections=folder / "corrections.csv")
        assert [room.kind for room in told.home.rooms] == [room.kind for room in home.rooms]
        assert [(s.role, s.device_class) for s in told.home.sensors] == [
            (s.role, s.device_class) for s in home.sensors
        ]
        assert len(told.events) == len(stored) > 1000
        assert len({event.time_us for event in stored}) < 0.9 * len(stored)

        if not anonymize:
            # The same home, which would live the same life.
            assert (told.home, tuple(map(_heard, told.events))) == (home, tuple(map(_heard, stored)))
            continue
        original = Recording("original", home, stored, _named(told, naming))
        before = list(replay(original, tmp_path / "original.db", now_only=True))
        after = list(replay(told, tmp_path / f"{name}.db", now_only=True))
        assert any(state.source == "correction" for s in before for state in s.rooms.values())
        assert before[-1].home.trained_at_us is not None
        assert shown(before, naming.rooms) == shown(after, {name: name for name in naming.rooms.values()})
    engine.close()


def _heard(event: Event) -> tuple[Any, ...]:
    return event.time_us, event.entity_id, event.state, event.cause


def _named(told: Recording, naming: Naming) -> tuple[CorrectionRow, ...]:
    back = {number: name for name, number in naming.rooms.items()}
    return tuple(replace(row, room_id=back[row.room_id]) for row in told.corrections)


def test_numbers_stand_in_place_of_all_names_and_in_their_order(tmp_path: Path) -> None:
    home = Home(
        "Europe/Berlin",
        (Room("grandmas_spa", RoomKind.BATHROOM), Room("attic", RoomKind.BEDROOM)),
        (
            Sensor("binary_sensor.zoes_mat", Role.PRESENCE, "attic", "occupancy"),
            Sensor("binary_sensor.bath", Role.MOTION, "grandmas_spa", "motion"),
            Sensor("select.zoes_mode", Role.ROUTINE_ONLY),
            Sensor("person.zoe", Role.PERSON),
        ),
    )
    engine = Engine.open(tmp_path / "home.db", home, START_US)
    engine.ingest(
        [
            at(1, "person.zoe", "Aunt Em's"),
            at(2, "person.zoe", "home"),
            at(3, "person.zoe", "Aunt Em's"),
            Event(START_US + 4, "select.zoes_mode", "zoe sleeps", attributes={"note": "zoe", "level": 3}),
            at(5, "binary_sensor.zoes_mat", "on"),
            at(6, "binary_sensor.bath", "on"),
        ]
    )
    folder = write(engine, tmp_path / "out", ExportKind.EVENTS, START_US + MINUTE_US, anonymize=True)
    write(engine, tmp_path / "data", ExportKind.DATASET, START_US + MINUTE_US, anonymize=True)
    engine.close()
    text = "".join(
        file.read_text(encoding="utf-8").lower()
        for file in (*folder.iterdir(), *(tmp_path / "data").iterdir())
    )
    assert not [name for name in ("zoe", "em's", "grandma", "attic", "bath.", "spa") if name in text]
    described = json.loads((folder / "home.json").read_text())
    assert described["areas"] == ["room_2", "room_1"]
    assert described["kinds"] == {"room_2": "bathroom", "room_1": "bedroom"}
    assert [entry["entity_id"] for entry in described["entities"]] == [
        "binary_sensor.entity_2",
        "binary_sensor.entity_1",
        "select.entity_1",
        "person.person_1",
    ]
    rows = rows_of(folder / "events.csv")
    persons = [row["state"] for row in rows if row["entity_id"] == "person.person_1"]
    assert persons == ["state_2", "home", "state_2"]
    assert [json.loads(row["attributes"]) for row in rows if row["attributes"]] == [{"level": 3}]


def test_what_an_export_keeps_of_an_event(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    events = [
        Event(START_US + 1, "light.kitchen", "on", cause=Cause.PERSON, attributes={"brightness": 3}),
        Event(START_US + 2, "sensor.bedroom_co2", "1.50"),
        Event(START_US + 3, "media_player.kitchen", 'a "song",\nof two lines'),
        Event(START_US + 4, "light.kitchen", "", "on"),
    ]
    engine.ingest(events)
    folder = write(engine, tmp_path / "out", ExportKind.EVENTS, START_US + MINUTE_US, anonymize=False)
    engine.close()
    found = load_recording(folder).events
    assert [(e.time_us, e.entity_id, e.state, e.previous, e.cause, e.attributes) for e in found] == [
        (e.time_us, e.entity_id, e.state, e.previous, e.cause, e.attributes) for e in events
    ]


def test_the_dataset_is_what_the_view_says(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    end_us = START_US + 300 * MINUTE_US
    play(engine, [*pulse(60, "hall"), *pulse(4000, "kitchen")], START_US, end_us)
    engine.relabel("kitchen", START_US, START_US + 120 * MINUTE_US, True, end_us, "ada")
    engine.store.labels.add(
        Label(START_US, end_us, 1.0, 1.0, LabelSource.HELPER, end_us, kind=LabelKind.SLEEP)
    )
    folder = write(engine, tmp_path / "out", ExportKind.DATASET, end_us, anonymize=False)
    with engine.store.reader() as connection:
        expected = connection.execute(
            "SELECT room_id, window_end, target, weight, source FROM vw_clr_training_dataset"
        ).fetchall()
    total = engine.store.features.count()
    engine.close()
    rows = rows_of(folder / "dataset.csv")
    assert len(rows) == total == 180
    labelled = [
        (
            row["area_id"],
            to_us_of(row["window_end"]),
            float(row["target"]),
            float(row["weight"]),
            row["source"],
        )
        for row in rows
        if row["target"]
    ]
    assert sorted(labelled) == sorted(expected)
    assert len(labelled) == 24
    assert list(rows[0])[-len(FEATURE_NAMES) :] == list(FEATURE_NAMES)
    (home_label, label) = rows_of(folder / "labels.csv")
    assert (home_label["area_id"], home_label["kind"]) == ("", "sleep")
    assert (label["area_id"], label["source"], float(label["target"])) == ("kitchen", "correction", 1.0)


def to_us_of(text: str) -> int:
    return to_us(datetime.fromisoformat(text))


def test_an_export_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    engine.ingest(pulse(10, "hall"))
    work = export(engine.store, engine.home, tmp_path / "out" / "a", ExportKind.EVENTS, START_US + DAY_US)
    next(iter(work))
    work.close()  # type: ignore[attr-defined]
    assert list((tmp_path / "out").iterdir()) == []
    engine.close()


@pytest.mark.parametrize("kind", ["events", "dataset"])
async def test_the_action_writes_into_the_configuration_folder(hass: HomeAssistant, kind: str) -> None:
    build_house(hass)
    entry = await set_up(hass)
    hass.states.async_set("binary_sensor.kitchen_motion", "on")
    await settle(hass)
    answer = await hass.services.async_call(
        DOMAIN, "export", {"kind": kind, "anonymize": True}, blocking=True, return_response=True
    )
    assert answer is not None
    folder = Path(hass.config.path(str(answer["folder"])))
    assert folder.is_relative_to(hass.config.config_dir)
    found = await hass.async_add_executor_job(lambda: {file.name for file in folder.iterdir()})
    rows: Any = answer["rows"]
    assert found == {"home.json", *rows}
    if kind == "events":
        assert rows["events.csv"] == len(await stored_events(entry))
    text = await hass.async_add_executor_job((folder / "home.json").read_text)
    assert not [name for name in (*ROOMS, "ada", "grace") if f'"{name}' in text or f".{name}" in text]


async def test_what_cannot_be_written_is_said(
    hass: HomeAssistant, hass_read_only_user: User, caplog: pytest.LogCaptureFixture
) -> None:
    build_house(hass)
    entry = await set_up(hass)
    blocked = Path(hass.config.path("occupancy_ml_export"))
    await hass.async_add_executor_job(blocked.write_text, "in the way")
    with pytest.raises(HomeAssistantError) as raised:
        await hass.services.async_call(DOMAIN, "export", {}, blocking=True)
    assert raised.value.translation_key == "export_failed"
    assert "export_failed kind=events" in caplog.text
    with pytest.raises(vol.Invalid):
        await hass.services.async_call(DOMAIN, "export", {"kind": "all"}, blocking=True)
    with pytest.raises(Unauthorized):
        await hass.services.async_call(
            DOMAIN, "export", {}, blocking=True, context=Context(user_id=hass_read_only_user.id)
        )
    assert coordinator_of(entry).last_update_success
