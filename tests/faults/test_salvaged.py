"""What a damaged file held of what no history can tell again, and what of it must not go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
import resource
import sqlite3
import subprocess
import sys

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.events import MICROSECONDS, to_us
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.routines import Routines
from custom_components.occupancy_ml.engine.routines.life import to_row
from custom_components.occupancy_ml.engine.store import DailyScore, Episode, Store, StoreError
from custom_components.occupancy_ml.engine.store.forecasts import ForecastScore
from custom_components.occupancy_ml.engine.store.scores import BINS, ScoredDay
from custom_components.occupancy_ml.engine.store.suggestions import (
    Feedback,
    Suggestion,
    SuggestionStatus,
    Version,
)
from tests.engine.living import START_US
from tests.engine.routines.suggestions.planted import pattern
from tests.faults.conftest import Note
from tests.faults.scene import HOME, ROOT, live, lived, step, steps
from tests.faults.test_damaged import (
    LATER_US,
    cut_in_half,
    given,
    not_closed,
    old_home,
    overwrite_events,
    overwrite_first_page,
)

SUGGESTIONS = 4
PATTERN = to_row(pattern())


def suggestion(number: int, pattern_id: int) -> Suggestion:
    return Suggestion(
        key=f"time_of_day|light.hall {number}",
        pattern_id=pattern_id,
        description="At 19:00 every day, turn on hall.",
        proposal={"number": number},
        features=("light",),
        status=SuggestionStatus.ACCEPTED,
        confidence=0.8,
        safety_score=95,
        category="light",
        rank=0.5,
        backtest={"days": 60},
        created_at_us=START_US,
        updated_at_us=START_US,
        automation_yaml="alias: hall\n",
        automation_id=f"occupancy_ml_{number}",
        outcomes="kkc",
    )


def years(path: Path) -> Path:
    """A file with an hour of events and what the nights of years left; closed, and not marked as such."""
    engine = lived(path)
    # As in any home events fill most of the file.
    engine.import_events(steps(-40_000, 0))
    store = engine.store
    store.patterns.put([PATTERN])
    (found,) = store.patterns.read()
    assert found.id is not None
    for number in range(SUGGESTIONS):
        suggestion_id = store.suggestions.put(suggestion(number, found.id))
        store.suggestions.add_feedback(Feedback(suggestion_id, "accepted", None, START_US))
        store.suggestions.add_version(
            Version(f"occupancy_ml_{number}", suggestion_id, "alias: hall\n", START_US, 95, "accepted")
        )
    row = {"anomaly_type": "count", "anomaly_score": 3.5, "baseline_deviation": 2.5, "occurrences": 9}
    for day in range(1, 10):
        store.aggregates.replace(
            "anomaly_daily",
            f"2026-02-0{day}",
            [{"entity_id": HOME.sensors[0].entity_id, "severity": "high", "detail": {"told": day}, **row}],
        )
    store.metadata.set("routines_until", "2026-02-09")
    reliability = {("shown", "hindsight"): np.ones((3, BINS))}
    half_hours = {"hindsight": np.ones((2, 48), np.int64)}
    score = DailyScore("hall", "2023-06-01", "shown", "hindsight", 288, 20.0, 80.0)
    store.scores.replace_day("hall", score.day, ScoredDay((score,), reliability, half_hours))
    store.forecasts.write_scores([ForecastScore("hall", "2023-06-01", True, 9, 4, {"all": {"n": 9.0}})])
    store.forecasts.save_model("hall", START_US, b"fitted", None)
    store.episodes.replace("hall", 0, 100, [Episode("hall", 0, 100, True, 0.9)])
    engine.close()
    not_closed(path)
    return path


def kept(store: Store) -> list[object]:
    """All of it, with its numbers."""
    return [
        store.patterns.read(),
        store.suggestions.read(),
        store.suggestions.feedback(),
        [store.suggestions.versions(f"occupancy_ml_{number}") for number in range(SUGGESTIONS)],
        store.aggregates.read("anomaly_daily", ["date", "entity_id", "detail"], "2026", "2027"),
        store.metadata.get("routines_until"),
        store.scores.read("2023-01-01", "2023-12-31"),
        store.scores.half_hours("hall", "hindsight", "2023-01-01", "2023-12-31").tolist(),
        store.forecasts.scores("2023-01-01", "2023-12-31"),
        store.forecasts.models(),
        store.episodes.read("hall", 0, 100),
    ]


@pytest.mark.parametrize("damage", [cut_in_half, overwrite_events, overwrite_first_page])
def test_what_no_history_tells_again_goes_on(
    tmp_path: Path, note: Note, damage: Callable[[Path], None]
) -> None:
    path = years(tmp_path / "home.db")
    whole = Store.open(path, START_US)
    before = kept(whole)
    whole.close()
    assert all(before)
    not_closed(path)
    damage(path)
    engine = Engine.open(path, HOME, LATER_US)
    assert engine.store.recovered_from is not None
    assert kept(engine.store) == before
    assert engine.store.salvaged.suggestions == SUGGESTIONS
    assert engine.store.database.scalar("PRAGMA integrity_check") == "ok"
    assert engine.store.database.all("PRAGMA foreign_key_check") == []
    # The home goes on with it: a minute, a night, a restart.
    live(engine, 61, 62)
    for _ in engine.night(START_US + 62 * 60_000_000):
        pass
    assert engine.store.jobs.recent(20, "routines")[0].error_message is None
    engine.close()
    again = Engine.open(path, HOME, LATER_US)
    assert (again.store.recovered_from, kept(again.store)[1:6]) == (None, before[1:6])
    again.close()
    if damage is cut_in_half:
        note(
            "File cut short by half, after years",
            kept="suggestions, their versions, routines, scores, stays, models of forecasts",
            lost="features, forecasts and events, but for the recorder's history",
        )


# The kernel kills whoever writes further than allowed: in the middle of salvage.
_KILLED = """
import pathlib, resource, signal, sys
from custom_components.occupancy_ml.engine.store import Store
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
Store.open(pathlib.Path(sys.argv[1]), 1)
"""


def test_salvage_that_is_cut_short_is_done_by_the_next_start(
    tmp_path: Path, note: Note, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_home(tmp_path / "home.db", labels=400)
    whole = Store.open(path, START_US)
    said, served = given(whole), set(whole.runs.artifacts_in_service())
    whole.close()
    not_closed(path)
    overwrite_events(path)
    damaged = path.read_bytes()
    probe = Store.open(tmp_path / "empty.db", START_US)
    schema = probe.size_bytes()
    probe.close()
    # No room for the tables, nor for what was said.
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for room in (schema // 2, schema + 20_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
        try:
            with pytest.raises(StoreError):
                Store.open(path, LATER_US)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert path.read_bytes() == damaged
    killed = subprocess.run(
        [sys.executable, "-c", _KILLED, str(path), str(schema + 20_000)], cwd=ROOT, check=False
    )
    assert killed.returncode < 0
    # All is carried over, the damaged file is aside, and then it ends.
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == path:
            raise PermissionError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError):
        Store.open(path, LATER_US)
    monkeypatch.undo()
    assert not path.exists()
    store = Store.open(path, LATER_US)
    assert store.recovered_from is not None
    assert store.recovered_from.read_bytes() == damaged
    assert (given(store), set(store.runs.artifacts_in_service())) == (said, served)
    assert (store.salvaged.labels, store.salvaged.models) == (402, 2)
    store.close()
    again = Store.open(path, LATER_US)
    assert (again.recovered_from, given(again)) == (None, said)
    again.close()
    assert list(tmp_path.glob("*fresh*")) == []
    note(
        "Disk full, or a kill, while a damaged file is replaced",
        kept="all of it: the damaged file stands, and the next start begins anew",
        lost="nothing more",
    )


@pytest.mark.parametrize(
    ("table", "column", "wrong"),
    [
        ("suggestions", "status", "offred"),
        ("suggestions", "proposal", '{"number":'),
        ("suggestions", "backtest", b"\xff\xfe{"),
        ("anomaly_daily", "date", "2026-02-"),
        ("anomaly_daily", "entity_id", 99),
        ("anomaly_daily", "detail", '{"told'),
        ("daily_scores", "day", "2023-0x-01"),
        ("episodes", "room", 99),
    ],
)
def test_a_row_that_nobody_could_read_is_left_behind(
    tmp_path: Path, table: str, column: str, wrong: object
) -> None:
    path = years(tmp_path / "home.db")
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    before = connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    value = "CAST(? AS TEXT)" if isinstance(wrong, bytes) else "?"
    connection.execute(
        f"UPDATE {table} SET {column} = {value} WHERE {column} = (SELECT min({column}) FROM {table})",
        (wrong,),
    )
    connection.commit()
    connection.close()
    overwrite_events(path)
    store = Store.open(path, LATER_US)
    assert store.recovered_from is not None
    left = store.database.scalar(f"SELECT count(*) FROM {table}")
    assert left < before
    assert left == 0 or left >= before - SUGGESTIONS
    kept(store)
    store.close()


def test_a_suggestion_whose_pattern_is_lost_goes_on_without_it(tmp_path: Path) -> None:
    path = years(tmp_path / "home.db")
    connection = sqlite3.connect(path)
    connection.execute("UPDATE patterns SET pattern_metadata = '{'")
    connection.commit()
    connection.close()
    overwrite_events(path)
    store = Store.open(path, LATER_US)
    assert store.patterns.read() == []
    found = store.suggestions.read()
    assert [replace(each, suggestion_id=None) for each in found] == [
        replace(suggestion(number, 1), pattern_id=None) for number in range(SUGGESTIONS)
    ]
    assert len(store.suggestions.feedback()) == SUGGESTIONS
    store.close()


def test_a_day_that_history_tells_only_in_part_does_not_replace_what_was_known_of_it(tmp_path: Path) -> None:
    path = years(tmp_path / "home.db")
    overwrite_events(path)
    engine = Engine.open(path, HOME, LATER_US)
    columns = ["date", "entity_id", "detail"]
    known = engine.store.aggregates.read("anomaly_daily", columns, "2026-02-01", "2026-02-09")
    assert len(known) == 9
    # The recorder tells the afternoon of the last day that was known, and the days since.
    for day in range(9, 12):
        noon_us = to_us(datetime(2026, 2, day, 12, tzinfo=UTC))
        engine.import_events([replace(step(n), time_us=noon_us + n * MICROSECONDS) for n in range(3600)])
    routines = Routines(engine.store, HOME, engine.clock)
    for _ in routines.night(to_us(datetime(2026, 2, 12, 12, tzinfo=UTC))):
        pass
    assert engine.store.aggregates.read("anomaly_daily", columns, "2026-02-01", "2026-02-09") == known
    assert engine.store.aggregates.periods("acts_daily") == ["2026-02-10", "2026-02-11"]
    engine.close()
