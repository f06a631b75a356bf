"""Log lines with stable names, for whoever reads logs by machine.

`name key=value key=value`: names and keys do not change between versions, values hold no space. Rooms are
numbers, counted in the order of the rooms as in the diagnostics; no line names an area, an entity or a person.
"""

from __future__ import annotations

import logging
import re

_SPACES = re.compile(r"\s+")


def log_line(logger: logging.Logger, level: int, name: str, **values: object) -> None:
    """Write one line."""
    if logger.isEnabledFor(level):
        pairs = " ".join(f"{key}={_SPACES.sub('_', _text(value))}" for key, value in values.items())
        logger.log(level, "%s %s", name, pairs)


def _text(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
