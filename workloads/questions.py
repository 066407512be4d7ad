"""The three kinds of question, with a value for every parameter: aggregates, cohorts and funnels."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeVar

import msgspec

from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Function, Measure

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Grain(StrEnum):
    """The length of a bucket of time. Weeks start on Monday; `all` is one bucket for a question's whole span."""

    ALL = "all"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"


class Span(msgspec.Struct, frozen=True):
    """The instants from `start` up to but not including `end`; `start` and `end` have a zone and whole milliseconds."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.end <= self.start:
            start, end = f"{self.start:%Y-%m-%d %H:%M}", f"{self.end:%Y-%m-%d %H:%M}"
            raise ValueError(f"end {end} is not after start {start}; write a later end")

    @property
    def milliseconds(self) -> tuple[int, int]:
        """The start and the end of the span, in milliseconds since 1970, UTC."""
        return milliseconds(self.start), milliseconds(self.end)


def milliseconds(instant: datetime) -> int:
    """The number of milliseconds from 1970, UTC, to an instant with a zone, rounded down."""
    return (instant - EPOCH) // MILLISECOND


class Top(msgspec.Struct, frozen=True):
    """Limits an aggregate to the `n` groups of each bucket with the largest measure, or smallest if `smallest`.

    Of equal groups, those whose `by` values sort first (text by code point, NULL last) come first, so only one answer
    is right. A top cannot be combined with subtotals. If `error` is above 0, an answer may contain another
    group if the true measure of this group is at least (1 - error) times the true measure of the nth group.
    """

    n: int
    measure: Measure
    smallest: bool = False
    error: float = 0.0


class Aggregate(msgspec.Struct, frozen=True, tag="aggregate", tag_field="kind"):
    """Asks for measures of the events in `span`, for each bucket of `grain` and each combination of values of `by`."""

    span: Span
    measures: tuple[Measure, ...]
    grain: Grain = Grain.ALL
    zone: str = "UTC"
    by: tuple[str, ...] = ()
    subtotals: Literal["none", "rollup", "cube"] = "none"
    where: tuple[Filter, ...] = ()
    top: Top | None = None


class Age(msgspec.Struct, frozen=True):
    """How the age of a cohort's subject, the time since its birth, is counted.

    An age is `width` units long, and the question asks for the ages 0 to `count` - 1. Ages of the clock `elapsed` begin
    whole units after the birth, and need a unit of fixed length: minute, hour, day (of 24 hours) or week. Ages of the
    clock `calendar` begin where the unit begins in the question's zone: a subject born in January has age 1 in
    February. Calendar ages in minutes or hours begin whole units after the start of the birth's minute or hour.
    """

    unit: Grain
    count: int
    width: int = 1
    clock: Literal["calendar", "elapsed"] = "calendar"


class Cohort(msgspec.Struct, frozen=True, tag="cohort", tag_field="kind"):
    """Asks who comes back: what the subjects born in a span do at each age.

    A subject is born at its first event ever that matches `birth`. Only subjects born in `span` count, and events with
    a NULL subject are ignored. Either `grain` or `by` is set, and `grain` is not `all`. A subject's cohort is the
    bucket of `grain` in which its birth lies, or the value of the dimension `by` at its birth. If several matching
    events are simultaneous with the birth, the value of `by` that sorts first (text by code point, NULL last) counts.

    An event counts if it matches `returns`, is before `until`, and is not before its subject's birth; with `repeat`, an
    event must be after the birth. Events are simultaneous if they are in the same millisecond and have the same value
    in the dataset's column `order`, if it has one; see `workloads.dataset.Columns`. Without a `measure`, the answer's
    `value` is the number of distinct subjects with an event that counts at the row's age; with a `measure`, `value` is
    `count()` or `sum(x)` of such events. With `cumulative`, events at earlier ages count too. With unbounded
    `retention`, events at later ages count too, also beyond the last age of the question; unbounded `retention`
    excludes `measure` and `cumulative`. `error` is the tolerated error of sizes and numbers of subjects, as a share of
    their cohort's true size.

    The answer's `size` is the number of all subjects of a cohort. The answer has a row for each cohort and each of its
    ages 0 to k - 1. Here k is the age at `until` of a subject born in the last millisecond of the cohort's bucket or of
    the span, whichever is earlier, but at most `age.count`. The `value` of an age without events is 0, or NULL for a
    sum. A cohort whose k is 0 or less has no rows.
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
    """Asks how far subjects get through steps that must follow each other.

    A subject enters at each event in the span that matches the first step; events with a NULL subject are ignored. The
    subject reaches step k by an event that matches step k, after the subject's event of step k - 1, at most `window`
    seconds after the entry, and before the end of the span. Other events may lie between. Simultaneous events, which
    `Cohort` defines, do not follow each other.

    Each subject counts once, by the entry that gets furthest, or the earliest of several that get equally far. The
    subject counts in each step up to the furthest, under the values of the dimensions `by` at this entry; of
    simultaneous entries that get equally far, the one whose `by` values sort first (NULL last) counts. Steps are
    numbered from 1. For each combination of `by` values at entries that count, the answer has a row for each step, with
    0 if no subject reached the step.
    """

    span: Span
    steps: tuple[tuple[Filter, ...], ...]
    window: int
    by: tuple[str, ...] = ()


Question = Aggregate | Cohort | Funnel
Q = TypeVar("Q", bound=Question)
SOME = Span(EPOCH, EPOCH + timedelta(days=1))


def tolerated(question: Question) -> float:
    """Returns the largest error that a question tolerates; 0.0 if it must be exact."""
    match question:
        case Aggregate():
            return max((measure.error for measure in question.measures), default=0.0)
        case Cohort():
            return question.error
        case Funnel():
            return 0.0


def measured_by(question: Question) -> tuple[Measure, ...]:
    """The measures that a question asks for; none if it counts subjects."""
    match question:
        case Aggregate():
            return question.measures
        case Cohort():
            return (question.measure,) if question.measure else ()
        case Funnel():
            return ()


def spanless(question: Q) -> Q:
    """A copy of a question with a fixed span, as a cache key; questions that differ only in span have equal copies."""
    return msgspec.structs.replace(question, span=SOME)


__all__ = [
    "EPOCH",
    "MILLISECOND",
    "Age",
    "Aggregate",
    "Cohort",
    "Function",
    "Funnel",
    "Grain",
    "Question",
    "Span",
    "Top",
    "measured_by",
    "milliseconds",
    "spanless",
    "tolerated",
]
