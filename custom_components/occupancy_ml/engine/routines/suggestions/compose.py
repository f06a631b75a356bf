"""A proposal -> a complete automation in Home Assistant's syntax, and one plain sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
import re
from typing import Any

from .backtest import Backtest
from .proposal import ALL_DAYS, WEEKEND, WORKDAYS, AtTime, Becomes, HomeBecomes, Proposal, RoomBecomes

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY_NAMES = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
HOME_ZONE = "zone.home"
CREATED_HERE = "Made by Occupancy ML from a routine of this home."

# What brings about a state, by domain; `*` is any state, written into the field.
_ACTIONS: Mapping[str, Mapping[str, tuple[str, str | None]]] = {
    **{
        domain: {"on": ("turn_on", None), "off": ("turn_off", None)}
        for domain in ("light", "switch", "fan", "input_boolean", "humidifier", "siren")
    },
    "media_player": {
        "on": ("turn_on", None),
        "off": ("turn_off", None),
        "playing": ("media_play", None),
        "paused": ("media_pause", None),
        "idle": ("media_stop", None),
    },
    "cover": {"open": ("open_cover", None), "closed": ("close_cover", None)},
    "valve": {"open": ("open_valve", None), "closed": ("close_valve", None)},
    "lock": {"locked": ("lock", None), "unlocked": ("unlock", None)},
    "vacuum": {"cleaning": ("start", None)},
    "climate": {"off": ("turn_off", None), "*": ("set_hvac_mode", "hvac_mode")},
    "alarm_control_panel": {
        "armed_home": ("alarm_arm_home", None),
        "armed_away": ("alarm_arm_away", None),
        "armed_night": ("alarm_arm_night", None),
    },
}
_DEEDS = {
    "on": "turn on {thing}",
    "off": "turn off {thing}",
    "playing": "play {thing}",
    "paused": "pause {thing}",
    "idle": "stop {thing}",
    "open": "open {thing}",
    "closed": "close {thing}",
    "locked": "lock {thing}",
    "unlocked": "unlock {thing}",
    "cleaning": "start {thing}",
}
_SAYS_LIGHT = re.compile(r"light|lamp|licht|leuchte|lumi|luz|luce|led|bulb|spot")
_STATES = {"on": "on", "off": "off", "home": "home", "not_home": "away"}


@dataclass(frozen=True, slots=True)
class Names:
    """What Home Assistant calls things.

    Attributes:
        entities: friendly names by entity id.
        rooms: names by room.
        occupancy: by room, the entity that shows whether it is occupied.
    """

    entities: Mapping[str, str] = field(default_factory=dict)
    rooms: Mapping[str, str] = field(default_factory=dict)
    occupancy: Mapping[str, str] = field(default_factory=dict)

    def entity(self, entity_id: str) -> str:
        """The name of an entity, else the words of its id."""
        return self.entities.get(entity_id) or entity_id.partition(".")[2].replace("_", " ")

    def room(self, room_id: str) -> str:
        """The name of a room, else the words of its id."""
        return self.rooms.get(room_id) or room_id.replace("_", " ")


class CannotComposeError(ValueError):
    """Something that the automation needs is not there."""


def automation(proposal: Proposal, names: Names) -> dict[str, Any]:
    """The automation as a mapping, without its id.

    Raises:
        CannotComposeError: the room has no entity, or nothing brings about the state.
    """
    return {
        "alias": _capital(_deed(proposal, names)) + " " + _when_short(proposal, names),
        "description": f"{sentence(proposal, names)} {CREATED_HERE}",
        "triggers": [_trigger(proposal, names)],
        "conditions": _conditions(proposal),
        "actions": [_action(proposal)],
        "mode": "single",
    }


def sentence(proposal: Proposal, names: Names) -> str:
    """What it does, in one sentence."""
    words = [f"{_capital(_when(proposal, names))}, {_deed(proposal, names)}"]
    limits = []
    if proposal.someone_home:
        limits.append("somebody is home")
    for entity_id, state in proposal.given:
        limits.append(
            "it is dark"
            if (entity_id, state) == ("sun.sun", "below_horizon")
            else f"{names.entity(entity_id)} is {_STATES.get(state, state)}"
        )
    if proposal.hours is not None:
        limits.append(f"it is between {_clock(proposal.hours[0])} and {_clock(proposal.hours[1])}")
    if limits:
        words.append("if " + " and ".join(limits))
    return " ".join(words) + "."


def evidence(tested: Backtest) -> str:
    """What the back-test found, in words."""
    return (
        f"In the last {round(tested.days)} days it would have run {_times(tested.fired)}; "
        f"{len(tested.right_us)} of them you did the same anyway, {len(tested.wrong_us)} you did not."
    )


def _trigger(proposal: Proposal, names: Names) -> dict[str, Any]:
    trigger = proposal.trigger
    if isinstance(trigger, AtTime):
        return {"trigger": "time", "at": f"{_clock(trigger.minute)}:00"}
    if isinstance(trigger, HomeBecomes):
        bound = {"above": 0} if trigger.occupied else {"below": 1}
        return {"trigger": "numeric_state", "entity_id": HOME_ZONE, **bound}
    if isinstance(trigger, Becomes):
        entity_id, state = trigger.entity_id, trigger.state
    else:
        state = "on" if trigger.occupied else "off"
        if (found := names.occupancy.get(trigger.room_id)) is None:
            raise CannotComposeError(f"the room {trigger.room_id} has no occupancy entity")
        entity_id = found
    # What comes back after it was lost is no change that anybody made.
    told: dict[str, Any] = {
        "trigger": "state",
        "entity_id": entity_id,
        "to": state,
        "not_from": ["unavailable", "unknown"],
    }
    if trigger.held_s:
        told["for"] = _duration(trigger.held_s)
    return told


def _conditions(proposal: Proposal) -> list[dict[str, Any]]:
    conditions: list[dict[str, Any]] = []
    span: dict[str, Any] = {}
    if proposal.hours is not None:
        span |= {"after": f"{_clock(proposal.hours[0])}:00", "before": f"{_clock(proposal.hours[1])}:00"}
    if proposal.days != ALL_DAYS:
        span["weekday"] = [_DAYS[day] for day in sorted(proposal.days)]
    if span:
        conditions.append({"condition": "time", **span})
    for entity_id, state in proposal.given:
        conditions.append({"condition": "state", "entity_id": entity_id, "state": state})
    if proposal.someone_home:
        conditions.append({"condition": "numeric_state", "entity_id": HOME_ZONE, "above": 0})
    action = proposal.action
    conditions.append(
        {
            "condition": "not",
            "conditions": [
                {
                    "condition": "state",
                    "entity_id": action.entity_id,
                    "state": [action.state, "unavailable", "unknown"],
                }
            ],
        }
    )
    return conditions


def _action(proposal: Proposal) -> dict[str, Any]:
    action = proposal.action
    known = _ACTIONS.get(action.domain, {})
    name, data_field = known.get(action.state) or known.get("*") or (None, None)
    if name is None:
        raise CannotComposeError(f"nothing brings {action.entity_id} into the state {action.state}")
    told: dict[str, Any] = {
        "action": f"{action.domain}.{name}",
        "target": {"entity_id": action.entity_id},
    }
    if data_field is not None:
        told["data"] = {data_field: action.state}
    return told


def _deed(proposal: Proposal, names: Names) -> str:
    action = proposal.action
    thing = names.entity(action.entity_id)
    # Lights are often called like their room, and nobody turns off a kitchen.
    if action.domain == "light" and not _SAYS_LIGHT.search(thing.lower()):
        thing += " light"
    words = _DEEDS.get(action.state)
    return f"set {thing} to {action.state.replace('_', ' ')}" if words is None else words.format(thing=thing)


def _when(proposal: Proposal, names: Names) -> str:
    trigger = proposal.trigger
    days = _days(proposal.days)
    if isinstance(trigger, AtTime):
        return f"at {_clock(trigger.minute)} {days}"
    if isinstance(trigger, HomeBecomes):
        told = "when the first person comes home" if trigger.occupied else "when the last person leaves"
    elif isinstance(trigger, RoomBecomes):
        told = f"when {names.room(trigger.room_id)} becomes {'occupied' if trigger.occupied else 'vacant'}"
    elif trigger.entity_id == "sun.sun":
        told = f"when the sun has {'set' if trigger.state == 'below_horizon' else 'risen'}"
    else:
        verb = "turns" if trigger.state in ("on", "off") else "becomes"
        told = f"when {names.entity(trigger.entity_id)} {verb} {_STATES.get(trigger.state, trigger.state)}"
    held_s = 0 if isinstance(trigger, HomeBecomes) else trigger.held_s
    if held_s:
        told += f" and stays so for {_while(held_s)}"
    return told if proposal.days == ALL_DAYS else f"{told} {days}"


def _when_short(proposal: Proposal, names: Names) -> str:
    trigger = proposal.trigger
    return f"at {_clock(trigger.minute)}" if isinstance(trigger, AtTime) else _when(proposal, names)


def _days(days: frozenset[int]) -> str:
    if days == ALL_DAYS:
        return "every day"
    if days == WORKDAYS:
        return "on weekdays"
    if days == WEEKEND:
        return "at weekends"
    return "on " + ", ".join(_DAY_NAMES[day] for day in sorted(days))


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


def _duration(seconds: int) -> str:
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _while(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds} seconds"
    return f"{round(seconds / 60)} minutes"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
