"""Features: windows over what was heard, as named vectors, versioned."""

from .windows import (
    ENVIRONMENT,
    FEATURE_NAMES,
    FEATURE_SET_VERSION,
    WINDOW_US,
    Windows,
    is_day_off,
    recency_of,
)

__all__ = [
    "ENVIRONMENT",
    "FEATURE_NAMES",
    "FEATURE_SET_VERSION",
    "WINDOW_US",
    "Windows",
    "is_day_off",
    "recency_of",
]
