"""Sorts the rows of an answer, and selects the top groups of each bucket."""

from collections import Counter

import pyarrow as pa

from rollup_bench.workloads.answers import keys
from rollup_bench.workloads.questions import Aggregate, Question


def arrange(question: Question, table: pa.Table) -> pa.Table:
    """Sorts the rows of an answer by the answer's key columns, text by code point and NULL last.

    If the question has a top, the rows of a bucket are sorted by the top's measure first.
    """
    by = dict.fromkeys(keys(question), "ascending")
    if isinstance(question, Aggregate) and question.top is not None:
        direction = "ascending" if question.top.smallest else "descending"
        by = {"bucket": "ascending", str(question.top.measure): direction} | by
    return table.sort_by(list(by.items()))


def top(question: Aggregate, table: pa.Table) -> pa.Table:
    """The first `question.top.n` rows of each bucket of a table sorted by `arrange`; all rows if the top is None."""
    if question.top is None:
        return table
    before: Counter[int] = Counter()
    mask = []
    for bucket in table["bucket"].cast(pa.int64()).to_pylist():
        mask.append(before[bucket] < question.top.n)
        before[bucket] += 1
    return table.filter(pa.array(mask, pa.bool_())).combine_chunks()
