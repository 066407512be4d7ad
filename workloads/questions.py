"""Questions: values that say what is asked, with a value for every parameter."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeVar

import msgspec

from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Function, Measure

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Grain(StrEnum):
    """The length of a bucket of time. Weeks start on Monday; `all` is one bucket for the whole span."""

    ALL = "all"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Span(msgspec.Struct, frozen=True):
    """The instants from `start` up to but not including `end`; both have a zone and whole milliseconds."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"end {self.end:%Y-%m-%d %H:%M} is not after start {self.start:%Y-%m-%d %H:%M}")

    @property
    def milliseconds(self) -> tuple[int, int]:
        """Start and end in milliseconds since 1970, UTC."""
        return milliseconds(self.start), milliseconds(self.end)


def milliseconds(instant: datetime) -> int:
    """An instant (with zone) in whole milliseconds since 1970, UTC."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


class Top(msgspec.Struct, frozen=True):
    """Only the `n` groups of each bucket that are largest (or smallest) by `measure`.

    Of equal groups, those whose `by` values sort first (text by code point, NULL last) come first, so only one answer
    is right. A top cannot be combined with subtotals. With `error`, an answer may contain other groups if their true
    value is at least (1 - error) of the nth group's.
    """

    n: int
    measure: Measure
    smallest: bool = False
    error: float = 0.0


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate", tag_field="kind"):
    """Measures of the events of a span, grouped by bucket of time and by dimensions."""

    span: Span
    measures: tuple[Measure, ...]
    grain: Grain = Grain.ALL
    zone: str = "UTC"
    by: tuple[str, ...] = ()
    subtotals: Literal["none", "rollup", "cube"] = "none"
    where: tuple[Filter, ...] = ()
    top: Top | None = None


class Age(msgspec.Struct, frozen=True):
    """How a subject's age is counted.

    An age is `width` units long, and the question asks for the ages 0 to `count` - 1. `elapsed` ages begin whole units
    after the birth, and need a unit of fixed length: minute, hour, day (of 24 hours) or week. `calendar` ages begin
    where the unit begins in the question's zone: a subject born in January has age 1 in February. Calendar minutes and
    hours begin whole units after the start of the minute or hour in which the birth lies.
    """

    unit: Grain
    count: int
    width: int = 1
    clock: Literal["calendar", "elapsed"] = "calendar"


class Cohort(msgspec.Struct, frozen=True, tag="cohort", tag_field="kind"):
    """Who comes back: what the subjects born in a span do at each age.

    A subject is born at its first event ever that matches `birth`. Births in `span` count; events with a NULL subject
    do not. Either `grain` or `by` is set, and `grain` is not `all`. The cohort of a subject is the bucket of `grain` in
    which its birth lies, or the value of the dimension `by` at its birth. If several matching events are in the
    millisecond of the birth, the value of `by` that sorts first (text by code point, NULL last) counts.

    An event counts if it matches `returns`, is before `until`, and is not before the birth; with `repeat`, it must be
    at least a millisecond after the birth. Without a `measure`, `value` is the number of distinct subjects with an
    event that counts at that age; with a `measure`, it is `count()` or `sum(x)` of those events. With `cumulative`,
    events at earlier ages count too. With unbounded `retention`, events at later ages count too, also beyond the last
    age of the question; then there is no `measure` and no `cumulative`. `error` tolerates sizes and numbers of subjects
    that differ from the truth by that share of their cohort's true size.

    `size` is the number of all subjects of a cohort. A cohort has cells for the ages 0 to k - 1. k is the age at
    `until` of a subject born in the last millisecond of the cohort's bucket or of the span, whichever is earlier, and
    at most `age.count`. A cell without events has 0, or NULL for a sum. A cohort whose k is 0 or less is absent.
    """

    span: Span
    until: datetime
    age: Age
    measure: Measure | None = None
    grain: Grain | None = None
    by: str | None = None
    zone: str = "UTC"
    birth: tuple[Filter, ...] = ()
    returns: tuple[Filter, ...] = ()
    repeat: bool = False
    retention: Literal["exact", "unbounded"] = "exact"
    cumulative: bool = False
    error: float = 0.0


class Funnel(msgspec.Struct, frozen=True, tag="funnel", tag_field="kind"):
    """How far subjects get through steps that must follow each other.

    A subject enters at an event of the span that matches the first step; events with a NULL subject do not count. It
    reaches step k by an event that matches step k, at least a millisecond after its event of step k - 1, at most
    `window` seconds after the entry, and before the end of the span. Other events may lie between.

    Each subject counts once, by the entry that gets furthest, or the earliest of several that get equally far. It
    counts in every step up to the furthest, under the values of the dimensions `by` at that entry; of equal entries in
    one millisecond, those whose values sort first (NULL last) count. Steps are numbered from 1. For all values of `by`
    at entries that count, the answer has a row for each step, with 0 if no subject reached it.
    """

    span: Span
    steps: tuple[tuple[Filter, ...], ...]
    window: int
    by: tuple[str, ...] = ()


Question = Aggregate | Cohort | Funnel
Q = TypeVar("Q", bound=Question)
SOME = Span(EPOCH, EPOCH + timedelta(days=1))


def spanless(question: Q) -> Q:
    """The question with a fixed span: equal for questions that differ in their span only, so usable as a cache key."""
    return msgspec.structs.replace(question, span=SOME)


__all__ = [
    "EPOCH",
    "Age",
    "Aggregate",
    "Cohort",
    "Function",
    "Funnel",
    "Grain",
    "Question",
    "Span",
    "Top",
    "milliseconds",
    "spanless",
]
