"""Corrections against each other: the later counts, taken back it gives way, and nothing is overwritten."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.labels.corrections import (
    add_correction,
    last_correction,
    standing_correction,
    withdraw_correction,
)
from custom_components.occupancy_ml.engine.store import Label, LabelSource, Store, StoreRejectedError
from tests.engine.store.helpers import NOW_US, fresh_store


def said(start: int, end: int, occupied: bool, known: int, room_id: str = "hall") -> Label:
    return Label(start, end, float(occupied), 6.0, LabelSource.CORRECTION, known, room_id, created_by="ada")


def at(store: Store, moment: int, room_id: str = "hall") -> float | None:
    """What counts at a moment, by the precedence of pairing."""
    live = store.labels.read(moment, moment + 1, room_id)
    best = max(live, key=lambda label: (label.known_at_us, label.label_id or 0), default=None)
    return None if best is None else best.target


@pytest.fixture
def store() -> object:
    with fresh_store() as opened:
        yield opened


def test_an_older_correction_gives_way_where_it_contradicts(store: Store) -> None:
    old = add_correction(store, said(0, 100, True, 1000))
    new = add_correction(store, said(40, 60, False, 2000))
    live = store.labels.read(0, 100, "hall")
    assert [(label.start_us, label.end_us, label.target) for label in live] == [
        (0, 40, 1.0),
        (40, 60, 0.0),
        (60, 100, 1.0),
    ]
    # No row contradicts another, the old one is still there, and its parts are as old as it was.
    kept = store.labels.get(old)
    assert kept is not None
    assert (kept.start_us, kept.end_us, kept.superseded_by, kept.superseded_at_us) == (0, 100, new, 2000)
    assert {label.known_at_us for label in live if label.target} == {1000}
    assert [label.target for label in store.labels.read(0, 100, "hall", known_by_us=1500)][:1] == [1.0]


def test_corrections_that_agree_and_those_of_other_rooms_stay(store: Store) -> None:
    first = add_correction(store, said(0, 100, True, 1000))
    second = add_correction(store, said(50, 150, True, 2000))
    other = add_correction(store, said(0, 150, False, 3000, "kitchen"))
    assert [label.label_id for label in store.labels.read(0, 999)] == [first, other, second]


def test_undoing_goes_back_step_by_step(store: Store) -> None:
    first = add_correction(store, said(0, 100, True, 1000))
    second = add_correction(store, said(50, 150, False, 2000))
    last = last_correction(store, "hall")
    assert last is not None
    assert last.label_id == second
    assert withdraw_correction(store, second, 3000).label_id == second
    assert [at(store, moment) for moment in (10, 60, 120)] == [1.0, 1.0, None]
    with pytest.raises(StoreRejectedError):
        withdraw_correction(store, second, 3001)
    # The first, by the number it was answered with, though it stands in parts by now.
    back = withdraw_correction(store, first, 4000)
    assert (back.label_id, back.start_us, back.end_us) == (first, 0, 100)
    assert [at(store, moment) for moment in (10, 60, 120)] == [None, None, None]
    assert last_correction(store, "hall") is None


def test_only_corrections_can_be_withdrawn(store: Store) -> None:
    other = store.labels.add(Label(0, 9, 1.0, 1.0, LabelSource.REFERENCE, 9, "hall"))
    for wrong in (other, other + 1):
        with pytest.raises(StoreRejectedError):
            withdraw_correction(store, wrong, NOW_US)


def test_what_stands_of_the_present(store: Store) -> None:
    add_correction(store, said(0, 100, True, 10))
    add_correction(store, said(0, 20, False, 30))
    standing = standing_correction(store, "hall", 50)
    assert standing is not None
    assert (standing.target, standing.end_us) == (1.0, 100)
    assert standing_correction(store, "hall", 100) is None
    assert standing_correction(store, "kitchen", 50) is None


@dataclass
class Statement:
    """The plain model: what was said and whether it still stands; the last one about a moment is right."""

    label: Label
    label_id: int
    stands: bool = True


_SAID = st.tuples(st.integers(0, 20), st.integers(1, 12), st.booleans())
_STEPS = st.lists(st.one_of(_SAID, st.integers(0, 20)), min_size=1, max_size=14)


@settings(max_examples=120, deadline=None)
@given(_STEPS)
def test_at_each_moment_the_last_that_stands_is_right(steps: list[tuple[int, int, bool] | int]) -> None:
    with fresh_store() as store:
        model: list[Statement] = []
        for number, step in enumerate(steps):
            now_us = 1000 + number
            if isinstance(step, tuple):
                label = said(step[0], step[0] + step[1], step[2], now_us)
                model.append(Statement(label, add_correction(store, label)))
            elif standing := [statement for statement in model if statement.stands]:
                chosen = standing[step % len(standing)]
                parts = store.labels.statement(chosen.label)
                if any(part.superseded_at_us is None for part in parts):
                    assert withdraw_correction(store, chosen.label_id, now_us).label_id == chosen.label_id
                    chosen.stands = False
            for moment in range(34):
                about = [
                    statement.label.target
                    for statement in model
                    if statement.stands and statement.label.start_us <= moment < statement.label.end_us
                ]
                assert at(store, moment) == (about[-1] if about else None)
        # What was said is all still there, as it was said.
        assert [store.labels.get(statement.label_id) is not None for statement in model] == [True] * len(
            model
        )
