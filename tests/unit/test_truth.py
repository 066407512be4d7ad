"""The truth at random questions, compared with answers that are computed row by row."""

from hypothesis import given

from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.tested_engine import packed
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question
from tests.support import brute
from tests.support.agreement import check

EVENTS = packed()
CASES: dict[int, list[brute.Row]] = {case: [] for case in range(strategies.CASES)}
for row in strategies.packed().to_pylist():
    CASES[row["case"]].append(row)


def agrees(question: Question, case: Filter) -> None:
    """Assert that the truth is right at a question whose filter selects the rows of one case."""
    check(question, CASES[int(case.value)], EVENTS, absolute=1e-6)


@given(strategies.aggregates())
def test_an_aggregate_is_what_its_definition_says(question: Aggregate) -> None:
    agrees(question, question.where[0])


@given(strategies.cohorts())
def test_a_cohort_is_what_its_definition_says(question: Cohort) -> None:
    agrees(question, question.birth[0])


@given(strategies.funnels())
def test_a_funnel_is_what_its_definition_says(question: Funnel) -> None:
    agrees(question, question.steps[0][0])
