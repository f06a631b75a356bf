"""Heating, a vacuum cleaner, and automations of the repository's blueprints that use them."""

from __future__ import annotations

from pathlib import Path
import shutil
from typing import Any

# In the demo as in every home: the folder of the blueprints, under Home Assistant's own.
BLUEPRINTS = Path("blueprints") / "automation" / "occupancy_ml"

_HEATER, _CLEANING = "input_boolean.simulated_heater", "input_boolean.simulated_cleaning"


def copy_blueprints(folder: Path, root: Path) -> None:
    """Puts the repository's blueprints where Home Assistant looks for them.

    Args:
        folder: the configuration directory.
        root: of this repository.
    """
    shutil.rmtree(folder / BLUEPRINTS, ignore_errors=True)
    shutil.copytree(root / BLUEPRINTS, folder / BLUEPRINTS)


def automations() -> dict[str, Any]:
    """The parts of the configuration: the sun, what is switched, and one automation a blueprint."""
    return {
        "sun": {},
        "input_boolean": {
            "simulated_heater": {"name": "Simulated heater", "icon": "mdi:radiator"},
            "simulated_cleaning": {"name": "Simulated cleaning", "icon": "mdi:robot-vacuum"},
        },
        "climate": [
            {
                "platform": "generic_thermostat",
                "name": "Heating",
                "unique_id": "simulated_heating",
                "heater": _HEATER,
                "target_sensor": "sensor.living_room_temperature",
                "initial_hvac_mode": "heat",
                "target_temp": 17,
            }
        ],
        "template": [
            {
                "vacuum": [
                    {
                        "name": "Robot",
                        "unique_id": "simulated_robot",
                        "state": f"{{{{ 'cleaning' if is_state('{_CLEANING}', 'on') else 'docked' }}}}",
                        "start": [_switch("turn_on")],
                        "return_to_base": [_switch("turn_off")],
                    }
                ]
            }
        ],
        "automation": [
            _made_of(
                "preheat_before_arrival",
                "Preheat before arrival",
                {"heating": ["climate.heating"], "comfort": 21, "away": 17},
            ),
            _made_of(
                "light_ahead_on_the_way",
                "Light ahead in the bedroom",
                {"room": "binary_sensor.bedroom_occupancy", "lights": ["light.bedroom"]},
            ),
            _made_of("clean_when_away", "Clean when away", {"vacuum": "vacuum.robot"}),
            _made_of(
                "goodnight_routine",
                "Goodnight",
                {
                    "lights": ["light.living_room", "light.kitchen"],
                    "openings": ["binary_sensor.front_door"],
                },
            ),
        ],
    }


def _switch(action: str) -> dict[str, Any]:
    return {"action": f"input_boolean.{action}", "target": {"entity_id": _CLEANING}}


def _made_of(blueprint: str, alias: str, inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": blueprint,
        "alias": alias,
        "use_blueprint": {"path": f"occupancy_ml/{blueprint}.yaml", "input": inputs},
    }
