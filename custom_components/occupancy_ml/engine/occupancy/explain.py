"""Reasons in words, from the parts of the score."""

from __future__ import annotations

from collections.abc import Mapping

from ..events import MICROSECONDS
from ..snapshot import Reason

_GROUPS = {
    "clock": ("sin_", "cos_"),
    "recent": ("recency_here", "latest_here", "count_here", "motion_on", "presence_on"),
    "elsewhere": ("recency_elsewhere", "count_elsewhere"),
    "door": ("recency_exit_door",),
    "devices": ("lights_on", "media_on", "appliances_on", "doors_open"),
    "air": ("carbon_dioxide", "temperature", "humidity", "illuminance", "sound_pressure"),
    "persons": ("persons_home",),
    "rhythm": ("run_length", "change_probability"),
    "place": ("whereabouts",),
}
_LEAST = 0.05  # log-odds below which a reason is not worth telling


def group_of(feature: str) -> str:
    """The group of reasons a feature belongs to."""
    for group, prefixes in _GROUPS.items():
        if feature.startswith(prefixes):
            return group
    raise ValueError(f"no group for feature {feature!r}")


def reasons(
    parts: Mapping[str, float],
    *,
    here_us: int,
    elsewhere_us: int,
    door_us: int,
    motion_on: bool,
    presence_on: bool,
) -> tuple[Reason, ...]:
    """The reasons of one prediction, the strongest first.

    Args:
        parts: log-odds by group; "filter" is the whereabouts filter, "base" the constant and calibration,
            "told" the calibration since the last night.
        here_us: since somebody acted in the room.
        elsewhere_us: since somebody acted in another room.
        door_us: since an outer door opened.
        motion_on: a motion sensor of the room is on.
        presence_on: a presence sensor of the room is on.
    """
    found = [
        Reason(_words(group, value, here_us, elsewhere_us, door_us, motion_on, presence_on), value)
        for group, value in parts.items()
        if abs(value) >= _LEAST
    ]
    return tuple(sorted(found, key=lambda reason: -abs(reason.contribution)))


def _words(
    group: str,
    value: float,
    here_us: int,
    elsewhere_us: int,
    door_us: int,
    motion_on: bool,
    presence_on: bool,
) -> str:
    likely = value > 0
    if group == "filter":
        return _whereabouts(likely, here_us, elsewhere_us, door_us, motion_on, presence_on)
    if group == "recent":
        if here_us > _NEVER_US:
            return "nothing was ever seen here"
        return f"last activity here {ago(here_us)}"
    if group == "elsewhere":
        if elsewhere_us > _NEVER_US:
            return "nothing was seen in other rooms"
        return f"last activity in another room {ago(elsewhere_us)}"
    if group == "door":
        return (
            f"an outer door opened {ago(door_us)}" if door_us < _NEVER_US else "no outer door opened lately"
        )
    return {
        "clock": ("usually occupied at this time", "usually empty at this time"),
        "devices": ("devices here are as when somebody is in", "devices here are as when nobody is in"),
        "air": ("air and light are as when somebody is in", "air and light are as when nobody is in"),
        "persons": ("people are home", "people are away"),
        "rhythm": (
            "the rhythm of activity is as when somebody is in",
            "the rhythm of activity is as when nobody is in",
        ),
        "place": ("what this home taught about such moments", "what this home taught about such moments"),
        "told": ("what was told since the last night", "what was told since the last night"),
        "base": ("occupied more often than it looks", "occupied less often than it looks"),
    }[group][0 if likely else 1]


_NEVER_US = 365 * 86_400 * MICROSECONDS


def _whereabouts(
    likely: bool, here_us: int, elsewhere_us: int, door_us: int, motion_on: bool, presence_on: bool
) -> str:
    if likely and motion_on:
        return "motion here now"
    if likely and presence_on:
        return "a presence sensor here is on"
    if here_us > _NEVER_US:
        return "somebody may be here unseen" if likely else "nothing was ever seen here"
    if likely and here_us <= elsewhere_us:
        return f"the last activity was here, {ago(here_us)}, and nobody was seen to leave"
    if likely:
        return f"somebody was here {ago(here_us)} and may still be"
    if door_us < min(here_us, elsewhere_us):
        return f"an outer door opened {ago(door_us)}, and nothing moved since"
    if elsewhere_us < here_us:
        return f"the last activity was in another room, {ago(elsewhere_us)}"
    return f"nobody seems to have stayed since the last activity {ago(here_us)}"


def ago(since_us: int) -> str:
    """'20 s ago', '5 min ago', '3 h ago', '2 days ago'."""
    seconds = since_us // MICROSECONDS
    if seconds < 90:
        return f"{seconds} s ago"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min ago"
    if seconds < 36 * 3600:
        return f"{round(seconds / 3600)} h ago"
    return f"{round(seconds / 86_400)} days ago"
