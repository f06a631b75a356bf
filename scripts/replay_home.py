"""Plays a recorded home through the engine and writes what it would have shown, minute by minute."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
import re
import sys
import tempfile
import time

from custom_components.occupancy_ml.engine.events import from_us
from custom_components.occupancy_ml.engine.replay import RecordingError, load_recording, replay

_BAR = 40


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="scripts/replay", description=__doc__)
    parser.add_argument("home", type=Path, help="folder with home.json and events.csv")
    parser.add_argument("--predictions", type=Path, required=True, help="CSV to write")
    parser.add_argument("--corrections", type=Path, help="CSV of known_at,start,end,area_id,state")
    parser.add_argument("--drop", type=_pattern, help="leave out entities this regular expression finds")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    given = parser.parse_args()
    try:
        recording = load_recording(given.home, corrections=given.corrections, drop=given.drop)
    except RecordingError as error:
        print(f"scripts/replay: {error}", file=sys.stderr)
        return 2
    begin = time.perf_counter()
    minutes = 0
    with tempfile.TemporaryDirectory() as folder, given.predictions.open("w", encoding="utf-8") as out:
        store = Path(folder) / "occupancy_ml.db"
        out.write("time,area_id,probability,occupied\n")
        for snapshot in replay(recording, store, progress=_bar if sys.stderr.isatty() else None):
            moment = from_us(snapshot.time_us).isoformat()
            minutes += 1
            for state in snapshot.rooms.values():
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
