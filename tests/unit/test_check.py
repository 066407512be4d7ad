"""The check is checked: engines that are wrong on purpose, each in its own way, are each found out."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from rollup_bench.harness.conformance.strategies import COLUMNS, SCHEMA
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.run.verdicts import check
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import truth
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span, Top
from rollup_bench.workloads.truth import order

YORK = "America/New_York"
START = datetime(2013, 3, 1, 5, tzinfo=UTC)
MARCH = Span(START, datetime(2013, 4, 1, 4, tzinfo=UTC))
Wrong = Callable[[Question, Events], pa.Table]


def _rows() -> list[dict[str, object]]:
    """Four months of ninety users; a few events each, some at the very edges of March, some before it."""
    draw = np.random.default_rng(5)
    rows: list[dict[str, object]] = []
    for user in range(90):
        for _ in range(int(draw.integers(2, 12))):
            when = START + timedelta(minutes=int(draw.integers(-60 * 24 * 40, 60 * 24 * 80)))
            country = [None, "", "a", "b", "c"][int(draw.integers(5))]
            gold = None if draw.integers(6) == 0 else int(draw.integers(100))
            rows.append({"when": when, "user": f"u{user}", "country": country, "gold": gold, "score": float(user)})
    for when in (MARCH.start, MARCH.end, MARCH.end - timedelta(milliseconds=1)):
        rows.append({"when": when, "user": "edge", "country": "a", "gold": 1, "score": 1.0})
    return rows


TABLE = pa.Table.from_pylist([dict.fromkeys(SCHEMA.names) | {"case": 0} | row for row in _rows()], SCHEMA)
EVENTS = event_store.of(TABLE, COLUMNS)
COUNT = parse("count()")


def aggregate(*measures: str, **more: object) -> Aggregate:
    return Aggregate(MARCH, tuple(map(parse, measures)), zone=YORK, **more)  # type: ignore[arg-type]


COUNTS = aggregate("count()", grain=Grain.DAY)
GROUPS = aggregate("count()", "sum(gold)", by=("country",))
MEANS = aggregate("mean(gold)")
USERS = aggregate("distinct(user)")
ROUGHLY = aggregate("distinct(user, error=0.03)")
FIRST = aggregate("count()", by=("user",), top=Top(5, COUNT))
BORN = Cohort(MARCH, MARCH.end + timedelta(days=40), Age(Grain.WEEK, 12), grain=Grain.WEEK, zone=YORK)
STEPS = Funnel(MARCH, ((), ()), 86_400)


def of(table: pa.Table) -> Events:
    return event_store.of(table, COLUMNS)


def asking(**other: object) -> Wrong:
    """The right answer to a question a little different."""
    return lambda question, events: truth.answer(msgspec.structs.replace(question, **other), events)


def over(change: Callable[[pa.Table], pa.Table]) -> Wrong:
    """The right answer over events a little different."""
    return lambda question, _events: truth.answer(question, of(change(TABLE)))


def answering(change: Callable[[pa.Table], pa.Table]) -> Wrong:
    """The right answer, changed a little."""
    return lambda question, events: change(truth.answer(question, events))


def put(column: str, change: Callable[[pa.ChunkedArray], pa.ChunkedArray]) -> Wrong:
    def changed(answer: pa.Table) -> pa.Table:
        return answer.set_column(answer.column_names.index(column), column, change(answer[column]))

    return answering(changed)


def mean_of_means(question: Question, events: Events) -> pa.Table:
    assert isinstance(question, Aggregate)
    daily = truth.answer(msgspec.structs.replace(question, grain=Grain.DAY), events)
    means = daily.group_by("bucket").aggregate([("mean(gold)", "mean")])
    return truth.answer(question, events).set_column(
        1, "mean(gold)", pa.chunked_array([[pc.mean(means["mean(gold)_mean"]).as_py()]])
    )


def sum_of_daily_distincts(question: Question, events: Events) -> pa.Table:
    assert isinstance(question, Aggregate)
    daily = truth.answer(msgspec.structs.replace(question, grain=Grain.DAY), events)
    return put("distinct(user)", lambda _: pa.chunked_array([[pc.sum(daily["distinct(user)"]).as_py()]]))(
        question, events
    )


def ties_unordered(question: Question, events: Events) -> pa.Table:
    """A top that tells equals apart by their names from the end."""
    assert isinstance(question, Aggregate)
    assert question.top is not None
    everyone = truth.answer(msgspec.structs.replace(question, top=None), events)
    first = everyone.sort_by([("count()", "descending"), ("user", "descending")]).slice(0, question.top.n)
    return order.arrange(question, first)


def unfinished_age_shown(question: Question, events: Events) -> pa.Table:
    """What is known so far at ages that have not ended yet."""
    assert isinstance(question, Cohort)
    until = pa.scalar(question.until).cast(TABLE.schema.field("when").type)
    later = msgspec.structs.replace(question, until=question.until + timedelta(days=8))
    return truth.answer(later, of(TABLE.filter(pc.less(TABLE["when"], until))))


def swapped(answer: pa.Table) -> pa.Table:
    names = [*answer.column_names[:-2], answer.column_names[-1], answer.column_names[-2]]
    return answer.rename_columns(names).select(answer.column_names)


def without_null(column: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.filter(table[column].is_valid())


def born_in_the_span(table: pa.Table) -> pa.Table:
    start = pa.scalar(MARCH.start).cast(table.schema.field("when").type)
    return table.filter(pc.greater_equal(table["when"], start))


def later(instant: datetime, milliseconds: int = 1) -> datetime:
    return instant + timedelta(milliseconds=milliseconds)


WRONG: dict[str, tuple[Question, Wrong]] = {
    "the span begins a millisecond late": (COUNTS, asking(span=Span(later(MARCH.start), MARCH.end))),
    "the span ends a millisecond late": (COUNTS, asking(span=Span(MARCH.start, later(MARCH.end)))),
    "the span ends a millisecond early": (COUNTS, asking(span=Span(MARCH.start, later(MARCH.end, -1)))),
    "a group of NULL is dropped": (GROUPS, over(without_null("country"))),
    "NULL and the empty text are one": (GROUPS, put("country", lambda column: column.fill_null(""))),
    "the days are those of another zone": (COUNTS, asking(zone="UTC")),
    "a mean of means": (MEANS, mean_of_means),
    "a mean over NULLs as if they were 0": (
        MEANS,
        over(lambda t: t.set_column(t.column_names.index("gold"), "gold", t["gold"].fill_null(0))),
    ),
    "distinct counts that were added": (USERS, sum_of_daily_distincts),
    "loaded twice": (GROUPS, over(lambda table: pa.concat_tables([table, table]))),
    "loaded twice, where only the sum tells": (
        aggregate("distinct(user)", "sum(gold)"),
        over(lambda table: pa.concat_tables([table, table])),
    ),
    "an event was lost": (COUNTS, over(lambda table: table.slice(0, table.num_rows - 1))),
    "a row of the answer was lost": (COUNTS, answering(lambda answer: answer.slice(1))),
    "the last row of the answer was lost": (BORN, answering(lambda answer: answer.slice(0, answer.num_rows - 1))),
    "a row too many": (COUNTS, answering(lambda answer: pa.concat_tables([answer, answer.slice(answer.num_rows - 1)]))),
    "two columns swapped": (GROUPS, answering(swapped)),
    "rows out of order": (COUNTS, answering(lambda answer: answer.take(list(range(answer.num_rows))[::-1]))),
    "ties in a top told apart otherwise": (FIRST, ties_unordered),
    "an estimate passed off as exact": (USERS, put("distinct(user)", lambda column: pc.add(column, 1))),
    "an estimate outside its bound": (ROUGHLY, put("distinct(user, error=0.03)", lambda column: pc.add(column, 5))),
    "a count that is a float": (
        COUNTS,
        answering(lambda answer: answer.cast(pa.schema([answer.schema.field(0), ("count()", pa.float64())]))),
    ),
    "a birth taken from a later event": (BORN, over(born_in_the_span)),
    "births of a whole week, the first not of the span": (
        BORN,
        asking(span=Span(later(MARCH.start, 86_400_000), MARCH.end)),
    ),
    "an age off by one": (BORN, put("age", lambda column: pc.add(column, 1))),
    "ages counted from the birth and not by weeks": (BORN, asking(age=Age(Grain.WEEK, 12, clock="elapsed"))),
    "an unfinished age shown": (BORN, unfinished_age_shown),
    "a finished age left out": (BORN, asking(until=BORN.until - timedelta(days=7))),
    "the birth counted as a return": (msgspec.structs.replace(BORN, repeat=True), asking(repeat=False)),
    "exactly at an age for at that age or later": (
        msgspec.structs.replace(BORN, retention="unbounded"),
        asking(retention="exact"),
    ),
    "events counted for subjects": (BORN, asking(measure=COUNT)),
    "an estimated cohort passed off as exact": (BORN, put("size", lambda column: pc.add(column, 1))),
    "a funnel without its window": (STEPS, asking(window=10**9)),
    "a funnel that one event passes twice": (
        STEPS,
        put("subjects", lambda column: pa.chunked_array([[column[0].as_py()] * 2])),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_engine_that_is_wrong_is_found_out(name: str) -> None:
    question, engine = WRONG[name]
    assert check(question, truth.answer(question, EVENTS), EVENTS).kind is Kind.RIGHT
    verdict = check(question, engine(question, EVENTS), EVENTS)
    assert verdict.kind is Kind.WRONG
    assert verdict.reason
