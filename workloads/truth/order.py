"""The rows of a right answer: their order, and the groups of a top."""

from collections import Counter

import pyarrow as pa

from rollup_bench.workloads.answers import keys
from rollup_bench.workloads.questions import Aggregate, Question


def arrange(question: Question, table: pa.Table) -> pa.Table:
    """The rows sorted by the answer's keys: text by code point, NULL last; a top's measure after the bucket."""
    by = dict.fromkeys(keys(question), "ascending")
    if isinstance(question, Aggregate) and question.top is not None:
        direction = "ascending" if question.top.smallest else "descending"
        by = {"bucket": "ascending", str(question.top.measure): direction} | by
    return table.sort_by(list(by.items()))


def top(question: Aggregate, table: pa.Table) -> pa.Table:
    """The rows that a top leaves of rows in the answer's order: those with fewer than `n` before them in a bucket."""
    if question.top is None:
        return table
    before: Counter[int] = Counter()
    stays = []
    for bucket in table["bucket"].cast(pa.int64()).to_pylist():
        stays.append(before[bucket] < question.top.n)
        before[bucket] += 1
    return table.filter(pa.array(stays, pa.bool_())).combine_chunks()
