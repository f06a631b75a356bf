"""Reasons in words, from the parts of the score. They add up to the log-odds exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..events import DAY_US
from ..features import ENVIRONMENT
from ..home import Role
from ..snapshot import Reason

_GROUPS = {
    "clock": ("sin_", "cos_"),
    "recent": ("recency_here", "latest_here", "count_here", "motion_on", "presence_on"),
    "elsewhere": ("recency_elsewhere", "recency_next_door", "count_elsewhere"),
    "door": ("recency_exit_door",),
    "devices": ("lights_on", "media_on", "appliances_on", "doors_open"),
    "air": ENVIRONMENT,
    "persons": ("persons_home",),
    "rhythm": ("run_length", "change_probability"),
    "place": ("whereabouts",),
}
_LEAST = 0.05  # log-odds below which a reason is not worth telling of its own
_NEVER_US = 365 * DAY_US

# What somebody did, by the sensor that noticed.
_DEEDS = {
    Role.MOTION: "motion",
    Role.PRESENCE: "presence",
    Role.DOOR: "a door moved",
    Role.OPENING: "something opened or closed",
    Role.LIGHT: "a light was switched",
    Role.MEDIA: "a player was used",
    Role.APPLIANCE: "an appliance was used",
}
# (where the part speaks for somebody being there, where it speaks against it)
_PHRASES = {
    "clock": ("usually occupied at this time", "usually empty at this time"),
    "devices": ("devices here are as when somebody is in", "devices here are as when nobody is in"),
    "air": ("air and light are as when somebody is in", "air and light are as when nobody is in"),
    "persons": ("people are home", "people are away"),
    "rhythm": (
        "the rhythm of activity is as when somebody is in",
        "the rhythm of activity is as when nobody is in",
    ),
    "place": ("more likely, as such moments taught", "less likely, as such moments taught"),
    "told": ("more likely, as learned since last night", "less likely, as learned since last night"),
    "base": ("occupied more often than such signs suggest", "occupied less often than such signs suggest"),
    "small": ("other small signs", "other small signs"),
}


@dataclass(frozen=True, slots=True)
class Recency:
    """What happened last around one room.

    Attributes:
        here_us: microseconds since activity here, very large where there never was any.
        elsewhere_us: since activity in another room.
        door_us: since an outer door opened.
        motion_on: a motion sensor here is on.
        presence_on: a presence sensor here is on.
        here_by: the role of the sensor that noticed the last activity here.
        elsewhere: the room of the last activity elsewhere.
        elsewhere_by: the role of the sensor that noticed that.
        bedtime: whether people sleep in this room at this hour.
    """

    here_us: int
    elsewhere_us: int
    door_us: int
    motion_on: bool
    presence_on: bool
    here_by: Role | None = None
    elsewhere: str | None = None
    elsewhere_by: Role | None = None
    bedtime: bool = False


def group_of(feature: str) -> str:
    """The group of reasons a feature belongs to."""
    for group, prefixes in _GROUPS.items():
        if feature.startswith(prefixes):
            return group
    raise ValueError(f"no group for feature {feature!r}")


def reasons(parts: Mapping[str, float], recency: Recency, now_us: int) -> tuple[Reason, ...]:
    """The reasons of one prediction, the strongest first; their contributions sum to that of the parts.

    Args:
        parts: log-odds by group; "filter" is the whereabouts filter, "base" the constant and calibration,
            "told" the calibration since the last night.
        recency: what happened last.
        now_us: the moment.
    """
    told: dict[tuple[str, int | None, str | None], float] = {}
    worth = [(group, value) for group, value in parts.items() if abs(value) >= _LEAST]
    if len(worth) < len(parts) and (small := sum([v for v in parts.values() if abs(v) < _LEAST])):
        worth.append(("small", small))
    for group, value in worth:
        # What two parts say in the same words is one reason.
        words = _words(group, value > 0, recency, now_us)
        told[words] = told.get(words, 0.0) + value
    found = [Reason(text, value, time_us, room_id) for (text, time_us, room_id), value in told.items()]
    return tuple(sorted(found, key=lambda reason: -abs(reason.contribution)))


def said(occupied: bool, since_us: int, contribution: float) -> Reason:
    """The reason that outweighs all others: what a person said."""
    return Reason(
        f"you said {{when}} that {'somebody' if occupied else 'nobody'} is here", contribution, since_us
    )


def _words(group: str, likely: bool, recency: Recency, now_us: int) -> tuple[str, int | None, str | None]:
    """(text, when, room) of a part, by whether it speaks for somebody being there."""
    if group in _PHRASES and not (group == "clock" and likely and recency.bedtime):
        return _PHRASES[group][0 if likely else 1], None, None
    if group == "clock":
        return "usually asleep now", None, None
    here, elsewhere, door = recency.here_us, recency.elsewhere_us, recency.door_us
    if group == "elsewhere":
        if elsewhere > _NEVER_US:
            return "nothing was seen in other rooms", None, None
        return _seen_elsewhere(recency, now_us)
    if group == "door":
        if door > _NEVER_US:
            return "no outer door opened lately", None, None
        return "an outer door opened {when}", now_us - door, None
    deed = _deed(recency.here_by)
    if group == "recent":
        if here > _NEVER_US:
            return "nothing was seen here yet", None, None
        return f"{deed} here {{when}}", now_us - here, None
    if likely and recency.motion_on:
        return "motion here now", None, None
    if likely and recency.presence_on:
        return "a presence sensor here is on", None, None
    if here > _NEVER_US:
        return "somebody may be here unseen" if likely else "nothing was seen here yet", None, None
    if likely and here <= elsewhere:
        return f"{deed} here {{when}}, and nobody has left since", now_us - here, None
    if likely:
        return f"{deed} here {{when}}, and somebody may still be here", now_us - here, None
    if door < min(here, elsewhere):
        return "an outer door opened {when}, and nothing moved since", now_us - door, None
    if elsewhere < here:
        return _seen_elsewhere(recency, now_us)
    return f"{deed} here {{when}}, and nobody seems to have stayed", now_us - here, None


def _seen_elsewhere(recency: Recency, now_us: int) -> tuple[str, int | None, str | None]:
    text = f"{_deed(recency.elsewhere_by)} in {{room}} {{when}}"
    return text, now_us - recency.elsewhere_us, recency.elsewhere


def _deed(role: Role | None) -> str:
    return "activity" if role is None else _DEEDS[role]
