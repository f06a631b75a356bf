"""Names and defaults shared by the parts that know Home Assistant.

The configuration, as it is stored:

- `entry.data` holds nothing that is chosen: all of that can be changed later, so it lies in the options. It is
  `{CONF_RENAMES: [[old entity_id, new entity_id]], CONF_CLASSES: {entity_id: device class}}`: renamed entities that
  the file does not know yet, and the device classes that were last known.
- `entry.options` is `{CONF_PERSONS: [entity_id], CONF_NIGHT_HOUR: int, CONF_ROUTINE_ONLY: [entity_id]}`, and where
  chosen `CONF_SLEEP: {CONF_SLEEP_START: entity_id, CONF_SLEEP_END: entity_id, CONF_SLEEP_SENSOR: entity_id}` and
  `CONF_STORAGE: {field of Retention: int}`, `CONF_ASK_BY: str`, `CONF_PETS: True`, `CONF_WORKDAY: [entity_id]`, `CONF_MEMBERS: [name]`,
  `CONF_CONTEXT: {kind of context: [entity_id]}` and
  `CONF_SUGGESTIONS: {CONF_BAR: int (percent), CONF_ALLOWED: [SafetyClass value], CONF_NOTIFY: bool}`. Of these only what is set, or differs from the default, is there.
- Each room is a subentry of type `SUBENTRY_ROOM`, unique id the area id, title the area's name, data
  `{CONF_AREA_ID: str, CONF_KIND: RoomKind value, CONF_SENSORS: {Role value: [entity_id]}}`, and
  `CONF_PREFERENCE: Preference value` where it is not the balanced one; roles without an entity are left out.
"""

from __future__ import annotations

from typing import Final

from .engine.home import Role

DOMAIN: Final = "occupancy_ml"
NAME: Final = "Occupancy ML"

SUBENTRY_ROOM: Final = "room"

CONF_AREA_ID: Final = "area_id"
CONF_KIND: Final = "kind"
CONF_PREFERENCE: Final = "preference"
CONF_SENSORS: Final = "sensors"
CONF_PERSONS: Final = "persons"
CONF_NIGHT_HOUR: Final = "night_hour"
CONF_RENAMES: Final = "renames"
CONF_CLASSES: Final = "classes"
CONF_ROUTINE_ONLY: Final = "routine_only"
CONF_SLEEP: Final = "sleep"
CONF_SLEEP_START: Final = "sleep_start"
CONF_SLEEP_END: Final = "sleep_end"
CONF_SLEEP_SENSOR: Final = "sleep_sensor"
CONF_STORAGE: Final = "storage"
CONF_CONTEXT: Final = "context"
CONF_PETS: Final = "pets"
CONF_WORKDAY: Final = "workday"
CONF_ASK_BY: Final = "ask_by"
CONF_MEMBERS: Final = "forecast_members"
CONF_SUGGESTIONS: Final = "suggestions"
CONF_BAR: Final = "bar"
CONF_ALLOWED: Final = "allowed"
CONF_NOTIFY: Final = "notify"

# Sent when the night's work is done and what it found may be shown.
SIGNAL_NIGHT_OVER: Final = f"{DOMAIN}_night_over"

# Asks by a notification in Home Assistant itself; every other value is the name of a notify action.
ASK_IN_BROWSER: Final = "browser"

# The nightly training runs while most homes sleep, and after the clocks have changed in most time zones.
DEFAULT_NIGHT_HOUR: Final = 3

# One file in the configuration directory: part of every backup, easy to find and to delete.
DATABASE_FILE: Final = "occupancy_ml.db"

# The roles of a room's form, in the order shown: the strongest evidence first. Persons belong to the home.
ROOM_ROLES: Final = (
    Role.MOTION,
    Role.PRESENCE,
    Role.DOOR,
    Role.EXIT_DOOR,
    Role.OPENING,
    Role.LIGHT,
    Role.MEDIA,
    Role.APPLIANCE,
    Role.ENVIRONMENT,
    Role.REFERENCE,
    Role.RIVAL,
    Role.ROUTINE_ONLY,
)
