"""The ten detectors, each its own module behind `window.Detector` or `window.LongDetector`."""

from __future__ import annotations

from ..window import Detector, LongDetector
from .co_occurrence import CoOccurrence
from .sequence import Sequence
from .time_of_day import TimeOfDay

DAILY: tuple[Detector, ...] = (TimeOfDay(), CoOccurrence(), Sequence())
WEEKLY: tuple[LongDetector, ...] = ()
MONTHLY: tuple[LongDetector, ...] = ()
