"""Keeping the main file as it is while something outside copies it."""

from __future__ import annotations

import sqlite3

from .database import Database
from .errors import StoreBusyError, translate


class FileHold:
    """While it lasts, no byte of the main file changes; commits go on into the write-ahead log beside it.

    A reader whose snapshot is the main file alone forbids SQLite to fold the log into it
    (https://www.sqlite.org/walformat.html, WAL_READ_LOCK(0)). The log only grows meanwhile, so a copy of both
    files, taken in any order and at any pace, is the state of the copied log's last whole commit.
    """

    def __init__(self, database: Database) -> None:
        """Fold the log into the file, which may wait for readers as long as the busy timeout, then hold it.

        No writing call may run until this returns.

        Raises:
            StoreBusyError: another program reads from the log for longer than that.
            StoreError: subclasses.
        """
        row = database.one("PRAGMA wal_checkpoint(TRUNCATE)")
        if row is None or row[0]:
            raise StoreBusyError("another program is reading the file")
        try:
            self._connection = sqlite3.connect(
                f"{database.path.absolute().as_uri()}?mode=ro",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._connection.execute("BEGIN")
                # The transaction begins with the first read.
                self._connection.execute("SELECT count(*) FROM metadata").fetchone()
            except BaseException:
                self._connection.close()
                raise
        except sqlite3.Error as error:
            raise translate(error) from error

    def release(self) -> None:
        """Let the log be folded into the file again. Safe to repeat."""
        self._connection.close()
