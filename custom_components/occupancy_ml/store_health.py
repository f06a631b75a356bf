"""Whether the store takes events; a person is told when it has refused them for a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
import logging
from pathlib import Path

from homeassistant.core import HomeAssistant, callback
from homeassistant.util import dt as dt_util

from . import issues
from .engine.snapshot import Learning, Snapshot
from .engine.store.errors import StoreError
from .log_lines import log_line

_LOGGER = logging.getLogger(__name__)

# A backup or another reader may lock the file for some seconds; a minute of it is a person's business.
FAILING_AFTER = timedelta(minutes=1)


class StoreHealth:
    """Follows what becomes of attempts to store.

    Attributes:
        failing_since: when the store began to refuse, None where it takes what comes.
        failure: what it said last.
    """

    def __init__(self, hass: HomeAssistant, path: Path) -> None:
        self._hass = hass
        self._path = path
        self.failing_since: datetime | None = None
        self.failure: str | None = None

    @property
    def is_failing(self) -> bool:
        """Whether the store has refused events for so long that a person should know."""
        return self.failing_since is not None and dt_util.utcnow() - self.failing_since >= FAILING_AFTER

    @callback
    def async_note_failure(self, error: StoreError) -> None:
        """The store refused."""
        self.failure = str(error)
        if self.failing_since is None:
            self.failing_since = dt_util.utcnow()
            log_line(_LOGGER, logging.WARNING, "ingest_failing", cause=type(error).__name__)
            _LOGGER.warning("Events cannot be stored for now and are kept in memory: %s", error)
        elif self.is_failing:
            issues.async_raise_store_issue(self._hass, error, str(self._path))

    @callback
    def async_note_success(self, buffered: int) -> None:
        """The store took what there was; so many events have come since."""
        if self.failing_since is not None:
            self.failing_since = self.failure = None
            log_line(_LOGGER, logging.INFO, "ingest_resumed", buffered=buffered)
            _LOGGER.warning("Events are stored again")
            issues.async_clear_store_issues(self._hass)

    def shown_in(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with this in its learning status, for while it is failing."""
        home = replace(
            snapshot.home,
            learning=Learning.DEGRADED,
            learning_reason="Events cannot be stored at the moment; they are kept in memory.",
        )
        return replace(snapshot, home=home)
