"""The size budget: the oldest events go first, and nothing that others rely on breaks."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.monitoring import progress
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.store import FeatureBlock, Prediction, Retention, Store
from custom_components.occupancy_ml.engine.store.retention import used_bytes
from tests.engine.living import flat
from tests.engine.store.helpers import NOW_US, ROLES, WINDOW_US, all_events
from tests.engine.store.test_store_retention import ago, fill
from tests.engine.store.test_store_schema import PINNED_VIEWS

ROOMY = Retention(size_mb=1000)
TIGHT = Retention(size_mb=1)


def crowd(store: Store, days: int = 12, a_day: int = 8000) -> None:
    """Events of some days, enough to need several megabytes."""
    for day in range(days, 0, -1):
        store.events.append(
            [
                Event(ago(day - 0.5) + n * 1000, "sensor.kitchen_temperature", f"{n % 97}.{n % 89:03d}x")
                for n in range(a_day)
            ],
            ROLES,
        )


def test_a_small_file_is_left_alone(store: Store) -> None:
    fill(store)
    assert sum(store.trim(NOW_US, ROOMY)) == 0
    assert store.over_budget() is None


def test_the_oldest_events_go_first_and_the_rest_stays(store: Store) -> None:
    fill(store)
    crowd(store)
    before = used_bytes(store.database)
    assert before > 2_000_000
    labels = store.labels.counts()
    policy = Retention(size_mb=2)
    steps = []
    for gone in store.trim(NOW_US, policy):
        assert not store.database.in_transaction
        steps.append(gone)
    assert max(steps) <= 5001
    # A tenth is free again, but no more went than had to.
    assert 1_600_000 < used_bytes(store.database) <= 1_800_000
    store.checkpoint()
    assert store.path.stat().st_size <= 2_000_000
    span = store.events.span()
    assert span is not None
    assert ago(11) < span[0] < ago(2)
    assert span[1] > ago(0.6)
    assert store.labels.counts() == labels
    assert len(store.features.read("hall", 0, NOW_US, 1)) == 10
    note = store.over_budget()
    assert note is not None
    assert (note.size_mb, note.reached_us) == (2, NOW_US)
    # The week after it is still told, then no more; a larger budget ends it at once.
    list(store.trim(NOW_US + 2 * DAY_US, policy))
    assert store.over_budget() == note
    list(store.trim(NOW_US + 3 * DAY_US, ROOMY))
    assert store.over_budget() is None


def test_what_the_present_needs_stays_however_small_the_budget(store: Store) -> None:
    crowd(store, days=6, a_day=30000)
    ends = NOW_US - np.arange(60 * 24, dtype=np.int64)[::-1] * 12 * WINDOW_US
    n = len(ends)
    for room_id in ("hall", "kitchen"):
        store.features.write(
            [FeatureBlock(room_id, 1, ends - WINDOW_US, ends, NOW_US, np.arange(n), np.ones((n, 40)))]
        )
        store.predictions.write([Prediction(room_id, int(end), 0.5, True, "model") for end in ends])
    list(store.trim(NOW_US, TIGHT))
    assert all_events(store)[0].time_us >= ago(2)
    assert store.events.count() == 60000
    for room_id in ("hall", "kitchen"):
        # Each room is left with the same days.
        assert len(store.predictions.read(room_id, 0, NOW_US + 1)) == 7 * 24 + 1
        assert len(store.features.read(room_id, 0, NOW_US + 1, 1)) == 28 * 24 + 1
    assert used_bytes(store.database) > 1_000_000
    # Nothing more can go, and saying so again costs nothing.
    assert sum(store.trim(NOW_US, TIGHT)) == 0


@pytest.mark.parametrize("view", PINNED_VIEWS)
def test_the_budget_breaks_no_view(store: Store, view: str) -> None:
    fill(store)
    crowd(store)
    list(store.trim(NOW_US, TIGHT))
    assert store.over_budget() is not None
    with store.reader() as reader:
        assert reader.execute(f"SELECT * FROM {view}").fetchall()
    assert store.database.scalar("PRAGMA integrity_check") == "ok"


def test_stopped_half_way_it_is_taken_up_again(store: Store) -> None:
    crowd(store)
    steps = store.trim(NOW_US, Retention(size_mb=2))
    while not next(steps):
        pass
    steps.close()
    list(store.trim(NOW_US, Retention(size_mb=2)))
    assert used_bytes(store.database) <= 1_800_000


@pytest.mark.parametrize("wrong", [{"raw_events": 0}, {"size_mb": 0}, {"features": -1}])
def test_nothing_may_be_kept_for_no_time(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least a day"):
        Retention(**wrong)


def test_the_engine_goes_on_and_says_so(tmp_path: Path) -> None:
    home = flat()
    engine = Engine.open(tmp_path / "home.db", home, ago(6), retention=TIGHT)
    for day in (6, 5, 4, 3, 2, 1):
        engine.import_events(
            [Event(ago(day) + n * 1_000_000, "sensor.bedroom_co2", f"{n}.{n % 7}0") for n in range(8000)]
        )
    engine.tick(ago(0.5))
    before = engine.tick(NOW_US)
    assert engine.readiness(NOW_US)["size_budget"] is None
    list(engine.night(NOW_US))
    assert engine.readiness(NOW_US)["size_budget"] == {"mb": 1, "reached_us": NOW_US}
    with engine.store.reader() as connection:
        told = progress(connection, LocalClock(home.time_zone), [], NOW_US)
    stage = cast(dict[str, dict[str, object]], told["stages"])["size_budget"]
    assert (stage["degraded"], stage["last_us"]) == (True, NOW_US)
    assert "1 MB" in str(stage["reason"])
    after = engine.tick(NOW_US + MINUTE_US)
    assert set(after.rooms) == set(before.rooms)
    assert all(room.probability is not None for room in after.rooms.values())
    engine.close()
    # What is left is enough to start from.
    engine = Engine.open(tmp_path / "home.db", home, NOW_US + 2 * MINUTE_US, retention=TIGHT)
    assert engine.tick(NOW_US + 3 * MINUTE_US).rooms.keys() == before.rooms.keys()
    list(engine.rebuild(NOW_US + 4 * MINUTE_US))
    engine.close()
