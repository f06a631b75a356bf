"""Stored events become running state: after a restart the last minutes, after an import everything."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterator

from .archive import Archive
from .events import DAY_US, MINUTE_US, Event
from .features import FEATURE_SET_VERSION, WINDOW_US
from .gaps import UNHEARD_US, Gaps
from .home import Home
from .labels.corrections import told_by_minute
from .labels.episodes import keep_episodes
from .slices import finished, told_as
from .snapshot import HOME, SLEEP
from .store import Store
from .store.retention import EVENTS_WHOLE_SINCE
from .tracker import REMEMBERED_MINUTES, FeatureRow, Tracker

AHEAD_US = 2 * MINUTE_US
"""An event so far ahead of the last tick has a wrong clock."""

_LOOK_BACK_US = 84 * DAY_US
_EVENTS_A_SLICE = 200
_ROWS_A_WRITE = 288
_SLICE_US = 120 * MINUTE_US


def catch_up(
    store: Store,
    archive: Archive,
    tracker: Tracker,
    entity_ids: Collection[str],
    saved_us: int,
    now_us: int,
    breathe: Callable[[], None],
) -> None:
    """Replay what was stored after a checkpoint into its tracker."""
    rows: list[FeatureRow] = []
    # A little of what came before is read again: the tracker knows which of it is news.
    for batch in store.events.read(saved_us - AHEAD_US, now_us + 1, entity_ids):
        for event in batch:
            rows += finished(tracker.advance(event.time_us), breathe)
            tracker.take(event)
    archive.keep_rows(tracker.layout.room_ids, rows)


def rebuilt(
    store: Store,
    archive: Archive,
    gaps: Gaps,
    home: Home,
    entity_ids: Collection[str],
    present_us: Callable[[], int],
    breathe: Callable[[], None],
) -> Generator[float, None, Tracker | None]:
    """Replay all that is stored into features and a new tracker, learning day by day.

    Args:
        store: where events are read.
        archive: where feature rows are kept.
        gaps: times that nothing is told of.
        home: what is watched.
        entity_ids: its entities.
        present_us: tells the present, which goes on meanwhile.
        breathe: called often.

    Yields:
        The share done. Returns the tracker, None where nothing is stored.
    """
    start_us = _begin_us(store, entity_ids, present_us())
    if start_us is None:
        return None
    tracker = Tracker(home, start_us)
    for _ in store.features.delete_other_versions(FEATURE_SET_VERSION):
        yield 0.0
    # Not what is later: where the clock is behind for a while, only events up to now are replayed.
    # Nor rows of corrections, which no event tells again.
    store.features.delete_windows(
        start_us // WINDOW_US * WINDOW_US, present_us(), FEATURE_SET_VERSION, WINDOW_US
    )
    rows: list[FeatureRow] = []
    learned_us = start_us
    # What nights found out before is not learned anew: their rates had seen more.
    spans = {process: store.episodes.span(process) for process in (*tracker.layout.room_ids, HOME, SLEEP)}
    known = {process: span for process, span in spans.items() if span is not None}

    def share() -> float:
        return min(max((tracker.time_us - start_us) / max(present_us() - start_us, 1), 0.0), 0.99)

    def advance(time_us: int) -> Iterator[float]:
        """Go on to a later moment, pausing every so many minutes."""
        while (bound_us := (tracker.time_us // _SLICE_US + 1) * _SLICE_US) < time_us:
            rows.extend(finished(tracker.advance(bound_us), breathe))
            yield share()
        rows.extend(finished(tracker.advance(time_us), breathe))

    unheard = deque(finished(gaps.unheard(entity_ids, present_us()), breathe))

    def go_on(time_us: int) -> Iterator[float]:
        """Go on to a later moment, past the times in which nobody listened."""
        while unheard and unheard[0][0] < time_us:
            begin_us, end_us = unheard.popleft()
            if end_us > tracker.time_us:
                yield from advance(max(begin_us, tracker.time_us))
                tracker.skip(end_us)
        yield from advance(max(time_us, tracker.time_us))

    def breathed() -> float:
        breathe()
        return share()

    for batch in _until_present(store, entity_ids, start_us, present_us):
        for event in batch:
            yield from go_on(event.time_us)
            tracker.take(event)
        if tracker.time_us - learned_us >= DAY_US:
            learned_us = tracker.time_us
            since_us = learned_us - REMEMBERED_MINUTES * MINUTE_US
            look_back = tracker.look_back(
                told_by_minute(store, tracker.layout.room_ids, since_us, learned_us)
            )
            found = yield from told_as(look_back, lambda _: breathed())
            if found is not None and len(found.minutes):
                for _ in keep_episodes(store, tracker.layout, found, known):
                    yield share()
        if len(rows) >= _ROWS_A_WRITE:
            archive.keep_rows(tracker.layout.room_ids, rows)
            rows.clear()
        breathe()
        yield share()
    for _ in go_on(present_us()):  # at one go: nothing may come meanwhile
        breathe()
    archive.keep_rows(tracker.layout.room_ids, rows)
    return tracker


def _begin_us(store: Store, entity_ids: Collection[str], now_us: int) -> int | None:
    """From when stored events are worth a replay, microseconds UTC; None where there are none."""
    since_us = now_us - _LOOK_BACK_US
    features = store.features.span(FEATURE_SET_VERSION)
    whole_us = store.metadata.get_us(EVENTS_WHOLE_SINCE)
    if features is not None and whole_us is not None and features[0] < whole_us:
        # What features know of the time before, the events that are left, or came later, do not tell again.
        since_us = max(since_us, whole_us)
    first = next(store.events.read(since_us, now_us + AHEAD_US, entity_ids, 2), [])
    # One event long before all others has a wrong time: the silence after it is not of this home.
    alone = len(first) == 2 and first[1].time_us - first[0].time_us > UNHEARD_US
    return first[int(alone)].time_us if first else None


def _until_present(
    store: Store, entity_ids: Collection[str], start_us: int, present_us: Callable[[], int]
) -> Iterator[list[Event]]:
    """Stored events up to the present, those too that are stored while they are read."""
    found = True
    while found:
        found = False
        for batch in store.events.read(start_us, present_us() + AHEAD_US, entity_ids, _EVENTS_A_SLICE):
            found = True
            start_us = batch[-1].time_us + 1
            yield batch
