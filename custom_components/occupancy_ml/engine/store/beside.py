"""What stands beside the database in its folder: damaged files set aside, the fresh one, copies from before updates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
import fcntl
import os
from pathlib import Path
import re

from ..events import from_us
from .errors import StoreUnavailableError

_SIDE_FILES = ("-wal", "-shm", "-journal")
# Copies from before a migration: the last one, and the one before it should the last step turn out to be wrong.
_COPIES_KEPT = 2


@contextmanager
def one_start_at_a_time(folder: Path) -> Iterator[None]:
    """Wait until no other start is creating, migrating or setting aside a file in this folder.

    Otherwise one takes the file that another has just begun for a damaged one. The folder itself is locked: the
    file may be renamed, and such a lock goes with its process.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        # Opening the file will say what is wrong.
        yield
        return
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def forget_old_copies(path: Path) -> None:
    """Of the copies that migrations left beside a file that has opened well, keep those of the newest versions."""
    named = re.compile(rf"{re.escape(path.name)}\.v(\d+)\.bak")
    with suppress(OSError):
        found = [
            (int(match[1]), copy) for copy in path.parent.iterdir() if (match := named.fullmatch(copy.name))
        ]
        for _, copy in sorted(found)[:-_COPIES_KEPT]:
            copy.unlink(missing_ok=True)


def free_name(path: Path, now_us: int) -> Path:
    """A dated name beside the file that none has yet."""
    stamp = from_us(now_us).strftime("%Y%m%dT%H%M%SZ")
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    return target


def set_aside(path: Path, target: Path) -> None:
    """Rename the file and those beside it.

    Raises:
        StoreUnavailableError: it cannot be renamed.
    """
    # The database last: while it stands, the next start finds the damage again.
    for suffix in _SIDE_FILES:
        side = path.with_name(path.name + suffix)
        if side.exists():
            rename(side, target.with_name(target.name + suffix))
    rename(path, target)


def fresh_name(path: Path) -> Path:
    """The name of a fresh file that is whole, until it takes the place of a damaged one."""
    return path.with_name(f"{path.name}.fresh")


def take_empty_place(path: Path) -> None:
    """Let a fresh file that is whole take the place that the damaged one has left, also one of an earlier start.

    Raises:
        StoreUnavailableError: it cannot be renamed.
    """
    fresh = fresh_name(path)
    # Not by the paths' own `exists`, which raises where a folder may not be read.
    if os.path.exists(path):  # noqa: PTH110
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
    elif os.path.exists(fresh):  # noqa: PTH110
        rename(fresh, path)


def remove(path: Path) -> None:
    """Delete a file and those beside it, where there are any.

    Raises:
        StoreUnavailableError: one cannot be deleted.
    """
    try:
        for suffix in ("", *_SIDE_FILES):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as error:
        raise StoreUnavailableError(f"cannot delete {path.name}: {error.strerror}") from error


def rename(path: Path, target: Path) -> None:
    """Give a file another name.

    Raises:
        StoreUnavailableError: it cannot be renamed.
    """
    try:
        path.rename(target)
    except OSError as error:
        raise StoreUnavailableError(f"cannot rename {path.name}: {error.strerror}") from error
