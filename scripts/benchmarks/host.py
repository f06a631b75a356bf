"""Home Assistant with the integration on a house of 20 rooms: how late its loop gets, what it takes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
import json
from pathlib import Path
import shutil
import subprocess
import sys
from typing import Any

from custom_components.occupancy_ml.const import DATABASE_FILE
from custom_components.occupancy_ml.engine.events import Event, from_us
from custom_components.occupancy_ml.engine.home import Home, Role
from scripts.benchmarks.live import CSV
from scripts.benchmarks.report import Measure, percentiles

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "custom_components" / "occupancy_ml"
LIMIT_S = 900
_LATENESS = {"p99": 5.0, "max": 50.0}
_PHASES = {
    "idle": ("idle", None),
    "listening": ("two events a second", None),
    "start": ("first start: history replayed and learned", _LATENESS),
    "importing": ("a CSV imported and all replayed", _LATENESS),
    "training": ("a night's training", _LATENESS),
}


class LifeError(RuntimeError):
    """A Home Assistant under measurement failed; the text is what it said."""


def furnish(folder: Path, home: Home, last: dict[str, str], now_us: int, earlier: Sequence[Event]) -> None:
    """Write what a life needs, beside the integration's file.

    Args:
        folder: the configuration directory.
        home: what is watched.
        last: by entity, its present state.
        now_us: microseconds UTC.
        earlier: what the CSV holds.
    """
    components = folder / "custom_components"
    components.mkdir()
    (components / "__init__.py").touch()
    (components / PACKAGE.name).symlink_to(PACKAGE)
    rooms: dict[str, dict[str, Any]] = {
        room.room_id: {"area_id": room.room_id, "kind": room.kind.value, "sensors": {}} for room in home.rooms
    }
    for sensor in home.sensors:
        if sensor.room_id is not None:
            rooms[sensor.room_id]["sensors"].setdefault(sensor.role.value, []).append(sensor.entity_id)
    about = {
        "rooms": list(rooms.values()),
        "persons": [sensor.entity_id for sensor in home.sensors if sensor.role is Role.PERSON],
        "motion": [sensor.entity_id for sensor in home.sensors if sensor.role is Role.MOTION],
        "night_hour": (from_us(now_us) + timedelta(hours=12)).hour,
        "entities": [
            {
                "entity_id": sensor.entity_id,
                "device_class": sensor.device_class,
                "state": last.get(sensor.entity_id, "unknown"),
            }
            for sensor in home.sensors
        ],
    }
    (folder / "home.json").write_text(json.dumps(about), encoding="utf-8")
    lines = [f"{from_us(event.time_us).isoformat()},{event.entity_id},{event.state}" for event in earlier]
    (folder / CSV).write_text("\n".join(["time,entity_id,state", *lines, ""]), encoding="utf-8")


def answers(folder: Path, path: Path, home: Home, part: str) -> list[Measure]:
    """What the websocket commands take in a Home Assistant with a file: as felt, and all of its processor time.

    Args:
        folder: where to put its configuration directory.
        path: the file, closed; it is copied.
        home: what the file is of.
        part: what the measures belong to.

    Raises:
        LifeError: it failed.
    """
    config = folder / "answers"
    config.mkdir()
    shutil.copy(path, config / DATABASE_FILE)
    furnish(config, home, {}, int(datetime.now(UTC).timestamp() * 1e6), [])
    found = _life(config, module="answers")
    measures = []
    for name, (felt, spent) in found.items():
        measures += [
            Measure(part, f"websocket, {name}", felt, "ms", 50.0),
            Measure(part, "  of it on the processor", spent, "ms"),
        ]
    return measures


def _life(folder: Path, *words: str, module: str = "live") -> dict[str, Any]:
    command = [sys.executable, "-m", f"scripts.benchmarks.{module}", str(folder), *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False, cwd=ROOT)
    if done.returncode:
        raise LifeError(done.stderr[-4000:])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def lives(folder: Path, bare_folder: Path) -> list[Measure]:
    """Two lives: one with the integration, one without.

    Raises:
        LifeError: one of them failed.
    """
    bare = _life(bare_folder, "bare")
    found = _life(folder)
    measures = percentiles("event callback", "processor time", found["callback_us"], "us", {"p99": 20.0})
    for name, (words, budgets) in _PHASES.items():
        part = f"lateness of a 2 ms timer on the loop: {words}"
        measures += percentiles(part, "late", found[name]["late_ms"], "ms", budgets)
        measures += percentiles(part, "late, without waiting for a processor", found[name]["held_ms"], "ms")
        collecting = found[name]["collecting_ms"]
        measures += [
            Measure(part, "full collections of garbage meanwhile", len(collecting), ""),
            Measure(part, "the longest of them", max(collecting, default=0.0), "ms"),
        ]
        measures.append(Measure(part, "measured over", found[name]["seconds"], "s"))
    part = "memory on top of bare Home Assistant, 20 rooms"
    base = bare["memory_mb"]
    measures += [
        Measure(part, "bare Home Assistant", base, "MB"),
        Measure(part, "a full collection of garbage in bare Home Assistant", bare["collection_ms"], "ms"),
        Measure(part, "after the first start", found["settled_mb"] - base, "MB", 90.0),
        Measure(part, "after an import and a training", found["memory_mb"] - base, "MB", 90.0),
        Measure(part, "peak", found["peak_mb"] - base, "MB"),
    ]
    return measures
