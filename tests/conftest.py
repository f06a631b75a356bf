"""Fixtures of the tests that run in a real Home Assistant; those of the engine need none of them."""

from __future__ import annotations

from collections.abc import Iterator
import logging
from pathlib import Path

from homeassistant.core import HomeAssistant
import pytest

# First of all: the test package of Home Assistant brings a `custom_components` of its own, and whichever is
# imported first hides the other.
import custom_components.occupancy_ml  # noqa: F401

# The test package logs every statement of the recorder, which drowns the report of a failure.
logging.getLogger("sqlalchemy.engine").setLevel(logging.WARNING)

_COMPLAINTS = ("Detected that custom integration", "Detected blocking call")


@pytest.fixture(autouse=True)
def enable_event_loop_debug() -> None:
    """Not so here: a stack for every callback is a fifth of the time. Home Assistant itself finds calls of a wrong thread."""


@pytest.fixture
def hass_config_dir(tmp_path: Path) -> str:
    """An empty configuration directory, so that each test has a file of its own."""
    config_dir = tmp_path / "config"
    config_dir.mkdir()
    return str(config_dir)


@pytest.fixture(autouse=True)
def integration(request: pytest.FixtureRequest) -> Iterator[None]:
    """In every test with a Home Assistant: a real recorder, and our integration to be found."""
    if "hass" not in request.fixturenames:
        yield
        return
    # The recorder first: enabling custom integrations asks for a running Home Assistant, and the recorder
    # refuses to be set up after it.
    request.getfixturevalue("recorder_mock")
    request.getfixturevalue("enable_custom_integrations")
    hass: HomeAssistant = request.getfixturevalue("hass")
    yield
    # The recorder goes before Home Assistant does; a read of its history under way would lose its connection.
    hass.loop.run_until_complete(hass.async_block_till_done(wait_background_tasks=True))


@pytest.fixture(autouse=True)
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail where Home Assistant complained about how we use it."""
    yield
    said = [record.getMessage() for phase in ("setup", "call") for record in caplog.get_records(phase)]
    assert not [line for line in said if any(complaint in line for complaint in _COMPLAINTS)]
