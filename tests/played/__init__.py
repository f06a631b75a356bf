"""Weeks of a SIMULATED home in a real Home Assistant, minutes long. Not part of the suite: run by `scripts/play`."""
