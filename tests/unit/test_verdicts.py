"""The verdict and its reason at answers that are off by a known amount, over a handful of events."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from msgspec.structs import replace

from rollup_bench.harness.conformance.tested_engine import few
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.run.verdicts import Judgement, check, tolerated
from rollup_bench.workloads import answers, truth
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import parse as where
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span, Top

DAY = datetime(2013, 1, 1, tzinfo=UTC)
SPAN = Span(DAY, DAY + timedelta(days=2))
RIGHT = Judgement(Kind.RIGHT)
AT = "bucket=1356998400000"


def events(column: str, values: Mapping[str, Iterable[Any]]) -> Events:
    """One event for each value of the column, by country; each event has a user of its own."""
    rows = [{"country": country, column: value} for country, each in values.items() for value in each]
    return few([{"when": DAY, "user": f"u{i:02d}"} | row for i, row in enumerate(rows)])


def counts(**by: int) -> Events:
    return events("gold", {country: [1] * count for country, count in by.items()})


def question(*measures: str, top: Top | None = None, by: tuple[str, ...] = ("country",)) -> Aggregate:
    return Aggregate(SPAN, tuple(map(parse, measures or ("count()",))), by=by, top=top)


def answer(asked: Question, over: Events, *rows: tuple[Any, ...]) -> pa.Table:
    """A table of these rows; the bucket of an aggregate is put before each."""
    schema = answers.schema(asked, over.statistics.schema)
    first = (DAY,) if isinstance(asked, Aggregate) else ()
    return pa.Table.from_pylist([dict(zip(schema.names, first + row, strict=True)) for row in rows], schema)


def judged(asked: Question, over: Events, *rows: tuple[Any, ...]) -> Judgement:
    return check(asked, answer(asked, over, *rows), over)


def wrong(reason: str) -> Judgement:
    return Judgement(Kind.WRONG, reason)


def within(observed: float, tolerated: float) -> Judgement:
    return Judgement(Kind.WITHIN, "", pytest.approx(observed), tolerated)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (question(), 0.0),
        (question("distinct(user, error=0.05)", "quantile(gold, 0.5, error=0.02)"), 0.05),
        (question("distinct(user, error=0.05)", top=Top(2, parse("count()"), error=0.1)), 0.1),
        (Cohort(SPAN, SPAN.end, Age(Grain.DAY, 2), error=0.02), 0.02),
        (Funnel(SPAN, ((),), 60), 0.0),
    ],
)
def test_the_largest_error_that_a_question_tolerates(asked: Question, error: float) -> None:
    assert tolerated(asked) == error


TWO = counts(a=2, b=1)


def test_the_right_rows_are_right() -> None:
    assert judged(question(), TWO, ("a", 2), ("b", 1)) == RIGHT


def test_columns_are_those_of_the_question() -> None:
    right = answer(question(), TWO, ("a", 2), ("b", 1))
    got = right.rename_columns(["bucket", "country", "n"])
    said = "bucket timestamp[ms, tz=UTC], country string"
    assert check(question(), got, TWO) == wrong(f"the answer's columns are {said}, n int64, not {said}, count() int64")


def test_rows_are_in_order() -> None:
    assert judged(question(), TWO, ("b", 1), ("a", 2)) == wrong("the answer's rows are out of order")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([("a", 2), ("a", 2), ("b", 1)], "the answer has 3 rows; 1 repeat the keys of another row"),
        ([("a", 2), ("c", 1)], f"the answer has a row ({AT}, country=c) that the truth does not have"),
        ([("a", 2), ("b", 1), ("c", 1)], f"the answer has a row ({AT}, country=c) that the truth does not have"),
        ([("a", 2)], f"the answer has 1 rows; the truth has 2; ({AT}, country=b) is missing"),
        ([("b", 1)], f"the answer has 1 rows; the truth has 2; ({AT}, country=a) is missing"),
        ([("a", 2), ("b", 3)], f"count() of ({AT}, country=b) is 3; the truth is 1"),
        ([("a", 1), ("b", 1)], f"count() of ({AT}, country=a) is 1; the truth is 2"),
    ],
)
def test_what_is_wrong_is_said(rows: list[tuple[str, int]], reason: str) -> None:
    assert judged(question(), TWO, *rows) == wrong(reason)


def test_every_measure_is_checked() -> None:
    asked = question("count()", "sum(gold)")
    assert judged(asked, TWO, ("a", 2, 2), ("b", 1, 1)) == RIGHT
    assert judged(asked, TWO, ("a", 2, 2), ("b", 1, 2)) == wrong(f"sum(gold) of ({AT}, country=b) is 2; the truth is 1")


@pytest.mark.parametrize("measure", ["sum(score)", "mean(score)"])
def test_of_zeros_nothing_but_zero_is_right(measure: str) -> None:
    zeros = events("score", {"a": [0.0, 0.0]})
    assert judged(question(measure), zeros, ("a", 0.0)) == RIGHT
    assert judged(question(measure), zeros, ("a", 1e-10)) == wrong(
        f"{measure} of ({AT}, country=a) is 1e-10; the truth is 0.0"
    )


FLOATS = events("score", {"a": [1e9, -1e9], "b": [4e9], "c": [None]})


@pytest.mark.parametrize(
    ("measure", "a", "b"),
    [("sum", (0.0, 2.0), (4e9, 4.0)), ("mean", (0.0, 1.0), (4e9, 4.0)), ("max", (1e9, 1.0), (4e9, 4.0))],
)
def test_floats_are_right_to_a_billionth_of_what_was_summed(
    measure: str, a: tuple[float, float], b: tuple[float, float]
) -> None:
    """A sum is compared relative to the absolute values added, a mean to their mean, others to the value."""
    asked = question(f"{measure}(score)")
    for sign in (-1, 1):
        assert judged(asked, FLOATS, ("a", a[0] + sign * a[1]), ("b", b[0] + sign * b[1]), ("c", None)) == RIGHT
        for off in ((1.001, 0), (0, 1.001)):
            rows = [("a", a[0] + sign * a[1] * off[0]), ("b", b[0] + sign * b[1] * off[1]), ("c", None)]
            assert judged(asked, FLOATS, *rows).kind is Kind.WRONG


@pytest.mark.parametrize("measure", ["sum(score)", "max(score)", "quantile(score, 0.5, error=0.1)", "min(score)"])
def test_null_is_no_number(measure: str) -> None:
    asked = question(measure, by=())
    for values, got in (([None], 0.0), ([3.0], None)):
        assert judged(asked, events("score", {"a": values}), (got,)).kind is Kind.WRONG
        assert judged(asked, events("score", {"a": values}), (values[0],)) == RIGHT


ROUGHLY = "distinct(user, error=0.1)"


@pytest.mark.parametrize(
    ("got", "verdict"),
    [
        (10, RIGHT),
        (11, within(0.1, 0.1)),
        (9, within(0.1, 0.1)),
        (12, wrong("distinct(user, error=0.1) of (bucket=1356998400000) is 12; the truth is 10")),
        (8, wrong("distinct(user, error=0.1) of (bucket=1356998400000) is 8; the truth is 10")),
        (None, wrong("distinct(user, error=0.1) of (bucket=1356998400000) is None; the truth is 10")),
    ],
)
def test_an_estimate_of_distinct_values_may_be_off_by_a_share(got: int | None, verdict: Judgement) -> None:
    assert judged(question(ROUGHLY, by=()), counts(a=10), (got,)) == verdict


def test_of_no_distinct_value_there_is_no_share() -> None:
    nobody = few([{"when": DAY, "country": "a"}])
    assert judged(question(ROUGHLY, by=()), nobody, (0,)) == RIGHT
    assert judged(question(ROUGHLY, by=()), nobody, (1,)).kind is Kind.WRONG


def test_the_largest_error_is_observed() -> None:
    asked = question(ROUGHLY, "distinct(country, error=0.3)")
    over = counts(a=10, b=20, c=40)
    assert judged(asked, over, ("a", 10, 1), ("b", 21, 1), ("c", 41, 1)) == within(0.05, 0.3)
    assert judged(asked, over, ("a", 11, 1), ("b", 21, 1), ("c", 41, 1)) == within(0.1, 0.3)
    assert judged(asked, over, ("a", 10, 1), ("b", 20, 1), ("c", 41, 1)) == within(0.025, 0.3)


@pytest.mark.parametrize(
    ("got", "observed"),
    [(5, 0.0), (6, 0.0), (7, 0.1), (8, None), (4, 0.1), (3, None), (5.5, 0.0), (3.5, None), (11, None), (0, None)],
)
def test_an_estimate_of_a_quantile_may_be_off_in_rank(got: float, observed: float | None) -> None:
    """The median of 1 to 10 is 5. The value 6 has the ranks from 0.5 to 0.6, and 7 those from 0.6 to 0.7."""
    over = events("score", {"a": map(float, range(1, 11)), "b": [5.0] * 9})
    verdict = judged(question("quantile(score, 0.5, error=0.1)"), over, ("a", float(got)), ("b", 5.0))
    assert (
        verdict == (within(observed, 0.1) if observed else RIGHT)
        if observed is not None
        else (verdict.kind is Kind.WRONG)
    )


@pytest.mark.parametrize("got", [6.0, 5.5])
def test_a_quantile_is_exact_where_no_error_is_tolerated(got: float) -> None:
    over = events("score", {"a": map(float, range(1, 11))})
    assert judged(question("quantile(score, 0.5)"), over, ("a", 5.0)) == RIGHT
    assert judged(question("quantile(score, 0.5)"), over, ("a", got)).kind is Kind.WRONG


@pytest.mark.parametrize(
    ("at", "group", "got", "verdict"),
    [
        (0.1, "a", 0.5, within(0.1, 0.1)),
        (0.1, "b", 10.5, within(0.1, 0.1)),
        (0.9, "a", 9.5, RIGHT),
        (0.9, "b", 19.5, RIGHT),
        (0.5, "b", 14.5, within(0.1, 0.1)),
        (0.5, "b", 17.0, within(0.1, 0.1)),
    ],
)
def test_a_rank_is_that_among_the_values_of_the_own_group(
    at: float, group: str, got: float, verdict: Judgement
) -> None:
    """The values of a group lie above those of the next, of which there are more."""
    values = {"a": range(1, 11), "b": range(11, 21), "c": [0] * 30}
    over = events("score", {country: map(float, each) for country, each in values.items()})
    rows = {"a": 10 * at, "b": 10 + 10 * at, "c": 0.0} | {group: got}
    asked = question(f"quantile(score, {at}, error=0.1)")
    assert judged(asked, over, *rows.items()) == verdict


MANY = counts(a=10, b=8, c=8, d=7, e=4)


@pytest.mark.parametrize(
    ("error", "members", "verdict"),
    [
        (0.0, "ab", RIGHT),
        (0.0, "ac", wrong(f"({AT}, country=c) is not among the top 2")),
        (0.0, "ad", wrong(f"({AT}, country=d) is not among the top 2")),
        (0.2, "ac", RIGHT),
        (0.2, "ad", within(1 / 8, 0.2)),
        (0.125, "ad", within(1 / 8, 0.125)),
        (0.12, "ad", wrong(f"({AT}, country=d) is not among the top 2")),
        (0.2, "cd", within(1 / 8, 0.2)),
        (0.2, "ae", wrong(f"({AT}, country=e) is not among the top 2")),
        (0.2, "a", wrong(f"the answer has 1 rows; the truth has 2; ({AT}, country=b) is missing")),
        (0.2, "abc", wrong("the answer has 3 rows; the truth has 2")),
    ],
)
def test_members_of_a_top_are_those_of_the_truth_or_nearly_as_large(
    error: float, members: str, verdict: Judgement
) -> None:
    sizes = {"a": 10, "b": 8, "c": 8, "d": 7, "e": 4}
    asked = question("count()", top=Top(2, parse("count()"), error=error))
    assert judged(asked, MANY, *((member, sizes[member]) for member in members)) == verdict


def test_members_of_a_top_of_the_smallest_are_nearly_as_small() -> None:
    asked = question("count()", top=Top(1, parse("count()"), smallest=True, error=0.75))
    assert judged(asked, MANY, ("d", 7)) == within(0.75, 0.75)
    assert judged(asked, MANY, ("b", 8)).kind is Kind.WRONG


@pytest.mark.parametrize("measure", ["sum(score)", "mean(score)"])
def test_members_of_a_top_by_floats_may_differ_by_a_billionth(measure: str) -> None:
    asked = question(measure, top=Top(1, parse(measure)))
    for second, kind in ((1.0, Kind.WITHIN), (1.0 - 0.9e-9, Kind.WITHIN), (1.0 - 1.1e-9, Kind.WRONG)):
        over = events("score", {"a": [1.0], "b": [second], "c": [0.5]})
        found = judged(asked, over, ("b", second)).kind
        assert found is (kind if second < 1.0 else Kind.RIGHT)


def test_members_of_a_top_by_integers_may_not_differ_at_all() -> None:
    asked = question("sum(gold)", top=Top(1, parse("sum(gold)")))
    over = events("gold", {"a": [2_000_000_000], "b": [1_999_999_999]})
    assert judged(asked, over, ("b", 1_999_999_999)).kind is Kind.WRONG


def test_a_mean_of_integers_is_right_to_a_billionth_of_itself() -> None:
    over = events("gold", {"a": [1, -1], "b": [1, 2]})
    assert judged(question("mean(gold)"), over, ("a", 0.0), ("b", 1.5 + 1.4e-9)) == RIGHT
    assert judged(question("mean(gold)"), over, ("a", 5e-10), ("b", 1.5)).kind is Kind.WRONG
    assert judged(question("mean(gold)"), over, ("a", 0.0), ("b", 1.5 + 1.6e-9)).kind is Kind.WRONG


def test_members_of_a_top_by_a_mean_of_integers_may_tie() -> None:
    asked = question("mean(gold)", top=Top(1, parse("mean(gold)")))
    assert judged(asked, counts(a=3, b=2), ("b", 1.0)) == RIGHT
    asked = question("sum(gold)", top=Top(1, parse("sum(gold)")))
    assert judged(asked, counts(a=2, b=2), ("b", 2)).kind is Kind.WRONG


@pytest.mark.parametrize(("first", "second"), [(0, -1), (1, None), (None, None)])
def test_nothing_is_nearly_as_large_as_0_and_null_as_nothing(first: int | None, second: int | None) -> None:
    asked = question("max(gold)", top=Top(1, parse("max(gold)"), error=0.9))
    over = events("gold", {"a": [first], "b": [second]})
    assert judged(asked, over, ("b", second)).kind is Kind.WRONG


def test_the_last_member_is_that_of_the_own_bucket() -> None:
    """On the second day the largest count is 4, so that 3 is off by a quarter; on the first day it is 10."""
    rows = [{"when": DAY, "country": "a"}] * 10 + [{"when": DAY + timedelta(days=1), "country": "a"}] * 4
    over = few(rows + [{"when": DAY + timedelta(days=1), "country": "b"}] * 3)
    asked = Aggregate(SPAN, (parse("count()"),), Grain.DAY, by=("country",), top=Top(1, parse("count()"), error=0.3))
    schema = answers.schema(asked, over.statistics.schema)
    got = [(DAY, "a", 10), (DAY + timedelta(days=1), "b", 3)]
    table = pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in got], schema)
    assert check(asked, table, over) == within(0.25, 0.3)


BORN = few(
    [{"when": DAY, "user": f"u{i}", "country": "a", "score": 1e9 * (-1) ** i, "gold": 1} for i in range(10)]
    + [{"when": DAY, "user": f"v{i}", "country": "b", "score": 2e9, "gold": 1} for i in range(20)]
)


def cohort(measure: str | None = None, error: float = 0.0) -> Cohort:
    asked = None if measure is None else parse(measure)
    return Cohort(SPAN, DAY + timedelta(days=9), Age(Grain.DAY, 1), asked, by="country", error=error)


@pytest.mark.parametrize(
    ("error", "rows", "verdict"),
    [
        (0.0, [("a", 10, 0, 10), ("b", 20, 0, 20)], RIGHT),
        (0.0, [("a", 10, 0, 10), ("b", 21, 0, 20)], wrong("size of (cohort=b, age=0) is 21; the truth is 20")),
        (0.0, [("a", 10, 0, 9), ("b", 20, 0, 20)], wrong("value of (cohort=a, age=0) is 9; the truth is 10")),
        (0.1, [("a", 10, 0, 10), ("b", 20, 0, 20)], RIGHT),
        (0.1, [("a", 10, 0, 10), ("b", 20, 0, 18)], within(0.1, 0.1)),
        (0.1, [("a", 10, 0, 10), ("b", 21, 0, 20)], within(0.05, 0.1)),
        (0.1, [("a", 11, 0, 10), ("b", 21, 0, 20)], within(0.1, 0.1)),
        (0.1, [("a", 12, 0, 10), ("b", 20, 0, 20)], wrong("size of (cohort=a, age=0) is 12; the truth is 10")),
        (0.1, [("a", 10, 0, 10), ("b", 20, 0, 23)], wrong("value of (cohort=b, age=0) is 23; the truth is 20")),
        (0.9, [("a", 10, 0, 10), ("b", 20, 1, 20)], wrong("age of (cohort=b, age=0) is 1; the truth is 0")),
        (0.9, [("a", 10, 0, 10), ("c", 20, 0, 20)], wrong("cohort of (cohort=b, age=0) is c; the truth is b")),
        (0.9, [("a", 10, 0, 10), ("b", 20, 0, None)], wrong("value of (cohort=b, age=0) is None; the truth is 20")),
        (0.9, [("a", 10, 0, 10)], wrong("the answer has 1 rows; the truth has 2")),
    ],
)
def test_a_cohort_may_be_off_by_a_share_of_its_size(
    error: float, rows: list[tuple[Any, ...]], verdict: Judgement
) -> None:
    assert judged(cohort(error=error), BORN, *rows) == verdict


def test_a_row_too_many_of_a_cohort_is_wrong() -> None:
    rows = [("a", 10, 0, 10), ("b", 20, 0, 20), ("c", 1, 0, 1)]
    assert judged(cohort(), BORN, *rows) == wrong("the answer has 3 rows; the truth has 2")


def test_a_sum_of_integers_of_a_cohort_is_exact_and_its_size_alone_estimated() -> None:
    asked = cohort("sum(gold)", error=0.2)
    assert judged(asked, BORN, ("a", 11, 0, 10), ("b", 20, 0, 20)) == within(0.1, 0.2)
    assert judged(asked, BORN, ("a", 10, 0, 11), ("b", 20, 0, 20)).kind is Kind.WRONG
    rich = few([{"when": DAY, "user": "u", "country": "a", "gold": 2_000_000_000}])
    assert judged(asked, rich, ("a", 1, 0, 2_000_000_000)) == RIGHT
    assert judged(asked, rich, ("a", 1, 0, 2_000_000_001)).kind is Kind.WRONG


def test_no_cohort_at_all_is_right() -> None:
    assert judged(replace(cohort(error=0.1), birth=where({"country": "z"})), BORN) == RIGHT


@pytest.mark.parametrize(("value", "kind"), [(10.0, Kind.RIGHT), (-10.0, Kind.RIGHT), (10.1, Kind.WRONG)])
def test_a_sum_of_floats_of_a_cohort_is_right_to_a_billionth_of_what_was_summed(value: float, kind: Kind) -> None:
    """Ten scores of a thousand million, half of them negative, sum to 0."""
    assert judged(cohort("sum(score)"), BORN, ("a", 10, 0, value), ("b", 20, 0, 4e10 + 4 * value)).kind is kind
    assert judged(cohort("sum(score)", 0.2), BORN, ("a", 11, 0, 5.0), ("b", 20, 0, 4e10)) == within(0.1, 0.2)


def test_a_funnel_is_exact() -> None:
    asked = Funnel(SPAN, ((), ()), 60)
    assert truth.answer(asked, TWO).to_pylist() == [{"step": 1, "subjects": 3}, {"step": 2, "subjects": 0}]
    assert judged(asked, TWO, (1, 3), (2, 0)) == RIGHT
    assert judged(asked, TWO, (1, 3), (2, 1)) == wrong("subjects of (step=2) is 1; the truth is 0")
    assert judged(asked, TWO, (1, 3)) == wrong("the answer has 1 rows; the truth has 2")
