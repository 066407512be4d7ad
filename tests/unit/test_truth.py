"""The truth against a second implementation that works row by row."""

import math

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.tested_engine import few, packed
from rollup_bench.workloads import answers, truth
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Question
from tests.support import brute

EVENTS = packed()
LONG = range(-(2**63), 2**63)
CASES: dict[int, list[brute.Row]] = {case: [] for case in range(strategies.CASES)}
for row in strategies.packed().to_pylist():
    CASES[row["case"]].append(row)


def told(question: Question, rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    keys = len(answers.keys(question))
    place = (0, 2) if isinstance(question, Cohort) else range(keys)
    return sorted(rows, key=lambda r: [brute.ordered(r[i]) for i in place])


@given(strategies.aggregates())
def test_an_aggregate_is_what_its_definition_says(question: Aggregate) -> None:
    whole = brute.aggregate(replace(question, top=None), CASES[int(question.where[0].value)])
    if any(isinstance(value, int) and value not in LONG for row in whole for value in row):
        with pytest.raises(OverflowError):
            truth.answer(question, EVENTS)
        return
    expected = brute.aggregate(question, CASES[int(question.where[0].value)])
    got = [tuple(row.values()) for row in truth.answer(question, EVENTS).to_pylist()]
    assert len(got) == len(expected)
    for row, wanted in zip(got, expected, strict=True):
        assert all(same(one, other) for one, other in zip(row, wanted, strict=True)), (row, wanted)


def same(got: object, wanted: object) -> bool:
    exact = not isinstance(wanted, float)
    return got == wanted if exact else math.isclose(got, wanted, rel_tol=1e-9, abs_tol=1e-6)  # type: ignore[arg-type]


@given(strategies.cohorts())
def test_a_cohort_is_what_its_definition_says(question: Cohort) -> None:
    expected = told(question, brute.cohort(question, CASES[int(question.birth[0].value)]))
    if any(isinstance(r[3], int) and r[3] not in LONG for r in expected):
        with pytest.raises(OverflowError):
            truth.answer(question, EVENTS)
        return
    got = [tuple(row.values()) for row in truth.answer(question, EVENTS).to_pylist()]
    assert [r[:3] for r in got] == [r[:3] for r in expected]
    for (*_, value), (*_, wanted) in zip(got, expected, strict=True):
        assert same(value, wanted)


@given(strategies.funnels())
def test_a_funnel_is_what_its_definition_says(question: Funnel) -> None:
    expected = told(question, brute.funnel(question, CASES[int(question.steps[0][0].value)]))
    assert [tuple(row.values()) for row in truth.answer(question, EVENTS).to_pylist()] == expected


@settings(max_examples=50)
@given(strategies.questions())
def test_of_no_events_there_is_no_row(question: Question) -> None:
    none = few([])
    assert truth.answer(question, none).equals(answers.schema(question, none.statistics.schema).empty_table())
