"""What can go wrong with the file, sorted by what the host can do about it."""

from __future__ import annotations

import sqlite3


class StoreError(Exception):
    """The store could not do what was asked. The transaction is rolled back whole."""


class StoreUnavailableError(StoreError):
    """The file cannot be opened, read or written: missing folder, read-only, input/output error."""


class StoreBusyError(StoreError):
    """Another process holds the file longer than the busy timeout. Try again later."""


class StoreFullError(StoreError):
    """The disk, or the size allowed to the file, is full. Try again when there is room."""


class StoreDamagedError(StoreError):
    """The file is not, or no longer, a sound database. Opening it again sets it aside."""


class StoreRejectedError(StoreError):
    """The data breaks a rule of the schema; the same data will be refused again."""


class MigrationError(StoreError):
    """A migration failed and was rolled back; the file is as it was, with a backup beside it."""


class NewerSchemaError(StoreError):
    """The file was written by a newer version and was left untouched.

    Attributes:
        found: schema version of the file.
        supported: newest schema version that this code knows.
    """

    def __init__(self, found: int, supported: int) -> None:
        super().__init__(f"the file has schema version {found}, newest known is {supported}")
        self.found = found
        self.supported = supported


_BY_PRIMARY_CODE: dict[int, type[StoreError]] = {
    sqlite3.SQLITE_PERM: StoreUnavailableError,
    sqlite3.SQLITE_BUSY: StoreBusyError,
    sqlite3.SQLITE_LOCKED: StoreBusyError,
    sqlite3.SQLITE_READONLY: StoreUnavailableError,
    sqlite3.SQLITE_IOERR: StoreUnavailableError,
    sqlite3.SQLITE_CORRUPT: StoreDamagedError,
    sqlite3.SQLITE_FULL: StoreFullError,
    sqlite3.SQLITE_CANTOPEN: StoreUnavailableError,
    sqlite3.SQLITE_PROTOCOL: StoreBusyError,
    sqlite3.SQLITE_NOTADB: StoreDamagedError,
    sqlite3.SQLITE_CONSTRAINT: StoreRejectedError,
    sqlite3.SQLITE_MISMATCH: StoreRejectedError,
    sqlite3.SQLITE_TOOBIG: StoreRejectedError,
}
# The shared-memory file of the write-ahead log is grown with ftruncate: on a full
# disk SQLite reports that as an input/output error, for the user it is a full disk.
_FULL_DISK_CODES = frozenset({sqlite3.SQLITE_IOERR_SHMSIZE})


def translate(error: sqlite3.Error) -> StoreError:
    """The error of the store that says what SQLite's error means for the host."""
    code = getattr(error, "sqlite_errorcode", 0)
    kind = StoreFullError if code in _FULL_DISK_CODES else _BY_PRIMARY_CODE.get(code & 0xFF, StoreError)
    # What SQLite says of a text that it cannot decode has the text in it.
    return kind("a stored text cannot be decoded" if "decode" in str(error) else str(error))
