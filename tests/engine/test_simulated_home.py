"""On a simulated home what is shown beats what a home has without it. SIMULATED: no claim about real homes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np

from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US
from custom_components.occupancy_ml.engine.localtime import LocalClock
from tests.engine.living import live
from tests.simulator import simulate, two_people_and_a_cat

DAYS = 6


def test_shown_probabilities_beat_the_time_of_day_and_a_constant(tmp_path: Path) -> None:
    simulated = simulate(two_people_and_a_cat(), date(2026, 3, 2), DAYS, 3)
    nights = [simulated.start_us + day * DAY_US + 3 * 60 * MINUTE_US for day in range(1, DAYS)]
    shown, engine = live(
        tmp_path / "home.db",
        simulated.home,
        simulated.events,
        simulated.start_us,
        simulated.end_us,
        nights=nights,
    )
    engine.close()
    times = np.array([snapshot.time_us for snapshot in shown])
    clock = LocalClock(simulated.home.time_zone)
    _, slots = clock.days_and_half_hours(times)
    early = times <= simulated.start_us + 3 * DAY_US
    errors: dict[str, list[float]] = {"shown": [], "prior": [], "constant": []}
    for room_id in simulated.areas:
        truth = np.zeros(len(times))
        for start_us, end_us in simulated.occupied(room_id):
            truth[(times >= start_us) & (times < end_us)] = 1.0
        chances = np.array([snapshot.rooms[room_id].probability for snapshot in shown], dtype=np.float64)
        # The baselines are given the truth of the first three days; we were told nothing.
        share = truth[early].mean()
        taken = np.bincount(slots[early], truth[early], 48)
        prior = ((taken + 30 * share) / (np.bincount(slots[early], minlength=48) + 30))[slots]
        for name, guess in (("shown", chances), ("prior", prior), ("constant", np.full(len(times), share))):
            errors[name].append(float(((guess - truth)[~early] ** 2).mean()))
    brier = {name: float(np.mean(values)) for name, values in errors.items()}
    assert brier["shown"] < 0.92 * brier["prior"]
    assert brier["shown"] < 0.8 * brier["constant"]
