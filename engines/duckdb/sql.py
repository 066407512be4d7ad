"""Questions as DuckDB's SQL, with the values that are bound to it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rollup_bench.engines.ordering import order
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Grain, Span

COMPARE = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
MACROS = """
CREATE TEMP MACRO offset_at(instant, zone) AS timezone(zone, instant) - timezone('UTC', instant);
-- of a midnight that a clock change repeats, the first: that with the offset in force a little before
CREATE TEMP MACRO earlier(day, zone) AS
    timezone('UTC', day - offset_at(timezone(zone, day) - INTERVAL 3 HOUR, zone));
CREATE TEMP MACRO first_instant(day, zone) AS
    CASE WHEN timezone(zone, earlier(day, zone)) = day THEN earlier(day, zone) ELSE timezone(zone, day) END;
"""
LENGTHS = {Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000}


@dataclass
class Sql:
    """A statement under construction: `bind` keeps a value and gives the `$n` that stands for it."""

    values: list[object] = field(default_factory=list)

    def bind(self, value: object) -> str:
        """The place of a value in the text."""
        self.values.append(value)
        return f"${len(self.values)}"


def quoted(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def naive(instant: datetime) -> datetime:
    """An instant as the UTC timestamp that the tables keep."""
    return instant.astimezone(UTC).replace(tzinfo=None)


def aggregate(
    question: Aggregate, time: str, table: str, measured: Callable[[Measure], str]
) -> tuple[str, list[object]]:
    """The statement of an aggregate over a table, and its values; `measured` gives a measure's expression over it."""
    sql = Sql()
    columns = [f"{_bucket(question, time, sql)} AS bucket", *map(quoted, question.by)]
    if question.subtotals != "none":
        columns.append(f"{_grouping(question)} AS grouping_id")
    columns += [f"{measured(m)} AS {quoted(str(m))}" for m in question.measures]
    lines = [
        f"SELECT {', '.join(columns)}",
        f"FROM {quoted(table)}",
        f"WHERE {' AND '.join([*span(question.span, time, sql), *conditions(question.where, sql)])}",
        f"GROUP BY {_group_by(question)}",
    ]
    if question.top is not None:
        order = ", ".join(_order(question)[1:])
        lines.append(f"QUALIFY row_number() OVER (PARTITION BY bucket ORDER BY {order}) <= {sql.bind(question.top.n)}")
    if is_local(question.grain, question.zone):
        instant = f"epoch_ms(first_instant(bucket, {sql.bind(question.zone)}))"
        lines = [f"SELECT * REPLACE ({instant} AS bucket) FROM (", *lines, ")"]
    lines.append(f"ORDER BY {', '.join(_order(question))}")
    return "\n".join(lines), sql.values


def span(span: Span, time: str, sql: Sql) -> list[str]:
    """Conditions for the events of a span."""
    return [f"{quoted(time)} >= {sql.bind(naive(span.start))}", f"{quoted(time)} < {sql.bind(naive(span.end))}"]


def conditions(filters: tuple[Filter, ...], sql: Sql) -> list[str]:
    """The filters' conditions."""
    return [_condition(f, sql) for f in filters]


def measure(measure: Measure, integers: set[str]) -> str:
    """The expression of a measure over events.

    DuckDB's estimates of distinct counts and quantiles declare no bound, so a tolerated error is not made use of.
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


def bucket(column: str, grain: Grain, zone: str, sql: Sql) -> str:
    """A time's bucket: its start in milliseconds since 1970, UTC; of a day or longer in a zone, its first local day.

    A local day becomes an instant after grouping, by the macro `first_instant`, once a bucket and not once an event.
    """
    if grain in LENGTHS:
        length, shown = LENGTHS[grain], f"epoch_ms({local(column, zone, sql)})"
        return f"epoch_ms({column}) - ({shown} % {length} + {length}) % {length}"
    day = f"date_trunc('{grain}', {local(column, zone, sql)})"
    return day if is_local(grain, zone) else f"epoch_ms({day})"


def local(column: str, zone: str, sql: Sql) -> str:
    """What a local clock shows at a UTC timestamp."""
    return column if zone == "UTC" else f"timezone({sql.bind(zone)}, timezone('UTC', {column}))"


def is_local(grain: Grain, zone: str) -> bool:
    """Whether buckets are local days, and not instants."""
    return zone != "UTC" and grain is not Grain.ALL and grain not in LENGTHS


def _bucket(question: Aggregate, time: str, sql: Sql) -> str:
    if question.grain is Grain.ALL:
        return f"CAST({sql.bind(question.span.milliseconds[0])} AS BIGINT)"
    return bucket(quoted(time), question.grain, question.zone, sql)


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


def _condition(condition: Filter, sql: Sql) -> str:
    column = quoted(condition.column)
    if condition.op is Op.NULL:
        return f"{column} IS {'' if condition.value else 'NOT '}NULL"
    if condition.op is Op.IN:
        return f"{column} IN ({', '.join(sql.bind(v) for v in condition.values)})"
    return f"{column} {COMPARE[condition.op]} {sql.bind(condition.value)}"
