"""Computes buckets of time for engines and layouts; the package `truth` computes its buckets by separate code."""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.questions import EPOCH, Aggregate, Grain, milliseconds

CLOCK = {Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000}
"""The length in milliseconds of the grains minute and hour."""
DAY = 86_400_000
YEAR = 366 * DAY
LONGEST = {Grain.DAY: 2, Grain.WEEK: 8, Grain.MONTH: 32, Grain.QUARTER: 93, Grain.YEAR: 367}
"""Days that no bucket exceeds."""
Instants: TypeAlias = "pa.Array | pa.ChunkedArray"
"""Milliseconds since 1970, UTC."""
Longs: TypeAlias = npt.NDArray[np.int64]
FIRST, LAST = milliseconds(datetime(1, 1, 3, tzinfo=UTC)), milliseconds(datetime(9999, 12, 29, tzinfo=UTC))
"""The range of instants whose local time is known."""


def is_day(grain: Grain) -> bool:
    """Whether buckets of a grain begin with a local day: grains of a day to a year."""
    return grain is not Grain.ALL and grain not in CLOCK


def starts(instants: Instants, grain: Grain, zone: str) -> Instants:
    """The start of the bucket of `grain` in time zone `zone` in which each instant lies.

    Instants and starts are milliseconds since 1970, UTC.

    A bucket of a minute or an hour begins when the local clock shows a full minute or hour, so an hour that a clock
    change repeats is two buckets. A longer bucket begins with the first instant of its first local day.
    """
    wall = local(instants, zone)
    if grain in CLOCK:
        return pc.subtract(instants, pa.array(np.asarray(wall.cast(pa.int64())) % CLOCK[grain]))
    floors = pc.floor_temporal(wall, unit=str(grain)).dictionary_encode()
    begins = _first_instants(np.asarray(floors.dictionary.cast(pa.int64())), zone)
    return pa.array(begins).take(floors.indices)


def of(question: Aggregate, instants: Instants) -> Instants:
    """The start of each instant's bucket, as a column of the answer has it; instants lie in the question's span."""
    if question.grain is Grain.ALL:
        return pa.array([milliseconds(question.span.start)] * len(instants), INSTANT)
    return starts(instants, question.grain, question.zone).cast(INSTANT)


@lru_cache(maxsize=4096)
def begins(instant: int, grain: Grain, zone: str) -> bool:
    """True if a bucket of `grain` in time zone `zone` begins at `instant`, in milliseconds since 1970, UTC.

    False if the clock goes back to the bucket before soon after, so that this bucket has events on both sides.
    """
    here = starts(pa.array([instant]), grain, zone)[0].as_py()
    if here != instant or grain in CLOCK:
        return bool(here == instant)
    return not repeats_days(zone, instant, instant + DAY)


@lru_cache(maxsize=4096)
def repeats_days(zone: str, first: int, last: int) -> bool:
    """Whether a clock of the zone goes back to the day before, between two instants in milliseconds since 1970, UTC."""
    changes = clock_changes(zone, first, last)
    return any((at + now) // DAY < (at - 1 + before) // DAY for (_, before), (at, now) in pairwise(changes))


def local(instants: Instants, zone: str) -> pa.Array:
    """The date and time that a local clock shows at each instant, as Arrow timestamps without a zone."""
    values = np.asarray(instants.cast(pa.int64()), np.int64)
    return pa.array(values + offsets(values, zone)).cast(pa.timestamp("ms"))


def _first_instants(days: Longs, zone: str) -> Longs:
    """The first instant of each local day, given in milliseconds since a local clock showed 1970-01-01 00:00.

    A midnight that a clock change repeats counts when it is first shown; a day whose midnight is skipped starts at the
    change.
    """
    if not len(days):
        return days
    changes, ahead = np.array(clock_changes(zone, int(days.min()) - 2 * DAY, int(days.max()) + 2 * DAY), np.int64).T
    periods = np.searchsorted(changes[1:] + ahead[:-1], days, side="right")
    begins: Longs = np.maximum(days - ahead[periods], changes[periods])
    return begins


def offsets(instants: Longs, zone: str) -> Longs:
    """How many milliseconds the local clock of `zone` is ahead of UTC at each instant; negative if it is behind."""
    if not len(instants):
        return instants
    changes, ahead = np.array(clock_changes(zone, int(instants.min()), int(instants.max())), np.int64).T
    there: Longs = ahead[np.searchsorted(changes[1:], instants, side="right")]
    return there


def bucket_starts(zone: str, grain: Grain, first: int, last: int) -> list[int]:
    """The starts of the buckets of a day or longer from that of the instant `first` to that of `last`, in order."""
    first_year, last_year = ((EPOCH + timedelta(milliseconds=_within(end))).year for end in (first, last))
    years = range(max(first_year - 1, 1), min(last_year + 2, 9999))
    begins = [begin for year in years for begin in _starts_in(zone, grain, year)]
    return begins[bisect_right(begins, first) - 1 : bisect_right(begins, last)]


@lru_cache(maxsize=4096)
def _starts_in(zone: str, grain: Grain, year: int) -> list[int]:
    """The starts of the buckets that begin with a local day of a year."""
    days = np.arange(f"{year:04}-01-01", f"{year + 1:04}-01-01", dtype="datetime64[D]").astype(np.int64) * DAY
    firsts = np.asarray(pc.floor_temporal(pa.array(days, pa.timestamp("ms")), unit=str(grain)).cast(pa.int64()))
    return list(map(int, _first_instants(days[firsts == days], zone)))


def clock_changes(zone: str, first: int, last: int) -> list[tuple[int, int]]:
    """The instants in a range at which the offset of a zone changes, each with the offset after it, in order.

    All are milliseconds; offsets are ahead of UTC. The first pair is `first` with its offset. The years 1 to 9999 are
    known; before and after them the offset is that of their first and last day.
    """
    first_year, last_year = ((EPOCH + timedelta(milliseconds=_within(end))).year for end in (first, last))
    changes = [change for year in range(first_year, last_year + 1) for change in _changes_in(zone, year)]
    before = [(first, _offset(zone, first))]
    return before + [change for change in changes if first < change[0] <= last]


@lru_cache(maxsize=4096)
def _changes_in(zone: str, year: int) -> list[tuple[int, int]]:
    """The changes of a year; two changes within the same day of UTC that cancel each other are not found."""
    start, end = (milliseconds(datetime(year, *day, tzinfo=UTC)) for day in ((1, 1), (12, 31)))
    days = range(start, end + 2 * DAY, DAY)
    pairs = [(day, day + DAY) for day in days[:-1] if _offset(zone, day) != _offset(zone, day + DAY)]
    return [_change_between(zone, *pair) for pair in pairs]


def _change_between(zone: str, before: int, after: int) -> tuple[int, int]:
    """The first instant, with its offset, at which the offset is that of `after`."""
    ahead = _offset(zone, after)
    return before + bisect_left(range(before, after), True, key=lambda at: _offset(zone, at) == ahead), ahead


def _offset(zone: str, instant: int) -> int:
    moment = (EPOCH + timedelta(milliseconds=_within(instant))).astimezone(ZoneInfo(zone))
    return (moment.utcoffset() or timedelta()) // timedelta(milliseconds=1)


def _within(instant: int) -> int:
    """The nearest instant of the years 1 to 9999, two days apart from both ends."""
    return min(max(instant, FIRST), LAST)
