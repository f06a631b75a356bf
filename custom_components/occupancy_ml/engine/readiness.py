"""Counters, times and states of a running home, for diagnostics. Names no entity."""

from __future__ import annotations

from .home import Home
from .occupancy.predictor import Predictor
from .outlook import Outlook
from .snapshot import Merit
from .store import Store

# What others may rely on, and how far the steps of a night have come. Other keys hold names, and times of sleep.
_METADATA = (
    "schema_version",
    "migration_status",
    "contract_version",
    "feature_set_version",
    "last_ingest_at",
    "last_feature_compute_at",
    "last_clr_train_at",
    "last_bocpd_train_at",
    "last_trim_at",
    "labelled_until",
    "scored_until",
    "routines_until",
    "routines_week",
    "routines_month",
)


def readiness(
    store: Store,
    home: Home,
    predictor: Predictor,
    outlook: Outlook,
    now_us: int,
) -> dict[str, object]:
    """All of it.

    Args:
        store: what is kept.
        home: what is watched.
        predictor: which rooms have a model, and why others have none.
        outlook: how the last night left things.
        now_us: the time.
    """
    span = store.events.span()
    budget = store.over_budget()
    return {
        "now_us": now_us,
        "events": store.events.count(),
        "first_event_us": span[0] if span else None,
        "last_event_us": span[1] if span else None,
        "feature_rows": store.features.count(),
        "labels": store.labels.counts(),
        "size_bytes": store.size_bytes(),
        "size_budget": None if budget is None else {"mb": budget.size_mb, "reached_us": budget.reached_us},
        "metadata": {key: value for key in _METADATA if (value := store.metadata.get(key)) is not None},
        "failed_steps": dict(outlook.failed),
        "quality": outlook.quality,
        "rooms": {
            room.room_id: {
                "kind": room.kind.value,
                "has_model": predictor.has_model(room.room_id),
                "why_no_model": predictor.why_no_model.get(room.room_id),
                "scored": _scored(outlook.merits.get(room.room_id)),
                "sensors": sum(s.room_id == room.room_id for s in home.sensors),
            }
            for room in home.rooms
        },
    }


def _scored(merit: Merit | None) -> dict[str, float] | None:
    """How much was scored, and how that was: None where too little was."""
    if merit is None:
        return None
    return {"days": merit.days, "gain": merit.gain, "minutes_wrong": merit.minutes_wrong}
