"""One connection to the file: settings, statements, transactions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
import sqlite3
from typing import Any

from .errors import StoreBusyError, StoreDamagedError, StoreError, translate

type Row = tuple[Any, ...]
type Parameters = Sequence[object] | Mapping[str, object]

BUSY_TIMEOUT_MS = 5000
_IMPATIENT_MS = 100
# The write-ahead log is cut back to this size after a checkpoint, so that one large
# import does not keep its space for good.
_WAL_LIMIT_BYTES = 16 * 1024 * 1024


class Database:
    """The writing connection. Callers serialise their calls; any thread may call.

    Every error of SQLite leaves here as a `StoreError`.

    Attributes:
        path: the file.
        damaged: whether damage was met.
        stopwatch: microseconds since some moment, by a clock of the host; without one nothing takes any time.
        begun: by table and number of a run that goes on, when it began less the stopwatch of that moment.
    """

    def __init__(self, path: Path, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> None:
        """Open or create the file. Nothing is written to a file that already has content."""
        self.path = path
        self.damaged = False
        self.stopwatch: Callable[[], int] = int
        self.begun: dict[tuple[str, int], int] = {}
        self._depth = 0
        self._doomed = False
        self._busy_timeout_ms = busy_timeout_ms
        self._patient = True
        self._on_rollback: list[Callable[[], None]] = []
        try:
            self._connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode=rwc",
                uri=True,
                timeout=busy_timeout_ms / 1000,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise translate(error) from error
        try:
            # Until the version is known, closing must not fold the log into the file.
            self.fold_on_close(False)
            self.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            self._connection.close()
            raise

    def shape_new_file(self) -> None:
        """Choose what can only be chosen while the file is empty."""
        self.execute("PRAGMA auto_vacuum = INCREMENTAL")

    def use_wal(self) -> None:
        """Switch the file to write-ahead logging and set how it is kept."""
        self.execute("PRAGMA journal_mode = WAL")
        self.execute("PRAGMA synchronous = NORMAL")
        self.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT_BYTES}")

    def fold_on_close(self, fold: bool) -> None:
        """Whether closing the last connection folds the write-ahead log into the file."""
        self._connection.setconfig(sqlite3.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, not fold)

    def on_rollback(self, call: Callable[[], None]) -> None:
        """Have `call` called after each rollback, for caches of what was written."""
        self._on_rollback.append(call)

    def execute(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        """Run one statement."""
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def executemany(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run one writing statement for each row; the number of rows it changed."""
        try:
            return self._connection.executemany(sql, rows).rowcount
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def all(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """All rows of a query."""
        try:
            return self._connection.execute(sql, parameters).fetchall()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._translated(error) from error

    def one(self, sql: str, parameters: Parameters = ()) -> Row | None:
        """The first row of a query, None where there is none."""
        try:
            row: Row | None = self._connection.execute(sql, parameters).fetchone()
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise self._translated(error) from error
        return row

    def scalar(self, sql: str, parameters: Parameters = ()) -> Any:
        """The first column of the first row of a query, None where there is none."""
        row = self.one(sql, parameters)
        return None if row is None else row[0]

    def row_count(self, table: str) -> int:
        """How many rows a counted table has, without counting them."""
        return int(self.scalar("SELECT n FROM row_counts WHERE name = ?", (table,)))

    def insert(self, sql: str, parameters: Parameters) -> int:
        """Run one insertion; the id of the new row."""
        new_id = self.execute(sql, parameters).lastrowid
        if new_id is None:
            raise StoreError("the insertion gave no id")
        return new_id

    @property
    def in_transaction(self) -> bool:
        """Whether a `transaction` is open."""
        return self._depth > 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Calls inside another transaction join it.

        Raises:
            StoreError: subclasses as SQLite reports; all is rolled back. Also when a
                joined part failed and the caller went on regardless.
        """
        if self._depth:
            self._depth += 1
            try:
                yield
            except BaseException:
                self._doomed = True
                raise
            finally:
                self._depth -= 1
            return
        self._begin()
        self._depth = 1
        self._doomed = False
        try:
            yield
            if self._doomed:
                raise StoreError("a part of the transaction failed")
            self.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise
        finally:
            self._depth = 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Several readings of one and the same state of the file."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            # Some errors end it by themselves.
            if self._connection.in_transaction:
                self.execute("ROLLBACK")

    def _begin(self) -> None:
        try:
            self.execute("BEGIN IMMEDIATE")
        except StoreBusyError:
            # The file is held, and was waited for in full: asking again must not cost as much each time.
            self.be_patient(False)
            raise
        self.be_patient(True)

    def be_patient(self, patient: bool) -> None:
        """Whether to wait for others who hold the file as long as the busy timeout, or only for a moment."""
        if patient != self._patient:
            self._patient = patient
            allowed = self._busy_timeout_ms if patient else min(self._busy_timeout_ms, _IMPATIENT_MS)
            self.execute(f"PRAGMA busy_timeout = {allowed:d}")

    def backup(self, target: sqlite3.Connection) -> None:
        """Copy the whole file, consistent, into another connection."""
        try:
            self._connection.backup(target)
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def damage(self, finding: str) -> StoreDamagedError:
        """Note that the file is damaged; the error to raise."""
        self.damaged = True
        return StoreDamagedError(finding)

    def close(self) -> None:
        """Close the connection; harmless when closed."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _roll_back(self) -> None:
        # SQLite itself rolls back on some errors (a full disk); then nothing is open.
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise self._translated(error) from error
        finally:
            for call in self._on_rollback:
                call()

    def _translated(self, error: sqlite3.Error | UnicodeDecodeError) -> StoreError:
        if isinstance(error, UnicodeDecodeError):
            return self.damage(f"a text is not sound: {error.reason}")
        translated = translate(error)
        if isinstance(translated, StoreDamagedError):
            self.damaged = True
        return translated


@contextmanager
def read_only(path: Path, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Iterator[sqlite3.Connection]:
    """A separate read-only connection; it sees the last commit and blocks no writer.

    Raises:
        StoreError: subclasses as SQLite reports.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=busy_timeout_ms / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise translate(error) from error
    try:
        yield connection
    except sqlite3.Error as error:
        raise translate(error) from error
    finally:
        connection.close()
