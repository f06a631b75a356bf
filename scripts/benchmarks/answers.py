"""The websocket commands of a real Home Assistant, timed from inside. Run by `host` in a process of its own.

`python -m scripts.benchmarks.answers FOLDER`: the folder holds `home.json` and the integration with its file.
Prints one line of JSON: by command, milliseconds as felt and of the processor, medians of some calls.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
import json
import logging
from pathlib import Path
import sys
from time import perf_counter, process_time
from typing import Any

from homeassistant.auth.const import GROUP_ID_ADMIN
from homeassistant.components.websocket_api import ActiveConnection
from homeassistant.components.websocket_api.http import WebSocketAdapter
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant, HomeAssistantError
from homeassistant.helpers.json import json_bytes
from homeassistant.setup import async_setup_component
from homeassistant.util import dt as dt_util

from custom_components.occupancy_ml.const import DATABASE_FILE
from custom_components.occupancy_ml.coordinator import now_us
from custom_components.occupancy_ml.engine.adaptation.report import SPANS
from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.home_builder import home_from_entry
from scripts.benchmarks.live import DOMAIN, entry_of, furnish
from tests.smoke.bare import running

_CALLS = 7
_DAYS = (1, 7, 30, 90, 365)


class Asker:
    """A front end: one connection, one question at a time."""

    def __init__(self, connection: ActiveConnection, answers: asyncio.Queue[bytes | str]) -> None:
        """Use `connected`."""
        self._connection = connection
        self._answers = answers
        self._last = 0

    async def ask(self, command: str, **given: Any) -> bytes | str:
        """The answer to a command, as it would go over the socket."""
        self._last += 1
        self._connection.async_handle({"id": self._last, "type": f"{DOMAIN}/{command}", **given})
        return await self._answers.get()


async def connected(hass: HomeAssistant) -> Asker:
    """A connection as an administrator has it, without the socket."""
    user = await hass.auth.async_create_user("Bench", group_ids=[GROUP_ID_ADMIN])
    token = await hass.auth.async_create_refresh_token(user, client_id="https://bench.example")
    answers: asyncio.Queue[bytes | str] = asyncio.Queue()

    def take(message: bytes | str | dict[str, Any]) -> None:
        answers.put_nowait(json_bytes(message) if isinstance(message, dict) else message)

    logger = WebSocketAdapter(logging.getLogger(__name__), {"connid": 1})
    return Asker(ActiveConnection(logger, hass, take, user, token, None), answers)


async def timed(asker: Asker, command: str, calls: int = _CALLS, **given: Any) -> tuple[float, float]:
    """Median milliseconds of a command: as felt, and of the processor in all threads.

    Raises:
        HomeAssistantError: it was refused.
    """
    felt, spent = [], []
    for _ in range(calls):
        begin, begun = perf_counter(), process_time()
        answer = await asker.ask(command, **given)
        spent.append((process_time() - begun) * 1e3)
        felt.append((perf_counter() - begin) * 1e3)
        # What the front end does with it is its own time.
        told = json.loads(answer)
        if not told["success"]:
            raise HomeAssistantError(f"{command}: {told['error']}")
    return sorted(felt)[calls // 2], sorted(spent)[calls // 2]


def look(path: Path, home: Home) -> None:
    """Leave a running state that is of the present, so that the start replays nothing."""
    engine = Engine.open(path, home, now_us())
    engine.tick(now_us())
    engine.close()


async def asked(hass: HomeAssistant, about: dict[str, Any]) -> dict[str, tuple[float, float]]:
    """Every reading command, of rooms the slowest."""
    if not await async_setup_component(hass, "websocket_api", {}):
        raise HomeAssistantError("there is no websocket API")
    entry = entry_of(about)
    home = home_from_entry(hass, entry)
    await hass.async_add_executor_job(look, Path(hass.config.path(DATABASE_FILE)), home)
    await hass.config_entries.async_add(entry)
    if entry.state is not ConfigEntryState.LOADED:
        raise HomeAssistantError(f"the integration did not load: {entry.reason}")
    await hass.async_block_till_done(wait_background_tasks=True)
    asker = await connected(hass)
    found = {
        name: await timed(asker, name)
        for name in (
            "home",
            "rooms",
            "forecast",
            "readiness",
            "get_patterns",
            "get_suggestions",
            "get_digest",
        )
    }
    found["get_suggestions, all"] = await timed(
        asker, "get_suggestions", status=["offered", "dismissed", "accepted", "rolled_back"]
    )
    for limit in (50, 500):
        found[f"runs, {limit}"] = await timed(asker, "runs", limit=limit)
    for days in SPANS:
        found[f"report_card of {days} days"] = await timed(asker, "report_card", days=days)
    rooms = [room["area_id"] for room in about["rooms"]]
    for days in _DAYS:
        start = (dt_util.utcnow() - timedelta(days=days)).isoformat()
        once = {room: await timed(asker, "timeline", 1, room=room, start=start) for room in rooms}
        slowest = max(rooms, key=lambda room: once[room][1])
        found[f"timeline of {days} days, slowest room"] = await timed(
            asker, "timeline", room=slowest, start=start
        )
    return found


async def main(folder: Path) -> dict[str, tuple[float, float]]:
    """Boot, ask, stop."""
    about = json.loads((folder / "home.json").read_text(encoding="utf-8"))
    async with running(folder) as hass:
        furnish(hass, about)
        await hass.async_block_till_done()
        return await asked(hass, about)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1])))))
