"""Replaying what is stored gives what live listening gave, and loses nothing that comes meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine import archive, running, tracker
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event, Origin
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, FEATURE_SET_VERSION
from custom_components.occupancy_ml.engine.home import Role, Sensor
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP, Snapshot, Source
from custom_components.occupancy_ml.engine.store import Episode, Retention
from tests.engine.living import START_US, at, flat, live, play, pulse, rows_of, same_rows
from tests.simulator import demo_home, simulate

HOUR_US = 60 * MINUTE_US
SIMULATED = simulate(demo_home(), date(2026, 3, 2), 2, 6)
# A rebuild learns after a day; until then it is the same as listening.
END_US = SIMULATED.start_us + 23 * HOUR_US


def imported(events: list[Event]) -> list[Event]:
    return [replace(event, origin=Origin.IMPORT) for event in events]


def chances(snapshot: Snapshot) -> dict[str, float | None]:
    return {room_id: state.probability for room_id, state in snapshot.rooms.items()}


def test_rebuilt_rows_are_those_of_live_listening(tmp_path: Path) -> None:
    events = [event for event in SIMULATED.events if event.time_us <= END_US]
    shown, steady = live(tmp_path / "live.db", SIMULATED.home, events, events[0].time_us - 1, END_US)
    rebuilt = Engine.open(tmp_path / "rebuilt.db", SIMULATED.home, END_US, durable=False)
    rebuilt.import_events(imported(events))
    progress = list(rebuilt.rebuild(END_US))
    assert progress == sorted(progress)
    assert progress[-1] == 1.0
    assert same_rows(steady, rebuilt, END_US)
    assert chances(rebuilt.tick(END_US)) == chances(shown[-1])  # the switch remembers what was shown
    assert rebuilt.tracker.to_payload() == steady.tracker.to_payload()
    # A second time makes the same.
    list(rebuilt.rebuild(END_US))
    assert same_rows(steady, rebuilt, END_US)
    steady.close()
    rebuilt.close()


def test_a_row_holds_what_would_have_been_shown_at_that_moment(tmp_path: Path) -> None:
    """Training and serving see the same features, but for the half precision of what is kept."""
    engine = Engine.open(tmp_path / "home.db", SIMULATED.home, SIMULATED.start_us, durable=False)
    events = iter(SIMULATED.events)
    event = next(events)
    checked = 0
    for now_us in range(SIMULATED.start_us + MINUTE_US, SIMULATED.start_us + 9 * HOUR_US, MINUTE_US):
        batch = []
        while event.time_us <= now_us:
            batch.append(event)
            event = next(events)
        # What happens in the very microsecond at which a window ends belongs to the next.
        engine.ingest(batch)
        engine.tick(now_us)
        if now_us % (5 * MINUTE_US) == 0 and not any(e.time_us == now_us for e in batch):
            served = engine.tracker.vectors(now_us).astype(np.float16).astype(np.float32)
            for number, room in enumerate(engine.home.rooms):
                ends, _, vectors = rows_of(engine, now_us)[room.room_id]
                assert ends[-1] == now_us
                for name, kept, shown in zip(FEATURE_NAMES, vectors[-1], served[number], strict=True):
                    assert kept == shown or (np.isnan(kept) and np.isnan(shown)), name
                checked += 1
    assert checked > 500
    engine.close()


def test_history_that_is_imported_later_counts(tmp_path: Path) -> None:
    day = [event for event in SIMULATED.events if event.time_us <= SIMULATED.start_us + DAY_US]
    noon_us = SIMULATED.start_us + 12 * HOUR_US
    before = [event for event in day if event.time_us <= noon_us]
    after = [event for event in day if event.time_us > noon_us]
    _, engine = live(tmp_path / "home.db", SIMULATED.home, after, noon_us, END_US)
    assert rows_of(engine, noon_us)["kitchen"][0].size == 0
    result = engine.import_events(imported(before + after[:50]))
    news = len({(event.time_us, event.entity_id) for event in before})
    assert (result.accepted, result.duplicates) == (news, len(before) + 50 - news)
    list(engine.rebuild(END_US))
    whole = Engine.open(tmp_path / "whole.db", SIMULATED.home, END_US, durable=False)
    whole.import_events(imported([event for event in day if event.time_us <= END_US]))
    list(whole.rebuild(END_US))
    assert rows_of(engine, noon_us)["kitchen"][0].size > 100
    assert same_rows(engine, whole, END_US)
    engine.close()
    whole.close()


@pytest.mark.parametrize("moment", ["early", "late", "last"])
def test_events_that_come_during_a_rebuild_are_not_lost(tmp_path: Path, moment: str) -> None:
    """They come live, in between two slices, and count at their own time."""
    past = [event for event in SIMULATED.events if event.time_us <= END_US]
    coming = [event for event in SIMULATED.events if END_US < event.time_us <= END_US + HOUR_US]
    assert len(coming) > 10
    engine = Engine.open(tmp_path / "home.db", SIMULATED.home, END_US, durable=False)
    engine.import_events(imported(past))
    work = engine.rebuild(END_US)
    shares = []
    given = False
    for share in work:
        shares.append(share)
        due = {"early": len(shares) == 2, "late": share > 0.9, "last": share == 0.99}[moment]
        if due and not given:
            given = True
            done = 0
            for now_us in range(END_US // MINUTE_US * MINUTE_US + MINUTE_US, END_US + HOUR_US + 1, MINUTE_US):
                begin = done
                while done < len(coming) and coming[done].time_us <= now_us:
                    done += 1
                engine.ingest(coming[begin:done])
                engine.tick(now_us)
    assert given
    whole = Engine.open(tmp_path / "whole.db", SIMULATED.home, END_US + HOUR_US, durable=False)
    whole.import_events(imported(past + coming))
    list(whole.rebuild(END_US + HOUR_US))
    now_us = END_US + HOUR_US
    assert same_rows(engine, whole, now_us)
    assert chances(engine.tick(now_us)) == chances(whole.tick(now_us))
    engine.close()
    whole.close()


def test_a_rebuild_that_is_stopped_leaves_the_engine_as_it_was(tmp_path: Path) -> None:
    _, engine = live(tmp_path / "home.db", flat(), pulse(60, "kitchen"), START_US, START_US + 20 * MINUTE_US)
    before = engine.tick(START_US + 20 * MINUTE_US)
    engine.import_events([at(-3600 + n, "light.kitchen", "on" if n % 2 else "off") for n in range(900)])
    work = engine.rebuild(START_US + 20 * MINUTE_US)
    next(work)
    work.close()  # type: ignore[attr-defined]
    assert engine.tick(START_US + 20 * MINUTE_US) == before
    list(engine.rebuild(START_US + 20 * MINUTE_US))
    assert len(rows_of(engine, START_US + 20 * MINUTE_US)["kitchen"][0]) == 16
    engine.close()


def test_episodes_of_the_whole_history_are_kept_and_what_nights_found_stays(tmp_path: Path) -> None:
    end_us = SIMULATED.start_us + 26 * HOUR_US
    engine = Engine.open(tmp_path / "home.db", SIMULATED.home, end_us, durable=False)
    engine.import_events(imported([event for event in SIMULATED.events if event.time_us <= end_us]))
    list(engine.rebuild(end_us))
    episodes = engine.store.episodes
    spans = {process: episodes.span(process) for process in ("kitchen", HOME, SLEEP)}
    for span in spans.values():
        assert span is not None
        assert span[0] < SIMULATED.start_us + HOUR_US
        assert span[1] >= SIMULATED.start_us + DAY_US - HOUR_US
    kitchen = spans["kitchen"]
    assert kitchen is not None
    found = episodes.read("kitchen", *kitchen)
    assert any(episode.occupied for episode in found)
    assert not all(episode.occupied for episode in found)
    noted = Episode("kitchen", kitchen[0] + 2 * HOUR_US, kitchen[0] + 3 * HOUR_US, True, 1.0)
    episodes.replace("kitchen", *kitchen, [noted])
    list(engine.rebuild(end_us))
    again = episodes.read("kitchen", *kitchen)
    assert noted in again
    assert [e for e in again if e.end_us <= noted.start_us] == [
        replace(e, end_us=min(e.end_us, noted.start_us)) for e in found if e.start_us < noted.start_us
    ]
    engine.close()


def test_rows_of_an_older_feature_set_are_made_again_from_events(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an older version kept is not mixed with the new: state, rows and models wait for a rebuild."""
    events = [event for event in SIMULATED.events if event.time_us <= SIMULATED.start_us + 4 * HOUR_US]
    start_us, end_us = events[0].time_us - 1, SIMULATED.start_us + 4 * HOUR_US
    with monkeypatch.context() as older:
        for module in (archive, running, tracker):
            older.setattr(module, "FEATURE_SET_VERSION", FEATURE_SET_VERSION - 1)
        _, engine = live(tmp_path / "home.db", SIMULATED.home, events, start_us, end_us)
        old = engine.store.features.count(FEATURE_SET_VERSION - 1)
        engine.close()
    engine = Engine.open(tmp_path / "home.db", SIMULATED.home, end_us, durable=False)
    assert engine.needs_rebuild
    assert (engine.store.features.count(), engine.store.features.count(FEATURE_SET_VERSION)) == (old, 0)
    list(engine.rebuild(end_us))
    _, fresh = live(tmp_path / "fresh.db", SIMULATED.home, events, start_us, end_us)
    assert engine.store.features.count() == engine.store.features.count(FEATURE_SET_VERSION) == old > 100
    assert same_rows(engine, fresh, end_us)
    engine.close()
    fresh.close()


def test_a_rebuild_of_nothing_ends_at_once(tmp_path: Path) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US)
    assert list(engine.rebuild(START_US)) == []
    assert engine.store.features.count(FEATURE_SET_VERSION) == 0
    engine.close()


def corrected_rows(engine: Engine) -> list[tuple[object, ...]]:
    return engine.store.database.all(
        "SELECT window_start, window_end, vector FROM vw_clr_training_dataset WHERE source = 'correction'"
    )


def test_a_replay_keeps_what_no_event_tells_again(tmp_path: Path) -> None:
    """The rows of corrections, and when features were last computed."""
    engine = Engine.open(tmp_path / "home.db", flat(), START_US, durable=False)
    for minute in range(1, 61):
        now_us = START_US + minute * MINUTE_US
        engine.ingest(pulse(60 * minute - 50, "hall"))
        engine.tick(now_us, forecasts=False)
        if minute in (12, 33):
            engine.tell("kitchen", True, now_us + 1_000_000, "ada")
    told = corrected_rows(engine)
    lived = rows_of(engine, now_us)["kitchen"][0]
    assert len(told) == 2
    computed = [engine.store.metadata.get_us("last_feature_compute_at")]
    engine.import_events([at(0, "light.kitchen", "on")])
    computed += [engine.store.metadata.get_us("last_feature_compute_at") for _ in engine.rebuild(now_us)]
    assert set(computed) == {now_us}
    assert corrected_rows(engine) == told
    assert set(lived.tolist()) == set(rows_of(engine, now_us)["kitchen"][0].tolist())
    engine.close()


def test_where_events_are_gone_features_stay_as_they_were(tmp_path: Path) -> None:
    events = [event for n in range(60, 7200, 300) for event in pulse(n, ("hall", "kitchen")[n // 300 % 2])]
    now_us = START_US + 2 * HOUR_US
    engine = Engine.open(tmp_path / "home.db", flat(), now_us, durable=False)
    engine.import_events(events)
    list(engine.rebuild(now_us))
    before = rows_of(engine, now_us)
    # The first hour of events is forgotten; then a sensor's older history comes, or a row with a wrong time.
    list(engine.store.trim(START_US + HOUR_US + DAY_US, Retention(raw_events=1)))
    for seconds in (-900, 1200, 1300):
        engine.import_events([at(seconds, "light.kitchen", "on" if seconds % 200 else "off")])
        list(engine.rebuild(now_us))
        after = rows_of(engine, now_us)
        for room, (ends, activity, vectors) in before.items():
            first = ends <= START_US + HOUR_US
            np.testing.assert_array_equal(after[room][0], ends)
            np.testing.assert_array_equal(after[room][1], activity)
            np.testing.assert_array_equal(after[room][2][first], vectors[first])
    engine.close()


@pytest.mark.parametrize("wrong", [-40 * 86_400, -400 * 86_400])
def test_one_row_with_a_wrong_time_makes_no_weeks_of_silence(tmp_path: Path, wrong: int) -> None:
    engine = Engine.open(tmp_path / "home.db", flat(), START_US + HOUR_US, durable=False)
    events = [event for n in range(60, 3600, 300) for event in pulse(n, "hall")]
    engine.import_events([at(wrong, "binary_sensor.hall_motion", "off"), *events])
    list(engine.rebuild(START_US + HOUR_US))
    ends = rows_of(engine, START_US + HOUR_US)["hall"][0]
    assert ends.tolist() == [START_US + n * 5 * MINUTE_US for n in range(1, 13)]
    engine.close()


@pytest.mark.parametrize("other_home", [False, True])
def test_what_was_said_stands_through_a_replay_and_a_change_of_sensors(
    tmp_path: Path, other_home: bool
) -> None:
    home = flat()
    told_us, now_us = START_US + 10 * MINUTE_US, START_US + 20 * MINUTE_US
    _, engine = live(tmp_path / "home.db", home, pulse(60, "hall"), START_US, told_us)
    engine.tell("kitchen", True, told_us, "ada")
    play(engine, [], told_us, now_us)
    learner, online = engine.predictor.switch_learner.to_json(), engine.predictor.to_json()["online"]
    if other_home:
        engine.tell("bedroom", False, now_us, "ada")
        engine.close()
        more = replace(home, sensors=(*home.sensors, Sensor("light.hall", Role.LIGHT, "hall")))
        for _ in range(2):  # the second start finds a checkpoint that fits
            engine = Engine.open(tmp_path / "home.db", more, now_us + 1)
            assert engine.needs_rebuild
            assert engine.tick(now_us + 1).catching_up
            engine.close()
        engine = Engine.open(tmp_path / "home.db", more, now_us + 2)
        assert engine.predictor.switch_learner.to_json()["costs"] == learner["costs"]
        assert engine.predictor.to_json()["online"].items() >= online.items()
    list(engine.rebuild(now_us + 3))
    for snapshot in play(engine, [], now_us, now_us + 5 * MINUTE_US):
        kitchen = snapshot.rooms["kitchen"]
        assert (kitchen.source, kitchen.occupied) == (Source.CORRECTION, True)
        assert not snapshot.catching_up
    # The example of what was said a moment before the stop is kept when its minute is over.
    told = {end_us for _, end_us, _ in corrected_rows(engine)}
    assert told >= ({told_us + MINUTE_US} | ({now_us + MINUTE_US} if other_home else set()))
    engine.close()
    again = Engine.open(tmp_path / "home.db", engine.home, now_us + 6 * MINUTE_US)
    assert not again.needs_rebuild
    again.close()
