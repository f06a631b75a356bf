"""Labels: superseded, never overwritten; hindsight alone is replaced over a span."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings, strategies as st
import pytest

from custom_components.occupancy_ml.engine.store import (
    Label,
    LabelKind,
    LabelSource,
    Store,
    StoreRejectedError,
)
from tests.engine.store.helpers import NOW_US, fresh_store


def label(start: int, end: int, target: float = 1.0, **fields: object) -> Label:
    """A correction in the hall, known when it ends."""
    base = Label(start, end, target, 1.0, LabelSource.CORRECTION, end, room_id="hall")
    return replace(base, **fields)  # type: ignore[arg-type]


def hindsight(start: int, end: int, room_id: str = "hall", target: float = 0.0) -> Label:
    """A label by hindsight."""
    return Label(start, end, target, 0.5, LabelSource.HINDSIGHT, end, room_id=room_id)


def test_a_label_reads_back_whole(store: Store) -> None:
    said = label(
        10,
        20,
        0.25,
        weight=3.5,
        kind=LabelKind.SLEEP,
        room_id=None,
        source=LabelSource.HELPER,
        created_by="ada",
        local_date="2026-03-01",
        time_zone="Europe/Amsterdam",
    )
    label_id = store.labels.add(said)
    assert store.labels.get(label_id) == replace(said, label_id=label_id)
    assert store.labels.read(0, 99, kind=LabelKind.SLEEP) == [replace(said, label_id=label_id)]
    assert store.labels.read(0, 99) == []
    assert store.labels.get(label_id + 1) is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.builds(
            lambda start, length, room, source, known: Label(
                start, start + length, 1.0, 1.0, source, known, room_id=room
            ),
            st.integers(0, 30),
            st.integers(1, 10),
            st.sampled_from([None, "hall", "kitchen"]),
            st.sampled_from(LabelSource),
            st.integers(0, 40),
        ),
        max_size=15,
        unique=True,
    ),
    st.integers(0, 40),
    st.integers(0, 15),
    st.integers(0, 40),
)
def test_reading_is_that_of_a_plain_list(labels: list[Label], start: int, length: int, known: int) -> None:
    with fresh_store() as store:
        stored = [replace(said, label_id=store.labels.add(said)) for said in labels]
        stored.sort(key=lambda said: (said.start_us, said.label_id))
        inside = [said for said in stored if said.start_us < start + length and said.end_us > start]
        assert store.labels.read(start, start + length) == inside
        assert store.labels.read(
            start, start + length, "hall", known, [LabelSource.CORRECTION, LabelSource.AWAY]
        ) == [
            said
            for said in inside
            if said.room_id in (None, "hall")
            and said.known_at_us <= known
            and said.source in (LabelSource.CORRECTION, LabelSource.AWAY)
        ]


def test_the_very_same_label_is_stored_once(store: Store) -> None:
    first = store.labels.add(label(10, 20))
    assert store.labels.add(label(10, 20)) == first
    assert store.labels.add(label(10, 20, known_at_us=21)) != first
    store.labels.withdraw(first, 30)
    assert store.labels.add(label(10, 20)) != first
    assert store.labels.counts() == {"correction": 2}


def test_a_superseded_label_stays_and_was_live_before(store: Store) -> None:
    old = store.labels.add(label(10, 20, known_at_us=25))
    new = store.labels.add(label(10, 20, 0.0, known_at_us=50))
    store.labels.supersede(old, new)

    def ids(known_by_us: int | None = None, everything: bool = False) -> list[int | None]:
        found = store.labels.read(0, 99, known_by_us=known_by_us, include_superseded=everything)
        return [said.label_id for said in found]

    assert ids() == [new]
    assert ids(known_by_us=24) == []
    assert ids(known_by_us=49) == [old]
    assert ids(known_by_us=50) == [new]
    assert ids(everything=True) == [old, new]
    kept = store.labels.get(old)
    assert kept is not None
    assert (kept.superseded_by, kept.superseded_at_us, kept.target) == (new, 50, 1.0)


def test_a_withdrawn_label_counts_no_more(store: Store) -> None:
    said = store.labels.add(label(10, 20))
    store.labels.withdraw(said, 60)
    assert store.labels.read(0, 99) == []
    assert len(store.labels.read(0, 99, known_by_us=59)) == 1
    assert len(store.labels.read(0, 99, include_superseded=True)) == 1


@pytest.mark.parametrize(
    "wrong", [label(20, 20), label(20, 10), label(0, 1, 1.5), label(0, 1, -0.1), label(0, 1, weight=-1.0)]
)
def test_a_label_that_says_nonsense_is_refused(store: Store, wrong: Label) -> None:
    with pytest.raises(StoreRejectedError):
        store.labels.add(wrong)
    assert store.labels.read(-9, 99) == []


def test_what_is_not_there_cannot_be_superseded_or_supersede(store: Store) -> None:
    said = store.labels.add(label(10, 20))
    for old, new in ((said, said), (said, said + 1), (said + 1, said)):
        with pytest.raises(StoreRejectedError):
            store.labels.supersede(old, new)
    with pytest.raises(StoreRejectedError):
        store.labels.withdraw(said + 1, 5)
    assert len(store.labels.read(0, 99)) == 1


def test_replacing_hindsight_is_repeatable_and_leaves_the_rest(store: Store) -> None:
    correction = store.labels.add(label(0, 100))
    store.labels.replace_hindsight(["kitchen"], 0, 100, [hindsight(0, 100, "kitchen")])
    store.labels.replace_hindsight(["hall"], 0, 100, [hindsight(0, 60), hindsight(60, 100)])
    for _ in range(2):
        store.labels.replace_hindsight(["hall"], 20, 80, [hindsight(30, 50, target=1.0)])
    found = store.labels.read(0, 100, "hall", sources=[LabelSource.HINDSIGHT])
    assert [(said.start_us, said.end_us, said.target) for said in found] == [
        (0, 20, 0.0),
        (30, 50, 1.0),
        (80, 100, 0.0),
    ]
    assert store.labels.get(correction) is not None
    assert len(store.labels.read(0, 100, "kitchen")) == 1


def test_a_label_longer_than_the_span_keeps_both_its_ends(store: Store) -> None:
    store.labels.replace_hindsight(["hall"], 0, 100, [hindsight(0, 100)])
    store.labels.replace_hindsight(["hall"], 40, 60, [])
    found = store.labels.read(0, 100)
    assert [(said.start_us, said.end_us) for said in found] == [(0, 40), (60, 100)]


@pytest.mark.parametrize("wrong", [label(0, 9), hindsight(0, 9, "kitchen")])
def test_only_hindsight_of_the_rooms_named_can_be_replaced(store: Store, wrong: Label) -> None:
    with pytest.raises(ValueError, match="hindsight labels of the rooms named"):
        store.labels.replace_hindsight(["hall"], 0, NOW_US, [wrong])


@pytest.mark.parametrize("wrong", [[(0, 9), (8, 12)], [(0, 9), (0, 3)], [(95, 101)], [(9, 20)]])
def test_hindsight_says_one_thing_of_a_time(store: Store, wrong: list[tuple[int, int]]) -> None:
    start = 10 if wrong == [(9, 20)] else 0
    with pytest.raises(ValueError, match="overlap"):
        store.labels.replace_hindsight(["hall"], start, 100, [hindsight(*span) for span in wrong])
    assert not store.labels.read(0, 200)
