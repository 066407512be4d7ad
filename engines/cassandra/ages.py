"""Ages of subjects in the client, and which of them have ended."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads import calendar
from rollup_bench.workloads.questions import Age, Cohort, Grain, milliseconds

Longs = npt.NDArray[np.int64]
DAY = 86_400_000
LENGTHS = calendar.CLOCK | {Grain.DAY: DAY, Grain.WEEK: 7 * DAY}
BEYOND = {Grain.DAY: 1.5, Grain.WEEK: 10, Grain.MONTH: 45, Grain.QUARTER: 135, Grain.YEAR: 550}
"""Days from the start of a bucket into the midst of the next, whatever the calendar and the clock do."""
BETWEEN = {
    Grain.DAY: pc.days_between,
    Grain.WEEK: pc.weeks_between,
    Grain.QUARTER: pc.quarters_between,
    Grain.YEAR: pc.years_between,
}


def at(births: Longs, instants: Longs, age: Age, zone: str) -> Longs:
    """The age at each instant of who was born at the birth beside it; all in milliseconds since 1970, UTC."""
    if age.clock == "elapsed":
        return np.asarray((instants - births) // (LENGTHS[age.unit] * age.width))
    if age.unit in calendar.CLOCK:
        begins = np.asarray(calendar.starts(pa.array(births), age.unit, zone))
        return np.asarray((instants - begins) // (LENGTHS[age.unit] * age.width))
    before, now = _wall(births, zone), _wall(instants, zone)
    if age.unit is Grain.MONTH:
        passed = 12 * _years(before, now) + np.asarray(pc.month(now)) - np.asarray(pc.month(before))
    else:
        passed = np.asarray(BETWEEN[age.unit](before, now))
    return np.asarray(passed // age.width, np.int64)


def ended(question: Cohort, starts: Longs) -> Longs:
    """How many ages have ended by `until`, of each cohort by the bucket that starts there; by a dimension, of all."""
    end = milliseconds(question.span.end)
    following = np.full(len(starts), end) if question.grain is None else _following(starts, question)
    last = np.minimum(following, end) - 1
    until = np.full(len(starts), milliseconds(question.until))
    return np.minimum(at(last, until, question.age, question.zone), question.age.count)


def _following(starts: Longs, question: Cohort) -> Longs:
    assert question.grain is not None
    if question.grain in calendar.CLOCK:
        return starts + calendar.CLOCK[question.grain]
    beyond = pa.array(starts + int(BEYOND[question.grain] * DAY))
    return np.asarray(calendar.starts(beyond, question.grain, question.zone))


def _wall(instants: Longs, zone: str) -> pa.Array:
    return pc.local_timestamp(pa.array(instants).cast(pa.timestamp("ms", zone)))


def _years(before: pa.Array, now: pa.Array) -> Longs:
    return np.asarray(pc.subtract(pc.year(now), pc.year(before)))
