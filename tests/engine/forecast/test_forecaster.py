"""The whole: a home that lives by the clock, in a real store; learned at night, told by day, the same after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
import itertools
from itertools import pairwise
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from custom_components.occupancy_ml.engine.adaptation.retraining import Cause
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.features import FEATURE_NAMES, recency_of
from custom_components.occupancy_ml.engine.forecast.forecaster import Forecaster
from custom_components.occupancy_ml.engine.forecast.learned import Learned
from custom_components.occupancy_ml.engine.forecast.learning import REPLACED
from custom_components.occupancy_ml.engine.forecast.model import ProcessModel
from custom_components.occupancy_ml.engine.forecast.recurrent import Recurrent
from custom_components.occupancy_ml.engine.forecast.rows import Rows
from custom_components.occupancy_ml.engine.home import Home, Role, Room, RoomKind, Sensor
from custom_components.occupancy_ml.engine.localtime import LocalClock
from custom_components.occupancy_ml.engine.snapshot import (
    HOME,
    SLEEP,
    HomeState,
    Learning,
    RoomState,
    Snapshot,
    Source,
)
from custom_components.occupancy_ml.engine.store import Episode, Store
from tests.engine.forecast.made import history, rows

DEN = Home(
    "UTC", (Room("den", RoomKind.LIVING),), (Sensor("binary_sensor.den", Role.MOTION, "den", "motion"),)
)
START_US = 20_515 * DAY_US
DAYS = 20
RNG = np.random.default_rng(8)
TIMES = [(480 + int(RNG.integers(-90, 91)), 1050 + int(RNG.integers(-8, 9))) for _ in range(DAYS + 3)]
"""Minutes of the day at which somebody leaves the den, and comes back."""
WAKES = [390 + int(RNG.integers(-8, 9)) for _ in TIMES]
BED = 1350
"""Minutes of the day at which they wake, and go to sleep: in the den, there is no bedroom."""


def there(time_us: int) -> bool:
    day, minute = divmod((time_us - START_US) // MINUTE_US, 1440)
    out, back = TIMES[day]
    return not out <= minute < back


def asleep(time_us: int) -> bool:
    day, minute = divmod((time_us - START_US) // MINUTE_US, 1440)
    return not WAKES[day] <= minute < BED


def episodes(process: str, until_us: int) -> list[Episode]:
    edges = [START_US]
    for day, (out, back) in enumerate(TIMES):
        changes = (WAKES[day], BED) if process == SLEEP else (out, back)
        edges += [START_US + day * DAY_US + minute * MINUTE_US for minute in changes]
    edges = [edge for edge in edges if edge < until_us] + [until_us]
    return [
        Episode(process, a, b, number % 2 == 0, 1.0)
        for number, (a, b) in enumerate(itertools.pairwise(edges))
    ]


def shown(time_us: int, here: bool | None = None) -> tuple[Snapshot, np.ndarray]:
    here = there(time_us) if here is None else here
    chance = 0.99 if here else 0.01
    vectors = np.zeros((1, len(FEATURE_NAMES)))
    vectors[0, 0] = 4.5 if here else -4.5
    if here and not asleep(time_us):
        vectors[0, FEATURE_NAMES.index("count_here_15")] = 1.0
    return (
        Snapshot(
            time_us,
            HomeState(chance, here, Learning.READY),
            {"den": RoomState("den", chance, here, Source.PRIOR)},
        ),
        vectors,
    )


def look(forecaster: Forecaster, time_us: int, here: bool | None = None) -> Snapshot:
    snapshot, vectors = shown(time_us, here)
    told = forecaster.look(snapshot, vectors, {})
    forecaster.keep()
    return replace(snapshot, forecasts=told)


def live(store: Store, forecaster: Forecaster, days: range) -> None:
    """Quarters of an hour, and a night at three."""
    for day in days:
        for quarter in range(96):
            now_us = START_US + day * DAY_US + quarter * 15 * MINUTE_US
            look(forecaster, now_us)
            if quarter == 12:
                for process in ("den", HOME, SLEEP):
                    store.episodes.replace(process, START_US, now_us, episodes(process, now_us))
                for _ in forecaster.night(now_us):
                    pass


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("forecasts") / "home.db"
    store = Store.open(path, START_US)
    live(store, Forecaster(store, DEN), range(DAYS))
    store.close()
    return path


@pytest.fixture
def store(lived: Path, tmp_path: Path) -> Iterator[Store]:
    copy = tmp_path / "home.db"
    copy.write_bytes(lived.read_bytes())
    opened = Store.open(copy, START_US + DAYS * DAY_US)
    yield opened
    opened.close()


NOON_US = START_US + DAYS * DAY_US + 12 * 60 * MINUTE_US


def test_before_anything_is_learned_nothing_is_published(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "new.db", START_US)
    forecaster = Forecaster(store, DEN)
    told = look(forecaster, START_US).forecasts
    assert set(told) == {"den", HOME, SLEEP}
    assert not any(forecast.published for forecast in told.values())
    assert {forecast.reason for forecast in told.values()} == {"nothing was learned yet"}
    assert forecaster.curve("den", START_US) is None
    store.close()


def test_while_the_past_is_learned_from_what_knows_nothing_says_so(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "new.db", START_US)
    forecaster = Forecaster(store, DEN)
    look(forecaster, START_US)
    with forecaster.catching_up():
        told = look(forecaster, START_US + MINUTE_US).forecasts
        assert {forecast.reason for forecast in told.values()} == {"the history is still being learned from"}
    told = look(forecaster, START_US + 2 * MINUTE_US).forecasts
    assert {forecast.reason for forecast in told.values()} == {"nothing was learned yet"}
    store.close()


def test_what_was_learned_before_goes_on_while_more_is_learned(store: Store) -> None:
    forecaster = Forecaster(store, DEN)
    before = look(forecaster, NOON_US).forecasts
    assert before["den"].published
    with forecaster.catching_up():
        during = look(forecaster, NOON_US).forecasts
    assert {p: told.reason for p, told in during.items()} == {p: told.reason for p, told in before.items()}


def test_a_life_by_the_clock_is_forecast_to_the_minute_and_published(store: Store) -> None:
    told = look(Forecaster(store, DEN), NOON_US).forecasts["den"]
    assert told.published, told.reason
    assert not told.occupied
    assert told.median_us is not None
    assert told.median_us == pytest.approx(START_US + DAYS * DAY_US + 1050 * MINUTE_US, abs=15 * MINUTE_US)
    minutes = [told.quantiles[level] for level in (0.1, 0.25, 0.5, 0.75, 0.9)]
    assert all(one is not None and other is not None and one <= other for one, other in pairwise(minutes))
    assert told.confidence is not None
    assert told.confidence > 0.7
    assert told.none_24h < 0.1
    assert told.alternatives[0].probability > 0.7
    assert told.occupied_in[30] < 0.2


def test_sleep_that_was_told_is_believed_where_there_is_no_bedroom(store: Store) -> None:
    forecaster = Forecaster(store, DEN)
    midnight_us = START_US + DAYS * DAY_US
    night = look(forecaster, midnight_us + 2 * 60 * MINUTE_US).forecasts[SLEEP]
    assert night.occupied
    assert night.median_us == pytest.approx(midnight_us + 390 * MINUTE_US, abs=15 * MINUTE_US)
    # A sign of life, and the hours in which nobody was ever told to sleep.
    assert not look(forecaster, midnight_us + 7 * 60 * MINUTE_US).forecasts[SLEEP].occupied
    assert not look(forecaster, NOON_US).forecasts[SLEEP].occupied


@pytest.mark.parametrize("workday", ["on", "off"])
def test_how_usual_sleep_is_depends_on_the_kind_of_day_the_workday_sensor_tells(
    tmp_path: Path, workday: str
) -> None:
    """At eight in the morning they sleep on days off, which was learned of days of that kind."""
    home = replace(DEN, sensors=(*DEN.sensors, Sensor("binary_sensor.workday", Role.WORKDAY)))
    store = Store.open(tmp_path / "home.db", START_US)
    forecaster = Forecaster(store, home)
    slept = rows(history(28, lambda day: [5, 600 if day % 2 else 400]), 28)
    slept = replace(slept, free=(slept.day - slept.day[0]) % 2 == 1)
    sleep = forecaster.learner.learned[SLEEP]
    sleep.fitted_us = START_US
    sleep.model.climatology.fit(slept)
    snapshot, vectors = shown(START_US + 8 * 60 * MINUTE_US, here=True)
    vectors[:, FEATURE_NAMES.index("count_here_15")] = 0.0
    forecaster.look(snapshot, vectors, {"binary_sensor.workday": workday})
    assert (forecaster.to_json()["watch"]["usual_sleep"] > 0.5) == (workday == "off")
    store.close()


def test_the_curve_goes_from_now_over_the_change(store: Store) -> None:
    forecaster = Forecaster(store, DEN)
    look(forecaster, NOON_US)
    curve = forecaster.curve("den", NOON_US)
    assert curve is not None
    assert len(curve.occupied) == len(curve.changed) == len(curve.hazard) == 288
    assert curve.occupied[2] < 0.2
    assert curve.occupied[8 * 12] > 0.7
    assert np.all(np.diff(curve.changed) >= -1e-12)
    with pytest.raises(KeyError):
        forecaster.curve("cellar", NOON_US)


def test_where_no_model_knew_anything_nothing_is_kept_to_be_scored(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "new.db", START_US)
    look(Forecaster(store, DEN), START_US)
    times, *_ = store.forecasts.told("den", START_US, START_US + 1)
    assert not len(times)
    store.close()


def test_while_the_room_is_still_shown_as_it_was_no_change_is_told(store: Store) -> None:
    """A room waits before it switches: the forecast is of what is believed, which would be the wrong change."""
    forecaster = Forecaster(store, DEN)
    assert look(forecaster, NOON_US).forecasts["den"].published
    snapshot, vectors = shown(NOON_US + 5 * MINUTE_US)
    den = replace(snapshot.rooms["den"], occupied=True)
    told = forecaster.look(replace(snapshot, rooms={"den": den}), vectors, {})["den"]
    assert not told.published
    assert told.reason == "it is not certain enough what is now"


@pytest.mark.parametrize(("minutes", "published"), [(2, False), (4, False), (6, True)])
def test_right_after_an_outer_door_moved_nothing_is_told_of_the_home(
    store: Store, minutes: int, published: bool
) -> None:
    forecaster = Forecaster(store, DEN)
    snapshot, vectors = shown(NOON_US)
    since_us = np.array([minutes * MINUTE_US], dtype=np.int64)
    vectors[:, FEATURE_NAMES.index("recency_exit_door")] = recency_of(since_us)
    told = forecaster.look(snapshot, vectors, {})
    assert told["den"].published
    assert told[HOME].published == published


def test_once_nobody_has_been_home_for_a_day_nothing_is_told(store: Store) -> None:
    forecaster = Forecaster(store, DEN)
    assert look(forecaster, NOON_US).forecasts["den"].published
    for hour in range(1, 36):
        told = look(forecaster, NOON_US + hour * 60 * MINUTE_US, here=False).forecasts
        reasons = {told[process].reason for process in ("den", HOME)}
        assert ("nobody has been home for a day" in reasons) == (hour >= 24), hour
    assert not any(forecast.published for forecast in told.values())
    told = look(forecaster, NOON_US + 37 * 60 * MINUTE_US, here=True).forecasts
    assert "nobody has been home for a day" not in {forecast.reason for forecast in told.values()}


def test_where_days_away_are_usual_forecasts_go_on(store: Store) -> None:
    edges = [0, 7, 9, 13, 15, 18, DAYS]  # by turns with somebody home and nobody, which are three stretches
    store.episodes.replace(
        HOME,
        START_US,
        START_US + DAYS * DAY_US,
        [
            Episode(HOME, START_US + a * DAY_US, START_US + b * DAY_US, number % 2 == 0, 1.0)
            for number, (a, b) in enumerate(pairwise(edges))
        ],
    )
    forecaster = Forecaster(store, DEN)
    told = [
        look(forecaster, NOON_US + hour * 60 * MINUTE_US, here=False).forecasts["den"] for hour in range(30)
    ]
    assert told[0].published
    assert "nobody has been home for a day" not in {forecast.reason for forecast in told}


def test_the_report_is_of_forecasts_made_before(store: Store) -> None:
    report = {(r.process, r.to_occupied): r for r in Forecaster(store, DEN).report(60, NOON_US)}
    den = report["den", True]
    assert den.moments > 300
    assert den.events >= 8
    assert den.skill is not None
    assert den.baselines.keys() == {"kaplan_meier", "climatology", "persistence", "nearest_days"}
    assert den.coverage_80 is not None
    assert den.coverage_80 > 0.6
    assert den.mean_error is not None
    assert den.mean_error < 15
    assert sum(den.weights.values()) == pytest.approx(1.0)
    assert sum(said for said, _, _ in den.confidence) > 0


def test_a_forecast_is_scored_as_of_the_change_it_told_of(store: Store) -> None:
    """For half an hour after they left they are believed to be there, and told is when they leave."""
    forecaster = Forecaster(store, DEN)
    before = {
        (score.day, score.to_occupied): score for score in store.forecasts.scores("2000", "2100", "den")
    }
    start_us = forecaster.learner.learned["den"].learned_us
    today_us = START_US + DAYS * DAY_US
    for now_us in range(today_us, today_us + DAY_US, 15 * MINUTE_US):
        look(forecaster, now_us, there(now_us) or there(now_us - 30 * MINUTE_US))
    night_us = today_us + 2 * DAY_US
    for process in ("den", HOME, SLEEP):
        store.episodes.replace(process, START_US, night_us, episodes(process, night_us))
    for _ in forecaster.night(night_us):
        pass
    end_us = forecaster.learner.learned["den"].learned_us
    times, occupied, published, _ = store.forecasts.told("den", start_us, end_us)
    mistaken = np.array([there(time_us) for time_us in times.tolist()]) != occupied
    assert (published & mistaken).any()
    scored = [
        score
        for score in store.forecasts.scores("2000", "2100", "den")
        if before.get((score.day, score.to_occupied)) != score
    ]
    for to_occupied in (False, True):
        ours = [score for score in scored if score.to_occupied == to_occupied]
        told = occupied != to_occupied
        assert sum(score.moments for score in ours) == told.sum()
        assert sum(score.published for score in ours) == (told & published).sum()
        # What came is counted where it came: they left, and came back, on each of three days.
        assert sum(score.sums["events"] for score in ours) == 3


def test_a_restart_changes_nothing(store: Store, tmp_path: Path) -> None:
    first = Forecaster(store, DEN)
    look(first, NOON_US)
    second = Forecaster(store, DEN)
    second.restore(first.to_json())
    assert second.to_json() == first.to_json()
    for minutes in (3, 5, 15, 360):
        one = look(first, NOON_US + minutes * MINUTE_US).forecasts
        assert look(second, NOON_US + minutes * MINUTE_US).forecasts == one


def test_nothing_from_after_a_moment_touches_its_forecast(store: Store) -> None:
    """The nights before noon know the same, whatever comes after."""
    one = look(Forecaster(store, DEN), NOON_US).forecasts
    later_us = NOON_US + 6 * 60 * MINUTE_US
    store.episodes.replace("den", NOON_US, later_us, [Episode("den", NOON_US, later_us, True, 1.0)])
    assert look(Forecaster(store, DEN), NOON_US).forecasts == one


def test_between_the_five_minutes_forecasts_stay_until_something_changes(store: Store) -> None:
    forecaster = Forecaster(store, DEN)
    before = look(forecaster, NOON_US).forecasts
    assert look(forecaster, NOON_US + MINUTE_US).forecasts is before
    snapshot, vectors = shown(NOON_US + 2 * MINUTE_US)
    came = replace(
        snapshot,
        home=replace(snapshot.home, probability=0.99, occupied=True),
        rooms={"den": replace(snapshot.rooms["den"], probability=0.99, occupied=True)},
    )
    after = forecaster.look(came, vectors, {})
    assert after["den"].occupied
    assert after["den"].made_at_us == NOON_US + 2 * MINUTE_US


@pytest.mark.parametrize("back_minutes", [1, 4, 9, 14])
def test_after_a_clock_set_back_a_little_forecasts_are_of_the_present(
    store: Store, back_minutes: int
) -> None:
    forecaster = Forecaster(store, DEN)
    for minutes in (-20, -15, -10):
        look(forecaster, NOON_US + minutes * MINUTE_US)
    snapshot, vectors = shown(NOON_US)
    came = replace(
        snapshot,
        home=replace(snapshot.home, probability=0.99, occupied=True),
        rooms={"den": replace(snapshot.rooms["den"], probability=0.99, occupied=True)},
    )
    forecaster.look(came, vectors, {})
    # They came at noon by the clock as it was; somebody sets it right, and nothing moves meanwhile.
    back_us = NOON_US - back_minutes * MINUTE_US
    for now_us in range(back_us, NOON_US + 6 * MINUTE_US, MINUTE_US):
        for forecast in forecaster.look(replace(came, time_us=now_us), vectors, {}).values():
            assert forecast.made_at_us <= now_us
            assert all(minutes is None or minutes >= 0 for minutes in forecast.quantiles.values())
    with forecaster.catching_up():
        again = forecaster.look(replace(came, time_us=back_us), vectors, {})["den"]
    assert again.occupied
    assert again.published


@pytest.mark.parametrize("restarted", [False, True])
def test_a_night_that_ran_while_the_clock_was_ahead_stops_no_later_one(store: Store, restarted: bool) -> None:
    ahead_us = START_US + (DAYS + 10) * DAY_US
    for _ in Forecaster(store, DEN).night(ahead_us + 3 * 60 * MINUTE_US):
        pass
    store.forecasts.add_moment(
        ahead_us, Forecaster(store, DEN).key, np.zeros(Forecaster(store, DEN).layout.size)
    )
    store.forecasts.add_told(ahead_us, [("den", True, True, np.ones(14))])
    right_us = START_US + DAYS * DAY_US
    forecaster = Forecaster(store, DEN)
    forecaster.forget(right_us, ahead_us)
    scored = len(forecaster.learner.learned["den"].gates[0].to_json()["days"])
    look(forecaster, right_us)
    assert store.forecasts.told("den", right_us + 1, ahead_us + 1)[0].size == 0
    assert store.forecasts.moments(right_us + 1, ahead_us + 1, forecaster.key)[0].size == 0
    if restarted:  # before a night: what it learned is as the night of the future left it
        forecaster = Forecaster(store, DEN)
    live(store, forecaster, range(DAYS, DAYS + 1))
    assert store.forecasts.runs("den")[-1][1:4] == ("completed", "schedule", right_us + 3 * 60 * MINUTE_US)
    live(store, forecaster, range(DAYS + 1, DAYS + 3))
    den = forecaster.learner.learned["den"]
    assert right_us + DAY_US // 2 < den.learned_us < right_us + 3 * DAY_US
    assert max(den.fitted_us, den.refitted_us, den.tuned_us) < right_us + 3 * DAY_US
    assert len(den.gates[0].to_json()["days"]) > scored


@pytest.mark.parametrize("cause", Cause)
def test_what_waits_is_fitted_in_the_next_night(store: Store, cause: Cause) -> None:
    forecaster = Forecaster(store, DEN)
    with pytest.raises(KeyError):
        forecaster.retrain("cellar", cause)
    forecaster.retrain("den", cause)
    shares = list(forecaster.night(START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US))
    assert shares == sorted(shares)
    assert store.forecasts.runs("den")[-1][1:3] == ("completed", cause.name.lower())
    assert "den" not in forecaster.learner.queue


class Refuses(Recurrent):
    """A member that cannot be fitted until it is mended."""

    broken = True

    def fit(self, rows: Rows) -> Iterator[None]:
        if self.broken:
            raise ValueError("no such numbers")
        yield from super().fit(rows)


def test_a_process_that_fails_costs_no_other_and_waits_on_for_the_same_reason(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    forecaster = Forecaster(store, DEN)
    learned = forecaster.learner.learned
    member = Refuses()
    learned["den"] = Learned(ProcessModel([member]))
    forecaster.retrain("den", Cause.CORRECTION)
    forecaster.retrain(HOME, Cause.REQUEST)
    before = {process: learned[process].learned_us for process in (HOME, SLEEP)}
    night_us = START_US + (DAYS + 1) * DAY_US + 4 * 60 * MINUTE_US
    with caplog.at_level(logging.CRITICAL), pytest.raises(RuntimeError, match="1 of 3 processes: ValueError"):
        list(forecaster.night(night_us))
    assert store.forecasts.runs("den")[-1][1:] == (
        "failed",
        "correction",
        night_us,
        "ValueError: no such numbers",
    )
    assert store.forecasts.runs(HOME)[-1][1:3] == ("completed", "request")
    assert all(learned[process].learned_us > before[process] for process in before)
    assert forecaster.learner.queue.to_json() == [["den", int(Cause.CORRECTION)]]
    member.broken = False
    list(forecaster.night(night_us + DAY_US))
    assert store.forecasts.runs("den")[-1][1:3] == ("completed", "correction")
    assert "den" not in forecaster.learner.queue


def test_a_fit_that_is_stopped_waits_on_for_the_same_reason(store: Store) -> None:
    forecaster = Forecaster(store, DEN)
    forecaster.retrain("den", Cause.ALARM)
    work = forecaster.night(START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US)
    while store.forecasts.runs("den")[-1][1] != "running":
        next(work)
    del work
    assert forecaster.learner.queue.to_json()[0] == ["den", int(Cause.ALARM)]


def test_a_model_knows_the_run_it_comes_from(store: Store) -> None:
    night_us = START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US
    fitted = store.forecasts.models()["den"].run_id
    forecaster = Forecaster(store, DEN)
    den = forecaster.learner.learned["den"]
    assert den.run_id == fitted is not None
    den.challenger, den.duel = den.model.challenger(10.0), [(1e6, 18.0)] * 4
    for _ in forecaster.night(night_us):
        pass
    assert forecaster.learner.learned["den"].challenger is None
    run_id = store.forecasts.models()["den"].run_id
    with store.reader() as connection:
        (cause, told), *_ = connection.execute(
            "SELECT cause, metrics FROM forecast_runs WHERE id = ?", (run_id,)
        ).fetchall()
    won = json.loads(told)
    assert (cause, won["days"]) == (REPLACED, 5)
    assert won["loss"] < won["replaced"]
    assert Forecaster(store, DEN).learner.learned["den"].run_id == run_id


def test_a_night_that_is_stopped_is_taken_up_again(store: Store, lived: Path, tmp_path: Path) -> None:
    """It had fitted what was asked for, and told the gates of a day, when it was stopped: neither is lost or counts twice."""
    night_us = START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US
    stopped = Forecaster(store, DEN)
    stopped.retrain("den", Cause.REQUEST)
    scored = store.forecasts.scores("2000", "2100", "den")
    work = stopped.night(night_us)
    while store.forecasts.scores("2000", "2100", "den") == scored:
        next(work)
    for _ in range(3):
        next(work)
    del work
    assert store.forecasts.runs("den")[-1][1:3] == ("completed", "request")
    assert stopped.to_json()["queue"] == [["den", int(Cause.REQUEST)]]
    list(stopped.night(night_us))
    copy = tmp_path / "whole.db"
    copy.write_bytes(lived.read_bytes())
    other = Store.open(copy, night_us)
    whole = Forecaster(other, DEN)
    whole.retrain("den", Cause.REQUEST)
    list(whole.night(night_us))
    for process, learned in whole.learner.learned.items():
        assert stopped.learner.learned[process].payloads("") == learned.payloads(""), process
    assert store.forecasts.scores("2000", "2100") == other.forecasts.scores("2000", "2100")
    assert not stopped.learner.queue.to_json()
    other.close()


def test_what_a_night_by_day_scores_is_of_days_of_its_own(store: Store) -> None:
    """From noon to noon: midnight is the middle, on whichever side of it a moment is missing. Stopped, it is scored once."""
    forecaster = Forecaster(store, DEN)
    start_us = forecaster.learner.learned["den"].learned_us
    night_us = START_US + (DAYS + 2) * DAY_US + 13 * 60 * MINUTE_US
    end_us = night_us - 25 * 60 * MINUTE_US
    first_us = START_US + DAYS * DAY_US
    day = store.forecasts.moments(first_us - DAY_US, first_us, forecaster.key)
    for number in range(2):
        times_us, vectors = day[0] + (number + 1) * DAY_US, day[1].astype(np.float64)
        kept = np.flatnonzero(times_us != first_us + DAY_US + 60 * MINUTE_US)
        store.forecasts.add_moments(times_us[kept], forecaster.key, vectors[kept])
    for process in ("den", HOME, SLEEP):
        store.episodes.replace(process, START_US, night_us, episodes(process, night_us))
    since = date(1970, 1, 1) + timedelta(days=start_us // DAY_US)

    def moments() -> dict[str, int]:
        found: dict[str, int] = {}
        for score in store.forecasts.scores(since.isoformat(), "2100", "den"):
            found[score.day] = found.get(score.day, 0) + score.moments
        return found

    work = forecaster.night(night_us)
    while len(moments()) < 2:
        next(work)
    del work
    list(Forecaster(store, DEN).night(night_us))
    assert list(moments().values()) == [34 * 4, 96, 95]
    assert sum(moments().values()) == (end_us - start_us) // (15 * MINUTE_US) - 1


@pytest.mark.parametrize("hour", [1, 11, 12, 13, 23])
def test_no_day_is_scored_as_another_was_whatever_the_clock_does(hour: int) -> None:
    """A year of nights at an hour, and some a few hours early: every interval has a day, hardly off its middle."""
    clock, learned = LocalClock("Europe/Berlin"), Learned(ProcessModel())
    bounds = [
        clock.day_bounds(date(2026, 1, 1) + timedelta(days=n))[0]
        + (hour * 60 - 180 * (n % 50 == 49)) * MINUTE_US
        for n in range(365)
    ]
    for start_us, end_us in pairwise(bounds):
        middle = clock.at((start_us + end_us) // 2).date()
        day = learned.day_of(middle)
        assert day.toordinal() > learned.scored
        assert day - middle <= timedelta(days=1)
        learned.scored = day.toordinal()


def test_a_challenger_survives_a_restart(store: Store) -> None:
    first = Forecaster(store, DEN)
    den = first.learner.learned["den"]
    den.challenger, den.duel = den.model.challenger(10.0), [(20.0, 18.0)]
    for _ in first.night(START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US):
        pass
    again = Forecaster(store, DEN).learner.learned["den"]
    assert again.challenger is not None
    assert again.challenger.kernel.kernel.half_life == 10.0
    assert again.duel == den.duel
    assert [gate.to_json() for gate in again.its_gates] == [gate.to_json() for gate in den.its_gates]
    assert again.challenger.state()[0] == den.challenger.state()[0]


def test_a_challenger_that_takes_over_is_judged_by_its_own_days(store: Store) -> None:
    """Not by those on which the champion was wrong."""
    forecaster = Forecaster(store, DEN)
    den = forecaster.learner.learned["den"]
    before = den.gates
    assert len(before[0].to_json()["days"]) >= 10
    den.challenger, den.duel = den.model.challenger(10.0), [(20.0, 2.0)] * 4
    for _ in forecaster.night(START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US):
        pass
    after = forecaster.learner.learned["den"]
    assert after.challenger is None
    assert store.forecasts.runs("den")[-1][2] == REPLACED
    assert [len(gate.to_json()["days"]) for gate in after.gates] == [1, 1]
    assert not look(forecaster, NOON_US).forecasts["den"].published


def test_a_member_that_was_added_learns_in_the_next_night(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """What the other members learned together is left aside, and learned again from what is stored."""
    forecaster = Forecaster(store, replace(DEN, members=("boosting", "no_such")))
    assert not caplog.records  # nothing is wrong
    assert not forecaster.learner.learned["den"].ready
    night_us = START_US + DAYS * DAY_US + 4 * 60 * MINUTE_US
    for _ in forecaster.night(night_us):
        pass
    # Of a day that is still to be scored members have seen nothing, though the first moment was at another time of day.
    for learned in forecaster.learner.learned.values():
        assert learned.learned_us == night_us - 25 * 60 * MINUTE_US
        assert learned.fitted_us <= learned.learned_us - DAY_US
    names = [member.name for member in forecaster.learner.learned["den"].model.members]
    assert names[-2:] == ["logistic_hazard", "boosting"]
    weights = {r.process: r.weights for r in forecaster.report(60, NOON_US) if r.to_occupied}["den"]
    assert sum(weights.values()) == pytest.approx(1.0)
    assert weights.keys() == set(names)
    assert look(forecaster, NOON_US).forecasts["den"].published
