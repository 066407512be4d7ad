"""The SQL of aggregates in ClickHouse with bound values, and the functions that cohorts and funnels use too."""

from collections.abc import Callable, Sequence
from typing import Any

from rollup_bench.engines import ordering
from rollup_bench.engines import sql as engines_sql
from rollup_bench.engines.integer_statements import Rows, bound
from rollup_bench.engines.integer_time import LocalTime
from rollup_bench.workloads.calendar import is_day
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Question

TYPES = {str: "String", int: "Int64", float: "Float64"}
ROW = "e"
"""The alias of the table that is read. A column with it is never taken for an alias of the same name."""


class Parameters(engines_sql.Parameters):
    """Collects the values of a statement. A function of the span stands for an instant that depends on the span."""

    def bind(self, value: Any) -> str:
        """Adds a value and returns its placeholder with its type: `{p1:Int64}` for the first value."""
        super().bind(value)
        return f"{{p{len(self.values)}:{TYPES.get(type(value), 'Int64')}}}"


class Literals(Parameters):
    """Writes values into the text, because a table is created once."""

    def bind(self, value: Any) -> str:
        """The value as a literal."""
        return literal(value)


def literal(value: str | float) -> str:
    """The literal of a text or a number."""
    if isinstance(value, str):
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return f"toFloat64({value!r})" if isinstance(value, float) else f"toInt64({value})"


def quoted(name: str) -> str:
    """Quotes a name as an identifier, in which ClickHouse reads backslashes as escapes."""
    return engines_sql.quoted(name.replace("\\", "\\\\"))


def column(name: str | None) -> str:
    """A column of the table that is read."""
    return f"{ROW}.{quoted(name or '')}"


def millis(time: str) -> str:
    """The instant in the column `time`, in milliseconds since 1970, UTC."""
    return f"toUnixTimestamp64Milli({column(time)})"


def moment(columns: Columns) -> str:
    """The SQL of an event's place in the order of events: its time, or a number of time and `order` if there is one."""
    instant = millis(columns.time.name)
    if not columns.order:
        return instant
    return f"(toInt128({instant}) * toInt128('{1 << 64}') + {column(columns.order)})"


def timestamp(instant: str) -> str:
    """An instant as a value of a column of times."""
    return f"fromUnixTimestamp64Milli({instant}, 'UTC')"


def aggregate(
    question: Aggregate,
    time: str,
    rows: Rows,
    expression: Callable[[Measure], str],
    local: LocalTime,
    parameters: Parameters,
) -> tuple[str, list[Any]]:
    """The SQL of an aggregate over rows, and its bound values; `expression` returns the SQL of a measure.

    The same SQL serves any span. A value that depends on the span is bound as a function of the span, not as a value.
    """
    names = [*question.by, *(["grouping_id"] if question.subtotals != "none" else []), *map(str, question.measures)]
    columns = [f"{_bucket(question, time, rows, local, parameters)} AS bucket"]
    columns += [f"{column(name)} AS {quoted(name)}" for name in question.by]
    if question.subtotals != "none":
        columns.append(f"{_grouping(question)} AS grouping_id")
    columns += [f"{expression(m)} AS {quoted(str(m))}" for m in question.measures]
    where = [*rows.where, *conditions(question.where, parameters)]
    lines = [
        f"SELECT {', '.join(columns)}",
        f"FROM {rows.source} AS {ROW}",
        *([f"WHERE {' AND '.join(where)}"] if where else []),
        f"GROUP BY {_group_by(question)}",
    ]
    if question.subtotals != "none":
        lines.append("HAVING grouping(bucket) = 0 AND count() > 0")  # also without events, there is a row of totals
    if is_day(question.grain) and not rows.whole:
        start = local.start("bucket", question.grain)
        lines = [f"SELECT {', '.join([f'{start} AS starts', *map(quoted, names)])} FROM (", *lines, ")"]
        lines = [f"SELECT starts AS bucket, {', '.join(map(quoted, names))} FROM (", *lines, ")"]
    lines.append(f"ORDER BY {', '.join(order(question))}")
    if question.top is not None:
        each = "" if question.grain is Grain.ALL else " BY bucket"
        lines.append(f"LIMIT {parameters.bind(question.top.n)}{each}")
    return "\n".join(lines), parameters.values


def in_span(time: str, parameters: Parameters) -> list[str]:
    """The SQL conditions for times from the start of a span to just before its end, which are bound as functions."""
    start, end = bound(lambda span: span.start, parameters), bound(lambda span: span.end, parameters)
    return [f"{column(time)} >= {timestamp(start)}", f"{column(time)} < {timestamp(end)}"]


def conditions(filters: Sequence[Filter], parameters: Parameters) -> list[str]:
    """The SQL condition of each filter."""
    return [engines_sql.condition(f, column(f.column), parameters) for f in filters]


def order(question: Question) -> list[str]:
    """The columns by which an answer is sorted, as ORDER BY lists them."""
    ways = {"ascending": "ASC", "descending": "DESC"}
    return [f"{quoted(name)} {ways[way]} NULLS LAST" for name, way in ordering.order(question)]


def _bucket(question: Aggregate, time: str, rows: Rows, local: LocalTime, parameters: Parameters) -> str:
    if question.grain is Grain.ALL:
        start = parameters.bind(lambda span: span.milliseconds[0])
        return start if question.subtotals == "none" else f"materialize({start})"  # a constant is no key of a cube
    return millis(time) if rows.whole else local.bucket(millis(time), question.grain)


def _grouping(question: Aggregate) -> str:
    return f"toInt64(grouping({', '.join(map(column, question.by))}))" if question.by else "toInt64(0)"


def _group_by(question: Aggregate) -> str:
    keys = ", ".join(["bucket", *map(column, question.by)])
    return keys if question.subtotals == "none" else f"{keys} WITH {question.subtotals.upper()}"
