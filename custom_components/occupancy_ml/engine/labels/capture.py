"""Sleep from helpers and a sensor into labels; what was told before outlives a restart."""

from __future__ import annotations

from dataclasses import asdict, replace
import json

from ..localtime import LocalClock
from ..store import Store
from ..store.labels import Label, LabelKind, LabelSource
from .sleep import HelperState, SensedSleep, SleepProblem, SleepReading, read_helpers, read_sensor, waking_day

_WEIGHT = 1.0
_HELPERS = "sleep_helpers"
_SENSOR = "sleep_sensor"


class SleepCapture:
    """Labels of kind sleep, of the whole home. Memory lies in the file: a restart changes no times."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def helpers(
        self,
        start: HelperState | None,
        end: HelperState | None,
        clock: LocalClock,
        time_zone: str,
        now_us: int,
        who: str | None,
    ) -> SleepReading:
        """Take in the states of the two helpers; a night they tell becomes a label.

        A night that overlaps one told by helpers before supersedes it. Nonsense leaves what was told before.
        A state that is the same as at the last call was given when it was given then: Home Assistant forgets
        that at a restart. Times of day that were never seen before are only remembered, since nobody knows
        which night they meant.

        Args:
            start: the helper for the begin of sleep, None where its state is not known at the moment.
            end: the one for its end.
            clock: the home's.
            time_zone: its name.
            now_us: the time.
            who: the user who gave the states, where known.

        Raises:
            StoreError: subclasses; nothing was remembered.
        """
        if start is None or end is None:
            return SleepReading(problem=SleepProblem.NOT_TOLD)
        before = self._helpers_before()
        start, end = _given(start, before[0]), _given(end, before[1])
        reading = read_helpers(start, end, clock, now_us)
        dated = all("-" in told.state for told in (start, end))
        with self._store.transaction():
            if (start, end) != before:
                self._store.metadata.set(_HELPERS, json.dumps([asdict(start), asdict(end)]))
            if reading.problem is None and (dated or None not in before):
                assert reading.start_us is not None
                assert reading.end_us is not None
                self._keep(
                    reading.start_us, reading.end_us, LabelSource.HELPER, clock, time_zone, now_us, who
                )
        return reading

    def sensor(self, state: str, time_us: int, clock: LocalClock, time_zone: str, now_us: int) -> bool:
        """Take in a state of the sensor for sleep; whether a sleep ended and became a label.

        Raises:
            StoreError: subclasses; nothing was remembered.
        """
        text = self._store.metadata.get(_SENSOR)
        before = SensedSleep() if text is None else SensedSleep(**json.loads(text))
        after, slept = read_sensor(before, state, time_us)
        with self._store.transaction():
            if after != before:
                self._store.metadata.set(_SENSOR, json.dumps(asdict(after)))
            if slept is not None:
                self._keep(*slept, LabelSource.REFERENCE, clock, time_zone, now_us, None)
        return slept is not None

    def _helpers_before(self) -> tuple[HelperState | None, HelperState | None]:
        text = self._store.metadata.get(_HELPERS)
        if text is None:
            return None, None
        start, end = json.loads(text)
        return HelperState(**start), HelperState(**end)

    def _keep(
        self,
        start_us: int,
        end_us: int,
        source: LabelSource,
        clock: LocalClock,
        time_zone: str,
        now_us: int,
        who: str | None,
    ) -> None:
        label = Label(
            start_us=start_us,
            end_us=end_us,
            target=1.0,
            weight=_WEIGHT,
            source=source,
            known_at_us=now_us,
            kind=LabelKind.SLEEP,
            created_by=who,
            local_date=waking_day(end_us, clock),
            time_zone=time_zone,
        )
        live = self._store.labels.read(start_us, end_us, sources=(source,), kind=LabelKind.SLEEP)
        if any((old.start_us, old.end_us) == (start_us, end_us) for old in live):
            return
        new_id = self._store.labels.add(label)
        for old in live:
            if old.label_id is not None:
                self._store.labels.supersede(old.label_id, new_id)


def _given(told: HelperState, before: HelperState | None) -> HelperState:
    """A state with the time at which it was first seen."""
    same = before is not None and before.state == told.state
    return replace(told, changed_us=before.changed_us) if same and before is not None else told
