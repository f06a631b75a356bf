"""The actions and websocket commands on patterns and suggestions.

Who may read the entities of a pattern or suggestion may see it; only administrators change automations.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from homeassistant.auth.models import User
from homeassistant.auth.permissions import filter_entity_ids_by_permission
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_config_entry, async_register_admin_service
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType
import voluptuous as vol

from .automation_versions import automation_id_of
from .const import DOMAIN
from .engine.events import from_us
from .engine.routines.calendar import month_of
from .engine.routines.patterns import Life, Pattern, PatternType
from .engine.routines.routines import FIRST_DAYS
from .engine.routines.suggestions import Reason
from .engine.routines.suggestions.backtest import Backtest
from .engine.routines.suggestions.compose import evidence
from .engine.routines.suggestions.proposal import Proposal
from .engine.store import StoreError
from .engine.store.suggestions import Suggestion, SuggestionStatus, Version
from .services import ROW_ID, check_rooms

if TYPE_CHECKING:
    from .runtime import OccupancyConfigEntry, Runtime

type Data = dict[str, Any]
type Answer = Callable[[Runtime, Data, User | None], Awaitable[JsonObjectType]]

ATTR_AUTOMATION_ID = "automation_id"
ATTR_DAYS = "days"
ATTR_ENTITY_ID = "entity_id"
ATTR_LEAST_RATE = "least_rate"
ATTR_LIFE = "life"
ATTR_LIMIT = "limit"
ATTR_MONTH = "month"
ATTR_REASON = "reason"
ATTR_ROOM = "room"
ATTR_STATUS = "status"
ATTR_SUGGESTION_ID = "suggestion_id"
ATTR_TEXT = "text"
ATTR_PATTERN_TYPE = "pattern_type"
ATTR_VERSION_ID = "version_id"

ERR_REFUSED = "refused"

# More moments than this say nothing more to a person.
_MOST_MOMENTS = 60


def _month(value: Any) -> str:
    text = cv.string(value)
    try:
        month_of(date.fromisoformat(f"{text}-01"))
    except (ValueError, OverflowError) as error:
        raise vol.Invalid("a month is written like 2026-03") from error
    return text


def _some(enum: type[PatternType] | type[Life] | type[SuggestionStatus]) -> Any:
    return vol.All(cv.ensure_list, [vol.Coerce(enum)])


# What is stored in full of the past may reach back further than routines ever look.
_MOST_DAYS = 366

# Of what somebody says about a suggestion.
_LONGEST_TEXT = 1000

_SUGGESTION = {vol.Required(ATTR_SUGGESTION_ID): ROW_ID}
SCHEMAS: dict[str, dict[vol.Marker, Any]] = {
    "get_suggestions": {vol.Optional(ATTR_STATUS): _some(SuggestionStatus)},
    "accept_suggestion": _SUGGESTION,
    "dismiss_suggestion": {
        **_SUGGESTION,
        vol.Optional(ATTR_REASON, default=Reason.OTHER.value): vol.Coerce(Reason),
        vol.Optional(ATTR_TEXT, default=""): vol.All(cv.string, vol.Length(max=_LONGEST_TEXT)),
    },
    "snooze_suggestion": {
        **_SUGGESTION,
        vol.Optional(ATTR_DAYS, default=7): vol.All(vol.Coerce(int), vol.Range(min=1, max=365)),
    },
    "rollback_automation": {
        vol.Required(ATTR_AUTOMATION_ID): cv.string,
        vol.Optional(ATTR_VERSION_ID): ROW_ID,
    },
    "get_patterns": {
        vol.Optional(ATTR_PATTERN_TYPE): _some(PatternType),
        vol.Optional(ATTR_LIFE): _some(Life),
        vol.Optional(ATTR_ROOM): cv.string,
        vol.Optional(ATTR_ENTITY_ID): cv.entity_id,
        vol.Optional(ATTR_LEAST_RATE, default=0): vol.All(vol.Coerce(float), vol.Range(min=0, max=100)),
        vol.Optional(ATTR_LIMIT, default=50): vol.All(vol.Coerce(int), vol.Range(min=1, max=1000)),
    },
    "get_digest": {vol.Optional(ATTR_MONTH): _month},
    "backfill_routines": {
        vol.Optional(ATTR_DAYS, default=FIRST_DAYS): vol.All(
            vol.Coerce(int), vol.Range(min=1, max=_MOST_DAYS)
        ),
    },
}
# What changes automations, or what is suggested.
_FOR_ADMINS = (
    "accept_suggestion",
    "dismiss_suggestion",
    "snooze_suggestion",
    "rollback_automation",
    "backfill_routines",
)


@callback
def async_setup_suggestion_services(hass: HomeAssistant) -> None:
    """Register every action, and beside it a websocket command of the same name and fields."""
    for name, answer in _ANSWERS.items():
        schema = vol.Schema(SCHEMAS[name])
        if name in _FOR_ADMINS:
            async_register_admin_service(
                hass, DOMAIN, name, _as_action(answer), schema, SupportsResponse.OPTIONAL
            )
        else:
            hass.services.async_register(DOMAIN, name, _as_action(answer), schema, SupportsResponse.ONLY)
        websocket_api.async_register_command(hass, _as_command(name, answer))


def _as_action(answer: Answer) -> Callable[[ServiceCall], Coroutine[Any, Any, ServiceResponse]]:
    async def handle(call: ServiceCall) -> ServiceResponse:
        entry = cast("OccupancyConfigEntry", async_get_config_entry(call.hass, DOMAIN, None))
        user_id = call.context.user_id
        user = None if user_id is None else await call.hass.auth.async_get_user(user_id)
        try:
            return await answer(entry.runtime_data, dict(call.data), user)
        except StoreError as error:
            raise HomeAssistantError(
                translation_domain=DOMAIN,
                translation_key="store_error",
                translation_placeholders={"error": str(error)},
            ) from error

    return handle


def _as_command(name: str, answer: Answer) -> websocket_api.const.WebSocketCommandHandler:
    @websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/{name}", **SCHEMAS[name]})
    @websocket_api.async_response
    async def handle(hass: HomeAssistant, connection: ActiveConnection, msg: Data) -> None:
        if name in _FOR_ADMINS and not connection.user.is_admin:
            raise Unauthorized
        entries: list[OccupancyConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
        if not entries:
            connection.send_error(msg["id"], "not_loaded", "Occupancy ML is not running")
            return
        try:
            result = await answer(entries[0].runtime_data, msg, connection.user)
        except StoreError as error:
            connection.send_error(msg["id"], "store_error", str(error))
        except HomeAssistantError as error:
            connection.send_error(msg["id"], ERR_REFUSED, str(error))
        else:
            connection.send_result(msg["id"], result)

    return handle


def _may_see(user: User | None, entity_ids: Iterable[str]) -> bool:
    """Whether a user may read all these entities; what has no user comes from Home Assistant itself."""
    wanted = [entity_id for entity_id in entity_ids if "." in entity_id]
    return user is None or len(filter_entity_ids_by_permission(user, wanted, POLICY_READ)) == len(wanted)


async def _get_suggestions(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    # The form of the user interface leaves an empty list where nothing is chosen.
    if statuses := data.get(ATTR_STATUS):
        desk = runtime.coordinator.engine.suggestions
        found = await runtime.coordinator.run(desk.read, statuses)
    else:
        found = list(runtime.suggestions.open)
    shown = [each for each in found if _may_see(user, Proposal.from_json(each.proposal).entity_ids)]
    versions = await runtime.coordinator.run(_versions, runtime, shown)
    return {
        "suggestions": [suggestion_as_json(each, versions.get(automation_id_of(each), [])) for each in shown]
    }


def _versions(runtime: Runtime, shown: list[Suggestion]) -> dict[str, list[Version]]:
    """In the executor."""
    table = runtime.coordinator.engine.store.suggestions
    return {automation_id_of(each): table.versions(automation_id_of(each)) for each in shown}


async def _accept(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    accepted = await runtime.suggestions.async_accept(data[ATTR_SUGGESTION_ID])
    return {
        "created": accepted.automation_id is not None,
        ATTR_AUTOMATION_ID: accepted.automation_id,
        ATTR_ENTITY_ID: accepted.entity_id,
        "yaml": accepted.automation_yaml,
    }


async def _dismiss(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    await runtime.suggestions.async_dismiss(data[ATTR_SUGGESTION_ID], data[ATTR_REASON], data[ATTR_TEXT])
    return {"open": len(runtime.suggestions.open)}


async def _snooze(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    await runtime.suggestions.async_snooze(data[ATTR_SUGGESTION_ID], data[ATTR_DAYS])
    return {"open": len(runtime.suggestions.open)}


async def _roll_back(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    version = await runtime.suggestions.async_roll_back(data[ATTR_AUTOMATION_ID], data.get(ATTR_VERSION_ID))
    return {ATTR_AUTOMATION_ID: version.automation_id, "yaml": version.yaml_content or None}


async def _get_patterns(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    if (room := data.get(ATTR_ROOM)) is not None:
        check_rooms(runtime, [room])
    routines = runtime.coordinator.engine.routines
    found: list[Pattern] = await runtime.coordinator.run(
        lambda: routines.patterns(
            types=data.get(ATTR_PATTERN_TYPE) or None,
            lives=data.get(ATTR_LIFE) or None,
            room_id=room,
            entity_id=data.get(ATTR_ENTITY_ID),
            least_rate=data[ATTR_LEAST_RATE] / 100,
        )
    )
    shown = [pattern for pattern in found if _may_see(user, pattern.entities)]
    return {
        "total": len(shown),
        "patterns": [pattern_as_json(pattern) for pattern in shown[: data[ATTR_LIMIT]]],
    }


async def _get_digest(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    if user is not None and not user.is_admin:
        raise Unauthorized
    month = data.get(ATTR_MONTH) or f"{dt_util.now():%Y-%m}"
    text = await runtime.coordinator.run(runtime.coordinator.engine.routines.digest, month)
    return {ATTR_MONTH: month, "text": text}


async def _backfill(runtime: Runtime, data: Data, user: User | None) -> JsonObjectType:
    return {"patterns": await runtime.learner.async_backfill_routines(data[ATTR_DAYS])}


_ANSWERS: dict[str, Answer] = {
    "get_suggestions": _get_suggestions,
    "accept_suggestion": _accept,
    "dismiss_suggestion": _dismiss,
    "snooze_suggestion": _snooze,
    "rollback_automation": _roll_back,
    "get_patterns": _get_patterns,
    "get_digest": _get_digest,
    "backfill_routines": _backfill,
}


def suggestion_as_json(suggestion: Suggestion, versions: list[Version]) -> JsonObjectType:
    """A suggestion as actions and commands tell it; times are local."""
    tested = Backtest.from_json(dict(suggestion.backtest))
    return {
        ATTR_SUGGESTION_ID: suggestion.suggestion_id,
        ATTR_STATUS: suggestion.status.value,
        "description": suggestion.description,
        "evidence": evidence(tested),
        "confidence": round(suggestion.confidence, 3),
        "rank": round(suggestion.rank, 3),
        "safety_score": suggestion.safety_score,
        "safety_class": suggestion.category,
        "backtest": {
            "days": round(tested.days, 1),
            "fired": tested.fired,
            "right": len(tested.right_us),
            "wrong": len(tested.wrong_us),
            "already_done": tested.already,
            "automated": tested.automated,
            "right_since_offered": tested.new_right,
            "wrong_since_offered": tested.new_wrong,
            "right_at": [_local(moment) for moment in tested.right_us[-_MOST_MOMENTS:]],
            "wrong_at": [_local(moment) for moment in tested.wrong_us[-_MOST_MOMENTS:]],
        },
        "yaml": suggestion.automation_yaml,
        "pattern_id": suggestion.pattern_id,
        ATTR_REASON: suggestion.reason,
        "snoozed_until": None if suggestion.snoozed_until_us is None else _local(suggestion.snoozed_until_us),
        ATTR_AUTOMATION_ID: suggestion.automation_id,
        "corrected": suggestion.outcomes.count("c"),
        "runs": len(suggestion.outcomes),
        "versions": [
            {
                ATTR_VERSION_ID: version.version_id,
                "time": _local(version.deployed_at_us),
                ATTR_REASON: version.reason,
                "safety_score": version.safety_score,
                "yaml": version.yaml_content or None,
            }
            for version in versions
        ],
    }


def pattern_as_json(pattern: Pattern) -> JsonObjectType:
    """A pattern as actions and commands tell it."""
    stats, when = pattern.statistics, pattern.when
    return {
        "pattern_id": pattern.pattern_id,
        ATTR_PATTERN_TYPE: pattern.pattern_type.value,
        ATTR_LIFE: pattern.life.value,
        "description": pattern.description,
        "entities": list(pattern.entities),
        ATTR_ROOM: pattern.room_id,
        "strength": {
            "effect": round(stats.effect, 3),
            "occurrences": stats.occurrences,
            "opportunities": stats.opportunities,
            "days": stats.days,
            "rate": round(stats.rate, 3),
            "interval": [round(stats.low, 3), round(stats.high, 3)],
            "false_discovery_rate": round(stats.q_value, 4),
        },
        "minute": when.minute,
        "hours": list(when.hours),
        "weekdays": list(when.weekdays),
        "first_seen": pattern.first_seen,
        "last_seen": pattern.last_seen,
        "computed_from": {
            "layer": pattern.source,
            "range": pattern.date_range,
            "aggregates": pattern.aggregates,
        },
        "parameters": cast("JsonObjectType", dict(pattern.parameters)),
    }


def _local(time_us: int) -> str:
    return dt_util.as_local(from_us(time_us)).isoformat(timespec="seconds")
