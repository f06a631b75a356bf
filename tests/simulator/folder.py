"""A simulation as a folder: home.json, events.csv and truth.csv."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from custom_components.occupancy_ml.engine.events import from_us
from tests.simulator.simulation import Simulation


def write_folder(simulation: Simulation, path: Path) -> None:
    """Write a simulation in the form of a recorded home; files that are there are replaced.

    `home.json` says that it is simulated. Times are ISO 8601 in UTC to the microsecond. An entity
    that belongs to no room (a person) has null as its area.
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
        rows.writerows((_iso(t.start_us), _iso(t.end_us), t.area_id, t.activity) for t in simulation.truth)


def _iso(time_us: int) -> str:
    return from_us(time_us).isoformat()
