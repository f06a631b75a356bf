"""Features: windows over what was heard, as named vectors, versioned."""

from .windows import FEATURE_NAMES, FEATURE_SET_VERSION, WINDOW_US, Windows, is_day_off

__all__ = ["FEATURE_NAMES", "FEATURE_SET_VERSION", "WINDOW_US", "Windows", "is_day_off"]
