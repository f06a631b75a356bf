"""A bare Home Assistant core: the recorder, the registries, and nothing that is not asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
import logging
from pathlib import Path
import socket
import traceback
from typing import Any

from homeassistant import block_async_io, bootstrap, loader
from homeassistant.core import EVENT_STATE_CHANGED, Event, HomeAssistant, State, callback

CONFIG: dict[str, Any] = {
    "homeassistant": {
        "name": "Smoke",
        "latitude": 52.0,
        "longitude": 13.0,
        "elevation": 0,
        "unit_system": "metric",
        "currency": "EUR",
        "country": "DE",
        "language": "en",
        "time_zone": "Europe/Berlin",
    },
    "recorder": {"commit_interval": 0},
}
# Long enough for a slow machine; what is waited for comes within seconds.
PATIENCE_S = 60.0


class Complaints(logging.Handler):
    """Keeps what is logged as an error, and what Home Assistant says against our use of it."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__(logging.WARNING)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record that is a complaint."""
        text = record.getMessage()
        ours = "occupancy_ml" in record.name
        if record.levelno >= logging.ERROR or ours or text.startswith("Detected "):
            trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
            self.heard.append(f"{record.levelname} {record.name}: {text} {trace}".strip())


@contextmanager
def no_network() -> Iterator[list[str]]:
    """Lets nothing leave this machine; gives the list of what was tried."""
    tried: list[str] = []
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1"):
            tried.append(str(address))
            raise ConnectionRefusedError(f"the smoke test has no network: {address}")
        connect(self, address)

    socket.socket.connect = refuse  # type: ignore[assignment, method-assign]
    try:
        yield tried
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]


@asynccontextmanager
async def running(config_dir: Path) -> AsyncIterator[HomeAssistant]:
    """Boots a core on a configuration directory, and stops it in the end."""
    bootstrap.DEFAULT_INTEGRATIONS.clear()
    hass = HomeAssistant(str(config_dir))
    loader.async_setup(hass)
    hass.config.skip_pip = True
    block_async_io.enable()
    if await bootstrap.async_from_config_dict(CONFIG, hass) is None:
        raise RuntimeError("Home Assistant did not boot")
    await hass.async_start()
    try:
        yield hass
    finally:
        await hass.async_stop(force=True)


async def until(hass: HomeAssistant, entity_id: str, fits: Callable[[State], bool]) -> State:
    """Waits until an entity's state fits, without looking again and again.

    Raises:
        TimeoutError: it does not come to that; says how it stands.
    """
    found: asyncio.Future[State] = hass.loop.create_future()

    @callback
    def look(event: Event[Any] | None = None) -> None:
        state = hass.states.get(entity_id)
        if state is not None and fits(state) and not found.done():
            found.set_result(state)

    stop = hass.bus.async_listen(EVENT_STATE_CHANGED, look)
    look()
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await found
    except TimeoutError:
        raise TimeoutError(f"{entity_id} stays {hass.states.get(entity_id)}") from None
    finally:
        stop()
