"""The life of patterns: what was found tonight, against what was known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
import json

from ..store.routines import PatternRow
from .patterns import Life, Pattern, PatternType, Statistics, from_metadata, to_metadata

# Younger, or of fewer days, is emerging.
_YOUNG_DAYS = 21
_FEW_DAYS = 10
# Not found any more for so long is gone.
_GONE_DAYS = 21
# Not seen for so long, and for four times its usual gap, is fading.
_QUIET_DAYS = 7
# Two times of one act so near are one pattern that has moved a little.
_MOVED_MIN = 45


def reconcile(known: Sequence[Pattern], found: Sequence[Pattern], today: date, now_us: int) -> list[Pattern]:
    """All patterns of one type as they stand tonight: found ones updated or new, the others older by a night.

    Safe to repeat: it depends on what was found and on dates, not on how often it was called.
    """
    by_key = {pattern.key: pattern for pattern in known}
    left = dict(by_key)
    result = []
    for pattern in found:
        old = left.pop(pattern.key, None) or _kin(pattern, left)
        if old is None:
            born = replace(pattern, created_at_us=now_us)
        else:
            left.pop(old.key, None)
            born = replace(
                pattern,
                key=old.key,
                pattern_id=old.pattern_id,
                first_seen=min(old.first_seen, pattern.first_seen),
                created_at_us=old.created_at_us,
            )
        result.append(replace(born, life=_life(born, today)))
    for pattern in left.values():
        gone = (today - date.fromisoformat(pattern.last_seen)).days > _GONE_DAYS
        result.append(replace(pattern, life=Life.GONE if gone else Life.FADING))
    return result


def _life(pattern: Pattern, today: date) -> Life:
    last, first = date.fromisoformat(pattern.last_seen), date.fromisoformat(pattern.first_seen)
    stats = pattern.statistics
    gap = ((last - first).days + 1) / max(stats.days, 1)
    if (today - last).days > max(_QUIET_DAYS, 4 * gap):
        return Life.FADING
    if stats.days < _FEW_DAYS and (today - first).days <= _YOUNG_DAYS:
        return Life.EMERGING
    return Life.STABLE


def _kin(pattern: Pattern, left: dict[str, Pattern]) -> Pattern | None:
    """The known pattern that this one is, moved a little in time."""
    if pattern.when.minute is None:
        return None
    base = pattern.key.rpartition("|")[0]
    for old in left.values():
        if old.key.rpartition("|")[0] == base and old.when.minute is not None:
            apart = abs((old.when.minute - pattern.when.minute + 720) % 1440 - 720)
            if apart <= _MOVED_MIN:
                return old
    return None


def to_row(pattern: Pattern) -> PatternRow:
    """A pattern as it is stored."""
    stats = pattern.statistics
    return PatternRow(
        key=pattern.key,
        pattern_type=pattern.pattern_type.value,
        device_id=pattern.entities[0] if pattern.entities else "",
        pattern_metadata=json.dumps(to_metadata(pattern), sort_keys=True, separators=(",", ":")),
        description=pattern.description,
        confidence=stats.rate,
        confidence_low=stats.low,
        confidence_high=stats.high,
        effect=stats.effect,
        q_value=stats.q_value,
        occurrences=stats.occurrences,
        life=pattern.life.value,
        first_seen=pattern.first_seen,
        last_seen=pattern.last_seen,
        aggregate_date_range=pattern.date_range,
        aggregate_source=pattern.source,
        aggregate_count=pattern.aggregates,
        created_at=pattern.created_at_us,
    )


def from_row(row: PatternRow) -> Pattern:
    """A pattern as it was stored."""
    value = json.loads(row.pattern_metadata)
    entities, when, others = from_metadata(value)
    return Pattern(
        key=row.key,
        pattern_type=PatternType(row.pattern_type),
        entities=entities,
        statistics=Statistics(
            row.effect,
            row.occurrences,
            value["opportunities"],
            value["days"],
            value["rate"],
            row.confidence_low,
            row.confidence_high,
            row.q_value,
        ),
        description=row.description,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        when=when,
        life=Life(row.life),
        date_range=row.aggregate_date_range or "",
        source=row.aggregate_source,
        aggregates=row.aggregate_count or 0,
        pattern_id=row.id,
        created_at_us=row.created_at,
        **others,
    )
