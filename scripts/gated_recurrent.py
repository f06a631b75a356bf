"""The other recurrent kind: a gated recurrent unit (Cho and others 2014), fitted to one process by gradient descent.

It stands here to be compared with the echo state network that serves: both read who is believed to be where every
quarter of an hour, and both hand their state to the same regression of hazards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from custom_components.occupancy_ml.engine.forecast.bins import Floats
from custom_components.occupancy_ml.engine.forecast.periods import EDGES, PERIODS, PersonPeriods, clock_waves
from custom_components.occupancy_ml.engine.forecast.processes import Ints
from custom_components.occupancy_ml.engine.forecast.reservoir import UNITS

# As the echo state network's readout has it.
_FADES_MINUTES = 120.0
_NEAR: Floats = np.exp(-EDGES[:-1] * 5.0 / _FADES_MINUTES)
# Twelve hours lead in to the day that is learned from.
_LEAD, _DAY = 48, 96
_ROUNDS, _PATIENCE = 120, 15
_RATE, _DECAY = 0.01, 1e-3

Weights = dict[str, Floats]


@dataclass(frozen=True, slots=True)
class Cases:
    """Person-periods of both directions, and at which moment the state is read for each.

    Attributes:
        moment: (N,) number of the moment.
        side: (N,) whether the process is believed to be occupied.
        what: periods, clock, whether the change came, weight.
    """

    moment: Ints
    side: Ints
    what: PersonPeriods

    @property
    def waves(self) -> Floats:
        """(N, 12) the clock."""
        return clock_waves(self.what.clock, self.what.free)

    def take(self, chosen: np.ndarray) -> Cases:
        """Some of them."""
        w = self.what
        parts = (a[chosen] for a in (w.row, w.period, w.clock, w.free, w.came, w.weight))
        return Cases(self.moment[chosen], self.side[chosen], PersonPeriods(*parts))


def states(weights: Weights, inputs: Floats) -> Floats:
    """(T, UNITS) the state after each of (T, k) inputs."""
    result: Floats = _forward(weights, inputs[None])[0][0]
    return result


def fitted(inputs: Floats, cases: Cases, seed: int = 1, rounds: int = _ROUNDS) -> Weights:
    """Weights that forecast the cases best; the last fifth of the days says when to stop.

    Args:
        inputs: (T, k) of all moments that are known.
        cases: at some of them.
        seed: of the first weights.
        rounds: of all cases, at the most.
    """
    rng = np.random.default_rng(seed)
    weights = _first(inputs.shape[1], rng)
    stop = int(0.8 * cases.moment.max())
    learned, held = cases.take(cases.moment < stop), cases.take(cases.moment >= stop)
    step = _adam(weights)
    best, best_loss, waited = {n: w.copy() for n, w in weights.items()}, np.inf, 0
    for _ in range(rounds):
        step(gradient(weights, inputs, learned)[1])
        loss = gradient(weights, inputs, held)[0]
        if loss < best_loss - 1e-5:
            best, best_loss, waited = {n: w.copy() for n, w in weights.items()}, loss, 0
        else:
            waited += 1
        if waited >= _PATIENCE:
            break
    return best


def gradient(weights: Weights, inputs: Floats, cases: Cases) -> tuple[float, Weights]:
    """Mean log loss of cases, and its gradient."""
    days = np.unique(cases.moment // _DAY)
    begin = days * _DAY - _LEAD
    index = begin[:, None] + np.arange(_LEAD + _DAY)
    chunk = np.where((index >= 0)[:, :, None], inputs[np.clip(index, 0, len(inputs) - 1)], 0.0)
    hidden, kept = _forward(weights, chunk)
    day = np.searchsorted(days, cases.moment // _DAY)
    place = cases.moment % _DAY + _LEAD
    at = hidden[day, place]
    near, waves, w = _NEAR[cases.what.period], cases.waves, cases.what
    readout = weights["out"][cases.side]
    score = (
        weights["period"][cases.side, w.period]
        + (weights["clock"][cases.side] * waves).sum(axis=1)
        + near * (readout * at).sum(axis=1)
    )
    total = w.weight.sum()
    loss = float((w.weight * (np.logaddexp(0.0, score) - w.came * score)).sum() / total)
    slope = w.weight * (1 / (1 + np.exp(-score)) - w.came) / total
    found = {name: np.zeros_like(value) for name, value in weights.items()}
    np.add.at(found["period"], (cases.side, w.period), slope)
    np.add.at(found["clock"], cases.side, slope[:, None] * waves)
    np.add.at(found["out"], cases.side, (slope * near)[:, None] * at)
    back = np.zeros_like(hidden)
    np.add.at(back, (day, place), (slope * near)[:, None] * readout)
    _backward(weights, chunk, hidden, kept, back, found)
    return loss, found


def _first(k: int, rng: np.random.Generator) -> Weights:
    n = UNITS
    return {
        "in": rng.normal(0, 1 / np.sqrt(k), (k, 3 * n)),
        "again": rng.normal(0, 1 / np.sqrt(n), (n, 3 * n)),
        # Gates that keep what was: a memory of hours to begin with.
        "bias": np.concatenate([np.full(n, 2.0), np.zeros(2 * n)]),
        "period": np.full((2, PERIODS), -2.0),
        "clock": np.zeros((2, 12)),
        "out": rng.normal(0, 0.1, (2, n)),
    }


def _forward(weights: Weights, inputs: Floats) -> tuple[Floats, list[tuple[Floats, ...]]]:
    """(B, T, UNITS) states of B sequences (B, T, k), and the gates on the way."""
    n = UNITS
    driven = inputs @ weights["in"] + weights["bias"]
    state = np.zeros((len(inputs), n))
    out: Floats = np.empty((*inputs.shape[:2], n))
    kept: list[tuple[Floats, ...]] = []
    for t in range(inputs.shape[1]):
        keep = 1 / (1 + np.exp(-(driven[:, t, :n] + state @ weights["again"][:, :n])))
        look = 1 / (1 + np.exp(-(driven[:, t, n : 2 * n] + state @ weights["again"][:, n : 2 * n])))
        new = np.tanh(driven[:, t, 2 * n :] + (look * state) @ weights["again"][:, 2 * n :])
        kept.append((state, keep, look, new))
        state = keep * state + (1 - keep) * new
        out[:, t] = state
    return out, kept


def _backward(
    weights: Weights,
    inputs: Floats,
    hidden: Floats,
    kept: list[tuple[Floats, ...]],
    back: Floats,
    found: Weights,
) -> None:
    """Add the gradient by the recurrent weights, from that by the states (B, T, UNITS)."""
    n, again = UNITS, weights["again"]
    carried = np.zeros((len(inputs), n))
    for t in range(hidden.shape[1] - 1, -1, -1):
        before, keep, look, new = kept[t]
        here = carried + back[:, t]
        by_new = here * (1 - keep) * (1 - new**2)
        by_keep = here * (before - new) * keep * (1 - keep)
        through = by_new @ again[:, 2 * n :].T
        by_look = through * before * look * (1 - look)
        gates = np.concatenate([by_keep, by_look, by_new], axis=1)
        found["in"] += inputs[:, t].T @ gates
        found["bias"] += gates.sum(axis=0)
        found["again"][:, : 2 * n] += before.T @ gates[:, : 2 * n]
        found["again"][:, 2 * n :] += (look * before).T @ by_new
        carried = here * keep + through * look + gates[:, : 2 * n] @ again[:, : 2 * n].T


def _adam(weights: Weights) -> Callable[[Weights], None]:
    """Steps of Kingma and Ba (2015) with decaying weights."""
    mean = {name: np.zeros_like(value) for name, value in weights.items()}
    square = {name: np.zeros_like(value) for name, value in weights.items()}
    count = 0

    def step(slope: Weights) -> None:
        nonlocal count
        count += 1
        for name, value in weights.items():
            if name in ("in", "again", "out"):
                slope[name] += _DECAY * value
            mean[name] += 0.1 * (slope[name] - mean[name])
            square[name] += 0.001 * (slope[name] ** 2 - square[name])
            even = mean[name] / (1 - 0.9**count)
            value -= _RATE * even / (np.sqrt(square[name] / (1 - 0.999**count)) + 1e-8)

    return step
