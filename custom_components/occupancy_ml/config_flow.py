"""The flows: the home at set-up, its options, and its rooms as config subentries."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, override

from homeassistant.config_entries import (
    SOURCE_RECONFIGURE,
    ConfigEntry,
    ConfigFlow,
    ConfigFlowResult,
    ConfigSubentryData,
    ConfigSubentryFlow,
    OptionsFlow,
    SubentryFlowResult,
)
from homeassistant.core import callback
from homeassistant.helpers import area_registry as ar
import voluptuous as vol

from .const import (
    CONF_AREA_ID,
    CONF_CONTEXT,
    CONF_PERSONS,
    CONF_ROUTINE_ONLY,
    CONF_SLEEP,
    CONF_WORKDAY,
    DOMAIN,
    NAME,
    SUBENTRY_ROOM,
)
from .discovery import RoomPlan, mark_exit_doors, propose_persons, propose_rooms, propose_routine_only
from .engine.home import Role
from .flow_checks import Problem, Taken, find_problem, find_sleep_problem, taken_by
from .flow_schemas import (
    FIELD_EXIT_DOORS,
    FIELD_ROOMS,
    FIELD_USE_PROPOSALS,
    SECTION_MORE,
    area_schema,
    filled_options,
    filled_room,
    filled_sections,
    home_schema,
    options_schema,
    room_data,
    room_schema,
    rooms_schema,
    stored_room,
)
from .home_builder import workday_sensors

# Up to this many rooms a look at each costs a minute and is worth it. Beyond, the proposals stand unless the
# user wants the pages: every room can be changed afterwards, one at a time.
_REVIEW_UP_TO = 3


class OccupancyConfigFlow(ConfigFlow, domain=DOMAIN):
    """Set-up: choose the rooms, describe the home, look through each room where wanted.

    Everything is proposed from the registries, so somebody whose areas are in order confirms two pages. The
    rooms become subentries of the new entry.
    """

    VERSION = 1
    MINOR_VERSION = 1

    def __init__(self) -> None:
        """Start with nothing chosen."""
        self._plans: dict[str, RoomPlan] = {}
        self._options: dict[str, Any] = {}
        self._use_proposals = False
        self._to_review: deque[str] = deque()
        self._reviewed: list[str] = []

    @classmethod
    @callback
    @override
    def async_get_supported_subentry_types(
        cls, config_entry: ConfigEntry
    ) -> dict[str, type[ConfigSubentryFlow]]:
        """Rooms are the only subentries."""
        return {SUBENTRY_ROOM: RoomSubentryFlow}

    @staticmethod
    @callback
    @override
    def async_get_options_flow(config_entry: ConfigEntry) -> OptionsFlow:
        """The options of the whole home."""
        return HomeOptionsFlow()

    @override
    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Choose the rooms."""
        proposed = propose_rooms(self.hass)
        if not proposed:
            return self.async_abort(reason="no_areas")
        if user_input is None:
            worthwhile = [area_id for area_id, plan in proposed.items() if plan.is_worth_proposing]
            return self._show_rooms(worthwhile, len(worthwhile) > _REVIEW_UP_TO)
        chosen = list(dict.fromkeys(user_input.get(FIELD_ROOMS, ())))
        use_proposals = user_input[FIELD_USE_PROPOSALS]
        if not chosen:
            return self._show_rooms([], use_proposals, Problem("no_rooms"))
        if gone := [area_id for area_id in chosen if area_id not in proposed]:
            left = [area_id for area_id in chosen if area_id in proposed]
            return self._show_rooms(left, use_proposals, Problem("area_gone", {"area": gone[0]}))
        self._plans = {area_id: plan for area_id, plan in proposed.items() if area_id in chosen}
        self._use_proposals = use_proposals
        return await self.async_step_home()

    @callback
    def _show_rooms(
        self, chosen: list[str], use_proposals: bool, problem: Problem | None = None
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="user",
            data_schema=rooms_schema(chosen, use_proposals),
            last_step=False,
            **_shown(problem),
        )

    async def async_step_home(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Say who lives here and which doors lead outside."""
        if user_input is None:
            proposed = {
                CONF_PERSONS: propose_persons(self.hass),
                CONF_ROUTINE_ONLY: propose_routine_only(self.hass, self._plans),
            }
            return self._show_home(proposed, _doors(self._plans, Role.EXIT_DOOR))
        options = filled_options({**user_input, **user_input[SECTION_MORE]})
        exit_doors = user_input.get(FIELD_EXIT_DOORS, [])
        chosen = {**_whole_home(options), Role.EXIT_DOOR: exit_doors}
        if problem := find_problem(self.hass, chosen, Taken()):
            return self._show_home(options, exit_doors, problem)
        self._options = options
        # What the user gave to the whole home is no longer proposed for a room.
        claimed = frozenset(options[CONF_ROUTINE_ONLY])
        self._plans = {
            area_id: _without(mark_exit_doors(self.hass, plan, frozenset(exit_doors)), claimed)
            for area_id, plan in self._plans.items()
        }
        return self._review([] if self._use_proposals else list(self._plans))

    @callback
    def _show_home(
        self, options: Mapping[str, Any], exit_doors: list[str], problem: Problem | None = None
    ) -> ConfigFlowResult:
        return self.async_show_form(
            step_id="home",
            data_schema=home_schema(options, _doors(self._plans), exit_doors),
            last_step=self._use_proposals,
            **_shown(problem),
        )

    @callback
    def _review(self, area_ids: list[str]) -> ConfigFlowResult:
        """Show the pages of these rooms, one after the other."""
        self._to_review = deque(area_ids)
        self._reviewed = [area_id for area_id in self._plans if area_id not in area_ids]
        return self._next_page()

    @callback
    def _next_page(self) -> ConfigFlowResult:
        if self._to_review:
            return self._show_room(self._plans[self._to_review[0]])
        return self._show_empty() if self._empty_rooms() else self._create()

    @callback
    def _show_room(self, plan: RoomPlan, problem: Problem | None = None) -> ConfigFlowResult:
        count = len(self._plans)
        placeholders = {
            "room": plan.name,
            "index": str(count - len(self._to_review) + 1),
            "count": str(count),
            **(problem.placeholders if problem else {}),
        }
        return self.async_show_form(
            step_id="room",
            data_schema=room_schema(plan),
            errors={"base": problem.key} if problem else None,
            description_placeholders=placeholders,
            last_step=len(self._to_review) == 1,
        )

    async def async_step_room(self, user_input: dict[str, Any]) -> ConfigFlowResult:
        """Confirm or edit the sensors of the room in turn."""
        area_id = self._to_review[0]
        plan = filled_room(self._plans[area_id], user_input)
        if problem := find_problem(self.hass, plan.sensors, self._taken()):
            return self._show_room(plan, problem)
        self._plans[area_id] = plan
        # The user's word outweighs what is only proposed for the pages still to come.
        claimed = frozenset(plan.entities)
        self._to_review.popleft()
        self._reviewed.append(area_id)
        for waiting in self._to_review:
            self._plans[waiting] = _without(self._plans[waiting], claimed)
        return self._next_page()

    @callback
    def _taken(self) -> Taken:
        """What the home and the rooms already confirmed use."""
        rooms = {
            entity_id: self._plans[area_id].name
            for area_id in self._reviewed
            for entity_id in self._plans[area_id].entities
        }
        return Taken(rooms, frozenset((*self._options[CONF_PERSONS], *self._options[CONF_ROUTINE_ONLY])))

    @callback
    def _empty_rooms(self) -> list[str]:
        return [area_id for area_id, plan in self._plans.items() if not plan.sensors]

    @callback
    def _show_empty(self) -> ConfigFlowResult:
        names = ", ".join(self._plans[area_id].name for area_id in self._empty_rooms())
        return self.async_show_menu(
            step_id="empty",
            menu_options=["create", "choose_sensors"],
            description_placeholders={"rooms": names},
        )

    async def async_step_empty(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Notice the rooms without sensors."""
        return self._show_empty()

    async def async_step_choose_sensors(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Go back to the rooms that have no sensors."""
        return self._review(self._empty_rooms())

    async def async_step_create(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Keep the rooms without sensors: they show a first guess."""
        return self._create()

    @callback
    def _create(self) -> ConfigFlowResult:
        areas = ar.async_get(self.hass)
        for plan in self._plans.values():
            if areas.async_get_area(plan.area_id) is None:
                left = [area_id for area_id in self._plans if areas.async_get_area(area_id)]
                return self._show_rooms(left, self._use_proposals, Problem("area_gone", {"area": plan.name}))
        rooms = [
            ConfigSubentryData(
                data=room_data(plan), subentry_type=SUBENTRY_ROOM, title=plan.name, unique_id=plan.area_id
            )
            for plan in self._plans.values()
        ]
        return self.async_create_entry(title=NAME, data={}, options=self._options, subentries=rooms)


class HomeOptionsFlow(OptionsFlow):
    """Options of the whole home. The entry's update listener makes them take effect."""

    async def async_step_init(self, user_input: dict[str, Any] | None = None) -> ConfigFlowResult:
        """Change who lives here, what routines look at, how sleep is told, when the night is, what is kept."""
        if user_input is None:
            return self.async_show_form(step_id="init", data_schema=self._schema(self.config_entry.options))
        options = filled_options(user_input) | filled_sections(user_input)
        taken = taken_by(self.config_entry, with_home=False)
        chosen = {**_whole_home(options), Role.WORKDAY: options[CONF_WORKDAY]}
        problem = find_problem(self.hass, chosen, taken)
        if problem := problem or find_sleep_problem(self.hass, options.get(CONF_SLEEP, {})):
            return self.async_show_form(step_id="init", data_schema=self._schema(options), **_shown(problem))
        if options[CONF_WORKDAY] == self._found_workday(options):
            # As found, also when another is found one day.
            del options[CONF_WORKDAY]
        return self.async_create_entry(data=options)

    @callback
    def _schema(self, options: Mapping[str, Any]) -> vol.Schema:
        return options_schema(options, self._notifiers(), self._found_workday(options))

    @callback
    def _found_workday(self, options: Mapping[str, Any]) -> list[str]:
        """The workday sensors that are chosen for nothing else, in a room or in these options."""
        rooms = taken_by(self.config_entry, with_home=False).rooms
        elsewhere = {*rooms, *(entity_id for chosen in _whole_home(options).values() for entity_id in chosen)}
        return [entity_id for entity_id in workday_sensors(self.hass) if entity_id not in elsewhere]

    @callback
    def _notifiers(self) -> list[str]:
        """The notify actions of the companion apps: only they can show buttons."""
        actions = self.hass.services.async_services_for_domain("notify")
        return sorted(name for name in actions if name.startswith("mobile_app_"))


class RoomSubentryFlow(ConfigSubentryFlow):
    """Add or change one room. The entry's update listener makes it take effect."""

    def __init__(self) -> None:
        """Start with no room chosen."""
        self._plan: RoomPlan | None = None

    async def async_step_user(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Choose an area that is no room yet."""
        problem: Problem | None = None
        used = {subentry.unique_id for subentry in self._get_entry().get_subentries_of_type(SUBENTRY_ROOM)}
        proposed = propose_rooms(self.hass)
        if user_input is not None:
            area_id = user_input[CONF_AREA_ID]
            if area_id not in proposed:
                problem = Problem("area_gone", {"area": area_id})
            elif area_id in used:
                problem = Problem("area_used", {"area": proposed[area_id].name})
            else:
                taken = taken_by(self._get_entry())
                self._plan = _without(proposed[area_id], taken.home.union(taken.rooms))
                return self._show_room(self._plan)
        free = {area_id: plan.name for area_id, plan in proposed.items() if area_id not in used}
        if not free:
            return self.async_abort(reason="no_free_areas")
        return self.async_show_form(
            step_id="user", data_schema=area_schema(free), last_step=False, **_shown(problem)
        )

    async def async_step_reconfigure(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Change the sensors of a room."""
        data = self._get_reconfigure_subentry().data
        area = ar.async_get(self.hass).async_get_area(data[CONF_AREA_ID])
        if area is None:
            return self.async_abort(reason="area_gone")
        self._plan = stored_room(data, area.name)
        return self._show_room(self._plan)

    @callback
    def _show_room(self, plan: RoomPlan, problem: Problem | None = None) -> SubentryFlowResult:
        return self.async_show_form(
            step_id="room",
            data_schema=room_schema(plan),
            errors={"base": problem.key} if problem else None,
            description_placeholders={"room": plan.name, **(problem.placeholders if problem else {})},
        )

    async def async_step_room(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Confirm or edit the sensors of the room."""
        assert self._plan is not None
        if user_input is None:
            return self._show_room(self._plan)
        self._plan = filled_room(self._plan, user_input)
        taken = taken_by(self._get_entry(), without_subentry=self.context.get("subentry_id"))
        if problem := find_problem(self.hass, self._plan.sensors, taken):
            return self._show_room(self._plan, problem)
        if not self._plan.sensors:
            return await self.async_step_empty()
        return await self.async_step_save()

    async def async_step_empty(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Notice that the room has no sensors."""
        assert self._plan is not None
        return self.async_show_menu(
            step_id="empty",
            menu_options=["save", "room"],
            description_placeholders={"room": self._plan.name},
        )

    async def async_step_save(self, user_input: dict[str, Any] | None = None) -> SubentryFlowResult:
        """Store the room."""
        assert self._plan is not None
        plan = self._plan
        if ar.async_get(self.hass).async_get_area(plan.area_id) is None:
            return self.async_abort(reason="area_gone")
        if self.source == SOURCE_RECONFIGURE:
            if self._reconfigure_subentry_id not in self._get_entry().subentries:
                return self.async_abort(reason="room_gone")
            return self.async_update_and_abort(
                self._get_entry(), self._get_reconfigure_subentry(), title=plan.name, data=room_data(plan)
            )
        return self.async_create_entry(title=plan.name, data=room_data(plan), unique_id=plan.area_id)


def _whole_home(options: Mapping[str, Any]) -> dict[Role, list[str]]:
    context = [entity_id for chosen in options.get(CONF_CONTEXT, {}).values() for entity_id in chosen]
    return {
        Role.PERSON: options.get(CONF_PERSONS, []),
        Role.ROUTINE_ONLY: options.get(CONF_ROUTINE_ONLY, []),
        Role.CONTEXT: context,
    }


def _doors(plans: Mapping[str, RoomPlan], *roles: Role) -> list[str]:
    """The doors of the given roles; without roles all that may lead outside."""
    wanted = roles or (Role.EXIT_DOOR, Role.DOOR, Role.OPENING)
    return [
        entity_id for plan in plans.values() for role in wanted for entity_id in plan.sensors.get(role, ())
    ]


def _without(plan: RoomPlan, entity_ids: frozenset[str]) -> RoomPlan:
    kept = {
        role: left
        for role, chosen in plan.sensors.items()
        if (left := tuple(entity_id for entity_id in chosen if entity_id not in entity_ids))
    }
    return RoomPlan(plan.area_id, plan.name, plan.kind, kept, plan.preference)


def _shown(problem: Problem | None) -> dict[str, Any]:
    """The arguments by which a form shows a problem."""
    if problem is None:
        return {}
    return {"errors": {"base": problem.key}, "description_placeholders": dict(problem.placeholders)}
