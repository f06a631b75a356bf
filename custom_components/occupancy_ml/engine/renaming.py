"""An entity has another id now: all that is stored of it goes on under that one."""

from __future__ import annotations

from .adaptation.scores import RIVAL
from .labels import judges
from .routines.acts import pack_acts, renamed, unpack_acts
from .store import Store


def rename_entity(store: Store, old: str, new: str, now_us: int) -> None:
    """Let what is stored of an entity follow its new id. To be called before an engine reads the store.

    Raises:
        StoreError: subclasses; nothing was renamed.
    """
    with store.transaction():
        # Before the events are joined.
        _rename_routines(store, old, new)
        store.suggestions.rename(old, new)
        store.events.rename(old, new)
        store.forecasts.rename(old, new)
        store.scores.rename(f"{RIVAL}{old}", f"{RIVAL}{new}")
        judges.rename(store, old, new, now_us)


def _rename_routines(store: Store, old: str, new: str) -> None:
    aggregates = store.aggregates
    aggregates.rename(old, new)
    for text in aggregates.periods("acts_daily"):
        for events, data in aggregates.read("acts_daily", ("events", "acts"), text, text):
            day = renamed(unpack_acts(data, events), old, new)
            if day is not None:
                aggregates.replace("acts_daily", text, [{"events": events, "acts": pack_acts(day)}])
