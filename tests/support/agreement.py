"""Whether the truth agrees with the answer that is computed row by row."""

import math

import pytest
from msgspec.structs import replace

from rollup_bench.workloads import answers, truth
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Aggregate, Question
from tests.support import brute

LONG = range(-(2**63), 2**63)


def check(question: Question, rows: list[brute.Row], events: Events, absolute: float = 1e-9) -> None:
    """Assert that the truth over events equals the row-by-row answer over the rows of those events.

    Floats may differ by 1e-9 of their value or by `absolute`; everything else is equal. Where a number that the answer
    is computed from has more than 64 bits, the truth raises an OverflowError.
    """
    expected = brute.answer(question, rows)
    topped = isinstance(question, Aggregate) and question.top is not None
    whole = brute.answer(replace(question, top=None), rows) if topped else expected
    if any(isinstance(value, int) and value not in LONG for row in whole for value in row):
        with pytest.raises(OverflowError):
            truth.answer(question, events)
        return
    answer = truth.answer(question, events)
    assert answer.schema == answers.schema(question, events.statistics.schema)
    got = [tuple(row.values()) for row in answer.to_pylist()]
    assert len(got) == len(expected)
    for row, wanted in zip(got, expected, strict=True):
        assert all(_same(one, other, absolute) for one, other in zip(row, wanted, strict=True)), (row, wanted)


def _same(got: object, wanted: object, absolute: float) -> bool:
    if isinstance(wanted, float):
        return isinstance(got, float) and math.isclose(got, wanted, rel_tol=1e-9, abs_tol=absolute)
    return got == wanted
