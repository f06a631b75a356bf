"""The actions: train, correct, import, ask."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.core import HomeAssistant, ServiceCall, ServiceResponse, SupportsResponse, callback
from homeassistant.exceptions import HomeAssistantError, ServiceValidationError, Unauthorized
from homeassistant.helpers import config_validation as cv
from homeassistant.helpers.service import async_get_config_entry, async_register_admin_service
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JsonObjectType, JsonValueType
import voluptuous as vol

from .const import DOMAIN
from .coordinator import BATCH, now_us
from .csv_import import ImportCounts, ImportFileError, Wanted, read, resolve
from .engine.adaptation.report import MERIT_DAYS, SPANS
from .engine.events import Event, from_us, to_us
from .engine.export import ExportKind
from .engine.snapshot import HomeState, RoomState, ago
from .engine.store import StoreError
from .entity import area_names
from .export import async_export
from .forecast_answers import async_forecasts
from .home_builder import retention_of
from .permissions import async_caller, may_correct_room, may_read_home, may_read_room
from .report_card import async_report_card

if TYPE_CHECKING:
    from .runtime import OccupancyConfigEntry, Runtime

SERVICE_EVALUATE = "evaluate"
SERVICE_EXPORT = "export"
SERVICE_GET_FORECAST = "get_forecast"
SERVICE_GET_PREDICTIONS = "get_predictions"
SERVICE_IMPORT_EVENTS = "import_events"
SERVICE_RELABEL = "relabel"
SERVICE_RETRAIN = "retrain"
SERVICE_UNDO_RELABEL = "undo_relabel"

ATTR_ANONYMIZE = "anonymize"
ATTR_DAYS = "days"
ATTR_END = "end"
ATTR_FILE = "file"
ATTR_HOME = "home"
ATTR_KIND = "kind"
ATTR_LABEL_ID = "label_id"
ATTR_ROOM = "room"
ATTR_ROOMS = "rooms"
ATTR_SLEEP = "sleep"
ATTR_START = "start"
ATTR_STATE = "state"

OCCUPIED = "occupied"
VACANT = "vacant"

# A longer correction is a slip of the pen more often than a memory, and would outweigh a week of evidence.
LONGEST_CORRECTION = timedelta(days=7)
# One row of a wrong year would have months replayed in which nothing happened.
OLDEST_IMPORT = timedelta(days=365)
# "Until now" may be a little later on the clock of a phone; what is still to come would pin the room.
_CLOCKS_DIFFER = timedelta(minutes=1)
# Before them nothing was recorded, and times at the end of the calendar cannot be told in every zone.
_YEARS = range(1970, 9999)
# What SQLite can count to.
ROW_ID = vol.All(cv.positive_int, vol.Range(max=2**63 - 1))


def moment(value: Any) -> datetime:
    """A time in UTC; one without an offset is local, as the form of the user interface gives it.

    Raises:
        vol.Invalid: it is no time, or one of a year that no home can tell of.
    """
    given = cv.datetime(value)
    if given.year not in _YEARS:
        raise vol.Invalid(f"there is nothing to tell of the year {given.year}")
    return dt_util.as_utc(given)


ROOMS_SCHEMA = vol.Schema({vol.Optional(ATTR_ROOMS): vol.All(cv.ensure_list, [cv.string])})
FORECAST_SCHEMA = ROOMS_SCHEMA.extend(
    {
        vol.Optional(ATTR_HOME, default=False): cv.boolean,
        vol.Optional(ATTR_SLEEP, default=False): cv.boolean,
    }
)
RELABEL_SCHEMA = vol.Schema(
    {
        vol.Required(ATTR_ROOM): cv.string,
        vol.Required(ATTR_START): moment,
        vol.Required(ATTR_END): moment,
        vol.Required(ATTR_STATE): vol.In((OCCUPIED, VACANT)),
    }
)
UNDO_SCHEMA = vol.Schema({vol.Required(ATTR_ROOM): cv.string, vol.Optional(ATTR_LABEL_ID): ROW_ID})
IMPORT_SCHEMA = vol.Schema({vol.Required(ATTR_FILE): cv.string})
EVALUATE_SCHEMA = vol.Schema(
    {
        vol.Optional(ATTR_ROOM): cv.string,
        vol.Optional(ATTR_DAYS, default=MERIT_DAYS): vol.All(vol.Coerce(int), vol.In(SPANS)),
    }
)
EXPORT_SCHEMA = vol.Schema(
    {
        vol.Optional(ATTR_KIND, default=ExportKind.EVENTS.value): vol.All(
            vol.In([kind.value for kind in ExportKind]), vol.Coerce(ExportKind)
        ),
        vol.Optional(ATTR_ANONYMIZE, default=False): cv.boolean,
    }
)


@callback
def async_setup_services(hass: HomeAssistant) -> None:
    """Register the actions."""
    async_register_admin_service(
        hass, DOMAIN, SERVICE_RETRAIN, _async_retrain, ROOMS_SCHEMA, SupportsResponse.OPTIONAL
    )
    async_register_admin_service(
        hass, DOMAIN, SERVICE_IMPORT_EVENTS, _async_import_events, IMPORT_SCHEMA, SupportsResponse.OPTIONAL
    )
    async_register_admin_service(
        hass, DOMAIN, SERVICE_EXPORT, _async_export, EXPORT_SCHEMA, SupportsResponse.OPTIONAL
    )
    # Not for administrators alone: whoever lives in the home knows who was where.
    hass.services.async_register(
        DOMAIN, SERVICE_RELABEL, _async_relabel, RELABEL_SCHEMA, SupportsResponse.OPTIONAL
    )
    hass.services.async_register(
        DOMAIN, SERVICE_UNDO_RELABEL, _async_undo_relabel, UNDO_SCHEMA, SupportsResponse.OPTIONAL
    )
    hass.services.async_register(
        DOMAIN, SERVICE_GET_FORECAST, _async_get_forecast, FORECAST_SCHEMA, SupportsResponse.ONLY
    )
    hass.services.async_register(
        DOMAIN,
        SERVICE_GET_PREDICTIONS,
        _async_get_predictions,
        ROOMS_SCHEMA,
        SupportsResponse.ONLY,
    )
    hass.services.async_register(
        DOMAIN, SERVICE_EVALUATE, _async_evaluate, EVALUATE_SCHEMA, SupportsResponse.ONLY
    )


def _runtime(hass: HomeAssistant) -> Runtime:
    entry = cast("OccupancyConfigEntry", async_get_config_entry(hass, DOMAIN, None))
    return entry.runtime_data


def check_rooms(runtime: Runtime, rooms: Sequence[str]) -> None:
    """Refuse area ids that are no room of the home.

    Raises:
        ServiceValidationError: naming the first that is none.
    """
    known = {room.room_id for room in runtime.coordinator.home.rooms}
    for room in rooms:
        if room not in known:
            raise ServiceValidationError(
                translation_domain=DOMAIN,
                translation_key="unknown_room",
                translation_placeholders={"room": room, "rooms": ", ".join(sorted(known)) or "-"},
            )


async def _async_retrain(call: ServiceCall) -> ServiceResponse:
    runtime = _runtime(call.hass)
    # The form of the user interface leaves an empty list where no room is chosen.
    rooms: list[str] | None = call.data.get(ATTR_ROOMS) or None
    if rooms is not None:
        check_rooms(runtime, rooms)
    report = await runtime.learner.async_train("request", rooms)
    return {
        "rooms": {
            room_id: {
                "status": room.status.value,
                "reason": room.reason,
                "in_service": room.in_service,
                "rows": room.rows,
                "days": room.days,
                "metrics": cast("JsonObjectType", dict(room.metrics)),
            }
            for room_id, room in report.rooms.items()
            if rooms is None or room_id in rooms
        }
    }


async def _async_relabel(call: ServiceCall) -> ServiceResponse:
    runtime = _runtime(call.hass)
    room = await _async_room_to_correct(call, runtime)
    start, end = call.data[ATTR_START], call.data[ATTR_END]
    _check_span(start, end)
    occupied, who = call.data[ATTR_STATE] == OCCUPIED, call.context.user_id
    label_id = await runtime.coordinator.async_correct(
        lambda engine, now: engine.relabel(room, to_us(start), to_us(end), occupied, now, who)
    )
    return {"label_id": label_id}


async def _async_undo_relabel(call: ServiceCall) -> ServiceResponse:
    runtime = _runtime(call.hass)
    room = await _async_room_to_correct(call, runtime)
    try:
        label_id = await runtime.coordinator.async_correct(
            lambda engine, now: engine.withdraw(room, now, call.data.get(ATTR_LABEL_ID))
        )
    except LookupError as error:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="nothing_to_undo",
            translation_placeholders={"room": room},
        ) from error
    return {"label_id": label_id}


async def _async_room_to_correct(call: ServiceCall, runtime: Runtime) -> str:
    """The room a call is about.

    Raises:
        Unauthorized: the caller may not correct it.
        ServiceValidationError: it is no room.
    """
    room: str = call.data[ATTR_ROOM]
    if not may_correct_room(call.hass, await async_caller(call), room):
        raise Unauthorized(context=call.context, permission=POLICY_CONTROL)
    check_rooms(runtime, [room])
    return room


def _check_span(start: datetime, end: datetime) -> None:
    if end <= start:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="end_before_start")
    if end - start > LONGEST_CORRECTION:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key="span_too_long",
            translation_placeholders={"days": str(LONGEST_CORRECTION.days)},
        )
    if start > (now := dt_util.utcnow()) or end > now + _CLOCKS_DIFFER:
        raise ServiceValidationError(translation_domain=DOMAIN, translation_key="in_future")


async def _async_import_events(call: ServiceCall) -> ServiceResponse:
    hass = call.hass
    runtime = _runtime(hass)
    coordinator, now = runtime.coordinator, dt_util.utcnow()
    # What the options keep for longer is of use for longer.
    used = max(OLDEST_IMPORT, timedelta(days=retention_of(coordinator.config_entry.options).raw_events))
    wanted = Wanted(
        entity_ids={sensor.entity_id for sensor in coordinator.home.sensors},
        since_us=to_us(now) - used // timedelta(microseconds=1),
        until_us=to_us(now + _CLOCKS_DIFFER),
        zone=dt_util.get_default_time_zone(),
    )
    counts = ImportCounts()

    async def batches() -> AsyncIterator[Sequence[Event]]:
        path = await hass.async_add_executor_job(resolve, Path(hass.config.config_dir), call.data[ATTR_FILE])
        reader = read(path, wanted, counts, BATCH)
        try:
            while (batch := await hass.async_add_executor_job(next, reader, None)) is not None:
                yield batch
        finally:
            await hass.async_add_executor_job(reader.close)

    try:
        result = await runtime.learner.async_import(batches())
    except ImportFileError as error:
        raise ServiceValidationError(
            translation_domain=DOMAIN,
            translation_key=error.key,
            translation_placeholders=error.placeholders,
        ) from error
    return {
        "rows": counts.rows,
        "accepted": result.accepted,
        "duplicates": result.duplicates,
        "rejected": result.rejected,
        "not_watched": counts.not_watched,
        "invalid": counts.invalid,
        "problems": list[JsonValueType](counts.problems),
    }


async def _async_export(call: ServiceCall) -> ServiceResponse:
    coordinator = _runtime(call.hass).coordinator
    return await async_export(
        call.hass, coordinator, call.data[ATTR_KIND], anonymize=call.data[ATTR_ANONYMIZE]
    )


async def _async_get_predictions(call: ServiceCall) -> ServiceResponse:
    runtime = _runtime(call.hass)
    user = await async_caller(call)
    snapshot = runtime.coordinator.data
    rooms = _rooms_for(call, runtime, user, call.data.get(ATTR_ROOMS))
    home = {"home": home_as_json(snapshot.home)} if may_read_home(call.hass, user) else {}
    return {
        "time": from_us(snapshot.time_us).isoformat(),
        **home,
        "rooms": {
            room: room_as_json(call.hass, snapshot.rooms[room]) for room in rooms if room in snapshot.rooms
        },
    }


async def _async_evaluate(call: ServiceCall) -> ServiceResponse:
    runtime = _runtime(call.hass)
    user = await async_caller(call)
    room: str | None = call.data.get(ATTR_ROOM)
    rooms = _rooms_for(call, runtime, user, None if room is None else [room])
    with_home = room is None and may_read_home(call.hass, user)
    try:
        return await async_report_card(runtime.coordinator, rooms, call.data[ATTR_DAYS], with_home=with_home)
    except StoreError as error:
        raise HomeAssistantError(
            translation_domain=DOMAIN,
            translation_key="store_error",
            translation_placeholders={"error": str(error)},
        ) from error


async def _async_get_forecast(call: ServiceCall) -> ServiceResponse:
    runtime = _runtime(call.hass)
    user = await async_caller(call)
    coordinator = runtime.coordinator
    chosen: list[str] | None = call.data.get(ATTR_ROOMS) or None
    if chosen is not None:
        _rooms_for(call, runtime, user, chosen)
    told = await async_forecasts(
        call.hass,
        coordinator,
        user,
        chosen,
        home=call.data[ATTR_HOME],
        sleep=call.data[ATTR_SLEEP],
    )
    return {"time": from_us(coordinator.data.time_us).isoformat(), **told}


def _rooms_for(
    call: ServiceCall, runtime: Runtime, user: User | None, asked: Sequence[str] | None
) -> list[str]:
    """The rooms that were asked for, or all that may be read.

    Raises:
        Unauthorized: one that was asked for may not be read.
        ServiceValidationError: one is no room.
    """
    if asked:
        if not all(may_read_room(call.hass, user, room) for room in asked):
            raise Unauthorized(context=call.context, permission=POLICY_READ)
        check_rooms(runtime, asked)
        return list(asked)
    known = [room.room_id for room in runtime.coordinator.home.rooms]
    return [room for room in known if may_read_room(call.hass, user, room)]


def home_as_json(home: HomeState) -> JsonObjectType:
    """The home as actions and commands tell it."""
    return {
        "probability": home.probability,
        "occupied": home.occupied,
        "learning": home.learning.value,
        "learning_reason": home.learning_reason,
        "quality": home.quality,
        "last_training": _iso(home.trained_at_us),
    }


def room_as_json(hass: HomeAssistant, room: RoomState) -> JsonObjectType:
    """A room as actions and commands tell it."""
    names, when = area_names(hass), ago(now_us())
    return {
        "probability": room.probability,
        "occupied": room.occupied,
        "source": room.source.value,
        "reasons": [
            {"text": r.words(names, when), "contribution": round(r.contribution, 3)} for r in room.reasons
        ],
        "model_trained": _iso(room.trained_at_us),
        "why_unknown": room.unknown_reason,
    }


def _iso(time_us: int | None) -> str | None:
    return None if time_us is None else from_us(time_us).isoformat()
