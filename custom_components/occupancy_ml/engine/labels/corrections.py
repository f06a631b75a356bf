"""Corrections against each other: the later one counts where they contradict; one withdrawn gives way again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..events import DAY_US, MINUTE_US
from ..store import Store
from ..store.errors import StoreRejectedError
from ..store.labels import Label, LabelSource

_ONLY = (LabelSource.CORRECTION,)
_PRESENT_US = 5 * MINUTE_US
_EVERY_MINUTES = 15


def add_correction(store: Store, said: Label) -> int:
    """Store a correction; its id. Older ones of the room that contradict it are superseded where they do.

    What an older one says outside the new interval goes on as a label of its own, told when, by whom and with
    the weight it was told with. Corrections that agree stay side by side.

    Raises:
        StoreError: subclasses; nothing was stored.
    """
    with store.transaction():
        new_id = store.labels.add(said)
        for old in store.labels.read(said.start_us, said.end_us, said.room_id, sources=_ONLY):
            if old.room_id != said.room_id or old.target == said.target or old.label_id is None:
                continue
            store.labels.supersede(old.label_id, new_id)
            for start_us, end_us in ((old.start_us, said.start_us), (said.end_us, old.end_us)):
                if start_us < end_us:
                    store.labels.add(_part(old, start_us, end_us))
    return new_id


def withdraw_correction(store: Store, label_id: int, now_us: int) -> Label:
    """Take back all that was said with one correction; what it had superseded counts again.

    Nothing is deleted. Where a still later correction stands, that one goes on to count.

    Returns:
        The correction, as it was told.

    Raises:
        StoreRejectedError: there is no such correction, or it was taken back before.
        StoreError: subclasses; nothing was changed.
    """
    with store.transaction():
        said = store.labels.get(label_id)
        if said is None or said.source is not LabelSource.CORRECTION:
            raise StoreRejectedError(f"there is no correction {label_id}")
        parts = [part for part in store.labels.statement(said) if part.label_id is not None]
        if all(part.superseded_at_us is not None for part in parts):
            raise StoreRejectedError(f"the correction {label_id} counts no more")
        for part in parts:
            assert part.label_id is not None
            for old in store.labels.superseded_by(part.label_id):
                start_us, end_us = max(old.start_us, part.start_us), min(old.end_us, part.end_us)
                if start_us < end_us:
                    store.labels.add(_part(old, start_us, end_us))
            store.labels.withdraw(part.label_id, now_us)
        # The whole came before its parts.
        return min(parts, key=lambda part: part.label_id or 0)


def last_correction(store: Store, room_id: str) -> Label | None:
    """What was last said of a room and still counts, None where there is nothing."""
    return store.labels.latest(LabelSource.CORRECTION, room_id)


def standing_correction(store: Store, room_id: str, now_us: int) -> Label | None:
    """What was last said of a room about the present and still counts."""
    said = store.labels.read(now_us, now_us + 1, room_id, known_by_us=now_us, sources=_ONLY)
    return max(
        (label for label in said if label.room_id == room_id),
        key=lambda label: (label.known_at_us, label.label_id or 0),
        default=None,
    )


def of_the_present(said: Label) -> bool:
    """Whether a correction spoke of the moment at which it was told: then it moves what is believed now.

    A person who corrects the recent past speaks of the present too.
    """
    return said.start_us <= said.known_at_us <= said.end_us + _PRESENT_US


def told_of_late(store: Store, room_ids: Sequence[str], now_us: int) -> list[tuple[int, int, bool]]:
    """What was told of the present within the last day and still counts, in order.

    Returns:
        (minute in which it was told, room number, whether occupied).
    """
    numbers = {room_id: number for number, room_id in enumerate(room_ids)}
    told = {  # of a correction in parts one is enough
        (said.known_at_us, numbers[said.room_id], bool(said.target))
        for said in store.labels.read(now_us - DAY_US - _PRESENT_US, now_us + DAY_US, sources=_ONLY)
        if said.room_id in numbers and of_the_present(said) and now_us - DAY_US < said.known_at_us <= now_us
    }
    return [(known_us // MINUTE_US, room, occupied) for known_us, room, occupied in sorted(told)]


def told_by_minute(
    store: Store, room_ids: Sequence[str], start_us: int, now_us: int
) -> dict[int, list[tuple[int, bool]]]:
    """What was said of a span and still counts: by minute, room numbers and whether somebody is there.

    Of a long time it is said at its begin and end, and every quarter of an hour in between.
    """
    numbers = {room_id: number for number, room_id in enumerate(room_ids)}
    told: dict[int, list[tuple[int, bool]]] = {}
    for said in store.labels.read(start_us, now_us, known_by_us=now_us, sources=_ONLY):
        if said.room_id not in numbers:
            continue
        first = max(said.start_us, start_us) // MINUTE_US
        last = max(min(said.end_us, now_us) // MINUTE_US - 1, first)
        for minute in sorted({*range(first, last, _EVERY_MINUTES), last}):
            told.setdefault(minute, []).append((numbers[said.room_id], bool(said.target)))
    return told


def _part(label: Label, start_us: int, end_us: int) -> Label:
    return replace(
        label, start_us=start_us, end_us=end_us, label_id=None, superseded_by=None, superseded_at_us=None
    )
