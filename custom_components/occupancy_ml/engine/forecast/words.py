"""What features of forecasts are called where people read of them: in the explanation of a changed routine."""

from __future__ import annotations

from collections.abc import Iterable

from ..snapshot import HOME, SLEEP

_WORDS = {
    "whereabouts": "when somebody is here",
    "recency_here": "how long ago somebody moved here",
    "count_here_15": "how much somebody moves here",
    "count_here_60": "how much somebody moves here",
    "presence_on": "presence here",
    "motion_on": "motion here",
    "lights_on": "lights here",
    "media_on": "media here",
    "appliances_on": "appliances here",
    "doors_open": "doors here",
    "elapsed_own": "how long it stays as it is",
    "elapsed_home": "how long people are home or away",
    "elapsed_sleep": "how long people sleep or are awake",
    "place_before": "where people come from",
    "recency_exit_door": "when the outer door opens",
    "persons_home": "who is home",
    **{f"activity_{minutes}": "how much people move about" for minutes in (5, 15, 60)},
}
_CHANCE, _ECHO, _SILENT = "chance_", "reservoir_", "silent_"
_PROCESSES = {HOME: "when somebody is home", SLEEP: "when people sleep"}


def words_of(names: Iterable[str]) -> tuple[str, ...]:
    """Features in plain English, by the names of `Layout.feature_names`; what reads the same stands once."""
    return tuple(dict.fromkeys(_word(name) for name in names))


def _word(name: str) -> str:
    if name in _WORDS:
        return _WORDS[name]
    if name.startswith(_ECHO):
        return "the course of the day"
    if name.startswith(_SILENT):
        return "when a named entity says nothing"
    if name.startswith(_CHANCE):
        process = name.removeprefix(_CHANCE)
        return _PROCESSES.get(process) or f"when {process.replace('_', ' ')} is used"
    return f"what {name} says"
