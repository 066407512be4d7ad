"""Sorts the rows of an answer, cuts a top-n and lists grouping sets, for adapters; the truth does not use this code."""

import numpy as np
import pyarrow as pa

from rollup_bench.workloads.answers import keys
from rollup_bench.workloads.questions import Aggregate, Question


def order(question: Question) -> list[tuple[str, str]]:
    """The columns by which an answer is sorted, each with "ascending" or "descending"; NULL is last in both.

    The columns are the answer's keys, whose texts sort by code point; for a top-n, its measure is the second column.
    """
    by = [(key, "ascending") for key in keys(question)]
    if isinstance(question, Aggregate) and question.top is not None:
        by.insert(1, (str(question.top.measure), "ascending" if question.top.smallest else "descending"))
    return by


def arrange(question: Question, table: pa.Table) -> pa.Table:
    """The rows of a table, sorted in the order that the question's answer has."""
    return table.sort_by(order(question)) if table.num_rows > 1 else table


def first(question: Aggregate, table: pa.Table) -> pa.Table:
    """The first n rows of each bucket for a top-n, else all rows; the table must be in the answer's order."""
    if question.top is None:
        return table
    buckets = np.asarray(table["bucket"].cast(pa.int64()))
    places = np.arange(len(buckets)) - np.searchsorted(buckets, buckets, "left")
    return table.filter(pa.array(places < question.top.n)).combine_chunks()


def grouping_sets(question: Aggregate) -> list[tuple[str, ...]]:
    """The subsets of `by` to group by for the question's subtotals, the finest first."""
    by = question.by
    match question.subtotals:
        case "none":
            return [by]
        case "rollup":
            return [by[:n] for n in range(len(by), -1, -1)]
        case "cube":
            masks = range(2 ** len(by) - 1, -1, -1)
            return [tuple(d for i, d in enumerate(reversed(by)) if mask >> i & 1)[::-1] for mask in masks]


def grouping_id(question: Aggregate, grouped: tuple[str, ...]) -> int:
    """SQL's GROUPING: one bit for each dimension of `by`, the highest for the first, set if it is not in `grouped`."""
    return sum(1 << i for i, d in enumerate(reversed(question.by)) if d not in grouped)
