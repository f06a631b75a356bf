"""An animal at home: long naps, short bouts, in any of its rooms, people there or not."""

from __future__ import annotations

from datetime import date, timedelta

from custom_components.occupancy_ml.engine.events import MINUTE_US
from tests.simulator.clock import midnight_us, stream
from tests.simulator.config import Pet, SimulatedHomeConfig
from tests.simulator.walking import Stay


def pet_stays(config: SimulatedHomeConfig, pet: Pet, day: date, seed: int) -> list[Stay]:
    """The stays of `pet` over one local day, without a gap; "pet" when it moves, "nap" when it lies."""
    rng = stream(seed, "pet", pet.name, day)
    now_us = midnight_us(day, config.zone)
    end_us = midnight_us(day + timedelta(days=1), config.zone)
    stays: list[Stay] = []
    while now_us < end_us:
        room_id = rng.choice(pet.rooms)
        for activity, low, high in (("pet", 2, 12), ("nap", 15, 150)):
            until_us = min(end_us, now_us + int(rng.uniform(low, high) * MINUTE_US))
            if until_us > now_us:
                stays.append(Stay(pet.name, now_us, until_us, room_id, activity))
            now_us = until_us
    return stays
