"""Suggestions: automations proposed from patterns, back-tested on this home's own past before anybody sees them."""

from __future__ import annotations

from .ranking import Reason
from .safety import RISKY, SafetyClass
from .suggester import Policy, Suggester

__all__ = ["RISKY", "Policy", "Reason", "SafetyClass", "Suggester"]
