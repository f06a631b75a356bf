"""The rules people use today, computed at the same moments as the model: what it has to beat."""

from __future__ import annotations

from dataclasses import dataclass

from ..events import MICROSECONDS, MINUTE_US

TIMEOUTS = {"motion_1m": 1, "motion_5m": 5, "motion_15m": 15, "motion_30m": 30}
"""Occupied while a sensor is on, and for so many minutes after the last activity."""

RULES = (*TIMEOUTS, "last_room", "persons")
"""In the order of their bits, which are stored: add at the end, never renumber."""

ROOM_RULES = (*TIMEOUTS, "last_room")
HOME_RULES = (*TIMEOUTS, "persons")

PRIOR = "prior"
CALIBRATED = "_calibrated"
"""A rule whose on and off are told as the share of truth behind each on earlier days."""

_WORDS = {
    **{name: f"motion within {n} minute{'s' * (n > 1)}" for name, n in TIMEOUTS.items()},
    "last_room": "last room that fired",
    "persons": "a person entity is home",
    PRIOR: "time of day",
}
_BITS = {name: 1 << number for number, name in enumerate(RULES)}
_NEVER_US = 365 * 86_400 * MICROSECONDS


def words(name: str) -> str:
    """A rule in plain words, without its calibration."""
    return _WORDS[name.removesuffix(CALIBRATED)]


def says(name: str, mask: int) -> bool:
    """Whether a rule says occupied."""
    return bool(mask & _BITS[name.removesuffix(CALIBRATED)])


def bit(name: str) -> int:
    """The bit of a rule in a mask."""
    return _BITS[name]


def room_rules(here_us: int, elsewhere_us: int, on: bool) -> int:
    """What the rules say of a room, as bits.

    Args:
        here_us: microseconds since activity in the room, very large where never.
        elsewhere_us: likewise in any other room.
        on: whether a motion or presence sensor of the room is on.
    """
    mask = _timeouts(0 if on else here_us)
    if here_us <= elsewhere_us and here_us < _NEVER_US:
        mask |= _BITS["last_room"]
    return mask


def home_rules(since_us: int, on: bool, person_home: bool) -> int:
    """What the rules say of the home: activity anywhere, or a person entity that is home."""
    return _timeouts(0 if on else since_us) | (_BITS["persons"] if person_home else 0)


def _timeouts(since_us: int) -> int:
    return sum(_BITS[name] for name, minutes in TIMEOUTS.items() if since_us < minutes * MINUTE_US)


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline that is shown in place of a model that does not beat it.

    Attributes:
        name: a rule with its calibration, or `PRIOR`.
        on: share of truth behind its on; unused by the prior.
        off: share of truth behind its off.
        half_hours: (48,) the share of truth by local half hour; empty for a rule.
        reason: why it is shown.
        judged: local date, ISO, on which enough truth last told that it is better; empty where that is not known.
    """

    name: str
    on: float
    off: float
    half_hours: tuple[float, ...]
    reason: str
    judged: str = ""

    def probability(self, mask: int, half_hour: int) -> float:
        """P(occupied) when the rules say `mask`, in a local half hour 0 to 47."""
        if self.name == PRIOR:
            return self.half_hours[half_hour]
        return self.on if says(self.name, mask) else self.off

    def words(self, mask: int) -> str:
        """Its reason in plain words."""
        if self.name == PRIOR:
            return "as usual at this time of day"
        return f"the rule '{words(self.name)}' says {'occupied' if says(self.name, mask) else 'vacant'}"

    def occupied(self, mask: int) -> bool | None:
        """What its switch is, None where only the probability decides."""
        return None if self.name == PRIOR else says(self.name, mask)
