"""What every member of the ensemble answers to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from .bins import Floats
from .rows import Rows


class Member(Protocol):
    """One model of a process. Both directions, from what is believed now."""

    name: str

    def fit(self, rows: Rows) -> Iterator[None] | None:
        """Learn from rows by time; what was learned before is forgotten. May yield between bounded slices."""

    def update(self, rows: Rows, since_us: int) -> Iterator[None] | None:
        """Learn from the rows from a time on as well, given with all before them; cheap."""

    def hazard(self, rows: Rows) -> Floats:
        """(n, BINS) P(it changes within the bin given that it did not before); nan where nothing is known."""

    def arrays(self) -> dict[str, Any]:
        """What was fitted; nothing of a table, which is made again from the rows."""

    def use(self, arrays: dict[str, Any]) -> None:
        """Take over what `arrays` gave."""


class Fading(Member, Protocol):
    """A member to which what is older counts less: half after so many days."""

    half_life: float
