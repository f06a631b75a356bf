"""Too much at once, or for long: time and memory stay bounded, and nobody else's events are lost."""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

from hypothesis import given, settings, strategies as st

from custom_components.occupancy_ml.engine.chatter import A_MINUTE, RateGuard
from custom_components.occupancy_ml.engine.events import DAY_US, MINUTE_US, Event
from custom_components.occupancy_ml.engine.pipeline import Engine
from tests.engine.living import START_US
from tests.faults.conftest import Note
from tests.faults.scene import HOME, ROOT, give_labels


def flooded(kind: str, path: Path) -> list[float]:
    """What the program says."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.flooded_engine", kind, str(path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [float(word) for word in done.stdout.split()]


def test_fifty_thousand_events_in_ten_seconds_are_all_kept(tmp_path: Path, note: Note) -> None:
    accepted, stored, megabytes = flooded("burst", tmp_path / "home.db")
    assert accepted == 50_000
    assert stored == 50_600
    assert megabytes < 80
    note("50,000 events in ten seconds", kept="everything", lost="nothing")


def test_an_entity_that_never_rests_drowns_nobody(tmp_path: Path, note: Note) -> None:
    accepted, left_out, others, megabytes, size = flooded("chatter", tmp_path / "home.db")
    # The first 20,000 are a burst that is kept; then 20 of each minute and its last.
    assert 20_000 < accepted <= 20_000 + 61 * (A_MINUTE + 1)
    assert accepted + left_out == 360_000
    assert others == 60
    assert megabytes < 60
    assert size < 3_000_000
    note(
        "An entity toggles 100 times a second for an hour",
        kept=f"all other events, {accepted:,.0f} of its 360,000",
        lost="the rest of its own",
    )


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from("ab")), max_size=80))
@settings(max_examples=60, deadline=None)
def test_the_guard_keeps_the_first_and_the_last_of_each_minute(changes: list[tuple[int, str]]) -> None:
    guard: RateGuard[tuple[int, str, int]] = RateGuard(at_once=4, a_minute=2)
    offered = [(minute, entity, n) for n, (minute, entity) in enumerate(sorted(changes, key=lambda c: c[0]))]
    kept = [one for minute, entity, n in offered for one in guard.offer(entity, minute, (minute, entity, n))]
    kept += guard.release()
    assert len(kept) + guard.left_out == len(offered) == len(set(kept)) + guard.left_out
    for entity in "ab":
        own = [one for one in offered if one[1] == entity]
        of_it = [one for one in kept if one[1] == entity]
        assert of_it == sorted(of_it)
        for minute in {one[0] for one in own}:
            in_minute = [one for one in own if one[0] == minute]
            assert in_minute[-1] in of_it
            assert own[0] in of_it
        last = max((one[0] for one in own), default=0)
        assert len(of_it) <= 4 + 3 * (last + 1)


def test_a_held_change_comes_out_and_the_allowance_fills_again() -> None:
    guard: RateGuard[int] = RateGuard(at_once=2, a_minute=1)
    assert [guard.offer("a", 0, n) for n in range(4)] == [(0,), (1,), (), ()]
    assert (guard.left_out, guard.thinned) == (1, ["a"])
    assert guard.release() == [3]
    assert guard.release() == []
    assert guard.offer("a", 1, 4) == (4,)
    assert guard.offer("a", 1, 5) == ()
    assert guard.offer("a", 9, 6) == (5, 6)
    assert guard.offer("a", 9, 7) == (7,)
    # The clock is set back: it goes on filling from there.
    assert guard.offer("a", 1, 8) == ()
    assert guard.offer("a", 2, 9) == (8, 9)


def sizes(engine: Engine) -> dict[str, int]:
    """How many things each container of the running state holds, however deep."""
    found: dict[str, int] = {}
    seen: set[int] = set()

    def look(thing: object, name: str, depth: int) -> None:
        if depth > 6 or id(thing) in seen or isinstance(thing, (str, bytes, int, float, type)):
            return
        seen.add(id(thing))
        if hasattr(thing, "__len__") and not hasattr(thing, "dtype"):
            found[name] = found.get(name, 0) + len(thing)
        if isinstance(thing, dict):
            for value in thing.values():
                look(value, f"{name}[]", depth + 1)
        elif not isinstance(thing, (list, tuple)) and type(thing).__module__.startswith("custom_components"):
            slots = getattr(type(thing), "__slots__", ())
            names = [*getattr(thing, "__dict__", {}), *(s for s in slots if isinstance(s, str))]
            for part in names:
                look(getattr(thing, part, None), f"{name}.{part}", depth + 1)

    look(engine, "engine", 0)
    return found


# `scripts/faults` plays the whole year.
DAYS = max(120, int(os.environ.get("FAULTS_DAYS", "0")))


def test_a_year_leaves_nothing_growing(tmp_path: Path, note: Note) -> None:
    engine = Engine.open(tmp_path / "home.db", HOME, START_US, durable=False)
    give_labels(engine.store)
    measured: dict[int, dict[str, int]] = {}
    file_size: dict[int, int] = {}
    shown = 0
    for day in range(DAYS):
        start_us = START_US + day * DAY_US
        for number in range(6):
            now_us = start_us + number * 5 * MINUTE_US
            sensor = HOME.sensors[(day + number) % len(HOME.sensors)]
            # A state that never returns, now and then: names must not pile up in memory for ever.
            state = (
                f"{20 + day % 7}.{number}"
                if sensor.role.value == "environment"
                else ("on", "off")[number % 2]
            )
            engine.ingest([Event(now_us - 1000, sensor.entity_id, state)])
            snapshot = engine.tick(now_us)
            shown += all(room.probability is not None for room in snapshot.rooms.values())
            assert engine.unsaved is None
        # Before the night, after which forecasts wait for the next tick to be told.
        if day in (90, DAYS - 1):
            measured[day], file_size[day] = sizes(engine), engine.store.size_bytes()
        if day % 3 == 0:
            list(engine.night(start_us + 60 * MINUTE_US))
    assert shown == DAYS * 6
    assert len(measured[DAYS - 1]) > 30
    growing = {name: (measured[90].get(name, 0), size) for name, size in measured[DAYS - 1].items()}
    # One a day, up to some years.
    for name in [name for name in growing if name.endswith(("clock._offsets", "clock._jumps"))]:
        assert growing.pop(name)[1] <= 4_000
    assert {name: pair for name, pair in growing.items() if pair[1] > pair[0] + 20} == {}
    assert engine.store.labels.counts()["correction"] == 3
    assert engine.store.events.span()[0] > START_US + (DAYS - 45) * DAY_US  # type: ignore[index]
    assert file_size[DAYS - 1] < 1.5 * file_size[90] + 500_000
    engine.close()
    note(
        "A year, played fast" if DAYS >= 365 else f"{DAYS} days, played fast",
        kept="labels and models; the rest as long as retention says",
        lost="nothing",
    )
