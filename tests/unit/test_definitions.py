"""The truth at fixed questions, compared with answers that are computed row by row once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pyarrow as pa
import pytest
from msgspec.structs import replace

from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.tested_engine import few
from rollup_bench.workloads import answers, truth
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.filters import parse as where
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span, Top
from rollup_bench.workloads.truth import cohort, groups
from tests.support import brute
from tests.support.agreement import check

WANTED = (4, 9, 11, 12)
"""Sets of random events: around every clock change, with sums beyond 64 bits, around one change, of few users."""
ROWS = [row for row in strategies.packed().to_pylist() if row["case"] in WANTED]
EVENTS = few(ROWS)
IN_ORDER = [row for row in strategies.ordered().to_pylist() if row["case"] in WANTED]
ORDERED = event_store.of(pa.Table.from_pylist(IN_ORDER, strategies.ordered().schema), strategies.ORDERED)
EVER = Span(datetime(1950, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
YORK = "America/New_York"
COUNT = parse("count()")


def aggregate(*measures: str, **more: Any) -> Aggregate:
    return replace(Aggregate(EVER, tuple(map(parse, measures or ("count()",)))), **more)


def aggregates() -> Iterator[Aggregate]:
    for grain in Grain:
        yield aggregate("count()", "sum(gold)", grain=grain, zone=YORK)
    for zone, grain in product(strategies.ZONES, (Grain.HOUR, Grain.DAY, Grain.MONTH)):
        yield aggregate(grain=grain, zone=zone)
    numbers = ("gold", "huge", "score")
    for function in ("min", "max", "mean"):
        yield aggregate(*(f"{function}({column})" for column in numbers), by=("country",))
    for at in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99):
        yield aggregate(*(f"quantile({column}, {at})" for column in numbers), by=("country",))
    yield aggregate(
        "sum(gold)", "sum(score)", "mean(score)", "distinct(user)", "distinct(level)", by=("country", "did")
    )
    yield aggregate("distinct(user)", "quantile(gold, 0.5)", "sum(score)", where=where({"country": "nowhere"}))
    yield aggregate("sum(huge)", by=("level",))
    yield aggregate("sum(huge)", where=(Filter("case", Op.EQ, (4,)),))
    for subtotals, size in product(("rollup", "cube"), range(4)):
        by = ("country", "did", "level")[:size]
        yield aggregate("count()", "sum(gold)", "mean(score)", "distinct(user)", by=by, subtotals=subtotals)
        yield aggregate("min(gold)", "max(gold)", "min(score)", "max(score)", by=by, subtotals=subtotals)
    yield aggregate("distinct(user)", "quantile(gold, 0.5)", by=("did", "level"), subtotals="cube", grain=Grain.YEAR)
    for n, smallest, measure in product(
        (1, 3), (True, False), ("count()", "sum(gold)", "mean(score)", "distinct(user)")
    ):
        yield aggregate(measure, by=("country", "did"), grain=Grain.YEAR, top=Top(n, parse(measure), smallest))
    yield aggregate("count()", "max(gold)", by=("country",), top=Top(1000, parse("max(gold)")))
    yield aggregate(by=("country",), top=Top(1, COUNT), where=where({"country": "nowhere"}))
    for condition in conditions():
        yield aggregate("count()", by=("country",), where=condition)


def conditions() -> Iterator[tuple[Filter, ...]]:
    for column, value in (("country", "a"), ("gold", 1), ("score", -0.5)):
        for op in (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE):
            yield (Filter(column, op, (value,)),)
        yield (Filter(column, Op.NULL, (True,)),)
        yield (Filter(column, Op.NULL, (False,)),)
    yield (Filter("country", Op.IN, ("a", "é", "nowhere")),)
    yield (Filter("score", Op.IN, (0, 100)),)
    yield (Filter("level", Op.IN, (0, 2**53 + 1)), Filter("did", Op.NE, ("open",)))


def ages() -> Iterator[Age]:
    for unit, clock in product((Grain.MINUTE, Grain.HOUR, Grain.DAY, Grain.WEEK), ("calendar", "elapsed")):
        yield Age(unit, 4, clock=clock)  # type: ignore[arg-type]
        yield Age(unit, 3, 5, clock)  # type: ignore[arg-type]
    for longer in (Grain.MONTH, Grain.QUARTER, Grain.YEAR):
        yield Age(longer, 3)
        yield Age(longer, 2, 2)


def cohorts() -> Iterator[Cohort]:
    span = Span(datetime(2012, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC))
    base = Cohort(EVER, EVER.end, Age(Grain.MONTH, 5), grain=Grain.YEAR, zone=YORK)
    for age in ages():
        yield replace(base, age=age)
    for unit in (Grain.MINUTE, Grain.HOUR, Grain.DAY):
        yield replace(base, age=Age(unit, 4), zone="Asia/Kolkata")
    for grain, zone in product([grain for grain in Grain if grain is not Grain.ALL], (YORK, "America/Sao_Paulo")):
        yield replace(base, grain=grain, zone=zone)
    for by in ("country", "level", "user", "did"):
        yield replace(base, grain=None, by=by)
        yield replace(
            base, grain=None, by=by, span=span, until=span.end, age=Age(Grain.MONTH, 6), birth=where({"did": "buy"})
        )
    for measure, repeat in product((None, *map(parse, ("count()", "sum(gold)", "sum(score)"))), (True, False)):
        yield replace(base, measure=measure, repeat=repeat, cumulative=True)
        yield replace(base, measure=measure, repeat=repeat, grain=None, by="country")
        if measure is None:
            yield replace(base, repeat=repeat, retention="unbounded")
    yield replace(base, measure=parse("sum(huge)"))
    yield replace(
        base, measure=parse("sum(huge)"), birth=(Filter("case", Op.EQ, (4,)),), returns=(Filter("case", Op.EQ, (4,)),)
    )
    for bucket, wait in product((Grain.DAY, Grain.MONTH, Grain.YEAR), (timedelta(), timedelta(hours=1), timedelta(60))):
        yield replace(base, span=span, until=span.end + wait, grain=bucket, age=Age(Grain.MONTH, 14))
        yield replace(base, span=span, until=span.end + wait, grain=bucket, age=Age(Grain.DAY, 40, 10, "elapsed"))
    yield replace(base, birth=where({"did": "buy"}), returns=where({"did": "win"}))
    yield replace(base, birth=where({"did": "nothing"}))
    yield replace(base, returns=where({"did": "nothing"}), measure=parse("sum(gold)"))


def funnels() -> Iterator[Funnel]:
    opened, bought, won = (where({"did": did}) for did in ("open", "buy", "win"))
    rich = (Filter("gold", Op.GE, (0,)),)
    for steps in ((opened,), (opened, bought), (opened, bought, won), ((), (), (), ()), (won, rich, opened, bought)):
        for window in (1, 7200, 86_400, 10**9):
            yield Funnel(EVER, steps, window)
        yield Funnel(EVER, steps, 40 * 86_400, by=("country",))
        yield Funnel(EVER, steps, 10**8, by=("did", "level"))
        yield Funnel(EVER, steps, 10**8, by=("user",))
    yield Funnel(EVER, (where({"did": "nothing"}), ()), 10**9)
    yield Funnel(EVER, ((), where({"did": "nothing"}), ()), 10**9)
    yield Funnel(Span(datetime(2013, 1, 1, tzinfo=UTC), datetime(2014, 1, 1, tzinfo=UTC)), (opened, ()), 10**9)


QUESTIONS: list[Question] = [*aggregates(), *cohorts(), *funnels()]
FOLLOWED: list[Question] = [*cohorts(), *funnels()]


@pytest.mark.parametrize("number", range(len(QUESTIONS)))
def test_an_answer_is_what_its_definition_says(number: int) -> None:
    check(QUESTIONS[number], ROWS, EVENTS)


@pytest.mark.parametrize("number", range(len(FOLLOWED)))
def test_an_answer_follows_the_order_of_events(number: int) -> None:
    check(FOLLOWED[number], IN_ORDER, ORDERED)


@pytest.mark.parametrize("kind", [Cohort, Funnel])
def test_an_answer_in_order_is_the_same_batch_by_batch(kind: type[Cohort | Funnel]) -> None:
    table = pa.Table.from_batches(ORDERED.batches())
    chunks = pa.concat_tables(table.slice(i, 60) for i in range(0, table.num_rows, 60))
    batches = Events(pa.dataset.dataset(chunks), strategies.ORDERED, ORDERED.statistics)
    for question in [one for one in FOLLOWED if isinstance(one, kind)][::5]:
        check(question, IN_ORDER, batches)


@pytest.mark.parametrize("kind", [Aggregate, Cohort, Funnel])
@pytest.mark.parametrize("pending", [1, 1 << 20])
def test_an_answer_is_the_same_batch_by_batch(
    kind: type[Aggregate | Cohort | Funnel], pending: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(groups, "PENDING", pending)
    table = pa.Table.from_pylist(ROWS, strategies.SCHEMA)
    chunks = pa.concat_tables(table.slice(i, 60) for i in range(0, table.num_rows, 60))
    batches = Events(pa.dataset.dataset(chunks), strategies.COLUMNS, EVENTS.statistics)
    for question in [one for one in QUESTIONS if isinstance(one, kind)][::13]:
        check(question, ROWS, batches)


@pytest.mark.parametrize("bound", ["start", "end"])
def test_a_span_holds_its_start_and_not_its_end(bound: str) -> None:
    """The span begins or ends at an event, or a millisecond before or after it, for each kind of question."""
    instant = ROWS[20]["when"]
    for by in (-1, 0, 1):
        moved = instant + timedelta(milliseconds=by)
        span = Span(moved, EVER.end) if bound == "start" else Span(EVER.start, moved)
        check(aggregate(span=span, by=("user",)), ROWS, EVENTS)
        check(Cohort(span, EVER.end, Age(Grain.YEAR, 2), by="country"), ROWS, EVENTS)
        check(Funnel(span, ((), ()), 10**9), ROWS, EVENTS)


def test_a_cohort_counts_events_before_until() -> None:
    for by in (-1, 0, 1):
        until = ROWS[20]["when"] + timedelta(milliseconds=by)
        span = Span(EVER.start, until - timedelta(days=1))
        check(Cohort(span, until, Age(Grain.DAY, 2), measure=COUNT, by="country"), ROWS, EVENTS)


def test_the_evidence_of_a_cohort_has_the_sum_of_absolutes_of_floats_alone() -> None:
    question = Cohort(EVER, EVER.end, Age(Grain.YEAR, 3), parse("sum(score)"), by="country", cumulative=True)
    answer, magnitudes = cohort.evidence(question, EVENTS)
    absolute = [row | {"score": None if row["score"] is None else abs(row["score"])} for row in ROWS]
    positive = cohort.evidence(question, few(absolute))[0]
    assert magnitudes == pytest.approx([value or 0.0 for value in positive["value"].to_pylist()])
    for other in (replace(question, measure=None), replace(question, measure=parse("sum(gold)"))):
        answer, magnitudes = cohort.evidence(other, EVENTS)
        assert magnitudes == [0.0] * answer.num_rows
    assert cohort.evidence(question, few([])) == (answers.schema(question, EVENTS.statistics.schema).empty_table(), [])


@pytest.mark.parametrize("question", [aggregate(), next(cohorts()), next(funnels())])
def test_no_events_have_an_answer_without_rows(question: Question) -> None:
    none = few([])
    assert truth.answer(question, none).equals(answers.schema(question, none.statistics.schema).empty_table())


def row(when: datetime, user: str, **more: Any) -> brute.Row:
    return dict.fromkeys(strategies.SCHEMA.names) | {"when": when, "user": user} | more


STEP = timedelta(hours=7, minutes=10)
BORN = Span(datetime(2013, 2, 20, tzinfo=UTC), datetime(2013, 2, 20, tzinfo=UTC) + 90 * STEP)
BIRTHS = [row(BORN.start + i * STEP, f"u{i:03d}") for i in range(90)]
"""Every seven hours and ten minutes for four weeks, in which the clock of New York changes."""


@pytest.mark.parametrize("grain", [Grain.MINUTE, Grain.HOUR, Grain.DAY, Grain.WEEK, Grain.MONTH])
def test_an_age_is_shown_once_it_has_ended_for_the_last_that_could_be_born(grain: Grain) -> None:
    events = few(BIRTHS)
    waits = (timedelta(), timedelta(hours=30), timedelta(days=9))
    for unit, wait in product((Grain.HOUR, Grain.DAY, Grain.WEEK), waits):
        for early, clock in product((0, 2), ("calendar", "elapsed")):
            until = BORN.end + wait - early * brute.TICK if wait else BORN.end
            zone = "Asia/Kolkata" if early else YORK  # a local day begins on another day of UTC in the one alone
            question = Cohort(BORN, until, Age(unit, 30, clock=clock), grain=grain, zone=zone)  # type: ignore[arg-type]
            check(question, BIRTHS, events)


@pytest.mark.parametrize("early", [0, 1, 2])
def test_an_age_of_a_cohort_by_a_dimension_ends_for_the_last_of_the_span(early: int) -> None:
    question = Cohort(
        BORN, BORN.end + timedelta(days=3) - early * brute.TICK, Age(Grain.DAY, 9, clock="elapsed"), by="did"
    )
    check(question, BIRTHS, few(BIRTHS))


def test_births_and_returns_are_before_the_ends_that_are_given() -> None:
    """Births: at the start, in the last millisecond, at the end. Returns: in the last millisecond, at the end."""
    start, end, until = (datetime(2013, 1, day, tzinfo=UTC) for day in (1, 2, 9))
    births = [row(when, user) for when, user in ((start, "a"), (end - brute.TICK, "b"), (end, "c"))]
    returns = [row(until - brute.TICK, "a"), row(until, "b")]
    question = Cohort(Span(start, end), until, Age(Grain.DAY, 2), by="did", repeat=True, retention="unbounded")
    assert truth.answer(question, few(births + returns)).to_pylist() == [
        {"cohort": None, "size": 2, "age": 0, "value": 1},
        {"cohort": None, "size": 2, "age": 1, "value": 1},
    ]


def test_a_column_may_have_a_colon_in_its_name() -> None:
    table = pa.Table.from_pylist(ROWS, strategies.SCHEMA)
    names = ["a:gold" if name == "gold" else name for name in table.column_names]
    events = event_store.of(
        table.rename_columns(names), replace(strategies.COLUMNS, measures=["a:gold", "huge", "score"])
    )
    plain = aggregate("min(gold)", "max(gold)", "mean(gold)", by=("country", "did"), subtotals="cube")
    named = replace(plain, measures=tuple(replace(one, column="a:gold") for one in plain.measures))
    assert [*truth.answer(named, events).itercolumns()] == [*truth.answer(plain, EVENTS).itercolumns()]


@pytest.mark.parametrize("late", [-1, 0, 1])
def test_a_window_holds_the_millisecond_at_its_end(late: int) -> None:
    start = datetime(2013, 1, 1, tzinfo=UTC)
    rows = [row(start, "a"), row(start + timedelta(seconds=600, milliseconds=late), "a")]
    check(Funnel(EVER, ((), ()), 600), rows, few(rows))
    assert truth.answer(Funnel(EVER, ((), ()), 600), few(rows))["subjects"].to_pylist() == [1, int(late <= 0)]


def test_of_equal_entries_the_one_that_sorts_first_counts() -> None:
    start = datetime(2013, 1, 1, tzinfo=UTC)
    for order in (("b", "a", None), (None, "b", "a"), ("a", None, "b")):
        rows = [row(start, "u", country=country, did=did) for country, did in zip(order, ("x", "y", "x"), strict=True)]
        for by in (("country",), ("did", "country"), ("country", "did")):
            check(Funnel(EVER, ((),), 600, by=by), rows, few(rows))
