"""The report card, read from the file through a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .coordinator import Coordinator, now_us
from .engine.adaptation.report import report_card
from .engine.localtime import LocalClock
from .engine.snapshot import HOME

type Json = dict[str, Any]


async def async_report_card(
    coordinator: Coordinator, rooms: Sequence[str], days: int, *, with_home: bool
) -> Json:
    """How right what was shown was over the last days, as `docs/report_card.md` explains.

    Neither waits for the engine nor keeps it waiting.

    Args:
        coordinator: of the home.
        rooms: area ids.
        days: how many local days before today.
        with_home: whether the home as a whole is told of too.

    Raises:
        HomeAssistantError: the entry is not loaded.
        StoreError: subclasses; the file cannot be read.
    """
    store = coordinator.engine.store
    today = LocalClock(coordinator.home.time_zone).at(now_us()).date()

    def read() -> Json:
        with store.reader() as connection:
            wanted = [*rooms, HOME] if with_home else rooms
            return report_card(
                lambda query, given: connection.execute(query, given).fetchall(), wanted, today, days
            )

    cards = await coordinator.hass.async_add_executor_job(read)
    told: Json = {"days": days}
    if with_home:
        told["home"] = cards.pop(HOME)
    return {**told, "rooms": cards}
