"""What is learned of one process: its model, its gates, and who challenges it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np

from ..adaptation.drift import Drift
from ..payload import pack, unpack
from .gate import Gate
from .model import ProcessModel
from .rows import Rows

_KIND = "forecast_model"
_TIMES = ("learned_us", "fitted_us", "refitted_us", "tuned_us")
# A challenger is compared over so many days, and given up after so many.
_CHALLENGED_DAYS, _GIVEN_UP_DAYS = 5, 14
_SHORT_HALF_LIFE = 10.0


@dataclass(slots=True)
class Learned:
    """One process.

    Attributes:
        model: in service.
        gates: of the directions, to vacant (1 now) at index 1.
        drift: watches model against climatology.
        learned_us: rows before this were predicted and scored.
        fitted_us: rows before this were learned from; 0 while nothing is.
        refitted_us: when all members were last fitted from scratch.
        tuned_us: when other kernels were last tried; 0 where that is due.
        scored: proleptic ordinal of the day that was scored last.
        run_id: the run that fitted the model in service from scratch, or put it there.
        challenger: fitted with a shorter memory, to take over when it wins.
        its_gates: what the challenger told since it came, as `gates`.
        duel: by day since it came: loss of the model, loss of the challenger.
    """

    model: ProcessModel
    gates: tuple[Gate, Gate] = field(default_factory=lambda: (Gate(), Gate()))
    drift: Drift = field(default_factory=Drift)
    learned_us: int = 0
    fitted_us: int = 0
    refitted_us: int = 0
    tuned_us: int = 0
    scored: int = 0
    run_id: int | None = None
    challenger: ProcessModel | None = None
    its_gates: tuple[Gate, Gate] = field(default_factory=lambda: (Gate(), Gate()))
    duel: list[tuple[float, float]] = field(default_factory=list)

    @property
    def ready(self) -> bool:
        """Whether anything was learned."""
        return self.fitted_us > 0

    def set_back(self, time_us: int) -> None:
        """Nothing was learned after a time; what was done later is due again."""
        self.scored = 0 if self.learned_us > time_us else self.scored
        self.learned_us, self.fitted_us = min(self.learned_us, time_us), min(self.fitted_us, time_us)
        self.refitted_us = 0 if self.refitted_us > time_us else self.refitted_us
        self.tuned_us = 0 if self.tuned_us > time_us else self.tuned_us

    def day_of(self, middle: date) -> date:
        """The day that the next scores are of: a day's scores replace those it has, so none is named twice.

        Args:
            middle: local date of the middle of what is scored, which is about a day: less before a night that came
                sooner, or on one of 25 hours.
        """
        return date.fromordinal(max(middle.toordinal(), self.scored + 1))

    def alarm(self) -> None:
        """The routine changed: one with a shorter memory challenges, and nothing is published until it is won anew."""
        self.challenger = self.model.challenger(_SHORT_HALF_LIFE)
        self.its_gates, self.duel = (Gate(), Gate()), []
        for gate in self.gates:
            gate.forget()
        self.tuned_us = 0

    def challenged(self, mine: float, its: float) -> dict[str, Any] | None:
        """Compare the challenger on one more day; it takes over, with its gates, when it has won often enough.

        Args:
            mine: mean loss of the model in service.
            its: that of the challenger.

        Returns:
            What it won by, where it took over.
        """
        self.duel.append((mine, its))
        mean, its_mean = np.array(self.duel).mean(axis=0).tolist()
        if len(self.duel) >= _CHALLENGED_DAYS and its_mean < mean and self.challenger is not None:
            self.model, self.challenger, self.gates = self.challenger, None, self.its_gates
            return {"days": len(self.duel), "loss": its_mean, "replaced": mean}
        if len(self.duel) >= _GIVEN_UP_DAYS:
            self.challenger = None
        return None

    def payloads(self, key: str) -> tuple[bytes, bytes | None]:
        """The whole state for the store, and the challenger's where there is one.

        Args:
            key: of the layout of moments.
        """
        header, arrays = self.model.state()
        header |= {
            "gates": [gate.to_json() for gate in self.gates],
            "drift": self.drift.to_json(),
            "key": key,
            "scored": self.scored,
            **{name: getattr(self, name) for name in _TIMES},
        }
        payload = pack(_KIND, header, arrays)
        if self.challenger is None:
            return payload, None
        header, arrays = self.challenger.state()
        header["duel"] = [list(pair) for pair in self.duel]
        header["gates"] = [gate.to_json() for gate in self.its_gates]
        return payload, pack(_KIND, header, arrays)

    def restore(
        self, payload: bytes, against: bytes | None, key: str, rows_until: Callable[[int], Rows | None]
    ) -> bool:
        """Take over what `payloads` gave; whether it is of this layout, and there are moments of the past.

        Args:
            payload: of the model in service.
            against: of the challenger.
            key: of the layout of moments.
            rows_until: what had been learned from, until a time; None where nothing is left of it.

        Raises:
            PayloadError: it is damaged.
            KeyError, TypeError, ValueError: it is of another form.
        """
        header, arrays = unpack(_KIND, payload)
        rows = rows_until(header["fitted_us"]) if header["key"] == key else None
        if rows is None:
            return False
        for name in _TIMES:
            setattr(self, name, header[name])
        self.scored = header.get("scored", 0)
        for gate, value in zip(self.gates, header["gates"], strict=True):
            gate.restore(value)
        self.drift.restore(header["drift"])
        self.model.restore(header, arrays, rows)
        if against is not None:
            self._restore_challenger(against, rows)
        return True

    def _restore_challenger(self, against: bytes, rows: Rows) -> None:
        header, arrays = unpack(_KIND, against)
        self.challenger = self.model.challenger(_SHORT_HALF_LIFE)
        self.challenger.restore(header, arrays, rows)
        self.duel = [(mine, its) for mine, its in header["duel"]]
        for gate, value in zip(self.its_gates, header["gates"], strict=True):
            gate.restore(value)
