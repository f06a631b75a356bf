"""What a year derives from its events, repeated from a lived week: tables are copied row by row, moved in time."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
import random
import sqlite3

import numpy as np

from custom_components.occupancy_ml.engine.adaptation.scores import score_day
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.features import WINDOW_US
from custom_components.occupancy_ml.engine.forecast.moments import MOMENT_US
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine.routines.patterns import Act
from custom_components.occupancy_ml.engine.routines.suggestions.backtest import Backtest
from custom_components.occupancy_ml.engine.routines.suggestions.proposal import AtTime, Proposal
from custom_components.occupancy_ml.engine.snapshot import HOME
from custom_components.occupancy_ml.engine.store import Prediction, RunStatus, Store
from custom_components.occupancy_ml.engine.store.routines import DAILY
from custom_components.occupancy_ml.engine.store.suggestions import (
    Feedback,
    Suggestion,
    SuggestionStatus,
    Version,
)

_NAMES = ("entities", "rooms", "roles", "states", "event_contexts")
_SCORES = ("daily_scores", "daily_reliability", "daily_truth")
_PATTERNS, _SUGGESTIONS = 300, 60
_NUMBERS_TOLD = 14
_BITS = 0b1111111


def tell(engine: Engine, first_us: int, end_us: int) -> None:
    """Give a lived span predictions and forecasts, as chance has them, and score its days.

    A replay tells nothing: what was shown is kept only as it is shown.
    """
    store, choice = engine.store, random.Random(1)  # noqa: S311
    rooms = [room.room_id for room in engine.home.rooms]
    for time_us in range(first_us + WINDOW_US, end_us + 1, WINDOW_US):
        store.predictions.write([shown(room_id, time_us, choice) for room_id in [*rooms, HOME]])
    numbers = np.random.default_rng(1)
    processes = engine.forecasts.layout.processes
    for time_us in range(first_us + MOMENT_US, end_us + 1, MOMENT_US):
        store.forecasts.add_told(
            time_us, [(process, True, True, numbers.uniform(0, 900, _NUMBERS_TOLD)) for process in processes]
        )
    day = engine.clock.at(first_us + DAY_US // 2).date()
    last = engine.clock.at(end_us - DAY_US // 2).date()
    while day <= last:
        for _ in score_day(store, engine.home, engine.clock, day):
            pass
        day += timedelta(days=1)


def shown(room_id: str, time_us: int, choice: random.Random) -> Prediction:
    """A prediction as chance has it."""
    return Prediction(
        room_id,
        time_us,
        choice.random(),
        choice.random() < 0.3,
        "model",
        choice.random(),
        choice.getrandbits(7) & _BITS,
    )


class Derived:
    """Writes what the nights of a year derive."""

    def __init__(self, store: Store, lived: Path, days: list[date]) -> None:
        """Take over the names of the lived file, under the same numbers.

        Args:
            store: a fresh one.
            lived: the file with a week that was lived, closed.
            days: the local days of that week.
        """
        self.store = store
        self._days = days
        self._database = store.database
        self._database.execute("ATTACH DATABASE ? AS lived", (str(lived),))
        with store.transaction():
            for table in _NAMES:
                self._database.execute(f"INSERT INTO {table} SELECT * FROM lived.{table}")  # noqa: S608

    def day(self, which: int, day: date, first_us: int, by_us: int, now_us: int) -> None:
        """What is known after a day that is a copy of one of the week.

        Args:
            which: of which day of the week, in order.
            day: the local day.
            first_us: when the lived day began.
            by_us: how much later this one is.
            now_us: its night.
        """
        store, lived = self.store, self._days[which]
        span = (first_us, first_us + DAY_US)
        with store.transaction():
            for table in _SCORES:
                self._copy(table, {"day": day.isoformat()}, "day = ?", lived.isoformat())
            self._copy(
                "forecast_scores",
                {"day": day.isoformat()},
                "day = (SELECT max(day) FROM lived.forecast_scores)",
            )
            for table in ("forecasts", "forecast_moments"):
                self._copy(table, {"time_us": f"time_us + {by_us:d}"}, "time_us > ? AND time_us <= ?", *span)
            for table in DAILY:
                self._copy(table, {"date": day.isoformat()}, "date = ?", lived.isoformat())
            self._odd(day)
            if day.weekday() == 6:
                year, week, _ = day.isocalendar()
                for table in ("session_weekly", "day_type_weekly"):
                    name = f"{year}-W{week:02d}"
                    self._copy(table, {"week": name}, f"week = (SELECT max(week) FROM lived.{table})")  # noqa: S608
                for (process,) in self._database.all("SELECT room_id FROM rooms"):
                    run = store.forecasts.start_run(process, "schedule", now_us)
                    store.forecasts.finish_run(run, RunStatus.COMPLETED, now_us, rows=6048)
            if (day + timedelta(days=1)).day == 1:
                self._month(f"{day:%Y-%m}")

    def end(self, end_us: int) -> None:
        """What stands once: models, routines, suggestions."""
        store, database = self.store, self._database
        with store.transaction():
            self._copy("forecast_artifacts", {"run_id": "NULL"}, "1")
            columns = [name for (name,) in database.all("SELECT name FROM pragma_table_info('patterns')")][2:]
            for number in range(_PATTERNS):
                database.execute(
                    f"INSERT INTO patterns (key, {', '.join(columns)})"  # noqa: S608
                    f" SELECT key || ' {number}', {', '.join(columns)} FROM lived.patterns"
                    " ORDER BY id LIMIT 1 OFFSET ? % (SELECT count(*) FROM lived.patterns)",
                    (number,),
                )
        with store.transaction():
            for number in range(_SUGGESTIONS):
                self._suggestion(number, end_us)
        database.execute("DETACH DATABASE lived")

    def _copy(self, table: str, moved: dict[str, str], where: str, *given: object) -> None:
        """Rows of the lived week, some columns changed: an expression, or a text."""
        names = [name for (name,) in self._database.all("SELECT name FROM pragma_table_info(?)", (table,))]
        told = [moved.get(name, name) for name in names]
        told = [each if each in names or "+" in each or each == "NULL" else f"'{each}'" for each in told]
        self._database.execute(
            f"INSERT OR REPLACE INTO {table} SELECT {', '.join(told)}"  # noqa: S608
            f" FROM lived.{table} WHERE {where}",
            given,
        )

    def _odd(self, day: date) -> None:
        """Five things out of the ordinary a day."""
        entities = [name for (name,) in self._database.all("SELECT entity_id FROM entities LIMIT 5")]
        self.store.aggregates.replace(
            "anomaly_daily",
            day.isoformat(),
            [
                {
                    "entity_id": entity_id,
                    "anomaly_type": "count",
                    "anomaly_score": 3.5,
                    "baseline_deviation": 2.5,
                    "occurrences": 9,
                    "severity": "medium",
                    "detail": {"usual": 20.5, "told": 61},
                }
                for entity_id in entities
            ],
        )

    def _month(self, month: str) -> None:
        """A lived week knows no months: as much as twenty rooms would tell."""
        usage = {
            f"light.room_{number}": [round(0.01 * hour, 3) for hour in range(24)] for number in range(20)
        }
        self.store.aggregates.replace(
            "contextual_monthly",
            month,
            [
                {
                    "weather_context": weather,
                    "presence_context": presence,
                    "device_usage_patterns": usage,
                    "correlation_scores": dict.fromkeys(usage, 0.25),
                    "confidence": 0.5,
                }
                for weather in ("bright", "dark")
                for presence in ("home", "away")
            ],
        )
        self.store.aggregates.replace(
            "seasonal_monthly",
            month,
            [
                {
                    "season": "winter",
                    "seasonal_activity_level": 0.5,
                    "year_over_year_comparison": {},
                    "trend_direction": "steady",
                    "days": 30,
                    "activity": usage,
                }
            ],
        )

    def _suggestion(self, number: int, end_us: int) -> None:
        """A suggestion of each stage in turn, with its back-test, what was made of it, and a version."""
        store = self.store
        statuses = list(SuggestionStatus)
        entity_id = f"light.room_{number}"
        proposal = Proposal(AtTime(number * 20), Act(entity_id, "on"), 1800)
        fired = tuple(end_us - day * DAY_US for day in range(40, 0, -1))
        suggestion_id = store.suggestions.put(
            Suggestion(
                key=f"time_of_day|{entity_id}",
                pattern_id=number % _PATTERNS + 1,
                description=f"At some time every day, turn on room {number}.",
                proposal=proposal.to_json(),
                features=("light", "evening"),
                status=statuses[number % len(statuses)],
                confidence=0.8,
                safety_score=95,
                category="light",
                rank=0.5,
                backtest=Backtest(60.0, fired, fired[:4]).to_json(),
                created_at_us=end_us,
                updated_at_us=end_us,
                automation_yaml="alias: x\n" * 30,
                automation_id=f"occupancy_ml_{number}",
                snoozed_until_us=end_us + MINUTE_US,
            )
        )
        store.suggestions.add_feedback(Feedback(suggestion_id, "accepted", None, end_us))
        store.suggestions.add_version(
            Version(f"occupancy_ml_{number}", suggestion_id, "alias: x\n" * 30, end_us, 95, "accepted")
        )


def counted(path: Path) -> dict[str, int]:
    """Rows by table."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        names = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608
            for (name,) in names
        }
    finally:
        connection.close()
