"""One life of a real Home Assistant, measured from inside. Run by `host` in a process of its own.

`python -m scripts.benchmarks.live FOLDER [bare]`: the folder holds `home.json` (rooms, entities and their
states) and, unless bare, the integration, its file and a CSV to import. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
import gc
import json
from pathlib import Path
import random
import re
import sys
import threading
from time import perf_counter, thread_time_ns
from types import MappingProxyType
from typing import Any

from homeassistant.config_entries import SOURCE_USER, ConfigEntry, ConfigEntryState
from homeassistant.core import CALLBACK_TYPE, Event, HomeAssistant, HomeAssistantError, callback
from homeassistant.helpers import area_registry as ar
from homeassistant.helpers.event import async_track_state_change_event

from tests.smoke.bare import running

DOMAIN = "occupancy_ml"
CSV = "history.csv"
INTERVAL_S = 0.002
IDLE_S = 8.0
# Two changes a second: a home of 170,000 events a day.
_TRAFFIC_S = 0.5
_CALLBACKS = 4_000


class Lateness:
    """A timer of 2 ms on the event loop; how late it comes, milliseconds.

    Attributes:
        late_ms: as a user would feel it.
        held_ms: the same without the time in which the loop's thread could run but had no processor, since
            other processes (or threads) held them; equal to `late_ms` where the system does not tell.
        collecting_ms: full collections of garbage meanwhile, which stop every thread.
    """

    def __init__(self) -> None:
        """Not running yet."""
        self.late_ms: list[float] = []
        self.held_ms: list[float] = []
        self.collecting_ms: list[float] = []
        self._due = self._waited = 0.0
        self._collection = 0.0
        self._handle: asyncio.TimerHandle | None = None
        self._schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")

    def start(self) -> None:
        """Begin, on the running loop."""
        gc.callbacks.append(self._on_collection)
        self._waited = self._waiting_s()
        self._next(asyncio.get_running_loop().time())

    def _next(self, now: float) -> None:
        self._due = now + INTERVAL_S
        self._handle = asyncio.get_running_loop().call_at(self._due, self._ring)

    def _ring(self) -> None:
        now = asyncio.get_running_loop().time()
        late = now - self._due
        waited = self._waiting_s()
        self.late_ms.append(late * 1e3)
        self.held_ms.append(max(late - (waited - self._waited), 0.0) * 1e3)
        self._waited = waited
        # From when this call began: what holds it up (a collection of garbage) makes the next one late.
        self._next(now)

    def _waiting_s(self) -> float:
        """How long this thread has waited for a processor."""
        try:
            return int(self._schedule.read_text(encoding="ascii").split()[1]) / 1e9
        except OSError, IndexError:
            return 0.0

    def _on_collection(self, phase: str, info: dict[str, int]) -> None:
        if info["generation"] < 2:
            return
        if phase == "start":
            self._collection = perf_counter()
        else:
            self.collecting_ms.append((perf_counter() - self._collection) * 1e3)

    def stop(self) -> None:
        """End."""
        gc.callbacks.remove(self._on_collection)
        if self._handle is not None:
            self._handle.cancel()
            if asyncio.get_running_loop().time() > self._due:
                self._ring()  # what held up the end counts as well
                self._handle.cancel()


def memory_mb(field: str = "VmRSS") -> float:
    """Memory of this process, or its peak (`VmHWM`), MB; Linux only."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(rf"^{field}:\s+(\d+) kB$", text, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


def furnish(hass: HomeAssistant, about: dict[str, Any]) -> None:
    """Areas and present states."""
    for room in about["rooms"]:
        ar.async_get(hass).async_get_or_create(room["area_id"].replace("_", " "))
    for entity in about["entities"]:
        attributes = {"device_class": entity["device_class"]} if entity["device_class"] else {}
        hass.states.async_set(entity["entity_id"], entity["state"], attributes)


def entry_of(about: dict[str, Any]) -> ConfigEntry[Any]:
    """The entry that the flow would have made."""
    rooms: list[Any] = [
        {
            "data": {"area_id": room["area_id"], "kind": room["kind"], "sensors": room["sensors"]},
            "subentry_type": "room",
            "title": room["area_id"],
            "unique_id": room["area_id"],
        }
        for room in about["rooms"]
    ]
    # No hour of the night is near: it begins on request only.
    options = {"persons": about["persons"], "night_hour": about["night_hour"], "routine_only": []}
    return ConfigEntry(
        data={},
        discovery_keys=MappingProxyType({}),
        domain=DOMAIN,
        minor_version=1,
        options=options,
        source=SOURCE_USER,
        subentries_data=rooms,
        title="Occupancy ML",
        unique_id=None,
        version=1,
    )


def time_callbacks() -> list[int]:
    """Have the integration's listener timed: nanoseconds of processor time, one entry a call."""
    from custom_components.occupancy_ml import ingest

    spent: list[int] = []
    name = async_track_state_change_event.__name__

    def tracked(
        hass: HomeAssistant, entity_ids: Any, action: Callable[[Event[Any]], None], job_type: Any = None
    ) -> CALLBACK_TYPE:
        @callback
        def timed(event: Event[Any]) -> None:
            begin = thread_time_ns()
            action(event)
            spent.append(thread_time_ns() - begin)

        return async_track_state_change_event(hass, entity_ids, timed, job_type=job_type)

    # Where the integration finds it; Home Assistant's own stays as it is.
    if not hasattr(ingest, name):
        raise HomeAssistantError(f"the integration does not listen with {name}")
    setattr(ingest, name, tracked)
    return spent


async def change(hass: HomeAssistant, motion: list[str], seed: int) -> None:
    """Motion comes and goes, until cancelled."""
    choice = random.Random(seed)  # noqa: S311
    while True:
        flip(hass, choice.choice(motion))
        await asyncio.sleep(_TRAFFIC_S)


def flip(hass: HomeAssistant, entity_id: str) -> None:
    """Turn a sensor on, or off again."""
    state = hass.states.get(entity_id)
    turned = "off" if state is not None and state.state == "on" else "on"
    hass.states.async_set(entity_id, turned, {"device_class": "motion"})


@asynccontextmanager
async def measured(
    hass: HomeAssistant, motion: list[str], into: dict[str, Any], name: str
) -> AsyncIterator[None]:
    """The lateness of the loop while something goes on, with events coming in."""
    lateness = Lateness()
    begin = asyncio.get_running_loop().time()
    traffic = asyncio.create_task(change(hass, motion, 1)) if motion else None
    lateness.start()
    try:
        yield
    finally:
        lateness.stop()
        if traffic is not None:
            traffic.cancel()
    into[name] = {
        "late_ms": lateness.late_ms,
        "held_ms": lateness.held_ms,
        "collecting_ms": lateness.collecting_ms,
        "seconds": asyncio.get_running_loop().time() - begin,
    }


async def live(hass: HomeAssistant, about: dict[str, Any]) -> dict[str, Any]:
    """Set up, import, train; what the loop felt of it."""
    spent = time_callbacks()
    motion = about["motion"]
    found: dict[str, Any] = {}
    entry = entry_of(about)
    async with measured(hass, [], found, "start"):
        await hass.config_entries.async_add(entry)
        if entry.state is not ConfigEntryState.LOADED:
            raise HomeAssistantError(f"the integration did not load: {entry.reason}")
        await hass.async_block_till_done(wait_background_tasks=True)
    async with measured(hass, [], found, "idle"):
        await asyncio.sleep(IDLE_S)
    found["settled_mb"] = memory_mb()
    async with measured(hass, motion, found, "listening"):
        await asyncio.sleep(IDLE_S)
    async with measured(hass, motion, found, "importing"):
        imported = await hass.services.async_call(
            DOMAIN, "import_events", {"file": CSV}, blocking=True, return_response=True
        )
    async with measured(hass, motion, found, "training"):
        trained = await hass.services.async_call(DOMAIN, "retrain", {}, blocking=True, return_response=True)
    spent.clear()
    choice = random.Random(2)  # noqa: S311
    for _ in range(_CALLBACKS // 10):
        for _ in range(10):
            flip(hass, choice.choice(motion))
        await asyncio.sleep(INTERVAL_S)
    await hass.async_block_till_done()
    gc.collect()
    return {
        **found,
        "callback_us": [nanoseconds / 1e3 for nanoseconds in spent],
        "imported": imported,
        "trained": trained,
        "memory_mb": memory_mb(),
        "peak_mb": memory_mb("VmHWM"),
    }


async def main(folder: Path, *, bare: bool) -> dict[str, Any]:
    """One life; what was measured."""
    about = json.loads((folder / "home.json").read_text(encoding="utf-8"))
    async with running(folder) as hass:
        furnish(hass, about)
        await hass.async_block_till_done()
        if bare:
            await asyncio.sleep(1.0)
            gc.collect()
            memory = memory_mb()
            begin = perf_counter()
            gc.collect()
            return {"memory_mb": memory, "collection_ms": (perf_counter() - begin) * 1e3}
        return await live(hass, about)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(Path(sys.argv[1]), bare="bare" in sys.argv[2:]))))
