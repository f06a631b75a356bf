"""Diagnostics that can be shared: entities, rooms and people are numbers.

Home Assistant's own redaction goes by the names of keys. Here ids are keys and stand inside texts too, so every
text is searched for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
import re
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import area_registry as ar, entity_registry as er

from .coordinator import Coordinator, now_us
from .engine.home import Role
from .engine.snapshot import HOME, SLEEP, RoomState
from .monitor import async_readiness
from .runtime import OccupancyConfigEntry


class Redactor:
    """Replaces names by tokens, in keys and values, whole words only.

    Args:
        tokens: what to write for each name; longer names are looked for first.
    """

    def __init__(self, tokens: Mapping[str, str]) -> None:
        names = sorted(filter(None, tokens), key=len, reverse=True)
        self._tokens = [tokens[name] for name in names]
        # A group a name: which of them matched, regardless of case, cannot be told from what stands in the text.
        pattern = "|".join(f"({re.escape(name)})" for name in names)
        # Neither letter nor digit beside it, so that a room "Den" leaves "evidence" alone.
        self._pattern = re.compile(rf"(?<![^\W_])(?:{pattern})(?![^\W_])", re.IGNORECASE) if names else None

    def __call__(self, value: Any) -> Any:
        """A copy of nested data with all names replaced."""
        if isinstance(value, str):
            if self._pattern is None:
                return value
            return self._pattern.sub(lambda match: self._tokens[(match.lastindex or 1) - 1], value)
        if isinstance(value, Mapping):
            return {self(key): self(item) for key, item in value.items()}
        if isinstance(value, Iterable) and not isinstance(value, bytes):
            return [self(item) for item in value]
        return value


@callback
def _redactor(hass: HomeAssistant, coordinator: Coordinator, stored: Iterable[str]) -> Redactor:
    """Hides what is watched, and what was once: its entities and rooms are in the store still."""
    tokens: dict[str, str] = {}

    def hide(token: str, *names: str | None) -> None:
        for name in names:
            if name:
                tokens.setdefault(name, token)
                tokens.setdefault(name.replace("_", " "), token)

    entities, areas = er.async_get(hass), ar.async_get(hass)
    for number, sensor in enumerate(coordinator.home.sensors, 1):
        kind = "person" if sensor.role is Role.PERSON else "entity"
        entry, state = entities.async_get(sensor.entity_id), hass.states.get(sensor.entity_id)
        hide(
            f"{kind}_{number}",
            sensor.entity_id,
            sensor.entity_id.partition(".")[2],
            None if state is None else state.name,
            *((entry.name, entry.original_name) if entry and kind == "person" else ()),
        )
    for number, room in enumerate(coordinator.home.rooms, 1):
        area = areas.async_get_area(room.room_id)
        hide(f"room_{number}", room.room_id, None if area is None else area.name)
    former = [name for name in stored if name not in tokens and name not in (HOME, SLEEP)]
    for number, name in enumerate(former, 1):
        hide(f"former_{number}", name, name.partition(".")[2])
    return Redactor(tokens)


async def async_get_config_entry_diagnostics(
    hass: HomeAssistant, entry: OccupancyConfigEntry
) -> dict[str, Any]:
    """What helps to find a fault, and names nobody."""
    coordinator = entry.runtime_data.coordinator
    engine = coordinator.engine
    redact = _redactor(hass, coordinator, await coordinator.run(engine.store.names))
    readiness = await coordinator.run(engine.readiness, now_us())
    size = await coordinator.run(engine.store.size_bytes)
    home, snapshot = coordinator.home, coordinator.data
    failing = coordinator.store_health.failing_since
    return {
        "home": {
            "time_zone": home.time_zone,
            "rooms": len(home.rooms),
            "sensors": [
                {
                    "entity": redact(sensor.entity_id),
                    "role": sensor.role.value,
                    "room": redact(sensor.room_id),
                    "device_class": sensor.device_class,
                }
                for sensor in home.sensors
            ],
        },
        "night_hour": entry.options.get("night_hour"),
        "ingest": {
            **asdict(coordinator.counts),
            "buffered": len(coordinator.buffer),
            "dropped": coordinator.buffer.dropped,
            "left_out": coordinator.buffer.left_out,
            "restless_entities": len(coordinator.buffer.thinned),
            "failing_since": None if failing is None else failing.isoformat(),
        },
        "learner_busy": entry.runtime_data.learner.is_busy,
        "file_bytes": size,
        "readiness": redact(readiness),
        "monitoring": redact(await async_readiness(coordinator)),
        "snapshot": {
            "time_us": snapshot.time_us,
            "home": redact(asdict(snapshot.home)),
            "faults": {redact(fault.entity_id): fault.fault.value for fault in snapshot.faults},
            "new_sensors": redact(snapshot.new_sensors),
            "rooms": {redact(room_id): _room(state, redact) for room_id, state in snapshot.rooms.items()},
        },
    }


def _room(state: RoomState, redact: Redactor) -> dict[str, Any]:
    return {
        "probability": state.probability,
        "occupied": state.occupied,
        "source": state.source.value,
        # The texts say what happened in the home; the weights are what helps.
        "contributions": [reason.contribution for reason in state.reasons],
        "trained_at_us": state.trained_at_us,
        "unknown_reason": redact(state.unknown_reason),
    }
