"""The command line of `scripts/bench`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
import json
import os
from pathlib import Path
import platform
import shutil
import subprocess
import sys
import tempfile
from typing import Any

import homeassistant.const
import numpy as np

from custom_components.occupancy_ml.const import DATABASE_FILE
from custom_components.occupancy_ml.engine.events import DAY_US, to_us
from scripts.benchmarks import changepoint, engine, forecasts, host, regression, shuffled, years
from scripts.benchmarks.homes import fill_weeks, learned, past
from scripts.benchmarks.report import Measure, table

_DAYS_STORED, _DAYS_IMPORTED = 8, 2


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures the budgets of the design.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    commands = parser.add_subparsers(dest="command")
    annotated = commands.add_parser("changepoints", help="score changepoints on annotated series")
    series = annotated.add_mutually_exclusive_group(required=True)
    series.add_argument(
        "folder", type=Path, nargs="?", metavar="DIR", help="series/NAME.json and annotations.json"
    )
    series.add_argument(
        "--shuffled", action="store_true", help="false alarms of routines on shuffled days of simulated homes"
    )
    annotated.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    year = commands.add_parser("year", help="only the file as it is after a year")
    year.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    ahead = commands.add_parser("forecasts", help="only the forecasts of a large home")
    ahead.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    given = parser.parse_args()
    if given.command == "changepoints" and given.shuffled:
        return _shuffled(as_json=given.json)
    if given.command == "changepoints":
        return _changepoints(given.folder, as_json=given.json)
    machine = _machine()
    if not given.json:
        print(", ".join(f"{key} {value}" for key, value in machine.items()), flush=True)
    measures: list[Measure] = []
    for found in {"year": _only_year, "forecasts": _only_forecasts}.get(given.command, _all)():
        measures += found
        if not given.json:
            print(f"\n{table(found)}", flush=True)
    over = sum(measure.verdict == "over" for measure in measures)
    load = round(os.getloadavg()[0], 2)
    if given.json:
        rows = [measure.to_json() for measure in measures]
        print(json.dumps({**machine, "load_after": load, "over": over, "measures": rows}, indent=1))
    else:
        print(f"\n{over} over budget, load at the end {load}")
    return 0


def _all() -> Iterator[list[Measure]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ingest = engine.ingest(folder)
        yield ingest
        bytes_per_event = next(m.value for m in ingest if m.unit == "MB") * 1e6 / 100_000
        for rooms in (5, 20):
            yield engine.ticks(folder, rooms)
        yield _bocpd()
        yield _regression()
        yield forecasts.measured(folder)
        yield engine.replayed(folder)
        yield from _weeks(folder, bytes_per_event)
        yield _year(folder)


def _bocpd() -> list[Measure]:
    found = changepoint.bench_updates()
    part = f"BOCPD, {found['streams']} streams of {found['updates']} updates"
    return [
        Measure(part, "ours, a stream and update", found["pruned_us"], "us"),
        Measure(part, "ours without pruning", found["unpruned_us"], "us"),
        Measure(part, "bayesian_changepoint_detection", found["reference_us"], "us"),
        Measure(part, "largest difference of posteriors, unpruned", found["largest_difference"], ""),
    ]


def _regression() -> list[Measure]:
    found = regression.bench_fit()
    part = "CLR fit of a room, 12 weeks of windows"
    return [
        Measure(part, "ours", found["ours_ms"], "ms"),
        Measure(part, "scikit-learn", found["reference_ms"], "ms"),
        Measure(part, "largest difference of coefficients", found["largest_difference"], ""),
    ]


def _weeks(folder: Path, bytes_per_event: float) -> Iterator[list[Measure]]:
    """The night over weeks of rows, then the same file in a real Home Assistant."""
    now_us = to_us(datetime.now(UTC))
    whole = past(20, _DAYS_STORED + _DAYS_IMPORTED, now_us)
    bound_us = now_us - _DAYS_STORED * DAY_US
    earlier = [event for event in whole.events if event.time_us < bound_us]
    config, bare = folder / "live", folder / "bare"
    config.mkdir()
    bare.mkdir()
    path = config / DATABASE_FILE
    built = learned(path, whole.home, whole.events[len(earlier) :], now_us)
    fill_weeks(built, now_us)
    built.store.backup_to(folder / "night.db")
    yield engine.night(path, built, now_us, bytes_per_event)
    path.unlink()
    shutil.move(folder / "night.db", path)
    last = {event.entity_id: event.state for event in whole.events}
    for directory in (config, bare):
        host.furnish(directory, whole.home, last, now_us, earlier)
    yield host.lives(config, bare)


def _only_year() -> Iterator[list[Measure]]:
    with tempfile.TemporaryDirectory() as name:
        yield _year(Path(name))


def _only_forecasts() -> Iterator[list[Measure]]:
    with tempfile.TemporaryDirectory() as name:
        yield forecasts.measured(Path(name))


def _year(folder: Path) -> list[Measure]:
    """The full file alone."""
    place = folder / "year"
    place.mkdir()
    return years.measured(place)


def _shuffled(*, as_json: bool) -> int:
    found = shuffled.false_alarms()
    if as_json:
        print(json.dumps(found, indent=1))
    else:
        print(shuffled.told(found))
    return 0


def _changepoints(folder: Path, *, as_json: bool) -> int:
    try:
        scores = changepoint.score_folder(folder)
    except FileNotFoundError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 2
    render: Callable[[Any], str] = json.dumps if as_json else changepoint.format_scores
    print(render(scores))
    return 0


def _machine() -> dict[str, Any]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "commit": _commit(),
        "python": platform.python_version(),
        "homeassistant": homeassistant.const.__version__,
        "numpy": np.__version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


def _commit() -> str:
    """The commit, with a + where files differ from it; `unknown` without git."""
    root = Path(__file__).parent.parent.parent
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty=+"],
            capture_output=True,
            text=True,
            check=True,
        )
    except OSError, subprocess.CalledProcessError:
        return "unknown"
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
