"""Work in slices is the same work, however it is run."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from custom_components.occupancy_ml.engine.slices import finished, told_as


def work(pieces: int, log: list[str]) -> Generator[int, None, str]:
    try:
        yield from range(pieces)
        return f"all {pieces}"
    finally:
        log.append("closed")


def test_work_at_one_go_pauses_between_its_pieces() -> None:
    log: list[str] = []
    assert finished(work(3, log), lambda: log.append("pause")) == "all 3"
    assert log == ["pause", "pause", "pause", "closed"]
    assert finished(work(0, log)) == "all 0"


def test_what_is_told_differs_and_what_comes_of_it_does_not() -> None:
    def outer() -> Generator[str, None, str]:
        return (yield from told_as(work(3, []), lambda piece: f"piece {piece}"))

    told: list[str] = []
    assert finished(told_as(outer(), told.append)) == "all 3"
    assert told == ["piece 0", "piece 1", "piece 2"]


def test_work_that_is_given_up_is_closed() -> None:
    log: list[str] = []
    told = told_as(work(3, log), str)
    assert next(told) == "0"
    told.close()
    assert log == ["closed"]


def test_what_fails_says_so() -> None:
    def failing() -> Generator[int]:
        yield 1
        raise KeyError("kitchen")

    with pytest.raises(KeyError):
        finished(told_as(failing(), str))
