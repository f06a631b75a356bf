"""A guard against an entity that will not be still, so that it cannot drown the others or the file.

Each entity may change 20,000 times at once, which no healthy burst exceeds, and 20 times a minute for ever.
Beyond that only the first 20 changes of a minute and its last are kept: what it was at every minute's end
stays known, and a sensor that toggles a hundred times a second costs about 30,000 events a day, not 8.6 million.
"""

from __future__ import annotations

from dataclasses import dataclass

AT_ONCE = 20_000
A_MINUTE = 20


@dataclass(slots=True)
class _Allowance[T]:
    minute: int
    left: int
    held: T | None = None


class RateGuard[T]:
    """Decides for each change of an entity whether it is kept. Pure counting: the time is that of the changes."""

    def __init__(self, at_once: int = AT_ONCE, a_minute: int = A_MINUTE) -> None:
        self._at_once = at_once
        self._a_minute = a_minute
        self._of: dict[str, _Allowance[T]] = {}
        self.left_out = 0

    def offer(self, entity_id: str, minute: int, change: T) -> tuple[T, ...]:
        """What is to be kept now, in order of time: nothing, this change, or one held back before and this one.

        Args:
            entity_id: who changed.
            minute: in which minute, counted from anywhere; an earlier one counts as the running one.
            change: what is kept or left out.
        """
        own = self._of.get(entity_id)
        if own is None:
            own = self._of[entity_id] = _Allowance(minute, self._at_once)
        held: tuple[T, ...] = ()
        if minute > own.minute:
            own.left = min(own.left + self._a_minute * (minute - own.minute), self._at_once)
            own.minute = minute
            if own.held is not None:
                held, own.held = (own.held,), None
        elif minute < own.minute - 1:
            own.minute = minute  # the clock went back: the allowance fills again from here
        if own.left > 0:
            own.left -= 1
            return (*held, change)
        if own.held is not None:
            self.left_out += 1
        own.held = change
        return held

    def release(self) -> list[T]:
        """The changes held back, for the end of a minute: as far as is known, each is the last of its entity."""
        found = []
        for own in self._of.values():
            if own.held is not None:
                found.append(own.held)
                own.held = None
        return found

    @property
    def thinned(self) -> list[str]:
        """Entities whose allowance is used up."""
        return sorted(entity_id for entity_id, own in self._of.items() if own.left <= 0)
