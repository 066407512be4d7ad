"""The order of an answer's rows and the cut of a top, as adapters finish answers. The truth has its own."""

import numpy as np
import pyarrow as pa

from rollup_bench.workloads.answers import keys
from rollup_bench.workloads.questions import Aggregate, Question


def order(question: Question) -> list[tuple[str, str]]:
    """The columns that an answer is sorted by, each with "ascending" or "descending"; NULL comes last either way.

    An answer is sorted by its keys, text by code point; the measure of a top comes right after the bucket.
    """
    by = [(key, "ascending") for key in keys(question)]
    if isinstance(question, Aggregate) and question.top is not None:
        by.insert(1, (str(question.top.measure), "ascending" if question.top.smallest else "descending"))
    return by


def arrange(question: Question, table: pa.Table) -> pa.Table:
    """The rows in the answer's order."""
    return table.sort_by(order(question)) if table.num_rows > 1 else table


def first(question: Aggregate, table: pa.Table) -> pa.Table:
    """The first groups of each bucket, as many as the top wants, of rows in the answer's order."""
    if question.top is None:
        return table
    buckets = np.asarray(table["bucket"].cast(pa.int64()))
    places = np.arange(len(buckets)) - np.searchsorted(buckets, buckets, "left")
    return table.filter(pa.array(places < question.top.n)).combine_chunks()
