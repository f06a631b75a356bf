"""The engine: events in, calibrated room probabilities out.

Pure Python on the standard library and numpy. Nothing here imports Home Assistant,
reads a wall clock or starts a thread: time is an argument, and the host decides where
the work runs.
"""
