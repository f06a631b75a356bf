"""The configuration directory of the demo: a plan of what is simulated, and all that Home Assistant asks for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
import json
from pathlib import Path
import shutil
from typing import Any

from homeassistant.components.http.config import HTTP_STORAGE_SCHEMA, STORAGE_VERSION as HTTP_STORAGE_VERSION
from homeassistant.components.onboarding import STORAGE_VERSION as ONBOARDING_STORAGE_VERSION
from homeassistant.components.onboarding.const import STEPS as ONBOARDING_STEPS
from homeassistant.util.yaml import save_yaml

from scripts.demo_home.automations import automations, copy_blueprints
from scripts.demo_home.dashboard import dashboard
from scripts.demo_home.evening import simulated_home
from scripts.demo_home.occupancy_demo.things import attributes_of
from scripts.demo_home.past import write_history

_PLAN = "simulation.json"
DASHBOARD_PATH = "simulated-home"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is simulated: the same plan gives the same home, past and future."""

    time_zone: str
    seed: int


def read_plan(folder: Path) -> Plan | None:
    """The plan of a directory made before, None where there is none, or its making was broken off."""
    try:
        return Plan(**json.loads((folder / _PLAN).read_text()))
    except OSError, ValueError, TypeError:
        return None


def make(folder: Path, plan: Plan, now: datetime) -> None:
    """Makes what stays the same from start to start; the plan comes last, so a broken run is seen.

    Args:
        folder: does not exist yet.
        plan: what to simulate.
        now: aware; the history ends here.
    """
    folder.mkdir(parents=True)
    _store(folder, "onboarding", ONBOARDING_STORAGE_VERSION, {"done": list(ONBOARDING_STEPS)})
    devices = simulated_home(plan.time_zone).devices
    attributes = {device.entity_id: attributes_of(device) for device in devices}
    write_history(folder / "home-assistant_v2.db", plan.time_zone, plan.seed, now, attributes)
    (folder / _PLAN).write_text(json.dumps(asdict(plan)))


def refresh(folder: Path, root: Path, plan: Plan, port: int) -> None:
    """Makes anew what may have changed since the last start: the repository's code and place, and the port.

    Args:
        folder: made before.
        root: of this repository.
        plan: what is simulated.
        port: where the page is to be served.
    """
    components = folder / "custom_components"
    shutil.rmtree(components, ignore_errors=True)
    components.mkdir()
    # Makes it the package, and not one of several folders of that name: the repository has one too.
    (components / "__init__.py").touch()
    (components / "occupancy_ml").symlink_to(root / "custom_components" / "occupancy_ml")
    (components / "occupancy_demo").symlink_to(root / "scripts" / "demo_home" / "occupancy_demo")
    copy_blueprints(folder, root)
    config = simulated_home(plan.time_zone)
    people = [person.name for person in config.people]
    save_yaml(str(folder / "configuration.yaml"), _configuration(plan, people))
    # Beside the automations of the blueprints those of the editor, where accepted suggestions go.
    with (folder / "configuration.yaml").open("a", encoding="utf-8") as file:
        file.write("automation ui: !include automations.yaml\n")
    (folder / "automations.yaml").touch()
    save_yaml(str(folder / "dashboard.yaml"), dashboard(config))
    _set_port(folder, port)


def _set_port(folder: Path, port: int) -> None:
    """Lets Home Assistant listen on this port of this machine only.

    Stored as a setting that was confirmed before: one from YAML would be a trial, taken back after five minutes.
    """
    stable = {
        **HTTP_STORAGE_SCHEMA({"server_host": ["127.0.0.1"], "server_port": port}),
        "created_at": datetime.now(UTC).isoformat(),
        "error": None,
        "error_message": None,
    }
    _store(
        folder, "http", HTTP_STORAGE_VERSION, {"stable": stable, "pending": None, "yaml_migration_done": True}
    )


def _configuration(plan: Plan, people: list[str]) -> dict[str, Any]:
    return {
        "homeassistant": {
            "name": "SIMULATED home",
            "latitude": 52.0,
            "longitude": 13.0,
            "elevation": 40,
            "unit_system": "metric",
            "currency": "EUR",
            "country": "DE",
            "language": "en",
            "time_zone": plan.time_zone,
            # Only this machine can reach the page (see _set_port), and whoever sits at it needs no password.
            "auth_providers": [
                {
                    "type": "trusted_networks",
                    "trusted_networks": ["127.0.0.1"],
                    "allow_bypass_login": True,
                }
            ],
        },
        "frontend": {},
        "config": {},
        "history": {},
        "logbook": {},
        # What the terminal shows; there is no camera whose pictures could be slow.
        "logger": {"default": "error", "logs": {"homeassistant.components.camera.img_util": "critical"}},
        "recorder": {"purge_keep_days": 60, "commit_interval": 1},
        "lovelace": {
            "dashboards": {
                DASHBOARD_PATH: {
                    "mode": "yaml",
                    "title": "SIMULATED home",
                    "icon": "mdi:home-search",
                    "filename": "dashboard.yaml",
                }
            }
        },
        "person": [
            {"id": name, "name": name.title(), "device_trackers": [f"device_tracker.{name}_phone"]}
            for name in people
        ],
        **automations(),
        "occupancy_demo": {**asdict(plan), "dashboard": DASHBOARD_PATH},
    }


def _store(folder: Path, key: str, version: int, data: dict[str, Any]) -> None:
    storage = folder / ".storage"
    storage.mkdir(exist_ok=True)
    (storage / key).write_text(json.dumps({"version": version, "minor_version": 1, "key": key, "data": data}))
