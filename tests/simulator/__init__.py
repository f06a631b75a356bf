"""A seeded simulator of a whole home. Everything it gives is SIMULATED: invented people, no recorded data."""

from tests.simulator.config import AWAY, SimulatedHomeConfig
from tests.simulator.folder import write_folder
from tests.simulator.presets import (
    PRESETS,
    alarm_clock_home,
    demo_home,
    large_home,
    one_person,
    two_people_and_a_cat,
)
from tests.simulator.simulation import SimulatedDay, Simulation, Simulator, live, simulate
from tests.simulator.truth import TruthRow
from tests.simulator.walking import Stay

__all__ = [
    "AWAY",
    "PRESETS",
    "SimulatedDay",
    "SimulatedHomeConfig",
    "Simulation",
    "Simulator",
    "Stay",
    "TruthRow",
    "alarm_clock_home",
    "demo_home",
    "large_home",
    "live",
    "one_person",
    "simulate",
    "two_people_and_a_cat",
    "write_folder",
]
