"""Labels: statements that a room was occupied or vacant over an interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
import json

from .database import Database, Row
from .errors import StoreRejectedError
from .names import Names

_FIELDS = (
    "kind, room, start_us, end_us, target, weight, source, known_at_us, created_by, superseded_by,"
    " superseded_at_us, local_date, time_zone"
)
_INSERT = f"INSERT INTO labels ({_FIELDS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class LabelKind(StrEnum):
    """What a label is about."""

    OCCUPANCY = "occupancy"
    SLEEP = "sleep"


class LabelSource(StrEnum):
    """Where a label comes from."""

    CORRECTION = "correction"
    REFERENCE = "reference"
    HELPER = "helper"
    AWAY = "away"
    HINDSIGHT = "hindsight"


@dataclass(frozen=True, slots=True)
class Label:
    """One statement over [start_us, end_us).

    Attributes:
        start_us: start, microseconds UTC.
        end_us: end, after the start.
        target: 1 occupied, 0 vacant; between them a degree of belief.
        weight: how much it counts in training, not negative.
        source: where it comes from.
        known_at_us: from when on it may be used.
        room_id: the room, None for the whole home.
        kind: what it is about.
        created_by: who made it, where a person did.
        local_date: the date as the person gave it (ISO), with `time_zone` (IANA).
        time_zone: see `local_date`.
        label_id: its id once stored.
        superseded_by: the label that replaced it.
        superseded_at_us: from when on it counts no more; None while it is live.
    """

    start_us: int
    end_us: int
    target: float
    weight: float
    source: LabelSource
    known_at_us: int
    room_id: str | None = None
    kind: LabelKind = LabelKind.OCCUPANCY
    created_by: str | None = None
    local_date: str | None = None
    time_zone: str | None = None
    label_id: int | None = None
    superseded_by: int | None = None
    superseded_at_us: int | None = None


class Labels:
    """The table `labels`. Labels are superseded, never overwritten, but for hindsight."""

    def __init__(self, database: Database, rooms: Names) -> None:
        self._database = database
        self._rooms = rooms

    def add(self, label: Label) -> int:
        """Store a label; its id. The very same live label said again is stored once.

        Raises:
            StoreRejectedError: end not after start, target outside [0, 1], weight negative.
        """
        with self._database.transaction():
            row = self._row(label)
            same = self._database.scalar(
                "SELECT id FROM labels WHERE kind = ? AND room IS ? AND start_us = ? AND end_us = ?"
                " AND target = ? AND weight = ? AND source = ? AND known_at_us = ? AND created_by IS ?"
                " AND superseded_at_us IS NULL",
                row[:9],
            )
            return self._database.insert(_INSERT, row) if same is None else int(same)

    def supersede(self, old_id: int, new_id: int) -> None:
        """Let a stored label replace another, from when the new one is known.

        Raises:
            StoreRejectedError: one of them is not stored, or they are the same.
        """
        with self._database.transaction():
            known_at_us = self._database.scalar("SELECT known_at_us FROM labels WHERE id = ?", (new_id,))
            if known_at_us is None or old_id == new_id:
                raise StoreRejectedError(f"label {old_id} cannot be replaced by {new_id}")
            self._end(old_id, known_at_us, new_id)

    def withdraw(self, label_id: int, now_us: int) -> None:
        """Take a label back: from `now_us` on it counts no more.

        Raises:
            StoreRejectedError: it is not stored.
        """
        with self._database.transaction():
            # What was replaced before counts no more since then; now it may not come back either.
            ended_us = self._database.scalar("SELECT superseded_at_us FROM labels WHERE id = ?", (label_id,))
            self._end(label_id, now_us if ended_us is None else ended_us, None)

    def statement(self, label: Label) -> list[Label]:
        """Everything stored of what was said with a label: itself and its parts, live or not."""
        return self._select(
            "l.room IS ? AND l.kind = ? AND l.source = ? AND l.known_at_us = ? AND l.target = ?"
            " AND l.created_by IS ?",
            [
                None if label.room_id is None else self._rooms.find(label.room_id),
                label.kind.value,
                label.source.value,
                label.known_at_us,
                label.target,
                label.created_by,
            ],
        )

    def superseded_by(self, label_id: int) -> list[Label]:
        """What a label replaced."""
        return self._select("l.superseded_by = ?", [label_id])

    def latest(
        self, source: LabelSource, room_id: str, kind: LabelKind = LabelKind.OCCUPANCY
    ) -> Label | None:
        """The live label of a source and a room that was said last, None where there is none."""
        found = self._select(
            "l.room = ? AND l.source = ? AND l.kind = ? AND l.superseded_at_us IS NULL",
            [self._rooms.find(room_id), source.value, kind.value],
        )
        return max(found, key=lambda label: (label.known_at_us, label.label_id or 0), default=None)

    def _end(self, label_id: int, at_us: int, by_id: int | None) -> None:
        changed = self._database.execute(
            "UPDATE labels SET superseded_at_us = ?, superseded_by = ? WHERE id = ?", (at_us, by_id, label_id)
        ).rowcount
        if changed == 0:
            raise StoreRejectedError(f"there is no label {label_id}")

    def replace_hindsight(
        self, room_ids: Iterable[str], start_us: int, end_us: int, labels: Sequence[Label]
    ) -> None:
        """Put new hindsight labels in place of those of some rooms over [start_us, end_us).

        A label that reaches out of the span is cut at its bounds, so what was said
        outside stays. The new labels are stored as they are, in the same transaction.

        Raises:
            ValueError: a new label is of another source or of another room, reaches out of
                the span, or two of a room overlap: pairing relies on hindsight that says one thing.
        """
        rooms = set(room_ids)
        if any(label.source is not LabelSource.HINDSIGHT or label.room_id not in rooms for label in labels):
            raise ValueError("only hindsight labels of the rooms named can be replaced")
        ended_us = dict.fromkeys(rooms, start_us)
        for label in sorted(labels, key=lambda label: label.start_us):
            assert label.room_id is not None
            if label.start_us < ended_us[label.room_id] or label.end_us > end_us:
                raise ValueError("hindsight labels overlap or reach out of their span")
            ended_us[label.room_id] = label.end_us
        with self._database.transaction():
            for room_id in sorted(rooms):
                self._cut_hindsight(room_id, start_us, end_us)
            self._database.executemany(_INSERT, [self._row(label) for label in labels])

    def _cut_hindsight(self, room_id: str, start_us: int, end_us: int) -> None:
        old = self._select(
            "l.room = ? AND l.source = ? AND l.start_us < ? AND l.end_us > ?",
            [self._rooms.find(room_id), LabelSource.HINDSIGHT.value, end_us, start_us],
        )
        rest = [replace(label, end_us=start_us) for label in old if label.start_us < start_us]
        rest += [replace(label, start_us=end_us) for label in old if label.end_us > end_us]
        self._database.executemany("DELETE FROM labels WHERE id = ?", [(label.label_id,) for label in old])
        self._database.executemany(_INSERT, [self._row(label) for label in rest])

    def read(
        self,
        start_us: int,
        end_us: int,
        room_id: str | None = None,
        known_by_us: int | None = None,
        sources: Iterable[LabelSource] | None = None,
        kind: LabelKind = LabelKind.OCCUPANCY,
        include_superseded: bool = False,
    ) -> list[Label]:
        """Labels that overlap [start_us, end_us), by (start, id).

        Args:
            start_us: start of the span.
            end_us: its end.
            room_id: only what says something about this room: its own labels and
                those of the whole home. None for all.
            known_by_us: what was known and live then, whatever happened later.
            sources: only of these sources.
            kind: what they are about.
            include_superseded: also those that count no more.
        """
        where = ["l.start_us < ?", "l.end_us > ?", "l.kind = ?"]
        parameters: list[object] = [end_us, start_us, kind.value]
        if room_id is not None:
            where.append("(l.room = ? OR l.room IS NULL)")
            parameters.append(self._rooms.find(room_id))
        if known_by_us is not None:
            where.append("l.known_at_us <= ?")
            parameters.append(known_by_us)
        if sources is not None:
            where.append("l.source IN (SELECT value FROM json_each(?))")
            parameters.append(json.dumps([source.value for source in sources]))
        if not include_superseded and known_by_us is None:
            where.append("l.superseded_at_us IS NULL")
        elif not include_superseded:
            where.append("(l.superseded_at_us IS NULL OR l.superseded_at_us > ?)")
            parameters.append(known_by_us)
        return self._select(" AND ".join(where), parameters)

    def get(self, label_id: int) -> Label | None:
        """A label by its id, None where there is none."""
        found = self._select("l.id = ?", [label_id])
        return found[0] if found else None

    def counts(self) -> dict[str, int]:
        """How many live occupancy labels there are, by source."""
        return dict(
            self._database.all(
                "SELECT source, count(*) FROM labels WHERE kind = 'occupancy' AND superseded_at_us IS NULL"
                " GROUP BY source ORDER BY source"
            )
        )

    def _select(self, where: str, parameters: Sequence[object]) -> list[Label]:
        rows = self._database.all(
            f"SELECT l.id, r.room_id, {_FIELDS} FROM labels l LEFT JOIN rooms r ON r.id = l.room"
            f" WHERE {where} ORDER BY l.start_us, l.id",
            parameters,
        )
        return [_label(row) for row in rows]

    def _row(self, label: Label) -> tuple[object, ...]:
        return (
            label.kind.value,
            None if label.room_id is None else self._rooms.intern(label.room_id),
            label.start_us,
            label.end_us,
            label.target,
            label.weight,
            label.source.value,
            label.known_at_us,
            label.created_by,
            label.superseded_by,
            label.superseded_at_us,
            label.local_date,
            label.time_zone,
        )


def _label(row: Row) -> Label:
    label_id, room_id, kind, _, start_us, end_us, target, weight, source, known_at_us, *rest = row
    created_by, superseded_by, superseded_at_us, local_date, time_zone = rest
    return Label(
        start_us=start_us,
        end_us=end_us,
        target=target,
        weight=weight,
        source=LabelSource(source),
        known_at_us=known_at_us,
        room_id=room_id,
        kind=LabelKind(kind),
        created_by=created_by,
        local_date=local_date,
        time_zone=time_zone,
        label_id=label_id,
        superseded_by=superseded_by,
        superseded_at_us=superseded_at_us,
    )
