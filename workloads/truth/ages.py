"""Computes the ages of cohorts' subjects at events, and how many ages of a cohort have ended."""

import numpy as np

from rollup_bench.workloads.questions import Age, Cohort, Grain, milliseconds
from rollup_bench.workloads.truth.buckets import DAY, LENGTHS, MONTHS, Longs, bucket, midnight, to_local

FIXED = LENGTHS | {Grain.DAY: DAY, Grain.WEEK: 7 * DAY}


def ages(births: Longs, instants: Longs, age: Age, zone: str) -> Longs:
    """For each pair of a birth and an instant, the age at the instant in units of `age`; negative before the birth.

    Births and instants are milliseconds since 1970, UTC.
    """
    if age.clock == "elapsed":
        return (instants - births) // (FIXED[age.unit] * age.width)
    if age.unit in LENGTHS:
        return (instants - bucket(births, age.unit, zone, 0)) // (LENGTHS[age.unit] * age.width)
    return (ordinal(instants, age.unit, zone) - ordinal(births, age.unit, zone)) // age.width


def ended(question: Cohort, starts: Longs | None) -> Longs:
    """For each cohort, how many of its ages have ended by `question.until`; at most `question.age.count`.

    `starts` are the starts of the cohorts' buckets in milliseconds since 1970; None, for cohorts by a dimension, gives
    one number for all cohorts. The number is the age at `until` of a subject born in the last millisecond of the
    cohort's bucket or of the span, whichever is earlier; it is 0 or negative if no age has ended.
    """
    end = milliseconds(question.span.end)
    last = np.array([end - 1]) if starts is None else np.minimum(following(starts, question), end) - 1
    until = np.full(len(last), milliseconds(question.until))
    return np.minimum(ages(last, until, question.age, question.zone), question.age.count)


def following(starts: Longs, question: Cohort) -> Longs:
    """The start of the bucket of `question.grain` that follows each start, in milliseconds since 1970, UTC."""
    grain = Grain(question.grain or Grain.ALL)
    if grain in LENGTHS:
        return starts + LENGTHS[grain]
    days = first_days(ordinal(starts, grain, question.zone) + 1, grain)
    return np.array([midnight(int(day), question.zone) for day in days], np.int64)


def ordinal(instants: Longs, unit: Grain, zone: str) -> Longs:
    """The number of the local day, week, month, quarter or year in which each instant lies; consecutive numbers."""
    days = to_local(instants, zone) // DAY
    if unit is Grain.DAY:
        return days
    if unit is Grain.WEEK:
        return (days + 3) // 7
    return days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) // MONTHS[unit]


def first_days(ordinals: Longs, unit: Grain) -> Longs:
    """The first day, counted from 1970-01-01, of each day, week, month, quarter or year with a number of `ordinal`."""
    if unit is Grain.DAY:
        return ordinals
    if unit is Grain.WEEK:
        return ordinals * 7 - 3
    months = (ordinals * MONTHS[unit]).astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
