"""The ten detectors, each its own module behind `window.Detector` or `window.LongDetector`."""

from __future__ import annotations

from ..window import Detector, LongDetector
from .anomaly import Anomaly
from .co_occurrence import CoOccurrence
from .contextual import Contextual
from .day_type import DayType
from .duration import Duration
from .room_based import RoomBased
from .seasonal import Seasonal
from .sequence import Sequence
from .session import Session
from .time_of_day import TimeOfDay

DAILY: tuple[Detector, ...] = (TimeOfDay(), CoOccurrence(), Sequence(), RoomBased(), Duration(), Anomaly())
WEEKLY: tuple[LongDetector, ...] = (Session(), DayType())
MONTHLY: tuple[LongDetector, ...] = (Contextual(), Seasonal())
