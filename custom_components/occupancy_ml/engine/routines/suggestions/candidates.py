"""A pattern -> the automations that could stand for it, the simplest first. The back-test chooses among them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...home import Home, Role
from ..patterns import Act, Life, Pattern, PatternType
from .proposal import AtTime, Becomes, HomeBecomes, Proposal, RoomBecomes

# Where an automation acts, and the states it can bring about; see `compose`.
_SETTABLE = {
    "light": {"on", "off"},
    "switch": {"on", "off"},
    "fan": {"on", "off"},
    "input_boolean": {"on", "off"},
    "humidifier": {"on", "off"},
    "siren": {"on", "off"},
    "media_player": {"on", "off", "playing", "paused", "idle"},
    "cover": {"open", "closed"},
    "valve": {"open", "closed"},
    "lock": {"locked", "unlocked"},
    "climate": {"off", "heat", "cool", "heat_cool", "auto", "dry", "fan_only"},
    "vacuum": {"cleaning"},
    "alarm_control_panel": {"armed_home", "armed_away", "armed_night"},
}
SUN = "sun.sun"
_SKY = {"dark": "below_horizon", "light": "above_horizon"}
_DAY_MIN = 24 * 60
# How far around its usual time a person may do something for it to count as the same habit.
_LEAST_WITHIN_S, _MOST_WITHIN_S = 20 * 60, 90 * 60
# How soon after a trigger a person must act, at least and at most, for it to count as the same.
_LEAST_FOLLOW_S, _MOST_FOLLOW_S = 2 * 60, 15 * 60
_SUN_WITHIN_S = 60 * 60
# What is ended before its time is taken away from somebody: a person must have done it as soon as this, at a
# time of day and after a trigger.
_ENDING = frozenset({"off", "closed", "paused", "idle"})
_ENDS_WITHIN_S, _ENDS_AFTER_S = 15 * 60, 2 * 60
# What patterns call on and off, as players themselves may say it: an automation sees and brings about these.
_SAID = {"on": ("on", "playing"), "off": ("off", "paused", "idle")}


def is_settable(action: Act) -> bool:
    """Whether an automation can bring an entity into a state."""
    return action.state in _SETTABLE.get(action.domain, ())


def candidates(pattern: Pattern, home: Home) -> list[Proposal]:
    """The automations that could stand for a pattern, the simplest first; none where it is no habit to act on."""
    if pattern.life not in (Life.EMERGING, Life.STABLE):
        return []
    watched = {sensor.entity_id for sensor in home.sensors}
    plain = [said for proposal in _plain(pattern, home) for said in _as_said(proposal)]
    found = [p for p in plain if is_settable(p.action) and p.entity_ids <= watched | {SUN}]
    variants = [variant for proposal in found for variant in _variants(proposal, pattern, home)]
    unique: list[Proposal] = []
    for proposal in (*found, *variants):
        if proposal not in unique:
            unique.append(proposal)
    return unique


def _plain(pattern: Pattern, home: Home) -> Iterator[Proposal]:
    if pattern.action is None:
        return
    action, kind = pattern.action, pattern.pattern_type
    if kind is PatternType.TIME_OF_DAY and pattern.when.minute is not None:
        yield from _at_times(pattern, action)
    elif kind in (PatternType.CO_OCCURRENCE, PatternType.SEQUENCE) and pattern.trigger is not None:
        trigger = pattern.trigger
        if trigger.entity_id != action.entity_id and not _ends_at_arrival(trigger, action, home):
            yield Proposal(Becomes(trigger.entity_id, trigger.state), action, _follow_s(pattern, action))
    elif kind is PatternType.DURATION and pattern.trigger is not None:
        yield from _after_a_while(pattern, pattern.trigger, action)
    elif kind is PatternType.CONTEXTUAL:
        context = pattern.parameters.get("context")
        if context in _SKY:
            within_s = _ENDS_WITHIN_S if action.state in _ENDING else _SUN_WITHIN_S
            yield Proposal(Becomes(SUN, _SKY[context]), action, within_s)
        elif context == "away" or (context == "home" and action.state not in _ENDING):
            within_s = _ENDS_AFTER_S if action.state in _ENDING else _MOST_FOLLOW_S
            yield Proposal(HomeBecomes(context == "home"), action, within_s)


def _as_said(proposal: Proposal) -> Iterator[Proposal]:
    """The same in each way in which a player may say that it is on or off."""
    trigger = proposal.trigger
    for action in _acts_said(proposal.action):
        if isinstance(trigger, Becomes):
            for told in _acts_said(Act(trigger.entity_id, trigger.state)):
                yield replace(proposal, trigger=replace(trigger, state=told.state), action=action)
        else:
            yield replace(proposal, action=action)


def _acts_said(act: Act) -> list[Act]:
    states = _SAID.get(act.state, (act.state,)) if act.domain == "media_player" else (act.state,)
    return [Act(act.entity_id, state) for state in states]


def _at_times(pattern: Pattern, action: Act) -> Iterator[Proposal]:
    """At the usual time, or somewhat before: most days it then comes before the person does.

    What ends something comes at the usual time or after it, for the days on which it was forgotten.
    """
    assert pattern.when.minute is not None
    spread = pattern.when.spread or 0.0
    within_s = int(min(max(2 * spread * 60, _LEAST_WITHIN_S), _MOST_WITHIN_S))
    direction = -1.0
    if action.state in _ENDING:
        within_s, direction = _ENDS_WITHIN_S, 1.0
    days = frozenset(pattern.when.weekdays)
    for share in (0.0, 0.5, 1.0):
        # People read a clock in fives.
        minute = round((pattern.when.minute + direction * share * spread) / 5) * 5 % _DAY_MIN
        yield Proposal(AtTime(minute), action, within_s, days)


def _ends_at_arrival(trigger: Act, action: Act, home: Home) -> bool:
    """Whether it would end something in a room because somebody is noticed there, or opens its door.

    Who was noticed ended it when he left; a door opens for the next one too.
    """
    if action.state not in _ENDING or trigger.state != "on":
        return False
    room_of = {sensor.entity_id: sensor.room_id for sensor in home.sensors}
    arrivals = {s.entity_id for s in home.sensors if s.role in (Role.MOTION, Role.PRESENCE, Role.DOOR)}
    room_id = room_of.get(action.entity_id)
    return trigger.entity_id in arrivals and room_id is not None and room_of[trigger.entity_id] == room_id


def _follow_s(pattern: Pattern, action: Act) -> int:
    if action.state in _ENDING:
        return _ENDS_AFTER_S
    gaps = pattern.parameters.get("gaps_s") or [0]
    usual = pattern.parameters.get("delay_s") or gaps[-1]
    return int(min(max(4 * float(usual), _LEAST_FOLLOW_S), _MOST_FOLLOW_S))


def _after_a_while(pattern: Pattern, trigger: Act, action: Act) -> Iterator[Proposal]:
    """It is turned off after about the same while each time: where that varies, no automation can know."""
    median_s, late_s = (float(pattern.parameters.get(name) or 0) for name in ("median_s", "p90_s"))
    varies_s = max(late_s - median_s, _LEAST_FOLLOW_S)
    if median_s >= 60 and varies_s <= median_s / 2:
        within_s = _ENDS_AFTER_S if action.state in _ENDING else int(varies_s)
        yield Proposal(Becomes(trigger.entity_id, trigger.state, int(median_s)), action, within_s)


def _variants(proposal: Proposal, pattern: Pattern, home: Home) -> Iterator[Proposal]:
    """The same with a condition, or with the room instead of one of its sensors."""
    trigger = proposal.trigger
    has_persons = any(sensor.role is Role.PERSON for sensor in home.sensors)
    starts = proposal.action.state not in _ENDING
    if has_persons and starts and not isinstance(trigger, HomeBecomes):
        yield replace(proposal, someone_home=True)
    if not isinstance(trigger, Becomes) or trigger.entity_id == SUN:
        return
    proposals = [proposal]
    sensors = {sensor.entity_id: sensor for sensor in home.sensors}
    sensor = sensors.get(trigger.entity_id)
    if (
        sensor is not None
        and sensor.room_id is not None
        and sensor.role in (Role.MOTION, Role.PRESENCE)
        and trigger.state in ("on", "off")
        and trigger.held_s == 0
    ):
        room = RoomBecomes(sensor.room_id, trigger.state == "on")
        proposals.append(replace(proposal, trigger=room))
        yield proposals[-1]
    span = span_of_hours(pattern.when.hours)
    for each in proposals:
        if SUN in sensors and starts:
            yield replace(each, given=((SUN, "below_horizon"),))
        if span is not None:
            yield replace(each, hours=span)


def span_of_hours(hours: tuple[int, ...]) -> tuple[int, int] | None:
    """The shortest span of the clock, in minutes of the day, that holds all hours; None where it saves little."""
    held = sorted(set(hours))
    if not held:
        return None
    gaps = [((held[(i + 1) % len(held)] - hour - 1) % 24, i) for i, hour in enumerate(held)]
    longest, index = max(gaps)
    if longest < 8:
        return None
    return held[(index + 1) % len(held)] * 60, (held[index] + 1) % 24 * 60
