"""Routines: what this home does by hour, weekday and season, as patterns with a statistic."""

from __future__ import annotations

from .patterns import Act, Life, Pattern, PatternType, Statistics, When
from .routines import Routines

__all__ = ["Act", "Life", "Pattern", "PatternType", "Routines", "Statistics", "When"]
