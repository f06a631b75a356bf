"""Write a simulated home as a folder: `scripts/simulate PRESET OUT_DIR`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from tests.simulator.config import SimulatedHomeConfig
from tests.simulator.folder import write_folder
from tests.simulator.presets import PRESETS, large_home
from tests.simulator.simulation import simulate


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line, simulate, write, and say in one line what was written."""
    parser = argparse.ArgumentParser(
        prog="scripts/simulate",
        description="Write a SIMULATED home with its truth: home.json, events.csv, truth.csv.",
    )
    parser.add_argument("preset", choices=list(PRESETS), help="which home")
    parser.add_argument("out", type=Path, help="folder to write; made when it is not there")
    parser.add_argument("--start", type=date.fromisoformat, default=date(2026, 3, 1), help="first local day")
    parser.add_argument("--days", type=int, default=30, help="how many local days")
    parser.add_argument("--seed", type=int, default=1, help="another seed is another life")
    parser.add_argument("--routine-change", type=date.fromisoformat, help="day on which routines change")
    parser.add_argument("--rooms", type=int, default=20, help="rooms of the large home")
    parser.add_argument("--events-per-day", type=int, help="of the large home, reached by chatter")
    options = parser.parse_args(arguments)
    if options.days < 1:
        parser.error("--days must be at least 1")
    if options.preset == "large":
        if options.routine_change is not None:
            parser.error("the large home has no routine change")
        if options.rooms < 6:
            parser.error("--rooms must be at least 6")
        config: SimulatedHomeConfig = large_home(options.rooms, events_per_day=options.events_per_day)
    else:
        config = PRESETS[options.preset](routine_change_day=options.routine_change)
    simulation = simulate(config, options.start, options.days, options.seed)
    write_folder(simulation, options.out)
    print(f"SIMULATED {config.name}: {len(simulation.events)} events, {options.days} days, in {options.out}")


if __name__ == "__main__":
    main()
