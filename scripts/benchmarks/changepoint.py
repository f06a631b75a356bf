"""Changepoints measured: annotated series (F1, covering) and time beside the reference library."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
import json
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from custom_components.occupancy_ml.engine.changepoint import (
    Announcer,
    Channel,
    Detector,
    NormalGamma,
    Settings,
    Stream,
    single,
)

# Protocol of the Turing Change Point Dataset (van den Burg and Williams 2020, arXiv:2003.06222).
MARGIN = 5
_COLUMNS = (
    "f1", "covering", "delay", "false_alarms", "published_f1", "published_covering", "every_f1", "every_covering",
    "nothing_f1", "nothing_covering",
)  # fmt: skip


def _matched(true: Iterable[int], found: Iterable[int], margin: int) -> int:
    """How many true changes have a found one within the margin, each found one used once."""
    free = set(found)
    matched = 0
    for change in sorted(true):
        near = [(abs(change - other), other) for other in free if abs(change - other) <= margin]
        if near:
            matched += 1
            free.remove(min(near)[1])
    return matched


def f1_score(annotations: Sequence[Sequence[int]], found: Sequence[int], margin: int = MARGIN) -> float:
    """F1 against several annotators: precision against all together, recall averaged; 0 counts as a change."""
    predicted = {0, *found}
    truths = [{0, *changes} for changes in annotations]
    precision = _matched(set().union(*truths), predicted, margin) / len(predicted)
    recall = float(np.mean([_matched(truth, predicted, margin) / len(truth) for truth in truths]))
    return 2.0 * precision * recall / (precision + recall)


def delays(annotations: Sequence[Sequence[int]], found: Sequence[int], margin: int = MARGIN) -> list[int]:
    """Updates by which each annotated change was announced late, of those announced from then to the margin after."""
    late = []
    for change in {change for changes in annotations for change in changes}:
        after = [other - change for other in found if 0 <= other - change <= margin]
        late += [min(after)] if after else []
    return late


def false_alarms(annotations: Sequence[Sequence[int]], found: Sequence[int], margin: int = MARGIN) -> int:
    """How many were announced that no annotator has within the margin."""
    marked = {change for changes in annotations for change in changes}
    return sum(all(abs(change - other) > margin for change in marked) for other in found)


def every(annotations: Sequence[Sequence[int]], length: int) -> list[int]:
    """As many changes as the annotators marked on the mean, at even distances: the baseline that looks at nothing.

    It is told how many there are, which a detector has to find out.
    """
    count = round(float(np.mean([len(changes) for changes in annotations])))
    return [round(length * (n + 1) / (count + 1)) for n in range(count)]


def _segments(changes: Iterable[int], length: int) -> list[tuple[int, int]]:
    bounds = [0, *sorted({change for change in changes if 0 < change < length}), length]
    return list(pairwise(bounds))


def covering(annotations: Sequence[Sequence[int]], found: Sequence[int], length: int) -> float:
    """Covering: each annotated segment's best Jaccard overlap, weighed by length, averaged over annotators."""
    predicted = _segments(found, length)
    total = 0.0
    for changes in annotations:
        for start, end in _segments(changes, length):
            overlap = max(
                max(0, min(end, stop) - max(start, begin)) / (max(end, stop) - min(start, begin))
                for begin, stop in predicted
            )
            total += (end - start) * overlap / length
    return total / len(annotations)


def read_series(path: Path) -> NDArray[np.float64]:
    """A series of the dataset, standardised a channel: (updates, channels), NaN where missing."""
    document = json.loads(path.read_text(encoding="utf-8"))
    columns = [
        [np.nan if value is None else float(value) for value in channel["raw"]]
        for channel in document["series"]
    ]
    values = np.array(columns, dtype=np.float64).T
    spread = np.nanstd(values, axis=0)
    return np.asarray((values - np.nanmean(values, axis=0)) / np.where(spread > 0.0, spread, 1.0))


def find_changes(values: NDArray[np.float64]) -> list[int]:
    """Where the project's detector, at its defaults, announces changes (0-based); (updates, channels)."""
    channels = tuple(Channel(str(number), NormalGamma()) for number in range(values.shape[1]))
    detector = Detector((Stream("series", channels),))
    announcer = Announcer(detector.names)
    found: list[int] = []
    for row in values:
        found.extend(change.step for change in announcer.update(detector.update(row)))
    return found


def score_folder(folder: Path) -> dict[str, Any]:
    """Scores every annotated series of a folder.

    Args:
        folder: `series/NAME.json`, `annotations.json` and, where there is one, `reference_scores.json`.

    Returns:
        `series`: name -> length, changes found, f1, covering, mean delay in updates (None where none was met), false
        alarms in a hundred updates, and f1 and covering of saying nothing, of changes at even distances and of
        the published default (None where unpublished); `mean`: the means over the series, those
        of the published default over the series that have it (`published_series`).

    Raises:
        FileNotFoundError: no series or no annotations.
    """
    annotations = json.loads((folder / "annotations.json").read_text(encoding="utf-8"))
    reference_path = folder / "reference_scores.json"
    reference = json.loads(reference_path.read_text(encoding="utf-8")) if reference_path.exists() else {}
    table: dict[str, dict[str, Any]] = {}
    for path in sorted((folder / "series").glob("*.json")):
        if path.stem not in annotations:
            continue
        values = read_series(path)
        truth = list(annotations[path.stem].values())
        found = find_changes(values)
        evenly, late = every(truth, len(values)), delays(truth, found)
        published = reference.get(path.stem, {})
        table[path.stem] = {
            "length": len(values),
            "found": found,
            "f1": f1_score(truth, found),
            "covering": covering(truth, found, len(values)),
            "delay": float(np.mean(late)) if late else None,
            "false_alarms": 100 * false_alarms(truth, found) / len(values),
            "every_f1": f1_score(truth, evenly),
            "every_covering": covering(truth, evenly, len(values)),
            "nothing_f1": f1_score(truth, []),
            "nothing_covering": covering(truth, [], len(values)),
            "published_f1": published.get("bocpd_default_f1"),
            "published_covering": published.get("bocpd_default_cover"),
        }
    if not table:
        raise FileNotFoundError(f"no annotated series in {folder}")
    mean: dict[str, float | int | None] = {}
    for column in _COLUMNS:
        known = [row[column] for row in table.values() if row[column] is not None]
        mean[column] = float(np.mean(known)) if known else None
    mean["series"] = len(table)
    mean["published_series"] = sum(row["published_f1"] is not None for row in table.values())
    return {"mean": mean, "series": table}


def format_scores(scores: dict[str, Any]) -> str:
    """The table of `score_folder` as text."""

    def line(name: str, row: dict[str, Any]) -> str:
        cells = ["-" if row[column] is None else f"{row[column]:.3f}" for column in _COLUMNS]
        return f"{name:<22}" + "".join(f"{cell:>10}" for cell in cells)

    head = f"{'':<22}{'ours':>40}{'published default':>20}{'even distances':>20}{'nothing':>20}"
    shown = ("F1", "cover", "delay", "false/100", *("F1", "cover") * 3)
    names = f"{'series':<22}" + "".join(f"{name:>10}" for name in shown)
    rows = [line(name, row) for name, row in scores["series"].items()]
    return "\n".join((head, names, *rows, line(f"mean of {scores['mean']['series']}", scores["mean"])))


def _example(updates: int, streams: int, seed: int) -> NDArray[np.float64]:
    """Normal values whose level jumps now and then, each stream at its own times."""
    random = np.random.default_rng(seed)
    jumps = random.random((updates, streams)) < 0.01
    steps = np.where(jumps, random.normal(0.0, 3.0, (updates, streams)), 0.0)
    return np.asarray(np.cumsum(steps, axis=0) + random.normal(0.0, 1.0, (updates, streams)))


def bench_updates(updates: int = 500, streams: int = 64, seed: int = 0) -> dict[str, float | int]:
    """Time a stream and update beside `bayesian_changepoint_detection`, and the difference of the posteriors.

    Both see the same values with the same prior and hazard. The reference takes every
    stream alone and keeps every run length; ours is timed at its defaults (pruned, with all
    outputs) and, for the comparison of the posteriors, without pruning.

    Returns:
        Microseconds of processor time a stream and update of `pruned_us`, `unpruned_us`, `reference_us`, the
        `largest_difference` between the unpruned posteriors and the reference's over all
        updates, and the sizes.
    """
    from bayesian_changepoint_detection import online_changepoint_detection as reference

    values = _example(updates, streams, seed)
    prior = NormalGamma(mean=0.0, strength=1.0, shape=0.1, rate=0.01)
    watched = [single(str(number), prior, 250.0) for number in range(streams)]
    unpruned = Settings(prune_below=0.0)

    seconds = {}
    for name, settings in (("pruned", Settings()), ("unpruned", unpruned)):
        detector = Detector(watched, settings)
        begin = process_time()
        for row in values:
            detector.update(row)
        seconds[name] = process_time() - begin

    posteriors = np.zeros((streams, updates + 1, updates + 1))
    detector = Detector(watched, unpruned)
    for step, row in enumerate(values, start=1):
        detector.update(row)
        for column, name in enumerate(detector.names):
            lengths, probabilities = detector.run_length_posterior(name)
            posteriors[column, lengths, step] = probabilities
    posteriors[:, 0, 0] = 1.0

    largest = 0.0
    seconds["reference"] = 0.0
    for column in range(streams):
        likelihood = reference.StudentT(prior.shape, prior.rate, prior.strength, prior.mean)
        begin = process_time()
        theirs, _ = reference.online_changepoint_detection(
            values[:, column], lambda lengths: reference.constant_hazard(250.0, lengths), likelihood
        )
        seconds["reference"] += process_time() - begin
        largest = max(largest, float(np.abs(theirs - posteriors[column]).max()))
    per_update = {f"{name}_us": spent * 1e6 / (updates * streams) for name, spent in seconds.items()}
    return {**per_update, "largest_difference": largest, "updates": updates, "streams": streams}
