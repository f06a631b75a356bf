"""Work in slices: generators that pause between bounded pieces, and return what came of them."""

from __future__ import annotations

from collections.abc import Callable, Generator


def finished[A, T](work: Generator[A, None, T], between: Callable[[], None] | None = None) -> T:
    """What comes of work that is done at one go.

    Args:
        work: not begun.
        between: called at each pause.
    """
    while True:
        try:
            next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if between is not None:
            between()


def told_as[A, B, T](work: Generator[A, None, T], tell: Callable[[A], B]) -> Generator[B, None, T]:
    """The same work, telling something else at each pause.

    Args:
        work: not begun.
        tell: given what the work yields, what is yielded for it.

    Yields:
        What `tell` gives. Returns what the work returns.
    """
    while True:
        try:
            piece = next(work)
        except StopIteration as stop:
            result: T = stop.value
            return result
        yield tell(piece)
