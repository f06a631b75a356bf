"""How much harm an automation could do when it is wrong: a class and a score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
import re

from ..patterns import Act
from .proposal import AtTime, Proposal

SAFE_ENOUGH = 60
"""Below this score, a proposal is made only where the user allows its class."""


class SafetyClass(StrEnum):
    """What kind of thing is moved. Those after `SWITCH` are risky: the user allows them one by one."""

    LIGHT = "light"
    MEDIA = "media"
    FAN = "fan"
    BLIND = "blind"
    SWITCH = "switch"
    HEATING = "heating"
    WATER = "water"
    OPENING = "opening"
    GARAGE = "garage"
    LOCK = "lock"
    ALARM = "alarm"
    ESSENTIAL = "essential"
    OTHER = "other"


RISKY = tuple(SafetyClass)[5:]


@dataclass(frozen=True, slots=True)
class Safety:
    """A class, and 0 (never without being asked) to 100 (nothing to lose)."""

    safety_class: SafetyClass
    score: int

    def allows(self, allowed: frozenset[str]) -> bool:
        """Whether it may be proposed to a user who allows these classes."""
        return self.score >= SAFE_ENOUGH or self.safety_class.value in allowed


# What a switch or a fan is called says what hangs on it. English only: a name that says nothing keeps the score
# of a plain switch. Long words count anywhere in a word, short ones only where one begins: outdoor is no door.
# What must stay on comes before heat and water, which may go off unasked: a pump keeps a cellar dry or a
# house warm.
_HEATS = re.compile(
    r"(?<!t)heat|boiler|oven|stove|cooker|kettle|toaster|sauna|furnace|radiator|thermostat|fire|grill|blanket"
    r"|dryer|charger|^hob|^iron|^gas"
)
_WORDS = (
    (SafetyClass.LOCK, re.compile(r"(?<![bcf])lock|latch|strike")),
    (SafetyClass.GARAGE, re.compile(r"garage|^gate")),
    (SafetyClass.ALARM, re.compile(r"alarm|siren|security|camera")),
    (SafetyClass.OPENING, re.compile(r"^door|^opener|^buzzer")),
    (
        SafetyClass.ESSENTIAL,
        re.compile(
            r"pump|fridge|freezer|aquarium|server|router|modem|network|oxygen|medical|smoke|^nas|^cpap|^ups$"
        ),
    ),
    (SafetyClass.HEATING, _HEATS),
    (SafetyClass.WATER, re.compile(r"water|valve|sprinkler|irrigation|faucet|^pool|^tap")),
)
_LAMPS = frozenset({"light", "lights", "lamp", "lamps"})
_WORD_BREAK = re.compile(r"[^a-z]+")

# (class, score when it goes on or opens, score when it goes off or closes). A light can be wrong and no harm
# is done; a heater that is left on, a door that opens, or a freezer that goes off cannot be taken back.
_SCORES = {
    SafetyClass.LIGHT: (100, 95),
    SafetyClass.MEDIA: (85, 90),
    SafetyClass.FAN: (85, 90),
    SafetyClass.BLIND: (80, 80),
    SafetyClass.SWITCH: (70, 80),
    SafetyClass.HEATING: (20, 70),
    SafetyClass.WATER: (10, 70),
    SafetyClass.OPENING: (20, 40),
    SafetyClass.GARAGE: (0, 20),
    SafetyClass.LOCK: (0, 40),
    SafetyClass.ALARM: (30, 0),
    SafetyClass.ESSENTIAL: (50, 10),
    SafetyClass.OTHER: (30, 30),
}
_DOMAINS = {
    "light": SafetyClass.LIGHT,
    "media_player": SafetyClass.MEDIA,
    "fan": SafetyClass.FAN,
    "switch": SafetyClass.SWITCH,
    "input_boolean": SafetyClass.SWITCH,
    "climate": SafetyClass.HEATING,
    "water_heater": SafetyClass.HEATING,
    "humidifier": SafetyClass.SWITCH,
    "valve": SafetyClass.WATER,
    "lock": SafetyClass.LOCK,
    "alarm_control_panel": SafetyClass.ALARM,
    "siren": SafetyClass.ALARM,
}
_BLINDS = frozenset({"awning", "blind", "curtain", "shade", "shutter"})
_GARAGES = frozenset({"door", "garage", "gate"})
_CALMING = frozenset({"off", "closed", "locked", "paused", "idle", "docked", "disarmed"})
_NIGHT = (23 * 60, 6 * 60)


def assess(proposal: Proposal, device_class: str | None, names: Iterable[str] = ()) -> Safety:
    """The class and the score of a proposal.

    Args:
        proposal: what is to be done, and when.
        device_class: Home Assistant's class of the entity that is moved, where it has one.
        names: what people call that entity, and the device that it is a part of.
    """
    action = proposal.action
    found = safety_class(action, device_class, names)
    score = _score(found, action)
    calms = action.state in _CALMING
    trigger = proposal.trigger
    if isinstance(trigger, AtTime) and not calms:
        if trigger.minute >= _NIGHT[0] or trigger.minute < _NIGHT[1]:
            score -= 10  # it may wake somebody
        if not proposal.someone_home:
            score -= 5  # it may run with nobody there to notice
    return Safety(found, max(0, score))


def safety_class(action: Act, device_class: str | None, names: Iterable[str] = ()) -> SafetyClass:
    """What kind of thing an action moves, from its domain, its device class and the words of its id and its names.

    Ids seldom follow when a plug is put to another use: the name that sounds riskiest counts.
    """
    domain = action.domain
    if domain == "cover":
        if device_class in _BLINDS:
            return SafetyClass.BLIND
        return SafetyClass.GARAGE if device_class in _GARAGES else SafetyClass.OPENING
    found = _DOMAINS.get(domain, SafetyClass.OTHER)
    if found in (SafetyClass.SWITCH, SafetyClass.FAN):
        called = (action.entity_id.partition(".")[2], *names)
        return min((_by_name(each, found) for each in called), key=lambda kind: _score(kind, action))
    return found


def _score(found: SafetyClass, action: Act) -> int:
    """The score of a class, by what the action does; the time of day aside."""
    active, calming = _SCORES[found]
    return calming if action.state in _CALMING else active


def _by_name(name: str, plain: SafetyClass) -> SafetyClass:
    """What kind of thing hangs on a switch or fan of this name; `plain` where it does not say."""
    words = [word for word in _WORD_BREAK.split(name.lower()) if word]
    # A lamp in the garage is a lamp, unless it heats.
    shines = not _LAMPS.isdisjoint(words)
    for risky, pattern in ((SafetyClass.HEATING, _HEATS),) if shines else _WORDS:
        if any(pattern.search(word) for word in words):
            return risky
    return plain
