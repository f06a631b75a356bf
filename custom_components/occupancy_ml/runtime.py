"""What a loaded configuration entry holds."""

from __future__ import annotations

from dataclasses import dataclass

from homeassistant.config_entries import ConfigEntry

from .coordinator import Coordinator
from .learning import Learner
from .monitor import Monitor
from .suggestions import SuggestionKeeper

type OccupancyConfigEntry = ConfigEntry[Runtime]


@dataclass(frozen=True, slots=True)
class Runtime:
    """The parts of a loaded entry that entities, actions and diagnostics read."""

    coordinator: Coordinator
    learner: Learner
    monitor: Monitor
    suggestions: SuggestionKeeper
