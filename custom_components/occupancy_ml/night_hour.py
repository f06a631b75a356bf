"""When the night's work is due."""

from __future__ import annotations

from datetime import datetime, time, timedelta, tzinfo

from homeassistant.util import dt as dt_util

# A night that could not start at its hour (a restart, another training) still may within this time.
_NIGHT_GRACE = timedelta(hours=3)

# After this without a night it runs at any hour: a computer that sleeps at night must learn too.
_NIGHT_OVERDUE = timedelta(hours=36)


def night_due(now: datetime, zone: tzinfo, hour: int, last: datetime | None) -> bool:
    """Whether the nightly work should start.

    An hour that the clock skips counts as the moment of the skip; one that it repeats counts once. An end that is still
    to come was noted while the clock was ahead, and says nothing.

    Args:
        now: aware.
        zone: the home's time zone.
        hour: local hour at which the night begins.
        last: when the work last ended, aware; None where it never ran.
    """
    local = now.astimezone(zone)
    # A skipped wall-clock time, read with the offset from before the skip, is the moment after it.
    planned = datetime.combine(local.date(), time(hour), zone).astimezone(dt_util.UTC)
    if planned > now:
        planned = datetime.combine(local.date() - timedelta(days=1), time(hour), zone).astimezone(dt_util.UTC)
    if last is not None and last - now > _NIGHT_GRACE:
        last = None
    # Set back by less, at most one night is left out, which has just been.
    if last is not None and last >= planned:
        return False
    return now - planned < _NIGHT_GRACE or (last is not None and now - last > _NIGHT_OVERDUE)
