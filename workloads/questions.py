"""Questions are values: what is asked, with every parameter filled in."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeVar

import msgspec

from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Function, Measure

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Grain(StrEnum):
    """How long a bucket of time is. Weeks start on Monday; `all` is one bucket, the span's."""

    ALL = "all"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Span(msgspec.Struct, frozen=True):
    """The instants from `start` up to but not including `end`, with zone, in whole milliseconds."""

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
    """Of each bucket only the `n` groups largest (or smallest) by `measure`.

    Ties go to the group whose `by` values sort first (text by code point, NULL last), so the answer is one answer. A
    top cannot be combined with subtotals.
    `error` tolerates members whose true value is at least (1 - error) of the nth's.
    """

    n: int
    measure: Measure
    smallest: bool = False
    error: float = 0.0


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate", tag_field="kind"):
    """Measures of the events of a span, by bucket of time and by dimensions."""

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

    An age is `width` units long, and ages 0 to `count` - 1 are asked for. `elapsed` ages step whole units after the
    birth itself, and need a unit of fixed length: minute, hour, day (of 24 hours) or week. `calendar` ages step at
    the boundaries of the unit in the question's zone: born in January, in February the age is 1. Calendar minutes
    and hours step whole units after the start of the minute or hour that the birth fell into.
    """

    unit: Grain
    count: int
    width: int = 1
    clock: Literal["calendar", "elapsed"] = "calendar"


class Cohort(msgspec.Struct, frozen=True, tag="cohort", tag_field="kind"):
    """Who comes back: of the subjects born in a span, what they do at each age.

    A subject is born at its first event ever that matches `birth`; `span` says which births count. NULL is no
    subject. Its cohort is the bucket of `grain` its birth falls into, or the value of the dimension `by` at birth; of
    several such events in the millisecond of birth the value that sorts first (text by code point, NULL last).

    An event counts if it matches `returns`, is not before the birth (with `repeat`: is after it, by at least a
    millisecond) and is before `until`. Without a `measure`, `value` is the number of distinct subjects with an event at
    that age; with one, it is `count()` or `sum(x)` of those events. With `cumulative`, the events are those at that age
    and all before it; with `retention` unbounded, those at that age and all after it, also beyond the last age asked
    for, and `measure` and `cumulative` must be absent. Either `grain` or `by` is given; `grain` is not `all`. A subject
    is counted once in each cell in which it counts at all. `error` tolerates sizes and numbers of subjects that are off
    by that share of their cohort's true size.

    `size` is the number of all subjects of a cohort. A cohort has cells for the ages 0 to k - 1, where k is the age at
    `until` of someone born in the cohort's last millisecond (the last of its bucket or of the span, the earlier), at
    most `age.count`. A cell in which nothing happened has 0, or NULL for a sum. A cohort whose k is 0 or less is
    absent.
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

    A subject (NULL is none) enters at an event of the span that matches the first step, and reaches step k by an
    event that matches it, at least a millisecond after the one of step k - 1, at most `window` seconds after
    entering and before the span's end; other events may lie between. Each subject counts once, for its entry that
    gets furthest, the earliest of equals: in every step up to that one, under the values of the dimensions `by` at
    that entry (of several equal entries in one millisecond those that sort first, NULL last). Steps count from 1;
    whoever enters under some values brings a row for each step, with 0 where nobody came so far.
    """

    span: Span
    steps: tuple[tuple[Filter, ...], ...]
    window: int
    by: tuple[str, ...] = ()


Question = Aggregate | Cohort | Funnel
Q = TypeVar("Q", bound=Question)
SOME = Span(EPOCH, EPOCH + timedelta(days=1))


def spanless(question: Q) -> Q:
    """One and the same for a question over any span: what is found out of it holds for all of them."""
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
