"""The SQL of aggregates in DuckDB with bound values, and the functions that cohorts and funnels use too."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from rollup_bench.engines.duckdb.zones import LocalTime
from rollup_bench.engines.ordering import order
from rollup_bench.engines.sql import Parameters, condition, quoted
from rollup_bench.workloads.calendar import is_day
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Span


class Literals(Parameters):
    """Writes values into the text, because CREATE TABLE takes no parameters."""

    def bind(self, value: object) -> str:
        """The value as a literal."""
        return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)


def naive(instant: datetime) -> datetime:
    """Converts an instant to a UTC datetime without a zone, as the tables store times."""
    return instant.astimezone(UTC).replace(tzinfo=None)


class Rows(NamedTuple):
    """The rows in a question's span: the SQL of a table or of a SELECT in brackets, and conditions on the rows.

    `span_start` is the placeholder of the start of the span. `bucket` is the SQL of the start of a row's bucket in
    milliseconds since 1970, UTC, if each row is of one bucket.
    """

    source: str
    where: list[str]
    span_start: str
    bucket: str | None = None


def aggregate(
    question: Aggregate,
    time: str,
    rows: Rows,
    expression: Callable[[Measure], str],
    local: LocalTime,
    parameters: Parameters,
) -> tuple[str, list[object]]:
    """The SQL of an aggregate over rows, and its bound values; `expression` returns the SQL of a measure.

    The same SQL serves any span. A value that depends on the span is bound as a function of the span, not as a value.
    """
    start = rows.bucket
    if question.grain is Grain.ALL:
        start = f"epoch_ms(CAST({rows.span_start} AS TIMESTAMP))"
    elif start is None and is_day(question.grain):
        start = local.few_starts(quoted(time), question.grain)
    columns = [f"{start or local.bucket(quoted(time), question.grain)} AS bucket", *map(quoted, question.by)]
    if question.subtotals != "none":
        columns.append(f"{_grouping(question)} AS grouping_id")
    columns += [f"{expression(m)} AS {quoted(str(m))}" for m in question.measures]
    where = [*rows.where, *conditions(question.where, parameters)]
    lines = [
        f"SELECT {', '.join(columns)}",
        f"FROM {rows.source}",
        *([f"WHERE {' AND '.join(where)}"] if where else []),
        f"GROUP BY {_group_by(question)}",
    ]
    whole = question.grain is Grain.ALL
    if question.top is not None and not whole:
        rank = f"row_number() OVER (PARTITION BY bucket ORDER BY {', '.join(_order(question)[1:])})"
        lines.append(f"QUALIFY {rank} <= {parameters.bind(question.top.n)}")
    if is_day(question.grain) and start is None:
        lines = [f"SELECT * REPLACE ({local.start('bucket', question.grain)} AS bucket) FROM (", *lines, ")"]
    lines.append(f"ORDER BY {', '.join(_order(question))}")
    if question.top is not None and whole:
        lines.append(f"LIMIT {parameters.bind(question.top.n)}")
    return "\n".join(lines), parameters.values


def moment(columns: Columns) -> str:
    """The SQL of an event's place in the order of events: its time, or a number of time and `order` if there is one."""
    time = quoted(columns.time.name)
    return f"(CAST(epoch_ms({time}) AS HUGEINT) * {1 << 64} + {quoted(columns.order)})" if columns.order else time


def span_ends(parameters: Parameters) -> tuple[str, str]:
    """Binds the start and the end of the span as functions of it; returns their placeholders."""
    return bound(lambda span: span.start, parameters), bound(lambda span: span.end, parameters)


def in_span(time: str, start: str, end: str) -> list[str]:
    """The SQL conditions for times from `start` to just before `end`, which are SQL too."""
    return [f"{quoted(time)} >= {start}", f"{quoted(time)} < {end}"]


def bound(moment: Callable[[Span], datetime], parameters: Parameters) -> str:
    """Binds a function that returns a moment from the span; returns its placeholder."""
    return parameters.bind(lambda span: naive(moment(span)))


def conditions(filters: tuple[Filter, ...], parameters: Parameters) -> list[str]:
    """The SQL condition of each filter."""
    return [condition(f, quoted(f.column), parameters) for f in filters]


def measure(measure: Measure, integers: set[str]) -> str:
    """The SQL that computes a measure from raw events.

    The SQL is exact even if the question tolerates an error, because DuckDB's estimates have no documented error bound.
    """
    column = quoted(measure.column or "")
    match measure.function:
        case Function.COUNT:
            return "count(*)"
        case Function.SUM:
            return f"CAST(sum({column}) AS BIGINT)" if measure.column in integers else f"sum({column})"
        case Function.MEAN:
            return f"avg({column})"
        case Function.DISTINCT:
            return f"count(DISTINCT {column})"
        case Function.QUANTILE:
            return f"quantile_disc({column}, {measure.at!r})"
        case _:
            return f"{measure.function}({column})"


def _grouping(question: Aggregate) -> str:
    return f"GROUPING_ID({', '.join(map(quoted, question.by))})" if question.by else "CAST(0 AS BIGINT)"


def _group_by(question: Aggregate) -> str:
    by = ", ".join(map(quoted, question.by))
    if question.subtotals == "none" or not by:
        return ", ".join(["bucket", *map(quoted, question.by)])
    return f"bucket, {question.subtotals.upper()} ({by})"


def _order(question: Aggregate) -> list[str]:
    ways = {"ascending": "ASC", "descending": "DESC"}
    return [f"{quoted(name)} {ways[way]} NULLS LAST" for name, way in order(question)]
