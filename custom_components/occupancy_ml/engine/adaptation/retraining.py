"""What is to be fitted from scratch, the most urgent first; what waits for longer goes before its equals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum


class Cause(IntEnum):
    """Why a process is to be fitted; the lower, the sooner."""

    ALARM = 0
    CORRECTION = 1
    SCHEDULE = 2
    REQUEST = 3


class Queue:
    """Processes that wait, each once, with its most urgent cause. What is taken waits again unless it is done."""

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Cause, int]] = {}
        self._taken: dict[str, Cause] = {}
        self._count = 0

    def add(self, process: str, cause: Cause) -> None:
        """Let a process wait; a more urgent cause replaces a lesser one and keeps its place among its equals."""
        before = self._waiting.get(process)
        if before is None or cause < before[0]:
            self._waiting[process] = (cause, self._count)
            self._count += 1

    def take(self, process: str) -> Cause | None:
        """It is being fitted; why, None where it did not wait."""
        found = self._waiting.pop(process, None)
        if found is None:
            return None
        self._taken[process] = min(found[0], self._taken.get(process, found[0]))
        return found[0]

    def done(self, process: str) -> None:
        """What was fitted of it is kept."""
        self._taken.pop(process, None)

    def put_back(self) -> None:
        """What was taken and is not done waits again."""
        taken, self._taken = self._taken, {}
        for process, cause in taken.items():
            self.add(process, cause)

    def __contains__(self, process: str) -> bool:
        return process in self._waiting

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[str]:
        """The most urgent first."""
        return iter(sorted(self._waiting, key=lambda process: self._waiting[process]))

    def to_json(self) -> list[list[object]]:
        """What waits, in order, then what was taken and is not done."""
        waiting = [[process, int(self._waiting[process][0])] for process in self]
        return [*waiting, *([process, int(cause)] for process, cause in self._taken.items())]

    def restore(self, value: Sequence[Sequence[object]]) -> None:
        """Take over what `to_json` gave."""
        self._waiting.clear()
        self._taken.clear()
        for process, cause in value:
            self.add(str(process), Cause(int(str(cause))))
