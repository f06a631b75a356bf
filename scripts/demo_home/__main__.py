"""Starts a real Home Assistant on a simulated home. Run by `scripts/demo`."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
import os
from pathlib import Path
import shutil
import socket
import sys

from scripts.demo_home.config_dir import Plan, make, read_plan, refresh
from scripts.demo_home.evening import is_lively, liveliest

ROOT = Path(__file__).parent.parent.parent
CONFIG_DIR = ROOT / ".demo"


def is_free(port: int) -> bool:
    """Whether this machine lets us listen on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def prepare(port: int, fresh: bool) -> str | None:
    """Makes the configuration directory where there is none, or another is wished for.

    Returns:
        What stands in the way, None where nothing does.
    """
    if not is_free(port):
        return f"port {port} is taken. Choose another: scripts/demo --port {port + 1}"
    now = datetime.now(UTC)
    if fresh:
        shutil.rmtree(CONFIG_DIR, ignore_errors=True)
    plan = read_plan(CONFIG_DIR)
    if plan is None:
        shutil.rmtree(CONFIG_DIR, ignore_errors=True)
        print("demo: inventing a home and four weeks of its history")
        time_zone, seed = liveliest(now)
        plan = Plan(time_zone, seed)
        make(CONFIG_DIR, plan, now)
    elif not is_lively(plan.time_zone, plan.seed, now):
        print(
            "demo: at this hour little happens in this simulated home; scripts/demo --fresh starts a lively one"
        )
    refresh(CONFIG_DIR, ROOT, plan, port)
    return None


def main() -> None:
    """Prepares, and becomes Home Assistant."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="A real Home Assistant on a simulated home."
    )
    parser.add_argument("--port", type=int, default=8123, help="where the page is served (default: 8123)")
    parser.add_argument("--fresh", action="store_true", help="forget the simulated home and start over")
    asked = parser.parse_args()
    if hindrance := prepare(asked.port, asked.fresh):
        sys.exit(f"demo: {hindrance}")
    print("demo: starting Home Assistant", flush=True)
    os.execv(sys.executable, [sys.executable, "-m", "scripts.demo_home.run", str(CONFIG_DIR)])


if __name__ == "__main__":
    main()
