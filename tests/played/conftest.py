"""What is lived here is kept by the integration alone: writing it to the recorder too would take most of the time."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def recorder_config() -> dict[str, Any]:
    """A recorder that runs and records nothing."""
    return {"exclude": {"entity_globs": ["*"], "event_types": ["call_service"]}}
