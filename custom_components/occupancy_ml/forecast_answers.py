"""The forecasts an action or a command answers with: whose, and whether the asker may read them."""

from __future__ import annotations

from collections.abc import Sequence

from homeassistant.auth.models import User
from homeassistant.auth.permissions.const import POLICY_READ
from homeassistant.core import HomeAssistant
from homeassistant.exceptions import Unauthorized
from homeassistant.util.json import JsonObjectType

from .coordinator import Coordinator
from .engine.snapshot import HOME, SLEEP
from .forecasts import async_tell, tells_of_sleep
from .permissions import may_read_home, may_read_room


async def async_forecasts(
    hass: HomeAssistant,
    coordinator: Coordinator,
    user: User | None,
    rooms: Sequence[str] | None,
    *,
    home: bool = False,
    sleep: bool = False,
) -> JsonObjectType:
    """The forecasts that were asked for; of all that the user may read where nothing was named.

    Args:
        hass: Home Assistant.
        coordinator: of the home.
        user: who asks, None for Home Assistant itself.
        rooms: area ids of rooms of the home, None where none were named.
        home: whether the home was named.
        sleep: whether sleep was named.

    Raises:
        Unauthorized: something was named that may not be read.
        HomeAssistantError: the entry is not loaded.
    """
    whole = [process for process, named in ((HOME, home), (SLEEP, sleep)) if named]
    if rooms is None and not whole:
        known = [room.room_id for room in coordinator.home.rooms]
        chosen = [room_id for room_id in known if may_read_room(hass, user, room_id)]
        if may_read_home(hass, user):
            whole = [HOME, SLEEP] if tells_of_sleep(coordinator) else [HOME]
        whole = [process for process in whole if process in coordinator.data.forecasts]
    else:
        chosen = list(rooms or ())
        readable = all(may_read_room(hass, user, room_id) for room_id in chosen)
        if not readable or (whole and not may_read_home(hass, user)):
            raise Unauthorized(permission=POLICY_READ)
    told = await async_tell(coordinator, [*chosen, *whole])
    return {
        **{process.removeprefix("@"): told[process] for process in whole},
        "rooms": {room_id: told[room_id] for room_id in chosen},
    }
