"""Who may do what: whoever may read an entity's state, or control it, may do so with what stands behind it."""

from __future__ import annotations

from homeassistant.auth.models import User
from homeassistant.auth.permissions import filter_entity_ids_by_permission
from homeassistant.auth.permissions.const import POLICY_CONTROL, POLICY_READ
from homeassistant.const import Platform
from homeassistant.core import HomeAssistant, ServiceCall, callback
from homeassistant.exceptions import UnknownUser
from homeassistant.helpers import entity_registry as er

from .automation_targets import HOME_ENTITY
from .const import DOMAIN


@callback
def may_read_room(hass: HomeAssistant, user: User | None, room_id: str) -> bool:
    """Whether a user may read a room; without a user Home Assistant itself asks, as for an automation."""
    return _may(hass, user, _room_entity(room_id), POLICY_READ)


@callback
def may_correct_room(hass: HomeAssistant, user: User | None, room_id: str) -> bool:
    """Whether a user may say who was in a room: it changes what the room shows, now and for ever."""
    return _may(hass, user, _room_entity(room_id), POLICY_CONTROL)


@callback
def may_read_home(hass: HomeAssistant, user: User | None) -> bool:
    """Whether a user may read the home as a whole."""
    return _may(hass, user, HOME_ENTITY, POLICY_READ)


def _room_entity(room_id: str) -> str:
    return f"room_{room_id}_occupancy"


def _may(hass: HomeAssistant, user: User | None, unique_id: str, policy: str) -> bool:
    """Whether a policy allows a user one of our entities; without the entity only administrators may."""
    if user is None:
        return True
    entity_id = er.async_get(hass).async_get_entity_id(Platform.BINARY_SENSOR, DOMAIN, unique_id)
    if entity_id is None:
        return user.is_admin
    return bool(filter_entity_ids_by_permission(user, [entity_id], policy))


async def async_caller(call: ServiceCall) -> User | None:
    """Who calls an action, None where Home Assistant itself does.

    Raises:
        UnknownUser: there is no such user.
    """
    if call.context.user_id is None:
        return None
    user = await call.hass.auth.async_get_user(call.context.user_id)
    if user is None:
        raise UnknownUser(context=call.context)
    return user
