"""Websocket commands for the front end. They read the last snapshot, or the file through a reader of their own.

Who may read an entity's state in Home Assistant may read what stands behind it: a room where its occupancy
entity may be read, raw events of the entities that may be read. How training and the store stand is for
administrators, as are Home Assistant's own logs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
import functools
from typing import Any

from homeassistant.auth.models import User
from homeassistant.auth.permissions import filter_entity_ids_by_permission
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.components import websocket_api
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError, Unauthorized
from homeassistant.helpers import area_registry as ar
from homeassistant.util import dt as dt_util
import voluptuous as vol

from .const import DOMAIN
from .engine.adaptation.report import MERIT_DAYS, SPANS
from .engine.events import to_us
from .engine.monitoring import recent_runs
from .engine.store import Store, StoreError
from .engine.timeline import MOST_POINTS, timeline
from .forecast_answers import async_forecasts
from .monitor import async_readiness
from .permissions import may_read_home, may_read_room
from .report_card import async_report_card
from .runtime import OccupancyConfigEntry, Runtime
from .services import home_as_json, moment, room_as_json

type Message = dict[str, Any]
type Answer = Callable[[HomeAssistant, Runtime, ActiveConnection, Message], Awaitable[object]]

ERR_NOT_LOADED = "not_loaded"
ERR_STORE = "store_error"

DEFAULT_POINTS = 500
MOST_RUNS = 500


@callback
def async_setup_websocket_api(hass: HomeAssistant) -> None:
    """Register the commands."""
    for command in (ws_home, ws_rooms, ws_forecast, ws_timeline, ws_runs, ws_readiness, ws_report_card):
        websocket_api.async_register_command(hass, command)


def _answers(
    answer: Answer,
) -> Callable[[HomeAssistant, ActiveConnection, Message], Awaitable[None]]:
    """Give an answer the loaded home, and tell the front end what kept it from answering."""

    @functools.wraps(answer)
    async def handle(hass: HomeAssistant, connection: ActiveConnection, msg: Message) -> None:
        entries: list[OccupancyConfigEntry] = hass.config_entries.async_loaded_entries(DOMAIN)
        if not entries:
            connection.send_error(msg["id"], ERR_NOT_LOADED, "Occupancy ML is not running")
            return
        try:
            result = await answer(hass, entries[0].runtime_data, connection, msg)
        except vol.Invalid as error:
            connection.send_error(msg["id"], websocket_api.ERR_INVALID_FORMAT, str(error))
        except StoreError as error:
            connection.send_error(msg["id"], ERR_STORE, str(error))
        except Unauthorized:
            raise
        except HomeAssistantError:
            # It was unloaded meanwhile.
            connection.send_error(msg["id"], ERR_NOT_LOADED, "Occupancy ML is not running")
        else:
            connection.send_result(msg["id"], result)

    return handle


def _readable(runtime: Runtime, user: User, room_id: str) -> list[str]:
    """The entities of a room that a user may read, in the home's order."""
    watched = [s.entity_id for s in runtime.coordinator.home.sensors if s.room_id == room_id]
    return filter_entity_ids_by_permission(user, watched, POLICY_READ)


@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/home"})
@websocket_api.async_response
@_answers
async def ws_home(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """The whole home now."""
    if not may_read_home(hass, connection.user):
        raise Unauthorized
    snapshot = runtime.coordinator.data
    return {
        "time": snapshot.time_us / 1e6,
        "time_zone": runtime.coordinator.home.time_zone,
        "rooms": len(runtime.coordinator.home.rooms),
        "progress": snapshot.home.progress,
        **home_as_json(snapshot.home),
    }


@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/rooms"})
@websocket_api.async_response
@_answers
async def ws_rooms(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """The rooms a user may read, now, with their sensors."""
    snapshot = runtime.coordinator.data
    home = runtime.coordinator.home
    areas = ar.async_get(hass)
    sensors = {sensor.entity_id: sensor for sensor in home.sensors}
    told = []
    for room in home.rooms:
        if not may_read_room(hass, connection.user, room.room_id):
            continue
        area = areas.async_get_area(room.room_id)
        state = snapshot.rooms.get(room.room_id)
        told.append(
            {
                "room": room.room_id,
                "name": room.room_id if area is None else area.name,
                "kind": room.kind.value,
                "sensors": [
                    {"entity_id": entity_id, "role": sensors[entity_id].role.value}
                    for entity_id in _readable(runtime, connection.user, room.room_id)
                ],
                **({} if state is None else room_as_json(hass, state)),
            }
        )
    return {"time": snapshot.time_us / 1e6, "rooms": told}


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/forecast",
        vol.Optional("rooms"): [str],
        vol.Optional("home", default=False): bool,
        vol.Optional("sleep", default=False): bool,
    }
)
@websocket_api.async_response
@_answers
async def ws_forecast(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """What comes next in rooms, in the home or with sleep, or in all a user may read; see `forecasts.async_tell`."""
    coordinator, user = runtime.coordinator, connection.user
    asked: list[str] | None = msg.get("rooms")
    if not all(may_read_room(hass, user, room_id) for room_id in asked or ()):
        raise Unauthorized
    if not set(asked or ()) <= {room.room_id for room in coordinator.home.rooms}:
        raise vol.Invalid("there is no such room")
    told = await async_forecasts(hass, coordinator, user, asked, home=msg["home"], sleep=msg["sleep"])
    return {"time": coordinator.data.time_us / 1e6, **told}


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/timeline",
        vol.Required("room"): str,
        vol.Required("start"): moment,
        vol.Optional("end"): moment,
        vol.Optional("points", default=DEFAULT_POINTS): vol.All(int, vol.Range(min=2, max=MOST_POINTS)),
        vol.Optional("features"): [str],
    }
)
@websocket_api.async_response
@_answers
async def ws_timeline(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """What a chart of a room needs over a span; see `engine.timeline.timeline`."""
    room_id: str = msg["room"]
    if not may_read_room(hass, connection.user, room_id):
        raise Unauthorized
    if all(room.room_id != room_id for room in runtime.coordinator.home.rooms):
        raise vol.Invalid("there is no such room")
    end: datetime = msg.get("end") or dt_util.utcnow()
    start_us, end_us = to_us(msg["start"]), to_us(end)
    if end_us <= start_us:
        raise vol.Invalid("the end must be after the start")
    entity_ids = _readable(runtime, connection.user, room_id)
    store = runtime.coordinator.engine.store

    def read() -> object:
        with store.reader() as connection:
            return timeline(
                connection, room_id, entity_ids, start_us, end_us, msg["points"], msg.get("features")
            )

    return await hass.async_add_executor_job(read)


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/runs",
        vol.Optional("room"): str,
        vol.Optional("limit", default=50): vol.All(int, vol.Range(min=1, max=MOST_RUNS)),
    }
)
@websocket_api.require_admin
@websocket_api.async_response
@_answers
async def ws_runs(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """The last training runs and the last steps of the night."""
    return await hass.async_add_executor_job(
        _read_runs, runtime.coordinator.engine.store, msg["limit"], msg.get("room")
    )


def _read_runs(store: Store, limit: int, room_id: str | None) -> object:
    with store.reader() as connection:
        return recent_runs(connection, limit, room_id)


@websocket_api.websocket_command({vol.Required("type"): f"{DOMAIN}/readiness"})
@websocket_api.require_admin
@websocket_api.async_response
@_answers
async def ws_readiness(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """What is stored, what was learned, what is degraded; see `monitor.async_readiness`."""
    told = await async_readiness(runtime.coordinator)
    return {**told, "busy": runtime.learner.is_busy}


@websocket_api.websocket_command(
    {
        vol.Required("type"): f"{DOMAIN}/report_card",
        vol.Optional("days", default=MERIT_DAYS): vol.In(SPANS),
    }
)
@websocket_api.async_response
@_answers
async def ws_report_card(
    hass: HomeAssistant, runtime: Runtime, connection: ActiveConnection, msg: Message
) -> object:
    """How right what was shown was, in the home and the rooms a user may read."""
    user = connection.user
    rooms = [
        room.room_id for room in runtime.coordinator.home.rooms if may_read_room(hass, user, room.room_id)
    ]
    with_home = may_read_home(hass, user)
    return await async_report_card(runtime.coordinator, rooms, msg["days"], with_home=with_home)
