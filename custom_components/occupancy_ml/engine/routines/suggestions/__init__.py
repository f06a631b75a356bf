"""Suggestions: automations proposed from patterns, back-tested on this home's own past before anybody sees them."""
