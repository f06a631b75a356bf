"""The scores of the benchmark, on cases worked out by hand and on a folder of its form."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scripts.benchmarks.changepoint import (
    bench_updates,
    covering,
    delays,
    every,
    f1_score,
    false_alarms,
    format_scores,
    read_series,
    score_folder,
)


@pytest.mark.parametrize(
    ("annotations", "found", "expected"),
    [
        ([[]], [], 1.0),  # 0 counts as a change, for both
        ([[50]], [], 2 / 3),  # precision 1, recall 1/2
        ([[50]], [55], 1.0),  # within the margin
        ([[50]], [56], 1 / 2),  # just outside: precision 1/2, recall 1/2
        ([[50]], [48, 52], 4 / 5),  # the second one near it counts as false
        ([[50], []], [50], 1.0),  # precision is against all annotators, recall averaged: 1 and 1
        ([[50], [100]], [50], 2 * 0.75 / 1.75),  # recalls 1 and 1/2
        ([[4]], [], 2 / 3),  # one found change cannot serve two true ones
    ],
)
def test_f1_of_cases_done_by_hand(annotations: list[list[int]], found: list[int], expected: float) -> None:
    assert f1_score(annotations, found) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("annotations", "found", "expected"),
    [
        ([[]], [], 1.0),
        ([[50]], [50], 1.0),
        ([[50]], [], 0.5),
        ([[]], [50], 0.5),
        ([[50], []], [50], 0.75),
        ([[20]], [40], (20 * 20 / 40 + 80 * 60 / 80) / 100),
    ],
)
def test_covering_of_cases_done_by_hand(
    annotations: list[list[int]], found: list[int], expected: float
) -> None:
    assert covering(annotations, found, 100) == pytest.approx(expected)


def test_delays_and_false_alarms_of_cases_done_by_hand() -> None:
    assert sorted(delays([[50, 80], [50]], [52, 53, 79, 90])) == [2]
    assert false_alarms([[50], [80]], [52, 53, 79, 90]) == 1
    assert every([[10, 20], [10, 20, 30, 40]], 100) == [25, 50, 75]
    assert every([[]], 100) == []


def _write_folder(folder: Path) -> None:
    random = np.random.default_rng(0)
    (folder / "series").mkdir()
    step = np.repeat([0.0, 8.0], 60) + random.normal(0, 1, 120)
    pair = [list(step), [None, *random.normal(0, 1, 119)]]
    flat = list(random.normal(0, 1, 100))
    for name, channels in (("pair", pair), ("flat", [flat]), ("constant", [[3.0] * 30])):
        document = {"name": name, "series": [{"raw": list(channel)} for channel in channels]}
        (folder / "series" / f"{name}.json").write_text(json.dumps(document))
    annotations = {"pair": {"1": [60], "2": [60]}, "flat": {"1": []}, "constant": {"1": []}}
    (folder / "annotations.json").write_text(json.dumps(annotations))


def test_a_folder_is_scored_beside_nothing_and_what_was_published(tmp_path: Path) -> None:
    _write_folder(tmp_path)
    scores = score_folder(tmp_path)
    assert json.loads(json.dumps(scores)) == scores
    assert set(scores["series"]) == {"pair", "flat", "constant"}
    assert scores["series"]["pair"]["f1"] == pytest.approx(1.0)
    assert scores["series"]["pair"]["covering"] > 0.95
    assert scores["series"]["pair"]["nothing_f1"] == pytest.approx(2 / 3)
    assert scores["series"]["pair"]["every_f1"] == pytest.approx(1.0)  # the step is in the middle
    assert 0 <= scores["series"]["pair"]["delay"] <= 5
    assert scores["series"]["pair"]["false_alarms"] == 0.0
    assert scores["series"]["flat"]["delay"] is None
    assert scores["mean"]["published_f1"] is None
    table = [row["f1"] for row in scores["series"].values()]
    assert scores["mean"]["f1"] == pytest.approx(np.mean(table))
    reference = {"pair": {"bocpd_default_f1": 0.25, "bocpd_default_cover": 0.5}, "flat": {}}
    (tmp_path / "reference_scores.json").write_text(json.dumps(reference))
    scores = score_folder(tmp_path)
    assert scores["mean"]["published_f1"] == 0.25
    assert scores["mean"]["published_series"] == 1
    assert "pair" in format_scores(scores)
    (tmp_path / "annotations.json").write_text("{}")
    with pytest.raises(FileNotFoundError):
        score_folder(tmp_path)


def test_series_are_standardised_and_keep_their_holes(tmp_path: Path) -> None:
    _write_folder(tmp_path)
    values = read_series(tmp_path / "series" / "pair.json")
    assert values.shape == (120, 2)
    assert np.isnan(values).sum() == 1
    assert np.nanmean(values, axis=0) == pytest.approx([0.0, 0.0], abs=1e-12)
    assert np.nanstd(values, axis=0) == pytest.approx([1.0, 1.0])


def test_the_benchmark_compares_like_with_like() -> None:
    report = bench_updates(updates=60, streams=3)
    assert report["largest_difference"] < 1e-9
