"""The engine on its thread: what a stop means before, while and after the file is opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
import threading

from homeassistant.core import HomeAssistant
from homeassistant.exceptions import HomeAssistantError
import pytest

from custom_components.occupancy_ml.engine.home import Home
from custom_components.occupancy_ml.engine.pipeline import Engine
from custom_components.occupancy_ml.engine_thread import EngineState, EngineThread


class Opener:
    """Opens an empty home when it is let."""

    def __init__(self, path: Path) -> None:
        self.opened: list[Engine] = []
        self.begun, self.let = threading.Event(), threading.Event()
        self._path = path

    def __call__(self) -> Engine:
        self.begun.set()
        assert self.let.wait(10)
        self.opened.append(Engine.open(self._path, Home("UTC", (), ()), 1_800_000_000_000_000))
        return self.opened[0]


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    return Opener(tmp_path / "home.db")


@pytest.fixture
async def thread(hass: HomeAssistant, opener: Opener) -> AsyncIterator[EngineThread]:
    thread = EngineThread(hass, opener)
    yield thread
    await thread.async_close()
    await thread.async_end()


async def begin_to_open(hass: HomeAssistant, thread: EngineThread, opener: Opener) -> asyncio.Task[None]:
    """Until the file is being opened."""
    opening = hass.async_create_task(thread.async_open())
    assert await hass.async_add_executor_job(opener.begun.wait, 10)
    return opening


async def test_it_goes_from_opening_to_closed(thread: EngineThread, opener: Opener) -> None:
    opener.let.set()
    states = [thread.state]
    for step in (thread.async_open, thread.async_close):
        await step()
        states.append(thread.state)
    assert states == [EngineState.OPENING, EngineState.RUNNING, EngineState.CLOSED]
    assert not opener.opened[0].store.is_open


async def test_a_stop_before_the_file_is_opened_leaves_it_alone(thread: EngineThread, opener: Opener) -> None:
    opener.let.set()
    thread.async_stop()
    states = []
    for step in (thread.async_open, thread.async_close, thread.async_open):
        await step()
        states.append(thread.state)
    assert states == [EngineState.STOPPING, EngineState.CLOSED, EngineState.CLOSED]
    assert not opener.opened
    with pytest.raises(HomeAssistantError):
        _ = thread.engine


async def test_a_stop_while_the_file_is_opened_is_not_forgotten(
    hass: HomeAssistant, thread: EngineThread, opener: Opener
) -> None:
    opening = await begin_to_open(hass, thread, opener)
    thread.async_stop()
    opener.let.set()
    await opening
    assert thread.state is EngineState.STOPPING
    # What is left is stored by it, then it is closed.
    assert await thread.run(thread.engine.store.size_bytes) > 0
    await thread.async_close()
    assert not opener.opened[0].store.is_open


async def test_who_gives_up_while_the_file_is_opened_leaves_none_open(
    hass: HomeAssistant, thread: EngineThread, opener: Opener
) -> None:
    opening = await begin_to_open(hass, thread, opener)
    opening.cancel()
    opener.let.set()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await thread.async_close()
    assert [engine.store.is_open for engine in opener.opened] == [False]


async def test_a_stop_after_the_end_opens_nothing_again(thread: EngineThread, opener: Opener) -> None:
    opener.let.set()
    await thread.async_open()
    await thread.async_close()
    thread.async_stop()
    assert thread.state is EngineState.CLOSED
    with pytest.raises(HomeAssistantError):
        await thread.run(lambda: None)


async def test_long_work_that_outlives_the_engine_is_closed(thread: EngineThread, opener: Opener) -> None:
    opener.let.set()
    await thread.async_open()
    closed = threading.Event()
    loop = asyncio.get_running_loop()
    ended: list[asyncio.Task[None]] = []

    def work() -> Iterator[int]:
        try:
            yield 1
            yield 2
        finally:
            closed.set()

    def step(_: int) -> None:
        if not ended:
            ended.append(loop.create_task(thread.async_close()))

    with pytest.raises(HomeAssistantError):
        await thread.async_run_slices(work, step)
    await asyncio.gather(*ended)
    assert closed.is_set()
