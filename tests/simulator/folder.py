"""A simulation as a folder: home.json, events.csv and truth.csv."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us
from tests.simulator.simulation import Simulation


def write_folder(simulation: Simulation, path: Path) -> None:
    """Write a simulation in the form of a recorded home; files that are there are replaced.

    `home.json` says that it is simulated. Times are ISO 8601 in UTC, those of events to the microsecond; truth is by
    whole minutes, as in recorded homes: each says where somebody was at its begin, which is when it is asked for. An
    entity that belongs to no room (a person) has null as its area.
    """
    path.mkdir(parents=True, exist_ok=True)
    config = simulation.config
    entities = [
        {"entity_id": sensor.entity_id, "area_id": sensor.room_id, "device_class": sensor.device_class}
        for sensor in simulation.home.sensors
    ]
    about = {
        "name": config.name,
        "time_zone": config.time_zone,
        "residents": len(config.people),
        "areas": list(simulation.areas),
        "entities": entities,
        "terms": "generated, free to use",
        "note": f"SIMULATED home, no recorded data; seed {simulation.seed}",
    }
    (path / "home.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    with (path / "events.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("time", "entity_id", "state"))
        rows.writerows((_iso(e.time_us), e.entity_id, e.state) for e in simulation.events)
    with (path / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("start", "end", "area_id", "activity"))
        spans = ((_next_minute(t.start_us), _next_minute(t.end_us), t) for t in simulation.truth)
        rows.writerows((_iso(a), _iso(b), t.area_id, t.activity) for a, b, t in spans if a < b)


def _next_minute(time_us: int) -> int:
    """The begin of the first whole minute from a time on."""
    return -(-time_us // MINUTE_US) * MINUTE_US


def _iso(time_us: int) -> str:
    return from_us(time_us).isoformat()
