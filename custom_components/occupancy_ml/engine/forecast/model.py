"""One process: its members, how they are combined, its intervals; predictions first, learning after."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from .bins import BINS, cdf_of
from .climatology import Climatology
from .combining import Answer, Pool, Said, combined
from .kaplan_meier import KaplanMeier
from .kernel_semi_markov import BY_CLOCK, Kernel, KernelSemiMarkov
from .member import Fading, Member
from .processes import Bools
from .rows import Rows

TABLES = 4
"""The first members are tables, kept in memory and made again from the rows."""


class OtherMembersError(ValueError):
    """What was saved was learned with other members: the user chose others since."""


class ProcessModel:
    """Everything learned of one process."""

    def __init__(self, members: Sequence[Fading] = (), kernel: Kernel | None = None) -> None:
        self.kernel, self.climatology = KernelSemiMarkov(kernel), Climatology()
        by_clock = KernelSemiMarkov(BY_CLOCK, "kernel_by_clock", self.kernel)
        self.meier, self.by_clock = KaplanMeier(), by_clock
        self.members: list[Member] = [self.kernel, self.climatology, self.meier, by_clock, *members]
        # Beside the first kernel, whose memory is part of what tuning tries.
        self.fading: list[Fading] = [by_clock, *members]
        self.pools = tuple(Pool(len(self.members)) for _ in (0, 1))
        # As they were before the last day was learned.
        self._earlier = tuple(Pool(len(self.members)) for _ in (0, 1))

    def fit(self, rows: Rows) -> Iterator[None]:
        """Fit all members anew, one a slice or more."""
        for member in self.members:
            yield from member.fit(rows) or ()
            yield

    def update(self, rows: Rows, since_us: int) -> Iterator[None]:
        """Let all members learn from the rows from a time on, given with all before them."""
        for member in self.members:
            yield from member.update(rows, since_us) or ()
            yield

    def predict(self, rows: Rows, *, briefly: bool = False) -> Answer:
        """Forecasts of both directions, each by what is believed.

        Args:
            rows: of the moments.
            briefly: do not ask members that have no weight.
        """
        return combined(self.asked(rows, briefly=briefly), self.pools, rows.believed.astype(np.int64))

    def foretell(self, rows: Rows) -> Answer:
        """Forecasts of the day after the last one that was learned, as they were made while it was to come.

        What came of that last day is known only once this one is over, since its changes reach into it.
        """
        return combined(self.asked(rows), self._earlier, rows.believed.astype(np.int64))

    def asked(self, rows: Rows, *, briefly: bool = False) -> Said:
        """What the members say; of members that are not asked nan."""
        members = np.full((len(self.members), len(rows), BINS), np.nan)
        members[0], near, _ = self.kernel.cdf(rows)
        members[1], usual = self.climatology.cdf(rows)
        for number in range(2, len(self.members)):
            if not briefly or self.counts(number, rows.believed):
                members[number] = cdf_of(self.members[number].hazard(rows))
        return Said(members, near, usual, rows.chance, rows.believed)

    def counts(self, number: int, believed: Bools) -> bool:
        """Whether a member has weight in one of the directions of moments (n,)."""
        return any(self.pools[side].stack.weights[number] > 0 for side in np.unique(believed).astype(int))

    def learn(self, rows: Rows, answer: Answer) -> Generator[None]:
        """Learn how to combine and how wide to be, from forecasts and what then came.

        Yields:
            Nothing, after every bounded slice.
        """
        self._earlier = deepcopy(self.pools)
        for side, pool in enumerate(self.pools):
            ours = np.flatnonzero((rows.believed == bool(side)) & np.isfinite(rows.wait))
            yield from pool.learn(rows.take(ours), answer.take(ours))

    def challenger(self, half_life: float) -> ProcessModel:
        """One with the same members and a shorter memory, that combines as this one does until it knows better.

        Climatology and Kaplan-Meier have no memory to be shortened: they count all days alike.
        """
        other = ProcessModel(
            [type(member)() for member in self.fading[1:]],
            replace(self.kernel.kernel, half_life=half_life),
        )
        for member in other.fading:
            member.half_life = half_life
        header, _ = self.state()
        other.restore_pools(header)
        return other

    def tune(self, kernel: Kernel) -> None:
        """Another kernel serves; members that forget faster than it does remember as long, but no longer than at first."""
        self.kernel.kernel = kernel
        for member in self.fading:
            member.half_life = max(member.half_life, min(kernel.half_life, _default(member)))

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What was learned but for the tables, which are made again from the rows."""
        header: dict[str, Any] = {
            "names": [member.name for member in self.members],
            "pools": [pool.to_json() for pool in self.pools],
            "earlier": [pool.to_json() for pool in self._earlier],
            "kernel": asdict(self.kernel.kernel),
            "half_lives": {member.name: member.half_life for member in self.fading},
        }
        arrays: dict[str, Any] = {}
        for member in self.members[TABLES:]:
            arrays |= {f"{member.name}.{name}": value for name, value in member.arrays().items()}
        return header, arrays

    def restore_pools(self, header: dict[str, Any]) -> None:
        """How members are combined, and how wide intervals are.

        Raises:
            KeyError, TypeError, ValueError: it is of another form.
            OtherMembersError: it was saved with other members.
        """
        if header["names"] != [member.name for member in self.members]:
            raise OtherMembersError("the members are others now")
        for pools, stored in ((self.pools, header["pools"]), (self._earlier, header["earlier"])):
            for pool, value in zip(pools, stored, strict=True):
                pool.restore(value)

    def restore(self, header: dict[str, Any], arrays: dict[str, Any], rows: Rows) -> None:
        """Take over what `state` gave; the tables are made from the rows they were made from."""
        self.restore_pools(header)
        self.kernel.kernel = Kernel(**header["kernel"])
        stored = header.get("half_lives", {})
        for fading in self.fading:
            fading.half_life = stored.get(fading.name, _default(fading))
        for table in self.members[:TABLES]:
            for _ in table.fit(rows) or ():
                pass
        for member in self.members[TABLES:]:
            first = f"{member.name}."
            member.use({name.removeprefix(first): v for name, v in arrays.items() if name.startswith(first)})


def _default(member: Fading) -> float:
    """How long a member remembers that did not take over from another."""
    return BY_CLOCK.half_life if isinstance(member, KernelSemiMarkov) else type(member).half_life
