"""A month in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from .calendar import month_of
from .patterns import Life, Pattern, PatternType

_EACH = 5
# What is worth a line of its own, the most telling first.
_ORDER = (
    PatternType.TIME_OF_DAY,
    PatternType.SESSION,
    PatternType.SEQUENCE,
    PatternType.CO_OCCURRENCE,
    PatternType.DAY_TYPE,
    PatternType.CONTEXTUAL,
    PatternType.DURATION,
    PatternType.ROOM_BASED,
    PatternType.SEASONAL,
)


def digest(patterns: Sequence[Pattern], month: str) -> str:
    """What is new in a month, what holds, what has gone, and what was odd.

    Raises:
        ValueError: that is no month.
    """
    period = month_of(date.fromisoformat(f"{month}-01"))
    first, last = period.first.isoformat(), period.last.isoformat()
    kept = [p for p in patterns if p.first_seen <= last and p.pattern_type in _ORDER]
    kept.sort(key=lambda p: (_ORDER.index(p.pattern_type), -p.statistics.low * min(p.statistics.effect, 6.0)))
    fresh = [p for p in kept if p.first_seen >= first and p.life is not Life.GONE]
    ended = [p for p in kept if p.life in (Life.FADING, Life.GONE) and first <= p.last_seen <= last]
    lasting = [p for p in kept if p.first_seen < first and p.last_seen >= first and p not in ended]
    odd = [p for p in patterns if p.pattern_type is PatternType.ANOMALY and first <= p.last_seen <= last]
    parts = [f"{month}: {len(fresh)} new routines, {len(lasting)} that hold, {len(ended)} that ended."]
    for title, found in (
        ("New", fresh),
        ("Still so", lasting),
        ("No longer", ended),
        ("Out of the ordinary", odd),
    ):
        if found:
            parts.append(f"{title}:")
            parts += [f"- {pattern.description}" for pattern in found[:_EACH]]
            if len(found) > _EACH:
                parts.append(f"- and {len(found) - _EACH} more")
    return "\n".join(parts)
