"""Plays a recorded home through the engine and writes what it would have shown, minute by minute."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import json
import os
from pathlib import Path
import re
import sys
import tempfile
import time
from typing import TextIO

from custom_components.occupancy_ml.engine.events import MINUTE_US, from_us
from custom_components.occupancy_ml.engine.replay import RecordingError, load_recording, replay
from custom_components.occupancy_ml.engine.snapshot import HOME, SLEEP, Snapshot

_BAR = 40
_FORECAST_US = 15 * MINUTE_US
_AHEAD = (15, 30, 60, 120, 240)
_FORECAST_HEADER = "time,area_id,occupied,published,q10,q25,q50,q75,q90,none_24h," + ",".join(
    f"p{minutes}" for minutes in _AHEAD
)


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/replay", description=__doc__)
    parser.add_argument("home", type=Path, help="folder with home.json and events.csv")
    parser.add_argument("--predictions", type=Path, help="CSV to write: what it would have shown, by minute")
    parser.add_argument(
        "--forecasts", type=Path, help="CSV to write: what it would have told, by quarter of an hour"
    )
    parser.add_argument("--corrections", type=Path, help="CSV of known_at,start,end,area_id,state")
    parser.add_argument("--drop", type=_pattern, help="leave out entities this regular expression finds")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    if given.predictions is None and given.forecasts is None:
        parser.error("one of --predictions and --forecasts is needed")
    try:
        recording = load_recording(given.home, corrections=given.corrections, drop=given.drop)
    except RecordingError as error:
        print(f"scripts/replay: {error}", file=sys.stderr)
        return 2
    begin = time.perf_counter()
    minutes = 0
    with (
        tempfile.TemporaryDirectory() as folder,
        _opened(given.predictions) as out,
        _opened(given.forecasts) as told,
    ):
        store = Path(folder) / "occupancy_ml.db"
        out.write("time,area_id,probability,occupied\n")
        told.write(_FORECAST_HEADER + "\n")
        for snapshot in replay(
            recording,
            store,
            now_only=given.forecasts is None,
            progress=_bar if sys.stderr.isatty() else None,
        ):
            moment = from_us(snapshot.time_us).isoformat()
            minutes += 1
            if snapshot.time_us % _FORECAST_US == 0:
                told.writelines(_forecast_lines(moment, snapshot))
            for state in snapshot.rooms.values() if given.predictions else ():
                out.write(f"{moment},{state.room_id},{state.probability:.6f},{int(bool(state.occupied))}\n")
        size = store.stat().st_size if store.exists() else 0
    summary = {
        "home": recording.name,
        "rooms": len(recording.home.rooms),
        "events": len(recording.events),
        "days": round(minutes / 1440, 2),
        "seconds": round(time.perf_counter() - begin, 1),
        "file_bytes": size,
    }
    if given.json:
        print(json.dumps(summary))
    else:
        print(", ".join(f"{key} {value}" for key, value in summary.items()))
    return 0


def _opened(path: Path | None) -> TextIO:
    return (path or Path(os.devnull)).open("w", encoding="utf-8")


def _forecast_lines(moment: str, snapshot: Snapshot) -> Iterator[str]:
    """The forecasts of the rooms and of the home (as `home`), in the form the scorer reads."""
    for told in snapshot.forecasts.values():
        if told.process == SLEEP:
            continue
        quantiles = ["" if minutes is None else f"{minutes:.1f}" for minutes in told.quantiles.values()]
        ahead = [f"{told.occupied_in[minutes]:.4f}" for minutes in _AHEAD]
        area = "home" if told.process == HOME else told.process
        numbers = [
            str(int(told.occupied)),
            str(int(told.published)),
            *quantiles,
            f"{told.none_24h:.4f}",
            *ahead,
        ]
        yield ",".join([moment, area, *numbers]) + "\n"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"no regular expression: {error}") from error
    return text


def _bar(share: float) -> None:
    filled = round(_BAR * share)
    end = "\n" if share >= 1 else ""
    print(f"\r[{'#' * filled}{'.' * (_BAR - filled)}] {share:4.0%}", end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
