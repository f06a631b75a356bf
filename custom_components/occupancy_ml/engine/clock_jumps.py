"""A clock that jumps: what is stored of a time to come may be forgotten, but not for one wrong look at it."""

from __future__ import annotations

from .events import DAY_US
from .gaps import UNHEARD_US

_EVER_US = 2**62


class ClockJumps:
    """Tells from tick to tick what is stored of a time that has not come yet.

    A clock that went back by a day at most is believed at once, and one that takes back its last leap ahead. Of one
    that went back further nobody knows which of both times was wrong, and months of what was stored are at stake:
    it is believed once it has gone on evenly for a day. So is the clock at a start, since it may have been set right
    while nobody listened.

    Attributes:
        is_behind: whether the clock went back further than is believed at once, and has not come back since.
    """

    def __init__(self, now_us: int) -> None:
        self._last_us = self._even_since_us = now_us
        self._ahead_us = 0  # by how much it leapt ahead the last time
        self._in_doubt = True
        self.is_behind = False

    def to_come(self, now_us: int) -> tuple[int, int] | None:
        """(after, until): what is stored of this has not happened yet; None where nothing is known to be so.

        To be called once a tick.
        """
        last_us, self._last_us = self._last_us, now_us
        if abs(now_us - last_us) > UNHEARD_US:
            self._even_since_us = now_us
            back_us, was_behind = last_us - now_us, self.is_behind
            self.is_behind = back_us > DAY_US and abs(back_us - self._ahead_us) > DAY_US
            # Who comes back from behind has leapt nowhere.
            self._ahead_us = 0 if was_behind else max(-back_us, 0)
            if back_us > 0 and not self.is_behind:
                # What is later than that the clock did not bring about: it is not for this jump to take.
                return now_us, last_us + UNHEARD_US
            self._in_doubt |= self.is_behind
        elif self._in_doubt and now_us - self._even_since_us >= DAY_US:
            self._in_doubt = self.is_behind = False
            return now_us, _EVER_US
        return None
