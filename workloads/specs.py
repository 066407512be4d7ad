"""Reads the three kinds of question, aggregates, cohorts and funnels, as dataset files write them."""

import re
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import msgspec

from rollup_bench.workloads.filters import parse as parse_filters
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.measures import parse as parse_measure
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Span, Top

Positive = Annotated[int, msgspec.Meta(ge=1)]
Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Where = dict[str, Any]


class _Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start: Any
    end: Any
    zone: str = "UTC"

    def moment(self, name: str) -> datetime:
        """The value of key `name` as an instant in UTC; without an offset, it is local to the question's zone."""
        value = getattr(self, name)
        if not isinstance(value, date):
            raise ValueError(f"{name} is `{value}`; write a date or time, unquoted: 2013-06-01 or 2013-06-01T12:00:00Z")
        try:
            return instant(value, self.zone)
        except OverflowError:
            raise ValueError(f"{name} is `{value}`; write a time in the years 1 to 9999 in UTC") from None

    @property
    def span(self) -> Span:
        return Span(self.moment("start"), self.moment("end"))


class _TopSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    n: Positive
    measure: str | None = None
    smallest: bool = False
    error: Share = 0.0


class AggregateSpec(_Spec, frozen=True, kw_only=True, tag="aggregate", tag_field="kind"):
    """The keys of an aggregate in a dataset file."""

    measures: Annotated[list[str], msgspec.Meta(min_length=1)]
    grain: Grain = Grain.ALL
    by: list[str] = []
    subtotals: Literal["none", "rollup", "cube"] = "none"
    where: Where = {}
    top: Positive | _TopSpec | None = None

    def question(self) -> Aggregate:
        """The aggregate that the keys describe; ValueError names the wrong key and says what to write."""
        measures = tuple(parse_measure(m) for m in self.measures)
        unique("by", self.by)
        unique("measures", [str(m) for m in measures])
        if self.top is not None and self.subtotals != "none":
            raise ValueError("top and subtotals cannot be combined; remove one of them")
        if self.top is not None and not self.by:
            raise ValueError("top needs groups; write dimensions in `by`, or remove top")
        return Aggregate(
            span=self.span,
            measures=measures,
            grain=self.grain,
            zone=self.zone,
            by=tuple(self.by),
            subtotals=self.subtotals,
            where=parse_filters(self.where),
            top=self._top(measures),
        )

    def _top(self, measures: tuple[Measure, ...]) -> Top | None:
        if self.top is None:
            return None
        spec = self.top if isinstance(self.top, _TopSpec) else _TopSpec(n=self.top)
        measure = parse_measure(spec.measure) if spec.measure else measures[0]
        if measure not in measures:
            raise ValueError(f"top.measure is `{measure}`; name one of {', '.join(map(str, measures))}")
        return Top(spec.n, measure, spec.smallest, spec.error)


class _AgeSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unit: Grain
    count: Positive
    width: Positive = 1
    clock: Literal["calendar", "elapsed"] = "calendar"


class CohortSpec(_Spec, frozen=True, kw_only=True, tag="cohort", tag_field="kind"):
    """The keys of a cohort in a dataset file."""

    until: Any = None
    age: _AgeSpec
    measure: str = "subjects"
    grain: Grain | None = None
    by: str | None = None
    birth: Where = {}
    returns: Where = {}
    repeat: bool = False
    retention: Literal["exact", "unbounded"] = "exact"
    cumulative: bool = False
    error: Share = 0.0

    def question(self) -> Cohort:
        """The cohort that the keys describe; ValueError names the wrong key and says what to write."""
        if (self.grain is None) == (self.by is None):
            state = "lacks both; add one" if self.by is None else "has both; remove one"
            raise ValueError(f'a cohort needs either grain (as in "month") or by (a dimension), and {state} of them')
        if self.age.clock == "elapsed" and self.age.unit not in ("minute", "hour", "day", "week"):
            raise ValueError("age.unit of elapsed ages must have a fixed length; write minute, hour, day or week")
        if Grain.ALL in (self.age.unit, self.grain):
            raise ValueError("neither age.unit nor grain of a cohort can be `all`; write a shorter one, such as month")
        measure = None if self.measure == "subjects" else parse_measure(self.measure)
        if measure and measure.function not in (Function.COUNT, Function.SUM):
            raise ValueError(f"measure is {self.measure}; cohorts do not have it: write subjects, count() or sum(x)")
        if self.retention == "unbounded" and (measure or self.cumulative):
            raise ValueError("unbounded retention counts subjects: remove measure and cumulative")
        span = self.span
        until = span.end if self.until is None else self.moment("until")
        if until < span.end:
            raise ValueError("until is before end, so later births would not count; write an until from end on")
        return Cohort(
            span=span,
            until=until,
            age=Age(self.age.unit, self.age.count, self.age.width, self.age.clock),
            measure=measure,
            grain=self.grain,
            by=self.by,
            zone=self.zone,
            birth=parse_filters(self.birth, "birth"),
            returns=parse_filters(self.returns, "returns"),
            repeat=self.repeat,
            retention=self.retention,
            cumulative=self.cumulative,
            error=self.error,
        )


class FunnelSpec(_Spec, frozen=True, kw_only=True, tag="funnel", tag_field="kind"):
    """The keys of a funnel in a dataset file; `window` is in seconds."""

    steps: Annotated[list[Where], msgspec.Meta(min_length=1)]
    window: Positive
    by: list[str] = []

    def question(self) -> Funnel:
        """The funnel that the keys describe; ValueError names the wrong key and says what to write."""
        unique("by", self.by)
        steps = tuple(parse_filters(step, f"steps[{i}]") for i, step in enumerate(self.steps))
        return Funnel(self.span, steps, self.window, tuple(self.by))


SPECS: dict[str, type[AggregateSpec | CohortSpec | FunnelSpec]] = {
    "aggregate": AggregateSpec,
    "cohort": CohortSpec,
    "funnel": FunnelSpec,
}


def check_name(key: str, name: str) -> None:
    """ValueError, with `key`, if a name has other characters than letters, digits, dots, dashes and underscores."""
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError(f"{key} is `{name}`; write only letters, digits, dots, dashes and underscores")


def instant(value: date, zone: str) -> datetime:
    """A date (its midnight) or a time as an instant in UTC; without an offset, it is a local time in the zone."""
    moment = value if isinstance(value, datetime) else datetime.combine(value, time())
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone_info(zone))).astimezone(UTC)


def zone_info(name: object) -> ZoneInfo:
    """The time zone named `name`; ValueError if no time zone has this name."""
    try:
        return ZoneInfo(name)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError, OSError):
        raise ValueError(f"zone is `{name}`, not a time zone; write a name like Europe/Paris") from None


def unique(key: str, values: list[str]) -> None:
    """ValueError if two values are equal; `key`, unless empty, is the name of the list in the error."""
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{key and f'{key}: '}`{value}` is listed twice; remove one of the two")
