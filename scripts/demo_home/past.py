"""Writes simulated weeks into a fresh recorder database, as if Home Assistant had run all along."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
import json
from pathlib import Path
import uuid

from homeassistant.components.recorder.db_schema import Base, StateAttributes, States, StatesMeta
from homeassistant.components.recorder.migration import initialize_database
from homeassistant.util.ulid import ulid_at_time, ulid_to_bytes
from sqlalchemy import create_engine, insert
from sqlalchemy.orm import sessionmaker

from custom_components.occupancy_ml.engine.events import MICROSECONDS, Cause, to_us
from scripts.demo_home.evening import simulated_home
from tests.simulator import simulate

DAYS = 28


def write_history(
    path: Path, time_zone: str, seed: int, now: datetime, attributes: Mapping[str, dict[str, str]]
) -> int:
    """Fills a new recorder database up to `now`.

    Args:
        path: where the database will be.
        time_zone: of the simulated home.
        seed: of the simulated home.
        now: aware.
        attributes: what each entity shows beside its state; entities not named here are left out.

    Returns:
        How many states were written.
    """
    config = simulated_home(time_zone)
    today = now.astimezone(config.zone).date()
    simulation = simulate(config, today - timedelta(days=DAYS), DAYS + 1, seed)
    engine = create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    sessions = sessionmaker(engine)
    if not initialize_database(sessions):
        raise RuntimeError("the recorder's database could not be made")

    names = {entity_id: number for number, entity_id in enumerate(attributes, start=1)}
    shown = {entity_id: json.dumps(some) for entity_id, some in attributes.items()}
    somebody, something = uuid.uuid4().bytes, ulid_to_bytes(ulid_at_time(simulation.start_us / MICROSECONDS))
    last: dict[str, int] = {}
    rows: list[dict[str, object]] = []

    def add(entity_id: str, state: str, time_us: int, cause: Cause) -> None:
        moment = time_us / MICROSECONDS
        rows.append(
            {
                "state_id": len(rows) + 1,
                "state": state,
                "last_updated_ts": moment,
                "last_reported_ts": moment,
                "old_state_id": last.get(entity_id),
                "attributes_id": names[entity_id],
                "origin_idx": 0,
                "context_id_bin": ulid_to_bytes(ulid_at_time(moment)),
                "context_user_id_bin": somebody if cause is Cause.PERSON else None,
                "context_parent_id_bin": something if cause is Cause.AUTOMATION else None,
                "metadata_id": names[entity_id],
            }
        )
        last[entity_id] = len(rows)

    for entity_id, state in simulation.initial.items():
        if entity_id in names:
            add(entity_id, state, simulation.start_us, Cause.UNKNOWN)
    now_us = to_us(now)
    before = dict(simulation.initial)
    for event in simulation.events:
        # The state machine takes no notice of a state that is said twice.
        if event.time_us < now_us and event.entity_id in names and before.get(event.entity_id) != event.state:
            before[event.entity_id] = event.state
            add(event.entity_id, event.state, event.time_us, event.cause)

    with sessions.begin() as session:
        session.execute(
            insert(StatesMeta), [{"metadata_id": number, "entity_id": name} for name, number in names.items()]
        )
        session.execute(
            insert(StateAttributes),
            [
                {
                    "attributes_id": names[entity_id],
                    "hash": StateAttributes.hash_shared_attrs_bytes(text.encode()),
                    "shared_attrs": text,
                }
                for entity_id, text in shown.items()
            ],
        )
        session.execute(insert(States), rows)
    engine.dispose()
    return len(rows)
