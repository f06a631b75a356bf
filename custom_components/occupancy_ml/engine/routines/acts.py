"""A day of a home as its detectors see it: acts, spans of being on, and the sky above."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
import zlib

import numpy as np
from numpy.typing import NDArray

from ..payload import Array, pack, unpack
from .patterns import Act

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_KIND = "acts"


@dataclass(frozen=True, slots=True)
class Acts:
    """Acts of a local day, in order of time.

    Attributes:
        tokens: what can happen, sorted; `token` points into it.
        at_ms: (n,) milliseconds since the day began.
        minute: (n,) minute on the home's clock, 0 to 1439.
        token: (n,) which act.
        automatic: (n,) whether an automation did it.
    """

    tokens: tuple[Act, ...]
    at_ms: Ints
    minute: Ints
    token: Ints
    automatic: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True)
class Spans:
    """How long entities were on, of spans that ended on this day.

    Attributes:
        entity_ids: sorted; `entity` points into it.
        entity: (n,) which entity.
        minute: (n,) minute on the home's clock at which it went on.
        seconds: (n,) how long it was on.
        by_hand: (n,) whether the end was a person's or the device's own doing, not an automation's.
    """

    entity_ids: tuple[str, ...]
    entity: Ints
    minute: Ints
    seconds: Floats
    by_hand: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Day:
    """One local day.

    Attributes:
        day: which.
        length_ms: 23, 24 or 25 hours.
        events: how many stored events it was made from.
        acts: what happened.
        spans: what was on how long; not kept in the file.
        sky: by entity, (milliseconds since the day began, state) of what tells of the world or who is home,
            the first at or before 0 where it is known.
        chatter: entities whose acts were too many to be a person's, and left out; not kept in the file.
    """

    day: date
    length_ms: int
    events: int
    acts: Acts
    spans: Spans
    sky: Mapping[str, tuple[tuple[int, str], ...]]
    chatter: frozenset[str] = frozenset()


def renamed(day: Day, old: str, new: str) -> Day | None:
    """A day in which an entity goes by its new id, None where it is not in it."""
    named = [Act(new, act.state) if act.entity_id == old else act for act in day.acts.tokens]
    if tuple(named) == day.acts.tokens and old not in day.sky:
        return None
    tokens = sorted(set(named))
    place = np.array([tokens.index(act) for act in named], dtype=np.int64)
    sky = dict(day.sky)
    if old in sky:
        sky[new] = tuple(sorted((*sky.pop(old), *sky.get(new, ()))))
    return replace(day, acts=replace(day.acts, tokens=tuple(tokens), token=place[day.acts.token]), sky=sky)


def pack_acts(day: Day) -> bytes:
    """Acts and sky of a day as bytes."""
    header = {
        "day": day.day.isoformat(),
        "length_ms": day.length_ms,
        "tokens": [[act.entity_id, act.state] for act in day.acts.tokens],
        "sky": {entity_id: [list(each) for each in told] for entity_id, told in sorted(day.sky.items())},
    }
    arrays: dict[str, Array] = {
        "at_ms": day.acts.at_ms,
        "minute": day.acts.minute,
        "token": day.acts.token,
        "automatic": day.acts.automatic,
    }
    return zlib.compress(pack(_KIND, header, arrays), 6)


def unpack_acts(data: bytes, events: int = 0) -> Day:
    """The day that `pack_acts` packed, without its spans.

    Raises:
        PayloadError: the bytes are damaged.
    """
    header, arrays = unpack(_KIND, zlib.decompress(data))
    nothing = np.zeros(0, dtype=np.int64)
    return Day(
        date.fromisoformat(header["day"]),
        header["length_ms"],
        events,
        Acts(
            tuple(Act(*each) for each in header["tokens"]),
            arrays["at_ms"],
            arrays["minute"],
            arrays["token"],
            arrays["automatic"],
        ),
        Spans((), nothing, nothing, nothing.astype(np.float64), nothing.astype(np.bool_)),
        {entity_id: tuple((ms, text) for ms, text in told) for entity_id, told in header["sky"].items()},
    )
