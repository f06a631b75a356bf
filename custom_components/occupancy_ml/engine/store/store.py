"""The store: one SQLite file, its parts as attributes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
import sqlite3

from ..events import DAY_US
from .changepoints import BocpdStates
from .database import BUSY_TIMEOUT_MS, Database, read_only
from .episodes import Episodes
from .errors import StoreError
from .event_log import EventLog
from .feature_rows import FeatureRows
from .files import CLEAN_CLOSE, SET_METADATA, copy_to, open_database
from .forecasts import Forecasts
from .hold import FileHold
from .jobs import Jobs
from .labels import Labels
from .metadata import Checkpoints, Metadata
from .names import Names
from .predictions import Predictions
from .retention import Retention, trim, trim_to_budget
from .routines import Aggregates, PatternTable
from .runs import ClrRuns
from .salvage import NOTHING, Salvaged
from .schema import CONTRACT_VERSION, MIGRATIONS, Migration
from .scores import DailyScores
from .suggestions import Suggestions

_LAST_TRIM = "last_trim_at"
_MOST_AT_ONCE_US = 3 * DAY_US
SIZE_BUDGET = "size_budget_reached"
_NOTED_US = 7 * DAY_US


@dataclass(frozen=True, slots=True)
class BudgetNote:
    """A size budget that was reached: its megabytes, and when it last made data go before its time."""

    size_mb: int
    reached_us: int


def budget_note(text: str | None) -> BudgetNote | None:
    """What stands under the metadata key `SIZE_BUDGET`, None where nothing does."""
    if not text:
        return None
    size_mb, reached_us = text.split()
    return BudgetNote(int(size_mb), int(reached_us))


class Store:
    """One open file with one writer. Callers serialise their calls; any thread may call.

    Every failure of the file is a `StoreError`; a failed call has changed nothing and
    may be repeated.

    Attributes:
        path: the file.
        events: raw events.
        features: feature rows.
        labels: labels.
        runs: training runs and models of the rooms.
        bocpd: training runs and posteriors of the changepoint streams.
        predictions: what was shown.
        scores: daily sums of scores.
        episodes: who stayed where from when to when.
        forecasts: what was known and told, how it did, what was fitted.
        jobs: processing jobs.
        aggregates: days, weeks and months as the detectors of routines keep them.
        patterns: routines that were found.
        suggestions: automations proposed from them, and what became of them.
        checkpoints: state of the engine's parts.
        metadata: facts about the file.
        recovered_from: where a damaged file was set aside at this opening, else None.
        was_unclean: whether the file had not been closed properly before.
        salvaged: what was carried over from a damaged file.
    """

    def __init__(
        self,
        database: Database,
        recovered_from: Path | None,
        was_unclean: bool,
        salvaged: Salvaged = NOTHING,
    ) -> None:
        """Use `Store.open`."""
        self.path = database.path
        self.database = database
        self.recovered_from = recovered_from
        self.was_unclean = was_unclean
        self.salvaged = salvaged
        entities = Names(database, "entities", "entity_id")
        rooms = Names(database, "rooms", "room_id")
        self.metadata = Metadata(database)
        self.checkpoints = Checkpoints(database)
        self.events = EventLog(database, entities, rooms)
        self.features = FeatureRows(database, rooms, self.metadata)
        self.labels = Labels(database, rooms)
        self.runs = ClrRuns(database, rooms)
        self.bocpd = BocpdStates(database)
        self.predictions = Predictions(database, rooms)
        self.scores = DailyScores(database, rooms)
        self.episodes = Episodes(database, rooms)
        self.forecasts = Forecasts(database, rooms, self.metadata)
        self.jobs = Jobs(database)
        self.aggregates = Aggregates(database, entities, rooms)
        self.patterns = PatternTable(database)
        self.suggestions = Suggestions(database)
        self._names = (entities, rooms)
        self._open = True

    @property
    def is_open(self) -> bool:
        """Whether `close` is still to come."""
        return self._open

    @classmethod
    def open(
        cls,
        path: Path,
        now_us: int,
        *,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
        migrations: Sequence[Migration] = MIGRATIONS,
    ) -> Store:
        """Open the file, or create it; migrate it; mark as failed what a crash left running.

        A damaged file is set aside as `<name>.damaged-<UTC time>` and a fresh one
        started; `recovered_from` says so.

        Raises:
            NewerSchemaError: the file is from a newer version; it is left untouched.
            StoreBusyError: another process holds it longer than the timeout.
            StoreFullError: the disk is full.
            StoreUnavailableError: it cannot be read or written.
            MigrationError: a migration failed; the file is as it was.
        """
        opened = open_database(path, now_us, busy_timeout_ms, migrations)
        try:
            store = cls(opened.database, opened.recovered_from, opened.unclean, opened.salvaged)
            store.fail_orphans(now_us)
            if store.metadata.get("contract_version") != CONTRACT_VERSION:
                store.metadata.set("contract_version", CONTRACT_VERSION)
        except BaseException:
            opened.database.close()
            raise
        return store

    def fail_orphans(self, now_us: int) -> None:
        """Mark as failed what a crash, or a file that refused, left running. No work may be going on."""
        with self.transaction():
            self.runs.fail_orphans(now_us)
            self.bocpd.fail_orphans(now_us)
            self.forecasts.fail_orphans(now_us)
            self.jobs.fail_orphans(now_us)

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing over several calls; inside another transaction it joins it.

        Raises:
            StoreError: subclasses; all of it is rolled back.
        """
        return self.database.transaction()

    def names(self) -> list[str]:
        """All entities and rooms that anything stored ever named."""
        return [name for names in self._names for name in names.all()]

    def reader(self) -> AbstractContextManager[sqlite3.Connection]:
        """A separate read-only connection. It sees what is committed and blocks no writer."""
        return read_only(self.path)

    def trim(self, now_us: int, policy: Retention | None = None) -> Generator[int]:
        """Forget what is older than the policy keeps, one short transaction a step.

        The present is believed only so far beyond that of the last time: a clock that is a year ahead for a
        night must not cost what was learned. That time goes back by a day a night at most: after a night with the
        clock behind the present is believed at once, and a clock that was ahead is forgotten.

        Yields:
            Rows forgotten in the step.
        """
        last_us = self.metadata.get_us(_LAST_TRIM)
        believed_us = now_us if last_us is None else min(now_us, last_us + _MOST_AT_ONCE_US)
        policy = policy or Retention()
        yield from trim(self.database, believed_us, policy)
        cut = False
        for gone in trim_to_budget(self.database, believed_us, policy):
            cut = True
            yield gone
        self._note_budget(believed_us, policy, cut)
        self.metadata.set_us(_LAST_TRIM, max(believed_us, (last_us or 0) - DAY_US))

    def _note_budget(self, now_us: int, policy: Retention, cut: bool) -> None:
        """Remember that data had to go before its time, until a week has passed or the budget has changed."""
        noted = self.over_budget()
        if cut:
            noted = BudgetNote(policy.size_mb, now_us)
        elif noted is None or noted.size_mb != policy.size_mb or now_us - noted.reached_us > _NOTED_US:
            noted = None
        self.metadata.set(SIZE_BUDGET, "" if noted is None else f"{noted.size_mb} {noted.reached_us}")

    def over_budget(self) -> BudgetNote | None:
        """The budget that made data go before its time lately, None where there was no need."""
        return budget_note(self.metadata.get(SIZE_BUDGET))

    def checkpoint(self) -> None:
        """Fold what is committed into the file and make it safe against a power cut.

        Never waits for readers. To be called at least once a minute.
        """
        self.database.all("PRAGMA wal_checkpoint(PASSIVE)")

    def backup_to(self, path: Path) -> None:
        """Write a consistent copy as one plain file, whole or not at all.

        Raises:
            StoreError: subclasses; an earlier copy of that name is then still there.
        """
        copy_to(self.database, path)

    def hold(self) -> FileHold:
        """Keep the main file as it is until released, for a copy from outside; writing goes on.

        Raises:
            StoreBusyError: another program reads from the log for longer than the busy timeout.
            StoreError: subclasses.
        """
        return FileHold(self.database)

    def size_bytes(self) -> int:
        """Size of the file and its write-ahead log on the disk."""
        size = self.path.stat().st_size
        with suppress(FileNotFoundError):  # whoever closes the file folds the log into it
            size += self.path.with_name(f"{self.path.name}-wal").stat().st_size
        return size

    def close(self) -> None:
        """Mark the file as closed properly, fold the log into it, close. Harmless when closed.

        A file that could not be marked is looked through at the next opening.
        """
        if not self._open:
            return
        self._open = False
        try:
            if not self.database.damaged:
                self.database.execute(SET_METADATA, (CLEAN_CLOSE, "1"))
                # Not for long: a backup may hold the file for minutes, and the log is as good.
                self.database.be_patient(False)
                self.database.all("PRAGMA wal_checkpoint(TRUNCATE)")
        except StoreError:
            # Nothing is lost: what is committed stands in the log beside the file.
            pass
        finally:
            self.database.close()
