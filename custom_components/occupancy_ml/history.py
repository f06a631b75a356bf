"""The recorder's history -> the engine's events. The only module that reads the recorder.

`history.get_significant_states` gives no context, and the context is what tells a person's hand from an
automation's. So one query reads the rows, with their context columns, and reduces them to events inside the
recorder's executor.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homeassistant.components.recorder import get_instance
from homeassistant.components.recorder.db_schema import (
    Events,
    EventTypes,
    StateAttributes,
    States,
    StatesMeta,
)
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.recorder import session_scope
from homeassistant.util import dt as dt_util
from homeassistant.util.json import JSON_DECODE_EXCEPTIONS, json_loads_object
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import aliased

from .engine.events import DAY_US, MICROSECONDS, Event, Origin, to_us
from .ingest import (
    DECLARED_ATTRIBUTES,
    EVENT_AUTOMATION_TRIGGERED,
    EVENT_SCRIPT_STARTED,
    cause_of,
    declared_attributes,
)

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

# A day of fifty entities is some thousand rows: short enough to stop between two, few enough queries.
ENTITIES_A_CHUNK = 50

# The recorder keeps ten days unless told otherwise; beyond this the engine's own archive would let go again.
HORIZON_US = 30 * DAY_US

# An automation may act some time after it was triggered: waiting steps are rarely longer.
_AUTOMATION_LEAD_S = 3600.0


class HistoryError(Exception):
    """The recorder's history cannot be read at the moment."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One read: some entities over `[start_us, end_us)`, microseconds UTC."""

    entity_ids: tuple[str, ...]
    start_us: int
    end_us: int


@callback
def unrecorded(hass: HomeAssistant, entity_ids: Collection[str]) -> list[str]:
    """The entities that the recorder leaves out, sorted: no history of them can be read."""
    keeps = get_instance(hass).entity_filter
    return [] if keeps is None else sorted(e for e in entity_ids if not keeps(e))


def plan(starts: Mapping[str, int], end_us: int) -> list[Chunk]:
    """Cut what is to be read into chunks of a day and about fifty entities, in the order of time.

    Args:
        starts: from when each entity's history is missing, microseconds UTC.
        end_us: up to when to read.
    """
    groups: dict[int, list[str]] = {}
    for entity_id, start_us in starts.items():
        if start_us < end_us:
            groups.setdefault(start_us, []).append(entity_id)
    chunks: list[Chunk] = []
    for start_us, members in groups.items():
        members.sort()
        for first in range(0, len(members), ENTITIES_A_CHUNK):
            entity_ids = tuple(members[first : first + ENTITIES_A_CHUNK])
            chunks.extend(
                Chunk(entity_ids, day_us, min(day_us + DAY_US, end_us))
                for day_us in range(start_us, end_us, DAY_US)
            )
    return sorted(chunks, key=lambda chunk: (chunk.start_us, chunk.entity_ids))


async def async_wait_ready(hass: HomeAssistant) -> None:
    """Wait until the recorder answers queries, also when it has to migrate first."""
    await get_instance(hass).async_recorder_ready.wait()


async def async_oldest_us(hass: HomeAssistant) -> int | None:
    """The time of the oldest state the recorder keeps, None where it keeps none.

    Raises:
        HistoryError: the recorder does not answer.
    """
    return await _async_run(hass, _oldest_us, hass)


async def async_read(hass: HomeAssistant, chunk: Chunk) -> list[Event]:
    """Read one chunk as events of origin history, ordered by time and entity.

    Raises:
        HistoryError: the recorder does not answer.
    """
    return await _async_run(hass, _read, hass, chunk)


async def _async_run[T](hass: HomeAssistant, job: Callable[..., T], *args: Any) -> T:
    try:
        return await get_instance(hass).async_add_executor_job(job, *args)
    except (SQLAlchemyError, RuntimeError) as error:
        # A recorder that has shut down refuses new jobs with a plain RuntimeError.
        raise HistoryError(str(error)) from error


def not_after_us(timestamp: float) -> int:
    """Microseconds UTC that are not after a time in seconds: the plain product may round up past it."""
    return int(timestamp * MICROSECONDS) - 1


def _oldest_us(hass: HomeAssistant) -> int | None:
    with session_scope(hass=hass, read_only=True) as session:
        oldest = session.execute(select(func.min(States.last_updated_ts))).scalar()
    return None if oldest is None else not_after_us(oldest)


def _read(hass: HomeAssistant, chunk: Chunk) -> list[Event]:
    start, end = chunk.start_us / MICROSECONDS, chunk.end_us / MICROSECONDS
    before = aliased(States)
    query = (
        select(
            StatesMeta.entity_id,
            States.state,
            States.last_updated_ts,
            States.context_id_bin,
            States.context_user_id_bin,
            States.context_parent_id_bin,
            before.state,
            StateAttributes.shared_attrs,
        )
        .join(StatesMeta, States.metadata_id == StatesMeta.metadata_id)
        .outerjoin(before, States.old_state_id == before.state_id)
        .outerjoin(StateAttributes, States.attributes_id == StateAttributes.attributes_id)
        .where(
            States.metadata_id.in_(
                select(StatesMeta.metadata_id).where(StatesMeta.entity_id.in_(chunk.entity_ids))
            ),
            States.last_updated_ts >= start,
            States.last_updated_ts < end,
            # The recorder leaves the time of change empty where the state itself changed; the other rows
            # are changes of attributes alone.
            or_(States.last_changed_ts.is_(None), States.last_changed_ts == States.last_updated_ts),
        )
        .order_by(States.last_updated_ts, StatesMeta.entity_id, States.state_id)
    )
    with session_scope(hass=hass, read_only=True) as session:
        automations = _automation_contexts(session, start, end)
        return [_event(row, automations) for row in session.execute(query).yield_per(4096)]


def _automation_contexts(session: Session, start: float, end: float) -> frozenset[bytes]:
    query = (
        select(Events.context_id_bin)
        .join(EventTypes, Events.event_type_id == EventTypes.event_type_id)
        .where(
            EventTypes.event_type.in_((EVENT_AUTOMATION_TRIGGERED, EVENT_SCRIPT_STARTED)),
            Events.time_fired_ts >= start - _AUTOMATION_LEAD_S,
            Events.time_fired_ts < end,
        )
    )
    return frozenset(context for context in session.execute(query).scalars() if context is not None)


def _event(row: Sequence[Any], automations: Collection[bytes]) -> Event:
    entity_id, state, updated_ts, context, user, parent, before, shared_attrs = row
    return Event(
        # The same way from the clock's float to a datetime that Home Assistant goes for a live state, so that
        # both give the same microsecond.
        to_us(dt_util.utc_from_timestamp(updated_ts)),
        entity_id,
        state or "",
        before,
        Origin.HISTORY,
        cause_of(
            state=state or "",
            previous=before,
            user=user is not None,
            parent=parent is not None,
            by_automation=context in automations,
        ),
        _attributes(entity_id, shared_attrs),
    )


def _attributes(entity_id: str, shared_attrs: str | None) -> dict[str, str | float | int | bool] | None:
    if not shared_attrs or entity_id.partition(".")[0] not in DECLARED_ATTRIBUTES:
        return None
    try:
        return declared_attributes(entity_id, json_loads_object(shared_attrs))
    except JSON_DECODE_EXCEPTIONS:
        return None
