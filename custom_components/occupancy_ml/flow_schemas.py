"""The forms of the flows, and what was filled in -> plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homeassistant.data_entry_flow import section
from homeassistant.helpers.selector import (
    AreaSelector,
    AreaSelectorConfig,
    BooleanSelector,
    EntitySelector,
    EntitySelectorConfig,
    EntityWithDeviceFilterSelectorConfig,
    NumberSelector,
    NumberSelectorConfig,
    NumberSelectorMode,
    SelectOptionDict,
    SelectSelector,
    SelectSelectorConfig,
    SelectSelectorMode,
)
import voluptuous as vol

from .const import (
    ASK_IN_BROWSER,
    CONF_ALLOWED,
    CONF_AREA_ID,
    CONF_ASK_BY,
    CONF_BAR,
    CONF_CONTEXT,
    CONF_KIND,
    CONF_MEMBERS,
    CONF_NIGHT_HOUR,
    CONF_NOTIFY,
    CONF_PERSONS,
    CONF_PETS,
    CONF_PREFERENCE,
    CONF_ROUTINE_ONLY,
    CONF_SENSORS,
    CONF_SLEEP,
    CONF_SLEEP_END,
    CONF_SLEEP_SENSOR,
    CONF_SLEEP_START,
    CONF_STORAGE,
    CONF_SUGGESTIONS,
    CONF_WORKDAY,
    DEFAULT_NIGHT_HOUR,
    ROOM_ROLES,
)
from .discovery import RoomPlan
from .engine.forecast.members import MORE
from .engine.home import Preference, Role, RoomKind
from .engine.routines.suggestions import RISKY
from .engine.store.retention import Retention
from .home_builder import policy_of, retention_of

FIELD_ROOMS = "rooms"
FIELD_USE_PROPOSALS = "use_proposals"
FIELD_EXIT_DOORS = "exit_doors"
SECTION_MORE = "more"
SECTION_THINGS = "things"
SECTION_SPECIAL = "special"

# The page of a room shows what tells most about people; the rest lies in two sections that open and close, so
# that the page stays short enough to take in.
_MAIN_ROLES = (Role.MOTION, Role.PRESENCE, Role.DOOR, Role.EXIT_DOOR)
_THING_ROLES = (Role.OPENING, Role.LIGHT, Role.MEDIA, Role.APPLIANCE, Role.ENVIRONMENT)
_SPECIAL_ROLES = (Role.REFERENCE, Role.RIVAL, Role.ROUTINE_ONLY)

# What of the retention a person may choose: the least that makes sense, and the unit. Labels and models stay for
# ever. Less than a week of events leaves nothing to look back on at night.
STORAGE_FIELDS: Mapping[str, tuple[int, str]] = {
    "raw_events": (7, "d"),
    "features": (28, "d"),
    "predictions": (7, "d"),
    "episodes": (28, "d"),
    "daily_scores": (28, "d"),
    "routine_days": (30, "d"),
    "routine_weeks": (84, "d"),
    "routine_months": (365, "d"),
    "gone_patterns": (0, "d"),
    "size_mb": (50, "MB"),
}

# Domains whose states can carry the role. Routines may look at anything, so they are not listed.
_DOMAINS: Mapping[Role, Sequence[str]] = {
    Role.MOTION: ("binary_sensor",),
    Role.PRESENCE: ("binary_sensor", "input_boolean"),
    Role.DOOR: ("binary_sensor",),
    Role.EXIT_DOOR: ("binary_sensor",),
    Role.OPENING: ("binary_sensor",),
    Role.LIGHT: ("light", "switch"),
    Role.MEDIA: ("media_player",),
    Role.APPLIANCE: ("binary_sensor", "switch", "fan"),
    Role.ENVIRONMENT: ("sensor",),
    Role.PERSON: ("person",),
    Role.WORKDAY: ("binary_sensor", "input_boolean"),
    Role.REFERENCE: ("binary_sensor", "input_boolean"),
    Role.RIVAL: ("binary_sensor", "input_boolean"),
}

# What helps to tell what comes next, by kind, and the domains in which it is found.
CONTEXT_FIELDS: Mapping[str, Sequence[str]] = {
    "next_alarm": ("sensor", "input_datetime"),
    "calendar": ("calendar", "sensor"),
    "weather": ("weather", "sun", "sensor"),
    "travel": ("sensor",),
}


def rooms_schema(preselected: Sequence[str], use_proposals: bool) -> vol.Schema:
    """The first page: which areas are rooms. All areas are offered."""
    return vol.Schema(
        {
            _suggest(FIELD_ROOMS, list(preselected)): AreaSelector(AreaSelectorConfig(multiple=True)),
            vol.Required(FIELD_USE_PROPOSALS, default=use_proposals): BooleanSelector(),
        }
    )


def home_schema(options: Mapping[str, Any], doors: Sequence[str], exit_doors: Sequence[str]) -> vol.Schema:
    """The second page: the home. Without doors there is nothing to ask about them."""
    home = _home_fields(options)
    fields: dict[vol.Marker, Any] = {key: value for key, value in home.items() if key == CONF_PERSONS}
    if doors:
        fields[_suggest(FIELD_EXIT_DOORS, list(exit_doors))] = EntitySelector(
            EntitySelectorConfig(multiple=True, include_entities=list(doors))
        )
    more = vol.Schema({key: value for key, value in home.items() if key != CONF_PERSONS})
    fields[vol.Required(SECTION_MORE)] = section(more, {"collapsed": True})
    return vol.Schema(fields)


def options_schema(
    options: Mapping[str, Any], notifiers: Sequence[str], workday: Sequence[str] = ()
) -> vol.Schema:
    """The options of the whole home. How sleep is told stands open where it is.

    Args:
        options: as stored.
        notifiers: names of the notify actions that can show buttons.
        workday: the sensors that are used where none was chosen.
    """
    sleep: Mapping[str, str] = options.get(CONF_SLEEP, {})
    fields = _home_fields(options)
    fields[_suggest(CONF_WORKDAY, options.get(CONF_WORKDAY, list(workday)))] = _entities(Role.WORKDAY)
    fields[vol.Required(CONF_PETS, default=options.get(CONF_PETS, False))] = BooleanSelector()
    # One that is gone for now stays to be chosen: it may come back.
    chosen = options.get(CONF_ASK_BY)
    ways = dict.fromkeys([ASK_IN_BROWSER, *notifiers, *([chosen] if chosen else [])])
    fields[_suggest(CONF_ASK_BY, chosen)] = SelectSelector(
        SelectSelectorConfig(
            options=list(ways), mode=SelectSelectorMode.DROPDOWN, translation_key=CONF_ASK_BY
        )
    )
    fields[vol.Required(CONF_SLEEP)] = section(
        vol.Schema(
            {
                _suggest(CONF_SLEEP_START, sleep.get(CONF_SLEEP_START)): _one("input_datetime"),
                _suggest(CONF_SLEEP_END, sleep.get(CONF_SLEEP_END)): _one("input_datetime"),
                _suggest(CONF_SLEEP_SENSOR, sleep.get(CONF_SLEEP_SENSOR)): _one(
                    "binary_sensor", "input_boolean"
                ),
            }
        ),
        {"collapsed": not sleep},
    )
    context: Mapping[str, list[str]] = options.get(CONF_CONTEXT, {})
    named = {
        _suggest(kind, context.get(kind)): _several(*domains) for kind, domains in CONTEXT_FIELDS.items()
    }
    members = SelectSelectorConfig(
        options=list(MORE), multiple=True, mode=SelectSelectorMode.DROPDOWN, translation_key=CONF_MEMBERS
    )
    # One that is on for everybody by now is no choice any more.
    chosen = [name for name in options.get(CONF_MEMBERS, []) if name in MORE]
    fields[_suggest(CONF_MEMBERS, chosen)] = SelectSelector(members)
    fields[vol.Required(CONF_CONTEXT, default={})] = section(vol.Schema(named), {"collapsed": not context})
    kept = retention_of(options)
    storage = {
        vol.Required(name, default=getattr(kept, name)): _whole(least, unit)
        for name, (least, unit) in STORAGE_FIELDS.items()
    }
    fields[vol.Required(CONF_SUGGESTIONS)] = section(_suggestions_schema(options), {"collapsed": True})
    fields[vol.Required(CONF_STORAGE)] = section(vol.Schema(storage), {"collapsed": True})
    return vol.Schema(fields)


def _suggestions_schema(options: Mapping[str, Any]) -> vol.Schema:
    stored: Mapping[str, Any] = options.get(CONF_SUGGESTIONS, {})
    risky = SelectSelectorConfig(
        options=[each.value for each in RISKY],
        multiple=True,
        mode=SelectSelectorMode.DROPDOWN,
        translation_key="safety_class",
    )
    return vol.Schema(
        {
            vol.Required(CONF_BAR, default=round(100 * policy_of(options).bar)): _whole(50, "%", most=100),
            _suggest(CONF_ALLOWED, stored.get(CONF_ALLOWED, [])): SelectSelector(risky),
            vol.Required(CONF_NOTIFY, default=stored.get(CONF_NOTIFY, False)): BooleanSelector(),
        }
    )


def filled_sections(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """How sleep is told, who is asked, what is kept, as the user left it; what is empty or the default is left out."""
    default = Retention()
    sleep = {key: value for key, value in user_input[CONF_SLEEP].items() if value}
    storage = {
        key: value for key, value in user_input[CONF_STORAGE].items() if value != getattr(default, key)
    }
    usual = {CONF_BAR: round(100 * policy_of({}).bar), CONF_ALLOWED: [], CONF_NOTIFY: False}
    suggestions = {key: value for key, value in user_input[CONF_SUGGESTIONS].items() if value != usual[key]}
    asked = {key: user_input.get(key) for key in (CONF_ASK_BY, CONF_PETS, CONF_MEMBERS)}
    context = {kind: list(chosen) for kind, chosen in user_input.get(CONF_CONTEXT, {}).items() if chosen}
    asked[CONF_CONTEXT] = context
    found = {CONF_SLEEP: sleep, CONF_SUGGESTIONS: suggestions, CONF_STORAGE: storage, **asked}
    # None at all is a choice: the sensors that are found would be used otherwise.
    workday = {CONF_WORKDAY: list(user_input.get(CONF_WORKDAY, ()))}
    return {key: value for key, value in found.items() if value} | workday


def area_schema(areas: Mapping[str, str]) -> vol.Schema:
    """The first page of adding a room: the areas that are no room yet, name by id."""
    options = [SelectOptionDict(value=area_id, label=name) for area_id, name in areas.items()]
    selector = SelectSelector(SelectSelectorConfig(options=options, mode=SelectSelectorMode.DROPDOWN))
    return vol.Schema({vol.Required(CONF_AREA_ID): selector})


def room_schema(plan: RoomPlan) -> vol.Schema:
    """The page of one room, filled in with its plan. A section that holds something stands open."""
    kinds = SelectSelectorConfig(
        options=[kind.value for kind in RoomKind],
        mode=SelectSelectorMode.DROPDOWN,
        translation_key="room_kind",
    )
    fields: dict[vol.Marker, Any] = {vol.Required(CONF_KIND, default=plan.kind.value): SelectSelector(kinds)}
    fields |= _role_fields(plan, _MAIN_ROLES)
    preferences = SelectSelectorConfig(
        options=[preference.value for preference in Preference],
        mode=SelectSelectorMode.DROPDOWN,
        translation_key=CONF_PREFERENCE,
    )
    fields[vol.Required(CONF_PREFERENCE, default=plan.preference.value)] = SelectSelector(preferences)
    for name, roles in ((SECTION_THINGS, _THING_ROLES), (SECTION_SPECIAL, _SPECIAL_ROLES)):
        collapsed = plan.sensors.keys().isdisjoint(roles)
        fields[vol.Required(name)] = section(vol.Schema(_role_fields(plan, roles)), {"collapsed": collapsed})
    return vol.Schema(fields)


def filled_room(plan: RoomPlan, user_input: Mapping[str, Any]) -> RoomPlan:
    """The plan as the user left the page of the room."""
    flat = {**user_input, **user_input[SECTION_THINGS], **user_input[SECTION_SPECIAL]}
    sensors = {role: tuple(flat[role.value]) for role in ROOM_ROLES if flat.get(role.value)}
    return RoomPlan(
        plan.area_id,
        plan.name,
        RoomKind(user_input[CONF_KIND]),
        sensors,
        Preference(user_input[CONF_PREFERENCE]),
    )


def filled_options(user_input: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the home as the user left them."""
    return {
        CONF_PERSONS: list(user_input.get(CONF_PERSONS, ())),
        CONF_NIGHT_HOUR: user_input[CONF_NIGHT_HOUR],
        CONF_ROUTINE_ONLY: list(user_input.get(CONF_ROUTINE_ONLY, ())),
    }


def room_data(plan: RoomPlan) -> dict[str, Any]:
    """What the subentry of a room stores."""
    data = {
        CONF_AREA_ID: plan.area_id,
        CONF_KIND: plan.kind.value,
        CONF_SENSORS: {role.value: list(plan.sensors[role]) for role in ROOM_ROLES if plan.sensors.get(role)},
    }
    if plan.preference is not Preference.BALANCED:
        data[CONF_PREFERENCE] = plan.preference.value
    return data


def stored_room(data: Mapping[str, Any], name: str) -> RoomPlan:
    """The plan behind the stored data of a room; `name` is the area's name now."""
    sensors = {Role(role): tuple(chosen) for role, chosen in data[CONF_SENSORS].items()}
    preference = Preference(data.get(CONF_PREFERENCE, Preference.BALANCED))
    return RoomPlan(data[CONF_AREA_ID], name, RoomKind(data[CONF_KIND]), sensors, preference)


_HOUR = vol.All(
    NumberSelector(NumberSelectorConfig(min=0, max=23, step=1, mode=NumberSelectorMode.BOX)), vol.Coerce(int)
)


def _whole(least: int, unit: str, most: int = 100_000) -> vol.All:
    selector = NumberSelectorConfig(
        min=least, max=most, step=1, mode=NumberSelectorMode.BOX, unit_of_measurement=unit
    )
    return vol.All(NumberSelector(selector), vol.Coerce(int))


def _one(*domains: str) -> EntitySelector:
    return EntitySelector(
        EntitySelectorConfig(filter=[EntityWithDeviceFilterSelectorConfig(domain=list(domains))])
    )


def _home_fields(options: Mapping[str, Any]) -> dict[vol.Marker, Any]:
    return {
        _suggest(CONF_PERSONS, options.get(CONF_PERSONS, [])): _entities(Role.PERSON),
        _suggest(CONF_ROUTINE_ONLY, options.get(CONF_ROUTINE_ONLY, [])): _entities(Role.ROUTINE_ONLY),
        vol.Required(CONF_NIGHT_HOUR, default=options.get(CONF_NIGHT_HOUR, DEFAULT_NIGHT_HOUR)): _HOUR,
    }


def _role_fields(plan: RoomPlan, roles: Sequence[Role]) -> dict[vol.Marker, Any]:
    return {_suggest(role.value, list(plan.sensors.get(role, ()))): _entities(role) for role in roles}


def _several(*domains: str) -> EntitySelector:
    found = EntityWithDeviceFilterSelectorConfig(domain=list(domains))
    return EntitySelector(EntitySelectorConfig(multiple=True, filter=[found]))


def _entities(role: Role) -> EntitySelector:
    config = EntitySelectorConfig(multiple=True)
    if domains := _DOMAINS.get(role):
        config["filter"] = [EntityWithDeviceFilterSelectorConfig(domain=list(domains))]
    return EntitySelector(config)


def _suggest(field: str, value: Any) -> vol.Optional:
    # A suggestion, not a default: a default would come back when the user empties the field.
    return vol.Optional(field, description={"suggested_value": value})
