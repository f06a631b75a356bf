"""The engine of one home on a thread of its own: opened, called, closed.

Calls run one at a time. Long work (learning, replaying) comes as iterators of short slices and takes its turn slice
by slice, so that events and minutes pass in between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from enum import IntEnum
from typing import Any

from homeassistant.core import HomeAssistant, callback
from homeassistant.exceptions import HomeAssistantError

from .const import DOMAIN
from .engine.pipeline import Engine


class EngineState(IntEnum):
    """Where the life of an engine stands. It only ever goes on, and may leave states out.

    Attributes:
        OPENING: it is not open yet.
        RUNNING: it takes calls.
        STOPPING: nothing new is to begin. It takes calls, for what is left to be stored; one that was not open by
            now is never opened.
        CLOSED: it takes no calls.
    """

    OPENING = 0
    RUNNING = 1
    STOPPING = 2
    CLOSED = 3


class EngineThread:
    """Owns an engine and the thread it runs on.

    Args:
        open_engine: called once, on the thread.
    """

    def __init__(self, hass: HomeAssistant, open_engine: Callable[[], Engine]) -> None:
        self._hass = hass
        self._open_engine = open_engine
        self._engine: Engine | None = None
        self._state = EngineState.OPENING
        self._lock = asyncio.Lock()
        # A thread of its own: the allocator keeps apart, and keeps, what each thread had at its most.
        self._executor: ThreadPoolExecutor | None = ThreadPoolExecutor(1, thread_name_prefix=DOMAIN)

    @property
    def state(self) -> EngineState:
        """Where its life stands."""
        return self._state

    @property
    def engine(self) -> Engine:
        """The engine, to be called inside `run` only.

        Raises:
            HomeAssistantError: it is not open.
        """
        if self._engine is None:
            raise _not_loaded()
        return self._engine

    async def async_open(self) -> None:
        """Open the engine, unless it was stopped before it was open.

        Raises:
            StoreError: subclasses say what a person, or time, can do about it.
        """
        if self._state is EngineState.OPENING:
            await self.run(self._open)
            self._go_on_to(EngineState.RUNNING)

    def _open(self) -> None:
        """On the thread: kept there and then, so that a caller cancelled meanwhile leaves no open file."""
        if self._state is EngineState.OPENING:
            self._engine = self._open_engine()

    @callback
    def async_stop(self) -> None:
        """Let nothing new begin."""
        self._go_on_to(EngineState.STOPPING)

    async def async_close(self) -> None:
        """Close the engine, in a turn that is the last one.

        Raises:
            StoreError: it could not be closed as it should.
        """
        async with self._lock:
            engine, self._engine = self._engine, None
            self._go_on_to(EngineState.CLOSED)
            if engine is not None:
                await self._turn(engine.close)

    async def async_end(self) -> None:
        """End the thread. Iterators that are still to be closed are closed on another."""
        executor, self._executor = self._executor, None
        if executor is not None:
            await self._hass.async_add_executor_job(executor.shutdown)

    def _go_on_to(self, state: EngineState) -> None:
        # On the event loop only: a stop that comes while the file is opened must not be forgotten.
        self._state = max(self._state, state)

    async def run[T](self, job: Callable[..., T], *args: Any) -> T:
        """Run one call of the engine, when its turn comes.

        A job that has begun cannot be stopped: where the caller is cancelled, the turn still ends with the job.

        Raises:
            HomeAssistantError: the engine was closed.
        """
        async with self._lock:
            if self._state is EngineState.CLOSED:
                # Whoever waited for a turn while the file was closed.
                raise _not_loaded()
            return await self._turn(job, *args)

    async def _turn[T](self, job: Callable[..., T], *args: Any) -> T:
        """One call of the engine, by who holds the lock."""
        future = self._hass.loop.run_in_executor(self._executor, job, *args)
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            # Cancelled or not, the lock has to outlive the job. What came of it concerns nobody any more.
            while not future.done():
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([future])
            if not future.cancelled():
                future.exception()
            raise
        return future.result()

    async def async_run_slices[T](self, begin: Callable[[], Iterator[T]], step: Callable[[T], None]) -> None:
        """Run long work of the engine slice by slice, each in its own turn.

        Ending early, by an error or because Home Assistant stops, closes the iterator.

        Args:
            begin: makes the iterator, on the thread too.
            step: called on the event loop with what each slice yields.
        """
        slices = await self.run(begin)
        done: Any = object()
        try:
            while (piece := await self.run(next, slices, done)) is not done:
                step(piece)
        finally:
            if (close := getattr(slices, "close", None)) is not None:
                async with self._lock:
                    await self._turn(close)


def _not_loaded() -> HomeAssistantError:
    return HomeAssistantError(translation_domain=DOMAIN, translation_key="not_loaded")
