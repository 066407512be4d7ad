"""Spans that cut buckets of a roll-up: its whole buckets answer for them, together with the events at both ends."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from rollup_bench.engines.rollups import Rollup
from rollup_bench.workloads.calendar import DAY, LONGEST, bucket_starts, is_day
from rollup_bench.workloads.questions import EPOCH, Aggregate, Grain, Question, Span, milliseconds

YEARS = range(3, 9997)
"""The years of spans that may cut buckets: the starts of the buckets around them are known."""
Reason = Callable[[Question, Rollup], str | None]
"""Why an engine's roll-up cannot answer a question; None if it can."""


def whole_buckets(question: Question, rollup: Rollup) -> Span | None:
    """The whole buckets of a roll-up within a question's span; None if there are none.

    It is also None if the buckets are shorter than a day, or if the span reaches beyond the `YEARS`.
    """
    grain, zone = Grain(rollup.layout.grain or Grain.ALL), rollup.layout.zone
    if not isinstance(question, Aggregate) or not is_day(grain):
        return None
    start, end = question.span.start, question.span.end
    if start.year not in YEARS or end.year not in YEARS:
        return None
    first, last = bucket_after(start, grain, zone), bucket_before(end, grain, zone)
    return Span(first, last) if first < last else None


def over(question: Question, span: Span) -> Question:
    """The same question about another span."""
    return msgspec.structs.replace(question, span=span)


def with_ends(reason: Reason) -> Reason:
    """Returns why a roll-up cannot answer a question even if events at the ends of the span are read too."""

    def found(question: Question, rollup: Rollup) -> str | None:
        why, whole = reason(question, rollup), whole_buckets(question, rollup)
        return why and (why if whole is None else reason(over(question, whole), rollup))

    return found


def moments(rollup: Rollup) -> tuple[Callable[[Span], datetime], ...]:
    """Functions of a span: the ends of its whole buckets, its start, its end, and the start of the bucket it cuts."""
    grain, zone = Grain(rollup.layout.grain or Grain.ALL), rollup.layout.zone
    return (
        lambda span: bucket_after(span.start, grain, zone),
        lambda span: bucket_before(span.end, grain, zone),
        lambda span: span.start,
        lambda span: span.end,
        lambda span: bucket_before(span.start, grain, zone),
    )


@lru_cache(maxsize=4096)
def bucket_after(moment: datetime, grain: Grain, zone: str) -> datetime:
    """The moment if a bucket of a day or longer begins then, else the start of the next bucket."""
    at = milliseconds(moment)
    begins = bucket_starts(zone, grain, at, at + LONGEST[grain] * DAY)
    return EPOCH + timedelta(milliseconds=next(begin for begin in begins if begin >= at))


@lru_cache(maxsize=4096)
def bucket_before(moment: datetime, grain: Grain, zone: str) -> datetime:
    """The start of the bucket of a day or longer that contains a moment."""
    at = milliseconds(moment)
    return EPOCH + timedelta(milliseconds=bucket_starts(zone, grain, at, at)[0])
