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
    small = sum(value for value in parts.values() if abs(value) < _LEAST)
    for group, value in (*parts.items(), ("small", small)):
        if abs(value) >= _LEAST or (group == "small" and small):
            reason = _reason(group, value, recency, now_us)
            # What two parts say in the same words is one reason.
            words = (reason.text, reason.time_us, reason.room_id)
            told[words] = told.get(words, 0.0) + value
    found = [Reason(text, value, time_us, room_id) for (text, time_us, room_id), value in told.items()]
    return tuple(sorted(found, key=lambda reason: -abs(reason.contribution)))


def said(occupied: bool, since_us: int, contribution: float) -> Reason:
    """The reason that outweighs all others: what a person said."""
    return Reason(
        f"you said {{when}} that {'somebody' if occupied else 'nobody'} is here", contribution, since_us
    )


def _reason(group: str, value: float, recency: Recency, now_us: int) -> Reason:
    likely = value > 0

    def told(text: str, since_us: int | None = None, room_id: str | None = None) -> Reason:
        return Reason(text, value, None if since_us is None else now_us - since_us, room_id)

    here, elsewhere, door = recency.here_us, recency.elsewhere_us, recency.door_us
    deed = _deed(recency.here_by)
    deed_elsewhere = f"{_deed(recency.elsewhere_by)} in {{room}} {{when}}"
    if group == "recent":
        return told("nothing was ever seen here") if here > _NEVER_US else told(f"{deed} here {{when}}", here)
    if group == "elsewhere":
        if elsewhere > _NEVER_US:
            return told("nothing was seen in other rooms")
        return told(deed_elsewhere, elsewhere, recency.elsewhere)
    if group == "door":
        if door > _NEVER_US:
            return told("no outer door opened lately")
        return told("an outer door opened {when}", door)
    if group == "clock" and likely and recency.bedtime:
        return told("usually asleep now")
    if group != "filter":
        return told(_PHRASES[group][0 if likely else 1])
    if likely and recency.motion_on:
        return told("motion here now")
    if likely and recency.presence_on:
        return told("a presence sensor here is on")
    if here > _NEVER_US:
        return told("somebody may be here unseen" if likely else "nothing was ever seen here")
    if likely and here <= elsewhere:
        return told(f"{deed} here {{when}}, and nobody has left since", here)
    if likely:
        return told(f"{deed} here {{when}}, and somebody may still be here", here)
    if door < min(here, elsewhere):
        return told("an outer door opened {when}, and nothing moved since", door)
    if elsewhere < here:
        return told(deed_elsewhere, elsewhere, recency.elsewhere)
    return told(f"{deed} here {{when}}, and nobody seems to have stayed", here)


def _deed(role: Role | None) -> str:
    return "activity" if role is None else _DEEDS[role]
