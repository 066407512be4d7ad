"""Buckets of time in Druid's SQL, with workarounds for zones in which TIME_FLOOR gives wrong buckets."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.druid.datasource import TIME
from rollup_bench.workloads.calendar import CLOCK, DAY
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Grain

PERIODS = {
    Grain.MINUTE: "PT1M",
    Grain.HOUR: "PT1H",
    Grain.DAY: "P1D",
    Grain.WEEK: "P1W",
    Grain.MONTH: "P1M",
    Grain.QUARTER: "P3M",
    Grain.YEAR: "P1Y",
}


def bucket(grain: Grain, zone: str, statistics: Statistics, time: str = TIME) -> str:
    """The SQL of the start of a time's bucket, in milliseconds since 1970, UTC; `zone` must be a valid time zone.

    Druid turns TIME_FLOOR into a granularity and counts buckets from the first one, which is wrong after some clock
    changes. A TIME_SHIFT by zero makes Druid floor each event's time by itself. If a clock change repeats midnight,
    TIME_FLOOR returns the second midnight; a CASE replaces the second midnight by the first, at which the day began.
    """
    if _is_regular(grain, zone, statistics.first, statistics.last):
        return _floor(time, grain, zone)
    time = f"TIME_SHIFT({time}, 'PT0S', 1)"
    if grain is Grain.WEEK:  # Druid subtracts days from the start of the event's day, and may miss a week's midnight
        time = f"TIME_FLOOR({time}, '{PERIODS[grain]}', NULL, '{zone}')"
    start = _floor(time, Grain.DAY if grain is Grain.WEEK else grain, zone)
    repeated = () if grain in CLOCK else _repeated(zone, statistics.first, statistics.last)
    began = " ".join(f"WHEN {second} THEN {first}" for first, second in repeated)
    return f"CASE {start} {began} ELSE {start} END" if began else start


def following(start: str, grain: Grain, zone: str, statistics: Statistics) -> str:
    """The SQL of the next bucket's start from the SQL of a bucket's start, both in milliseconds since 1970, UTC."""
    if grain in CLOCK:
        return f"({start} + {CLOCK[grain]})"
    later = f"TIME_SHIFT(MILLIS_TO_TIMESTAMP({start}), '{PERIODS[grain]}', 1, '{zone}')"
    return bucket(grain, zone, statistics, later)


def ordinal(unit: Grain, zone: str, time: str) -> str:
    """The SQL of the consecutive number of the local day, week, month, quarter or year in which a time lies."""
    year = f"TIME_EXTRACT({time}, 'YEAR', '{zone}')"
    match unit:
        case Grain.YEAR:
            return year
        case Grain.QUARTER:
            return f"({year} * 4 + TIME_EXTRACT({time}, 'QUARTER', '{zone}'))"
        case Grain.MONTH:
            return f"({year} * 12 + TIME_EXTRACT({time}, 'MONTH', '{zone}'))"
        case Grain.WEEK:
            return f"DIV({ordinal(Grain.DAY, zone, time)} + 6, 7)"
        case _:
            leaps = " ".join(f"{sign} DIV({year} - 1, {years})" for sign, years in (("+", 4), ("-", 100), ("+", 400)))
            return f"(({year} - 1) * 365 {leaps} + TIME_EXTRACT({time}, 'DOY', '{zone}'))"


def _floor(time: str, grain: Grain, zone: str) -> str:
    return f"TIMESTAMP_TO_MILLIS(TIME_FLOOR({time}, '{PERIODS[grain]}', NULL, '{zone}'))"


@lru_cache(maxsize=1024)
def _is_regular(grain: Grain, zone: str, first: int, last: int) -> bool:
    """Whether TIME_FLOOR is right for all times from `first` to `last` (milliseconds since 1970, UTC) in the zone."""
    if zone == "UTC":
        return True
    days = _days(first, last)
    if grain in CLOCK:
        local = pc.local_timestamp(pa.array(days).cast(pa.timestamp("ms", zone))).cast(pa.int64())
        return not np.any(np.diff(np.asarray(local) - days) % CLOCK[grain])
    try:
        pc.assume_timezone(pa.array(days).cast(pa.timestamp("ms")), zone, ambiguous="raise", nonexistent="raise")
    except pa.ArrowInvalid:  # a clock change skips a midnight, or repeats it
        return False
    return True


@lru_cache(maxsize=1024)
def _repeated(zone: str, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Both instants of each midnight that a clock change repeats, in milliseconds since 1970, UTC, earlier first."""
    midnights = pa.array(_days(first, last)).cast(pa.timestamp("ms"))
    both = [
        pc.assume_timezone(midnights, zone, ambiguous=which, nonexistent="latest").cast(pa.int64()).to_pylist()
        for which in ("earliest", "latest")
    ]
    return tuple((a, b) for a, b in zip(*both, strict=True) if a != b)


def _days(first: int, last: int) -> npt.NDArray[np.int64]:
    return np.arange(first // DAY - 1, last // DAY + 3, dtype=np.int64) * DAY
