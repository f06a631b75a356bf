"""The report card, read from the file through a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .coordinator import Coordinator, now_us
from .engine.adaptation.report import report_card
from .engine.localtime import LocalClock
from .engine.snapshot import HOME, SLEEP
from .forecast_scores import async_forecast_scores

type Json = dict[str, Any]


async def async_report_card(
    coordinator: Coordinator, rooms: Sequence[str], days: int, *, with_home: bool
) -> Json:
    """How right what was shown was over the last days, as `docs/report_card.md` explains.

    Only the scores of forecasts are asked of the engine, in a turn of their own.

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
    for process, scores in (await async_forecast_scores(coordinator, days)).items():
        if process in cards:
            cards[process]["forecasts"] = scores
        elif with_home and process == SLEEP:
            cards[SLEEP] = {"forecasts": scores}
    told: Json = {"days": days}
    if with_home:
        told["home"] = cards.pop(HOME)
        if SLEEP in cards:
            told["sleep"] = cards.pop(SLEEP)
    return {**told, "rooms": cards}
