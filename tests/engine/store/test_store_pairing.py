"""The pairing rule: the same in SQL and in Python, and no row sees beyond its label."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
import sqlite3

from hypothesis import given, settings, strategies as st
import numpy as np

from custom_components.occupancy_ml.engine.store import (
    PRECEDENCE,
    FeatureBlock,
    Label,
    LabelKind,
    LabelSource,
    Store,
    pair,
)
from tests.engine.store.helpers import NOW_US, fresh_store

_ROOMS = ("hall", "kitchen")
# Few steps, so that bounds meet often, of which four last longer than a day.
_STEP_US = 6 * 3_600_000_000
_LABELS = st.builds(
    lambda start, length, **rest: Label(
        start_us=start * _STEP_US, end_us=(start + length) * _STEP_US, weight=1.0, **rest
    ),
    st.integers(0, 60),
    st.integers(1, 40),
    target=st.sampled_from([0.0, 0.5, 1.0]),
    source=st.sampled_from(LabelSource),
    known_at_us=st.integers(0, 3),
    room_id=st.sampled_from([None, *_ROOMS]),
    kind=st.sampled_from([LabelKind.OCCUPANCY, LabelKind.OCCUPANCY, LabelKind.SLEEP]),
)
_WINDOWS = st.lists(
    st.tuples(st.integers(1, 80), st.integers(1, 12)), max_size=25, unique_by=lambda window: window[0]
)


def write_windows(store: Store, room_id: str, windows: list[tuple[int, int]]) -> None:
    """Feature rows of a room from pairs (end, length)."""
    ends = np.array([end for end, _ in windows], np.int64)
    lengths = np.array([length for _, length in windows], np.int64)
    n = len(windows)
    store.features.write(
        [FeatureBlock(room_id, 1, ends - lengths, ends, NOW_US, np.zeros(n, np.int64), np.zeros((n, 2)))]
    )


def as_stored(labels: list[Label]) -> list[Label]:
    """Labels that can be: hindsight is of a room, of occupancy, and says one thing of a time."""
    kept: list[Label] = []
    for label in labels:
        if label.source is LabelSource.HINDSIGHT and (
            label.room_id is None
            or label.kind is LabelKind.SLEEP
            or any(
                old.source is LabelSource.HINDSIGHT
                and old.room_id == label.room_id
                and label.start_us < old.end_us
                and old.start_us < label.end_us
                for old in kept
            )
        ):
            continue
        kept.append(label)
    return kept


def plain(start_us: int, end_us: int, room_id: str, labels: list[Label]) -> Label | None:
    """The rule as a sentence, one row at a time."""
    fitting = [
        label
        for label in labels
        if label.kind is LabelKind.OCCUPANCY
        and (label.room_id == room_id or (label.room_id is None and label.target == 0))
        and label.start_us <= start_us
        and end_us <= label.end_us
    ]
    return min(
        fitting,
        key=lambda label: (PRECEDENCE.index(label.source), -label.known_at_us, -(label.label_id or 0)),
        default=None,
    )


@settings(max_examples=60, deadline=None)
@given(st.lists(_LABELS, max_size=24).map(as_stored), _WINDOWS, _WINDOWS, st.sets(st.integers(0, 23)))
def test_sql_and_python_and_the_plain_rule_agree(
    labels: list[Label], hall: list[tuple[int, int]], kitchen: list[tuple[int, int]], gone: set[int]
) -> None:
    with fresh_store() as store:
        for number, label in enumerate(labels):
            label_id = store.labels.add(label)
            if number in gone:
                store.labels.withdraw(label_id, 5)
        for room_id, windows in zip(_ROOMS, (hall, kitchen), strict=True):
            write_windows(store, room_id, [(end * _STEP_US, length * _STEP_US) for end, length in windows])
            table = store.features.read(room_id, -100 * _STEP_US, 200 * _STEP_US, 1)
            live = store.labels.read(-100 * _STEP_US, 200 * _STEP_US, room_id)
            chosen = pair(table.window_start_us, table.window_end_us, room_id, live)
            in_python = [
                None if index < 0 else (int(end), live[index].label_id, live[index].target)
                for index, end in zip(chosen, table.window_end_us, strict=True)
            ]
            expected = [
                None if label is None else (int(end), label.label_id, label.target)
                for start, end in zip(table.window_start_us, table.window_end_us, strict=True)
                for label in [plain(int(start), int(end), room_id, live)]
            ]
            assert in_python == expected
            in_sql = store.database.all(
                "SELECT window_end, label_id, target FROM vw_clr_training_dataset"
                " WHERE room_id = ? ORDER BY window_end",
                (room_id,),
            )
            assert in_sql == [row for row in expected if row is not None]
            filtered = store.database.all(
                "SELECT window_end, label_id, target FROM vw_clr_training_dataset"
                " WHERE room_id = ? AND window_end > ? AND window_end <= ? ORDER BY window_end",
                (room_id, 20 * _STEP_US, 50 * _STEP_US),
            )
            assert filtered == [row for row in in_sql if 20 * _STEP_US < row[0] <= 50 * _STEP_US]
        leaks = store.database.scalar(
            "SELECT count(*) FROM vw_clr_training_dataset d JOIN labels l ON l.id = d.label_id"
            " WHERE d.window_end > l.end_us OR d.window_start < l.start_us"
        )
        assert leaks == 0


def test_the_first_rows_take_no_look_at_the_rest(tmp_path: Path) -> None:
    def steps(days: int) -> int:
        """Hundreds of SQLite's instructions until ten rows of many are there."""
        path = tmp_path / f"{days}.db"
        with closing(Store.open(path, NOW_US)) as store:
            for room_id in _ROOMS:
                write_windows(store, room_id, [(end, 1) for end in range(1, 24 * days)])
                said = [
                    Label(hour, hour + 1, 1.0, 1.0, LabelSource.HINDSIGHT, 0, room_id)
                    for hour in range(24 * days)
                ]
                store.labels.replace_hindsight([room_id], 0, 24 * days, said)
        done = 0

        def count() -> None:
            nonlocal done
            done += 1

        with closing(sqlite3.connect(path)) as reader:
            reader.set_progress_handler(count, 100)
            assert len(reader.execute("SELECT * FROM vw_clr_training_dataset LIMIT 10").fetchall()) == 10
        return done

    assert steps(40) == steps(20)


def test_the_precedence_of_sources_is_as_stated(store: Store) -> None:
    write_windows(store, "hall", [(10, 5)])
    base = Label(0, 20, 0.0, 1.0, LabelSource.HINDSIGHT, 9, room_id="hall")
    order = ("hindsight", "away", "helper", "reference", "correction")
    for number, source in enumerate(order):
        # The stronger source was known earlier: it wins all the same.
        store.labels.add(replace(base, source=LabelSource(source), known_at_us=9 - number))
        rows = store.database.all("SELECT source FROM vw_clr_training_dataset")
        assert rows == [(source,)]


def test_of_two_corrections_the_later_one_counts(store: Store) -> None:
    write_windows(store, "hall", [(10, 5)])
    said = Label(0, 20, 1.0, 1.0, LabelSource.CORRECTION, 30, room_id="hall")
    store.labels.add(said)
    store.labels.add(replace(said, target=0.0, known_at_us=29))
    assert store.database.all("SELECT target FROM vw_clr_training_dataset") == [(1.0,)]
    store.labels.add(replace(said, target=0.25))
    assert store.database.all("SELECT target FROM vw_clr_training_dataset") == [(0.25,)]
