"""Hindsight: forward and backward over a span of minutes (Rabiner 1989, section III), in slices."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..senses import DOOR, PERSONS
from .company import Company
from .emissions import Emissions
from .filter import CORRECTION, initial_belief, likelihood_of
from .model import Counts, Floats, Layout, Parameters
from .observations import CAME, CONTEXTS, HELD, Minute
from .transitions import Tables, Transition

# Silence is walked in steps of at most so many minutes.
_SILENT_STRIDE = 3
# A slice is so many entries of the plan: some milliseconds in a large home. Steps and beliefs are kept where
# slices begin and made anew on the way back: a week of beliefs would take hundreds of megabytes, and so many
# objects would make Python look for garbage in all of Home Assistant, which holds up everything.
_SLICE = 40
# A smaller chance of company changes nothing that matters.
_SOME_COMPANY = 0.01
# How many minutes of evidence the mean of all hours is worth.
_RHYTHM_PRIOR_MINUTES = 60.0
# Stands for the silent rest of a minute where a step's channel is expected.
_END = -3
# And for what a person said.
_TOLD = -4


@dataclass(frozen=True, slots=True)
class Hindsight:
    """What smoothing found.

    Attributes:
        minutes: (n,) minutes since 1970, each the last of a step.
        lengths: (n,) minutes in the step.
        occupied: (n, R) P(somebody is in the room) given everything before and after.
        home: (n,) P(somebody is home).
        counts: the statistics of an EM step.
        log_likelihood: of the whole span, up to a constant of the layout.
    """

    minutes: np.ndarray[tuple[int], np.dtype[np.int64]]
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]]
    occupied: Floats
    home: Floats
    counts: Counts
    log_likelihood: float


@dataclass(frozen=True, slots=True)
class _Step:
    """A step of the chains and what was heard in it.

    Attributes:
        entry: of the plan it belongs to.
        channel: that fired, DOOR, PERSONS, _END for the silent rest of a minute, or _TOLD.
        transition: how the chains move.
        likelihood: (S, S) of the signal, of the silence and the levels, or of what was said; None for a door.
    """

    entry: int
    channel: int
    transition: Transition
    likelihood: Floats | None = None

    def weigh(self, belief: Floats) -> Floats:
        """(S, S) times the likelihood of what was heard."""
        return belief if self.likelihood is None else belief * self.likelihood

    def forward(self, belief: Floats) -> tuple[Floats, float]:
        """The belief (S, S) after the step, and how likely what was heard was."""
        belief = self.transition.forward(belief)
        if self.likelihood is not None:
            belief *= self.likelihood
        total = float(belief.sum())
        if not total > 0.0:
            return np.full(belief.shape, 1.0 / belief.size), total
        belief /= total
        return belief, total


def smooth(
    layout: Layout,
    parameters: Parameters,
    minutes: Sequence[Minute],
    hours: Sequence[int],
    company: Company | None = None,
    told: Mapping[int, Sequence[tuple[int, bool]]] | None = None,
) -> Generator[float, None, Hindsight]:
    """Smooth a span of consecutive minutes.

    Args:
        layout: the home.
        parameters: what was learned from it.
        minutes: the span.
        hours: the local hours of day.
        company: believed where two chains do not explain what was heard, by what was heard until then; None is
            for the chains alone.
        told: by minute, the rooms of which a person said whether somebody is there.

    Yields:
        The share that is done, after every slice of work.
    """
    tables, emissions = Tables(layout, parameters), Emissions(layout, parameters)
    plan = _strides(minutes, hours)
    size, rooms = layout.states, len(layout.room_ids)
    stays = Transition(((np.eye(size), np.eye(size), 1.0),))
    # What was said within a step counts at its end.
    ends = np.array([minutes[index].minute for index, _ in plan], dtype=np.int64)
    said: dict[int, list[tuple[int, bool]]] = {}
    for minute_told, rooms_told in (told or {}).items():
        if len(ends) and ends[0] <= minute_told <= ends[-1]:
            said.setdefault(int(np.searchsorted(ends, minute_told)), []).extend(rooms_told)

    def steps_of(first: int) -> tuple[list[_Step], Floats]:
        """The steps of the slice that begins at an entry of the plan, and (n, R, 3) the silences of its n entries."""
        steps: list[_Step] = []
        part = plan[first : first + _SLICE]
        silences = emissions.silences([minutes[index] for index, _ in part])
        quiets = emissions.quiet(silences)
        lengths = np.array([length for _, length in part])
        for length in range(2, _SILENT_STRIDE + 1):
            quiets[lengths == length] **= length
        likelihoods: Floats = quiets[:, :, None] * quiets[:, None, :]
        for entry, (index, length) in enumerate(part, start=first):
            minute, hour = minutes[index], hours[index]
            for channel, context in minute.fires:
                if channel == DOOR:
                    steps.append(_Step(entry, DOOR, tables.door(hour)))
                elif channel == PERSONS:
                    moved = tables.person(hour, context)
                    steps.append(_Step(entry, PERSONS, moved, emissions.persons(context % CAME)))
                else:
                    steps.append(
                        _Step(
                            entry,
                            channel,
                            tables.fire(hour, channel if context == HELD else None, watched=minute.watched),
                            emissions.fire(channel, context),
                        )
                    )
            for room, somebody in said.get(entry, ()):
                steps.append(_Step(entry, _TOLD, stays, likelihood_of(layout, room, somebody)))
            likelihood = likelihoods[entry - first]
            if (levels := emissions.levels(minute.levels)) is not None:
                likelihood *= levels if length == 1 else levels**length
            steps.append(_Step(entry, _END, tables.quiet(hour, length, watched=minute.watched), likelihood))
        return steps, silences

    begins: list[Floats] = []
    belief, log_likelihood = initial_belief(layout, hours[0] if hours else 12), 0.0
    guests: dict[int, tuple[float, Floats]] = {}
    for first in range(0, len(plan), _SLICE):
        begins.append(belief)
        heard = 0.0
        steps, silences = steps_of(first)
        for step in steps:
            belief, total = step.forward(belief)
            likelihood = float(np.log(total)) if total > 0.0 else 0.0
            log_likelihood += likelihood
            if step.channel not in (DOOR, PERSONS, _TOLD):
                heard += likelihood
            if step.channel == _END and company is not None:
                index, length = plan[step.entry]
                for room, somebody in said.get(step.entry, ()):
                    company.correct(room, somebody, CORRECTION)
                minute = minutes[index]
                company.step(minute, hours[index], silences[step.entry - first], heard / length, length)
                heard = 0.0
                if company.chance > _SOME_COMPANY:
                    guests[step.entry] = company.chance, company.rooms
        yield 0.5 * first / len(plan)

    occupied = np.zeros((len(plan), rooms))
    home = np.zeros(len(plan))
    moves = np.zeros((rooms, rooms))
    active = np.zeros((len(plan), rooms))
    message = np.ones((size, size))
    for first in range((len(plan) - 1) // _SLICE * _SLICE, -1, -_SLICE):
        steps, _ = steps_of(first)
        belief = begins.pop()
        beliefs = np.empty((len(steps) + 1, size, size), dtype=np.float32)  # that before the slice first
        beliefs[0] = belief
        for number, step in enumerate(steps):
            belief, _ = step.forward(belief)
            beliefs[number + 1] = belief
        yield 1 - 0.5 * min(first + _SLICE, len(plan)) / len(plan)
        posterior = np.empty((min(_SLICE, len(plan) - first), size, size))
        messages = np.empty((len(steps), size, size))  # weighed by what was heard
        for number in range(len(steps) - 1, -1, -1):
            step = steps[number]
            if step.channel == _END:
                np.multiply(beliefs[number + 1], message, out=posterior[step.entry - first])
            messages[number] = step.weigh(message)
            message = step.transition.backward(messages[number])
            message /= max(message.max(), 1e-300)
        # Nobody knows who moved in the first step of all.
        _add_moves(moves, steps, beliefs, messages, 0 if first else 1)
        posterior /= np.maximum(posterior.sum(axis=(1, 2), keepdims=True), 1e-300)
        here = slice(first, first + len(posterior))
        there = emissions.occupancy(posterior)
        occupied[here], home[here] = there, 1.0 - posterior[:, -1, -1]
        somewhere = posterior[:, :rooms].sum(axis=2) + posterior[:, :, :rooms].sum(axis=1)
        active[here] = np.minimum(somewhere, there)
        yield 1 - 0.5 * first / len(plan)

    for entry, (chance, chances) in guests.items():
        occupied[entry] += chance * (1 - chances[:, 0] - occupied[entry])
        active[entry] += chance * (chances[:, 2] - active[entry])
        home[entry] += chance * (1 - home[entry])

    lengths = np.array([length for _, length in plan], dtype=np.int64)
    counts = Counts(moves * (1 - np.eye(rooms)), *_tally(layout, minutes, plan, lengths, occupied, active))
    return Hindsight(ends, lengths, occupied, home, counts, log_likelihood)


def _add_moves(
    moves: Floats, steps: Sequence[_Step], beliefs: NDArray[np.float32], messages: Floats, begin: int
) -> None:
    """Add to moves (R, R) how likely each was in the steps of a slice, the last step first; all are worked out at once.

    Args:
        moves: changed in place.
        steps: of the slice.
        beliefs: (n + 1, S, S) before each step.
        messages: (n, S, S) after each step, weighed by what was heard in it.
        begin: the first step that counts.
    """
    chosen = [number for number in range(begin, len(steps)) if steps[number].channel != DOOR][::-1]
    if not chosen:
        return
    ones, others = (
        np.array([steps[number].transition.terms[0][chain] for number in chosen]) for chain in (0, 1)
    )
    pairs = ones * ((beliefs[chosen].astype(np.float64) @ others) @ messages[chosen].transpose(0, 2, 1))
    totals = pairs.reshape(len(chosen), -1).sum(axis=1).tolist()
    rooms = len(moves)
    for pair, total in zip(pairs[:, :rooms, :rooms], totals, strict=True):
        if total > 0.0:
            moves += pair / total


def rhythm_of(found: Hindsight, hours: Sequence[int]) -> Floats:
    """(24, R + 1) by local hour: P(somebody is in each room), and last P(nobody is home).

    Hours of which little is known are drawn to all of them.

    Args:
        found: what smoothing found.
        hours: (n,) the local hour of each of its steps.
    """
    known = np.column_stack([found.occupied, 1.0 - found.home])
    total = np.zeros((24, known.shape[1]))
    np.add.at(total, hours, known * found.lengths[:, None])
    minutes = np.bincount(hours, found.lengths, 24)
    mean = total.sum(axis=0) / max(minutes.sum(), 1.0)
    rhythm: Floats = (total + _RHYTHM_PRIOR_MINUTES * mean) / (minutes[:, None] + _RHYTHM_PRIOR_MINUTES)
    return rhythm


def _strides(minutes: Sequence[Minute], hours: Sequence[int]) -> list[tuple[int, int]]:
    """(index of the last minute, number of minutes) of every step: silent stretches of the same kind together."""
    plan: list[tuple[int, int]] = []
    length = 0
    for index, minute in enumerate(minutes):
        length += 1
        following = minutes[index + 1] if index + 1 < len(minutes) else None
        same = (
            following is not None
            and not minute.fires
            and not following.fires
            and length < _SILENT_STRIDE
            and hours[index] == hours[index + 1]
            and minute.watched == following.watched
            and np.array_equal(minute.contexts, following.contexts)
            and np.array_equal(minute.levels, following.levels)
        )
        if not same:
            plan.append((index, length))
            length = 0
    return plan


def _tally(
    layout: Layout,
    minutes: Sequence[Minute],
    plan: Sequence[tuple[int, int]],
    lengths: np.ndarray[tuple[int], np.dtype[np.int64]],
    occupied: Floats,
    active: Floats,
) -> tuple[Floats, Floats]:
    """Expected minutes by what was there and what was heard: `Counts.fires` and `Counts.levels`."""
    rooms = len(layout.room_ids)
    contexts = np.array([minutes[index].contexts for index, _ in plan]).reshape(len(plan), 2 * rooms)
    fired = np.zeros((len(plan), 2 * rooms), dtype=bool)
    for number, (index, _) in enumerate(plan):
        fired[number, list(minutes[index].channels)] = True
    shares = np.stack([1 - occupied, occupied - active, active]) * lengths[:, None]  # (3, n, R)
    fires = np.zeros((CONTEXTS, 3, 2 * rooms, 2))
    for context in range(CONTEXTS):
        for heard in (0, 1):
            chosen = (contexts == context) & (fired == bool(heard))
            for hand in (0, 1):
                own = slice(hand * rooms, (hand + 1) * rooms)
                fires[context, :, own, heard] = (shares * chosen[:, own]).sum(axis=1)
    levels = np.zeros((len(layout.presence_rooms), 4, 2))
    if layout.presence_rooms:
        on = np.array([minutes[index].levels[:-1] for index, _ in plan])  # (n, K)
        watched = list(layout.presence_rooms)
        acting = shares[2] * (fired[:, :rooms] | fired[:, rooms:])
        there = np.concatenate([shares, acting[None]])[:, :, watched]  # (4, n, K)
        for state in (0, 1):
            levels[:, :, state] = (there * (on == state)).sum(axis=1).T
    return fires, levels
