"""Aggregates with exact quantiles: Druid counts the events of each value in each group, the client ranks the values.

One statement groups by the bucket, the dimensions, and the column of each quantile and distinct count. It aggregates
the other measures in these small groups, and the client merges them.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import client_aggregation
from rollup_bench.engines.client_aggregation import COUNT, VALUE, Groups, partials, value_columns
from rollup_bench.engines.druid import sql
from rollup_bench.engines.druid.client import Rows
from rollup_bench.engines.druid.datasource import Datasource, quoted
from rollup_bench.engines.druid.sql import Parameters, Prepared, joined
from rollup_bench.engines.partials import Partial
from rollup_bench.errors import FailureError
from rollup_bench.workloads import answers
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.questions import Aggregate, Grain

MAX_GROUPS = 1_000_000
"""The most groups of a result: with a text and a mean they are 46 MB of JSON, and take 600 MB in the client."""


def applies(question: Aggregate, datasource: Datasource) -> bool:
    """Whether a quantile of the question needs each value, because no sketch is accurate enough."""
    return any(datasource.ranks(measure) for measure in question.measures)


def prepare(question: Aggregate, datasource: Datasource, source: str) -> Prepared:
    """Prepares an aggregate; `source` is the datasource's name in Druid."""
    parameters = Parameters()
    heads = [] if question.grain is Grain.ALL else [sql.bucket_of(question, datasource)]
    keys = [*heads, *map(quoted, question.by), *map(quoted, value_columns(question.measures))]
    sums = [expression for partial in partials(question.measures) for expression in datasource.partial(partial)]
    lines = [
        f"SELECT {', '.join([*keys, *sums])}",
        f"FROM {quoted(source)}",
        f"WHERE {sql.where(question, datasource, parameters)}",
        f"GROUP BY {', '.join(keys)}",
        f"LIMIT {parameters.bind(MAX_GROUPS + 1)}",
    ]
    schema = answers.schema(question, datasource.statistics.schema)
    return Prepared(parameters.statement("\n".join(lines)), schema)


def answer(question: Aggregate, datasource: Datasource, prepared: Prepared, rows: Rows) -> pa.Table:
    """The answer from the rows of the result; FailureError if there are too many, OverflowError beyond 64 bits."""
    values = value_columns(question.measures)
    if len(rows) > MAX_GROUPS:
        raise FailureError(
            f"druid counts more than {MAX_GROUPS:,} values of {', '.join(values)} in groups, too many for the client: "
            "tolerate an error, or ask about a shorter span"
        )
    if not rows:
        return prepared.schema.empty_table()
    columns = iter(zip(*rows, strict=True))
    starts = [question.span.milliseconds[0]] * len(rows) if question.grain is Grain.ALL else next(columns)
    schema, keys = datasource.statistics.schema, {"bucket": pa.array(starts, INSTANT)}
    keys |= {d: pa.array(next(columns), schema.field(d).type) for d in question.by}
    counted = {c: pa.array(next(columns), schema.field(c).type) for c in values}
    totals = {str(p): _merged(p, datasource, columns) for p in partials(question.measures)}
    groups = Groups(
        list(keys),
        pa.table(keys | totals),
        {c: pa.table(keys | {VALUE: found, COUNT: _known(found, totals[COUNT])}) for c, found in counted.items()},
    )
    return client_aggregation.answer(question, groups, prepared.schema)


def _merged(partial: Partial, datasource: Datasource, columns: Iterator[Sequence[Any]]) -> pa.Array:
    """The next column of the result, put together if it is a sum in two halves."""
    values = next(columns)
    if len(datasource.partial(partial)) > 1:
        values = [joined(high, low) for high, low in zip(values, next(columns), strict=True)]
    return pa.array(values, partial.arrow_type(datasource.statistics))


def _known(values: pa.Array, counts: pa.Array) -> pa.Array:
    """The number of events with each value; 0 for NULL, which is no value."""
    return pc.if_else(values.is_valid(), counts, pa.scalar(0, pa.int64()))
