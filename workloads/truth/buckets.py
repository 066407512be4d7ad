"""Computes when the minute, hour, day, week, month, quarter or year of an event begins in a time zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.questions import Grain, milliseconds

Longs = npt.NDArray[np.int64]
LENGTHS = {Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000}
DAY = 86_400_000
QUARTER = 15 * 60_000
ARROW_ENDS = milliseconds(datetime(2037, 1, 1, tzinfo=UTC))
MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.YEAR: 12}


def bucket(instants: Longs, grain: Grain, zone: str, start: int) -> Longs:
    """The start of each instant's bucket; for the grain `all`, it is `start`. All are milliseconds since 1970, UTC.

    A minute or an hour begins when the local clock shows a full minute or hour, with the offset at the time of the
    event, so an hour that a clock change repeats is two buckets. A longer bucket begins with the first instant of its
    first local day.
    """
    if grain is Grain.ALL:
        return np.full(len(instants), start, np.int64)
    local = to_local(instants, zone)
    if grain in LENGTHS:
        return instants - local % LENGTHS[grain]
    days, where = np.unique(first_day(local // DAY, grain), return_inverse=True)
    return np.array([midnight(int(day), zone) for day in days], np.int64)[where]


def to_local(instants: Longs, zone: str) -> Longs:
    """The local date and time at each instant, as the milliseconds that a clock without changes needs from 1970-01-01.

    Arrow knows the clock changes of zones up to 2037; later ones are looked up for each quarter of an hour, because
    zones change their clocks at the full quarter of an hour since 1972.
    """
    if zone == "UTC":
        return instants
    aware = pa.array(instants).cast(pa.timestamp("ms", zone))
    local = np.array(pc.local_timestamp(aware).cast(pa.int64()))
    if (late := instants >= ARROW_ENDS).any():
        quarters, places = np.unique(instants[late] // QUARTER, return_inverse=True)
        local[late] = instants[late] + np.array([_ahead(int(quarter) * QUARTER, zone) for quarter in quarters])[places]
    return local


def _ahead(instant: int, zone: str) -> int:
    """How far a local clock is ahead of UTC, in milliseconds."""
    offset = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant)).astimezone(ZoneInfo(zone)).utcoffset()
    return (offset or timedelta()) // timedelta(milliseconds=1)


def first_day(days: Longs, grain: Grain) -> Longs:
    """The first day of the day, week, month, quarter or year in which each day lies; days count from 1970-01-01."""
    if grain is Grain.DAY:
        return days
    if grain is Grain.WEEK:
        return days - (days + 3) % 7
    width = MONTHS[grain]
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // width * width
    return months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def midnight(day: int, zone: str) -> int:
    """The first instant of local day `day`, counted from 1970-01-01, in milliseconds since 1970, UTC."""
    wall = datetime(1970, 1, 1) + timedelta(days=day)
    instant = wall.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != wall:  # a clock change skips midnight
        instant = _change_before(instant, ZoneInfo(zone))
    return milliseconds(instant)


def _change_before(instant: datetime, zone: ZoneInfo) -> datetime:
    """The minute of the last change of the zone's offset from UTC in the 24 hours before `instant`."""
    late = instant.astimezone(zone).utcoffset()
    minutes = range(24 * 60)
    changed = (instant - timedelta(minutes=m) for m in minutes)
    before = next(t for t in changed if t.astimezone(zone).utcoffset() != late)
    return before + timedelta(minutes=1)
