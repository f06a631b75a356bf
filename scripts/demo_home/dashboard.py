"""The page of the demo: one card a room, with what is believed, why, and who is really there."""

from __future__ import annotations

from typing import Any

from tests.simulator import SimulatedHomeConfig

_NOTICE = """\
**Everything here is SIMULATED**: two invented people and a cat, in real time. \
The integration sees only the sensors; "really there" is what the simulation knows.

{% set status = states('sensor.home_learning_status') %}
{% set done = state_attr('sensor.home_learning_status', 'progress') %}
Learning: **{{ state_translated('sensor.home_learning_status') }}**{% if done is number %} ({{ done }} %){% endif %}
{%- if state_attr('sensor.home_learning_status', 'reason') %} · {{ state_attr('sensor.home_learning_status', 'reason') }}
{%- endif %}
"""

_WHY = """\
{{%- set reasons = state_attr('binary_sensor.{room}_occupancy', 'reasons') or [] -%}}
{{%- if reasons -%}}
{{%- for reason in reasons[:3] %}}
- {{{{ reason }}}}
{{%- endfor -%}}
{{%- else -%}}
{{{{ state_attr('binary_sensor.{room}_occupancy', 'why_unknown') or 'No reason yet.' }}}}
{{%- endif -%}}
"""


def dashboard(config: SimulatedHomeConfig) -> dict[str, Any]:
    """The dashboard of a simulated home, as Home Assistant reads it from YAML."""
    return {
        "title": "SIMULATED home",
        "views": [
            {
                "title": "SIMULATED home",
                "path": "rooms",
                "type": "sections",
                "max_columns": 3,
                "badges": [
                    {"type": "entity", "entity": "binary_sensor.home_anyone_home", "show_name": True},
                    *(
                        {"type": "entity", "entity": f"person.{person.name}", "show_name": True}
                        for person in config.people
                    ),
                ],
                "sections": [
                    _about(),
                    _next(),
                    *(_room(room.room_id) for room in config.rooms),
                    _graph(config),
                ],
            }
        ],
    }


def _about() -> dict[str, Any]:
    notice = {"type": "markdown", "content": _NOTICE, "grid_options": {"columns": "full"}}
    return {"type": "grid", "column_span": 3, "cards": [notice]}


def _next() -> dict[str, Any]:
    names = ("departure", "arrival", "bedtime", "wake_up")
    changes = [{"entity": f"sensor.home_next_{name}"} for name in names]
    runs = [
        {"entity": f"automation.{name}", "secondary_info": "last-triggered"}
        for name in (
            "preheat_before_arrival",
            "light_ahead_in_the_bedroom",
            "clean_when_away",
            "goodnight",
        )
    ]
    return {
        "type": "grid",
        "column_span": 3,
        "cards": [
            {"type": "entities", "title": "What comes next", "entities": changes},
            {"type": "entities", "title": "Made of the blueprints", "entities": runs},
        ],
    }


def _graph(config: SimulatedHomeConfig) -> dict[str, Any]:
    return {
        "type": "grid",
        "column_span": 3,
        "cards": [
            {
                "type": "history-graph",
                "title": "Probability that a room is occupied",
                "hours_to_show": 0.25,
                "min_y_axis": 0,
                "max_y_axis": 100,
                "entities": [
                    {"entity": f"sensor.{room.room_id}_occupancy_probability", "name": _name(room.room_id)}
                    for room in config.rooms
                ],
                "grid_options": {"columns": "full"},
            },
        ],
    }


def _room(room_id: str) -> dict[str, Any]:
    return {
        "type": "grid",
        "cards": [
            {"type": "heading", "heading": _name(room_id), "icon": "mdi:floor-plan"},
            {
                "type": "gauge",
                "entity": f"sensor.{room_id}_occupancy_probability",
                "name": "Probability",
                "min": 0,
                "max": 100,
            },
            {
                "type": "tile",
                "entity": f"binary_sensor.{room_id}_occupancy",
                "name": "Believed",
                "color": "teal",
            },
            {"type": "tile", "entity": f"sensor.{room_id}_really_there", "name": "Really there"},
            {
                "type": "tile",
                "entity": f"sensor.{room_id}_occupancy_next_transition",
                "name": "Changes next",
            },
            {"type": "markdown", "content": _WHY.format(room=room_id)},
        ],
    }


def _name(room_id: str) -> str:
    return room_id.replace("_", " ").capitalize()
