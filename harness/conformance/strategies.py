"""Random events and questions, drawn to hit hard cases: clock changes, odd texts, NULLs, ties, large integers."""

import random
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st
from msgspec.structs import replace

from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Columns, Time
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Function, Measure, parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span, Top

COLUMNS = Columns(
    time=Time(name="when"),
    subject="user",
    action="did",
    dimensions=["country", "level", "case"],
    measures=["gold", "huge", "score"],
)
SCHEMA = pa.schema(
    {"when": INSTANT, "user": pa.string(), "did": pa.string(), "country": pa.string(), "level": pa.int64()}
    | {"case": pa.int64(), "gold": pa.int64(), "huge": pa.int64(), "score": pa.float64()}
)
ORDERED = replace(COLUMNS, order="place")
"""The columns of events that have an order within a millisecond."""
PLACES = [-(2**63), -1, 0, 1, 2, 2**53 + 1, 2**53 + 2, 2**63 - 1]
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "America/Havana"]
TURNS = [  # clock changes in ZONES, midnights that these skip or repeat, ends of years, a leap day
    datetime(2013, 3, 10, 7, tzinfo=UTC),
    datetime(2013, 11, 3, 5, tzinfo=UTC),
    datetime(2013, 11, 3, 6, tzinfo=UTC),
    datetime(2013, 10, 20, 3, tzinfo=UTC),
    datetime(2014, 2, 16, 2, tzinfo=UTC),
    datetime(2013, 10, 5, 15, 30, tzinfo=UTC),
    datetime(2014, 4, 5, 15, tzinfo=UTC),
    datetime(2013, 11, 3, 4, tzinfo=UTC),
    datetime(2013, 12, 31, 23, 30, tzinfo=UTC),
    datetime(2012, 2, 29, tzinfo=UTC),
    datetime(1969, 12, 31, 23, tzinfo=UTC),
]
TEXTS = ["", "a", "A", "b", "ab", "é", "日本", "🙂", "𝒳", "～", "null", "NULL", "x'y", 'x"y', "a,b", "\\N", " a", "$n"]
USERS = [*TEXTS, *(f"u{i}" for i in range(12))]
HUGE = [0, 1, -1, 2**62, -(2**62), 2**63 - 1, -(2**63), 2**53 + 1, 10**15]
CASES = 60


def packed(seed: int = 1) -> pa.Table:
    """Returns CASES small sets of random events in one table; the column `case` holds the number of the set."""
    draw = random.Random(seed)
    rows = [_event(draw, case) for case in range(CASES) for _ in range(draw.choice([1, 2, 5, 12, 40, 40, 120, 120]))]
    return pa.Table.from_pylist(rows, SCHEMA)


def ordered(seed: int = 1) -> pa.Table:
    """Returns the events of `packed` at whole hours, so that many are in one millisecond, with a column `place`."""
    table, draw = packed(seed), random.Random(seed)
    hours = pc.floor_temporal(table["when"], unit="hour")
    places = pa.array(draw.choices(PLACES, k=table.num_rows))
    return table.set_column(0, "when", hours.cast(INSTANT)).append_column("place", places)


def _event(draw: random.Random, case: int) -> dict[str, object]:
    span = draw.choice([0, 1, 60_000, 7_200_000, 90_000_000, 5_000_000_000, 40_000_000_000])
    return {
        "when": draw.choice(TURNS[case % 11 :][:1] if case % 5 in (1, 2) else TURNS)
        + timedelta(milliseconds=draw.randint(-span, span)),
        "user": draw.choice([None, *USERS] if case % 4 else [None, "a", "A", "u1"]),
        "did": draw.choice(["open", "buy", "win", None]),
        "country": draw.choice([None, *TEXTS]) if case % 2 else draw.choice(["DE", "FR", None]),
        "level": draw.choice([None, 0, -1, 1, 2, 10, 2**53 + 1]),
        "case": case,
        "gold": draw.choice([None, 0, -5, 1, 7, draw.randint(-1000, 1000)]),
        "huge": draw.choice([None, *HUGE]) if case % 3 == 0 else draw.choice([0, 1, 2**40]),
        "score": draw.choice([None, 0.0, -0.5, draw.randint(-(2**20), 2**20) / 1024]),
    }


@st.composite
def spans(draw: st.DrawFn) -> Span:
    """Draws the span 1950 to 2030, or a span of 1 ms to 8,000 days that starts at most 401 days before one of TURNS."""
    if draw(st.booleans()):
        return Span(datetime(1950, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    zone = ZoneInfo(draw(st.sampled_from(ZONES)))
    first = draw(st.sampled_from(TURNS)) - timedelta(days=draw(st.sampled_from([0, 0, 1, 400])))
    start = first.astimezone(zone).replace(hour=0, minute=0) if draw(st.booleans()) else first
    lengths = [timedelta(milliseconds=1), timedelta(hours=1), timedelta(days=1), timedelta(days=40)]
    length = draw(st.sampled_from([*lengths, *[timedelta(days=400)] * 2, *[timedelta(days=8_000)] * 2]))
    return Span(start.astimezone(UTC), start.astimezone(UTC) + length)


def measures() -> st.SearchStrategy[Measure]:
    """Returns a strategy for measures of all seven functions; distinct counts and quantiles are exact or estimated."""
    numbers = st.sampled_from(["gold", "huge", "score"])
    plain = st.builds(Measure, st.sampled_from([Function.SUM, Function.MIN, Function.MAX, Function.MEAN]), numbers)
    texts = st.sampled_from(["user", "country", "level", "did"])
    distinct = st.builds(Measure, st.just(Function.DISTINCT), texts, st.none(), st.sampled_from([0.0, 0.02]))
    at = st.sampled_from([0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99])
    quantile = st.builds(Measure, st.just(Function.QUANTILE), numbers, at, st.sampled_from([0.0, 0.02]))
    return st.one_of(st.just(Measure(Function.COUNT)), plain, plain, distinct, quantile)


def filters() -> st.SearchStrategy[Filter]:
    """Returns a strategy for filters on columns of texts, integers and floats."""

    def on(column: str, value: st.SearchStrategy[str | int | float]) -> st.SearchStrategy[Filter]:
        compared = [Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE]
        comparison = st.builds(lambda op, v: Filter(column, op, (v,)), st.sampled_from(compared), value)
        member = st.lists(value, min_size=1, max_size=3).map(lambda values: Filter(column, Op.IN, tuple(values)))
        return st.one_of(comparison, member, st.booleans().map(lambda null: Filter(column, Op.NULL, (null,))))

    texts = st.sampled_from([*TEXTS, "DE", "open"])
    return st.one_of(
        on("country", texts),
        on("did", texts),
        on("user", st.sampled_from(USERS)),
        on("level", st.sampled_from([0, -1, 2, 2**53 + 1])),
        on("gold", st.integers(-10, 10)),
        on("score", st.sampled_from([0.0, -0.5, 100])),
    )


@st.composite
def aggregates(draw: st.DrawFn) -> Aggregate:
    """Draws any aggregate over the events with one value of column `case`."""
    by = tuple(draw(st.permutations(["country", "level", "user", "did"]))[: draw(st.integers(0, 3))])
    asked = tuple(draw(st.lists(measures(), min_size=1, max_size=4, unique=True)))
    subtotals = draw(st.sampled_from(["none", "none", "rollup", "cube"]))
    top = None
    if by and subtotals == "none" and draw(st.booleans()):
        top = Top(draw(st.integers(1, 4)), draw(st.sampled_from(asked)), draw(st.booleans()))
    where = tuple(draw(st.lists(filters(), max_size=2))) if draw(st.booleans()) else ()
    return Aggregate(
        span=draw(spans()),
        measures=asked,
        grain=draw(st.sampled_from(list(Grain))),
        zone=draw(st.sampled_from(ZONES)),
        by=by,
        subtotals=subtotals,  # type: ignore[arg-type]
        where=(Filter("case", Op.EQ, (draw(st.integers(0, CASES - 1)),)), *where),
        top=top,
    )


HOURS = Layout(
    "hours",
    Grain.HOUR,
    by=("case", "country", "did"),
    measures=tuple(map(parse, ("count()", "mean(gold)", "sum(huge)", "min(gold)", "max(score)", "sum(score)"))),
)
DAYS = Layout(
    "days",
    Grain.DAY,
    zone="America/New_York",
    by=("case", "user", "level"),
    measures=tuple(map(parse, ("count()", "mean(huge)", "max(huge)", "min(score)", "distinct(did, error=0.02)"))),
)


def stored(layout: Layout) -> list[Question]:
    """Returns an aggregate over 2013 for each measure of a roll-up, with the roll-up's grain, zone and dimensions."""
    assert layout.grain
    start, end = (datetime(year, 1, 1, tzinfo=ZoneInfo(layout.zone)).astimezone(UTC) for year in (2013, 2014))
    return [
        Aggregate(Span(start, end), (measure,), layout.grain, layout.zone, layout.by) for measure in layout.measures
    ]


@st.composite
def rolled_up(draw: st.DrawFn, layout: Layout) -> Aggregate:
    """Draws an aggregate over the events with one value of `case` that the roll-up can usually answer."""
    asked = draw(aggregates())
    zone = ZoneInfo(layout.zone)
    start = datetime(draw(st.sampled_from([1960, 2012, 2013])), draw(st.sampled_from([1, 3, 11])), 1, tzinfo=zone)
    length = timedelta(days=draw(st.sampled_from([1, 11, 400, 8_000])))
    end = (start.replace(tzinfo=None) + length).replace(tzinfo=zone)
    by = tuple(draw(st.permutations(layout.by[1:]))[: draw(st.integers(0, 2))])
    derivable = [*layout.measures, *(Measure(Function.DISTINCT, d) for d in layout.by[1:])]
    derivable += [Measure(Function.SUM, m.column) for m in layout.measures if m.function is Function.MEAN]
    measures = tuple(draw(st.lists(st.sampled_from(derivable), min_size=1, max_size=4, unique=True)))
    conditions = [condition for condition in asked.where[1:] if condition.column in layout.by]
    topped = by and asked.subtotals == "none" and draw(st.integers(0, 1))
    top = Top(draw(st.integers(1, 4)), draw(st.sampled_from(measures))) if topped else None
    return Aggregate(
        span=Span(start.astimezone(UTC), end.astimezone(UTC)),
        measures=measures,
        grain=asked.grain,
        zone=draw(st.sampled_from([layout.zone, layout.zone, asked.zone])),
        by=by,
        subtotals=asked.subtotals,
        where=(asked.where[0], *conditions),
        top=top,
    )


def optional_filter() -> st.SearchStrategy[list[Filter]]:
    """Returns a strategy that draws an empty list two times in three, else a list of one random filter."""
    return st.one_of(st.just([]), st.just([]), st.lists(filters(), min_size=1, max_size=1))


@st.composite
def cohorts(draw: st.DrawFn) -> Cohort:
    """Draws any cohort over the events with one value of column `case`."""
    turn = draw(st.integers(0, CASES - 1)) if draw(st.booleans()) else None
    case = Filter("case", Op.EQ, (draw(st.integers(0, CASES - 1)) if turn is None else turn,))
    first = TURNS[(turn or 0) % len(TURNS)] - timedelta(days=draw(st.sampled_from([0, 1, 30, 900])))
    length = timedelta(days=draw(st.sampled_from([1, 30, 900, 8_000])))
    span = Span(first, first + length) if draw(st.booleans()) else draw(spans())
    clocks: list[Literal["calendar", "elapsed"]] = ["calendar", "elapsed"]
    clock = draw(st.sampled_from(clocks))
    units = [Grain.DAY, Grain.DAY, Grain.WEEK, Grain.HOUR, Grain.MINUTE]
    longer = [Grain.MONTH, Grain.MONTH, Grain.QUARTER, Grain.YEAR] if clock == "calendar" else []
    by = draw(st.sampled_from([None, "country", "level", "user", "did"]))
    asked = [None, None, Measure(Function.COUNT), *(Measure(Function.SUM, c) for c in ("gold", "score", "huge"))]
    measure = draw(st.sampled_from(asked))
    unbounded = measure is None and draw(st.booleans())
    waits = [timedelta(), timedelta(hours=1), *[timedelta(days=1), timedelta(days=40), timedelta(days=800)] * 2]
    return Cohort(
        span=span,
        until=span.end + draw(st.sampled_from(waits)),
        age=Age(
            draw(st.sampled_from(units + longer)), draw(st.integers(2, 12)), draw(st.sampled_from([1, 2, 30])), clock
        ),
        measure=measure,
        grain=draw(st.sampled_from([g for g in Grain if g is not Grain.ALL])) if by is None else None,
        by=by,
        zone=draw(st.sampled_from(ZONES)),
        birth=(case, *draw(optional_filter())),
        returns=(case, *draw(optional_filter())),
        repeat=draw(st.booleans()),
        retention="unbounded" if unbounded else "exact",
        cumulative=not unbounded and draw(st.booleans()),
    )


@st.composite
def funnels(draw: st.DrawFn) -> Funnel:
    """Draws any funnel over the events with one value of column `case`."""
    case = Filter("case", Op.EQ, (draw(st.integers(0, CASES - 1)),))
    steps = optional_filter().map(lambda conditions: (case, *conditions))
    return Funnel(
        span=draw(spans()),
        steps=tuple(draw(st.lists(steps, min_size=1, max_size=4))),
        window=draw(st.sampled_from([1, 7200, 86_400, 40 * 86_400, 10**9, 10**9])),
        by=tuple(draw(st.permutations(["country", "level", "user", "did"]))[: draw(st.sampled_from([0, 0, 1, 2]))]),
    )


def followed() -> st.SearchStrategy[Question]:
    """Returns a strategy for any cohort or funnel over the events with one value of column `case`."""
    return st.one_of(cohorts(), funnels())


def questions() -> st.SearchStrategy[Question]:
    """Returns a strategy for any aggregate, cohort or funnel over the events with one value of column `case`."""
    return st.one_of(aggregates(), cohorts(), funnels())
