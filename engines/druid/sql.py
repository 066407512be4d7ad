"""Writes aggregates as Druid SQL with bound values, and converts rows of SQL results into answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from math import prod
from typing import Any

import msgspec
import pyarrow as pa

from rollup_bench.engines import sql
from rollup_bench.engines.druid.buckets import bucket
from rollup_bench.engines.druid.client import Rows
from rollup_bench.engines.druid.datasource import HALF_BITS, TIME, Datasource, quoted
from rollup_bench.engines.ordering import arrange, first, grouping_id, grouping_sets
from rollup_bench.workloads import answers
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Grain, Span, milliseconds

CHOICES = {Op.LE: ("LEAST", "="), Op.GT: ("LEAST", "<>"), Op.GE: ("GREATEST", "="), Op.LT: ("GREATEST", "<>")}
"""Each ordering as a function of column and bound, and how its result compares with the column."""
FEW_GROUPS = 1_000
"""The most combinations of values of a top-n whose groups are all sent to the client."""
LONG = range(-(2**63), 2**63)
SUPPLEMENTARY, LAST_PREFIX = r"[\x{10000}-\x{10FFFF}]", "\uffff\uffff"
"""A pattern of the characters beyond U+FFFF, and a prefix that sorts after all other characters."""
FIRST_AFTER_SURROGATES = "\ue000"
"""UTF-16 sorts the characters from here to U+FFFF after those beyond, and all other characters as code points do."""


class SpanEnd(IntEnum):
    """A value in a statement that stands for the start or the end of a span, in milliseconds since 1970, UTC."""

    START = 0
    END = 1


class Statement(msgspec.Struct, frozen=True):
    """The text of a SQL statement and the values of its `?` parameters, in order."""

    text: str
    values: list[str | int | float]

    def over(self, span: Span) -> "Statement":
        """The statement with the start and end of `span`, in milliseconds since 1970, in place of `SpanEnd` values."""
        ends = span.milliseconds
        return Statement(self.text, [ends[value] if isinstance(value, SpanEnd) else value for value in self.values])


class Parameters(sql.Parameters):
    """Bound values whose placeholders may stand in any order in the SQL text, also more than once."""

    def bind(self, value: str | int | float) -> str:
        """Adds a value and returns its placeholder, which `statement` replaces by `?`."""
        self.values.append(value)
        return f"\0{len(self.values) - 1}\0"

    def statement(self, text: str) -> Statement:
        """The statement with `?` for each placeholder in `text`, and the bound values in the order of the text."""
        places = re.findall("\0(\\d+)\0", text)
        return Statement(re.sub("\0\\d+\0", "?", text), [self.values[int(place)] for place in places])


def aggregate(question: Aggregate, datasource: Datasource, source: str) -> Statement:
    """The statement of an aggregate with `SpanEnd` for the ends of its span; `source` is the datasource's name."""
    parameters, sets = Parameters(), grouping_sets(question)
    exact = any(m.function is Function.DISTINCT and not m.error for m in question.measures)
    if exact and len(sets) > 1:  # Druid's GROUPING SETS give wrong totals beside exact distinct counts
        text = "\nUNION ALL\n".join(_grouped(question, datasource, source, by, parameters) for by in sets)
    else:
        text = _grouped(question, datasource, source, None, parameters)
    if question.top is not None and not client_cuts(question, datasource):
        text = _limited(question, datasource, text, parameters)
    return parameters.statement(text)


def client_cuts(question: Aggregate, datasource: Datasource) -> bool:
    """Whether the client, not Druid, cuts the answer to each bucket's top groups: by bucket of time, or of few groups.

    By bucket, Druid's SQL would need a window function, which allocates 200 MB for each bucket and sorts text by
    UTF-16. Few groups take less processor time to send than to sort by code point.
    """
    if question.top is None:
        return False
    cardinality = datasource.statistics.cardinality
    groups = prod(cardinality.get(name, FEW_GROUPS + 1) for name in question.by)
    return question.grain is not Grain.ALL or groups <= FEW_GROUPS


@dataclass(frozen=True)
class Prepared:
    """The statement of an aggregate for any span, and the schema of its answer.

    `wide` are the places in the schema of sums that the result has in two columns, upper and lower bits.
    """

    statement: Statement
    schema: pa.Schema
    wide: tuple[int, ...] = ()

    @cached_property
    def row(self) -> pa.StructType:
        """The Arrow type of a row of the answer: a struct with a field for each column."""
        return pa.struct(list(self.schema))


def prepare(question: Aggregate, datasource: Datasource, source: str) -> Prepared:
    """Prepares an aggregate; `source` is the datasource's name in Druid."""
    schema = answers.schema(question, datasource.statistics.schema)
    measures = enumerate(question.measures, len(schema) - len(question.measures))
    wide = tuple(place for place, m in measures if m.function is Function.SUM and datasource.wide(m.column))
    return Prepared(aggregate(question, datasource, source), schema, wide)


def answer(question: Aggregate, _datasource: Datasource, prepared: Prepared, rows: Rows) -> pa.Table:
    """Converts rows of a SQL result into the sorted answer, cut to the top; OverflowError if a sum exceeds 64 bits."""
    if question.grain is Grain.ALL:
        start = milliseconds(question.span.start)
        rows = [(start, *row) for row in rows]
    for place in prepared.wide:
        rows = [(*row[:place], joined(*row[place : place + 2]), *row[place + 2 :]) for row in rows]
        checked(prepared.schema.names[place], [row[place] for row in rows])
    batch = pa.RecordBatch.from_struct_array(pa.array(rows, prepared.row))
    return first(question, arrange(question, pa.Table.from_batches([batch])))


def code_point_key(dimension: str, datasource: Datasource, values: str, parameters: Parameters) -> str:
    """The SQL of a key that sorts a dimension by code point; Druid sorts texts by UTF-16, U+10000 before U+E000."""
    if datasource.sql_type(dimension) != "VARCHAR":
        return values
    return _text_key(values, parameters)


def _text_key(text: str, parameters: Parameters) -> str:
    return f"REGEXP_REPLACE({text}, {parameters.bind(SUPPLEMENTARY)}, {parameters.bind(LAST_PREFIX + '$0')})"


def key_value(dimension: str, datasource: Datasource, key: str, parameters: Parameters) -> str:
    """The SQL that converts a key of `code_point_key` back into the value of the dimension."""
    if datasource.sql_type(dimension) != "VARCHAR":
        return key
    return f"REPLACE({key}, {parameters.bind(LAST_PREFIX)}, '')"


def conditions(filters: tuple[Filter, ...], parameters: Parameters, alias: str = "") -> list[str]:
    """The SQL condition of each filter, with the table alias `alias`, for example `e.`, before the column."""
    return [_condition(f, alias + quoted(f.column), parameters) for f in filters]


def _condition(wanted: Filter, column: str, parameters: Parameters) -> str:
    """The SQL of a filter.

    LEAST or GREATEST compare integers that Druid's index would round to other doubles. Keys compare texts with a value
    that code points and UTF-16 may order differently.
    """
    value = wanted.value if wanted.op in CHOICES else None
    if isinstance(value, str) and max(value, default="") >= FIRST_AFTER_SURROGATES:
        keyed = re.sub("[\U00010000-\U0010ffff]", lambda found: LAST_PREFIX + found[0], value)
        wanted, column = Filter(wanted.column, wanted.op, (keyed,)), _text_key(column, parameters)
    if not isinstance(value, int) or int(float(value)) == value:
        return sql.condition(wanted, column, parameters)
    choice, comparison = CHOICES[wanted.op]
    return f"{choice}({column}, {parameters.bind(value)}) {comparison} {column}"


def _grouped(
    question: Aggregate, datasource: Datasource, source: str, by: tuple[str, ...] | None, parameters: Parameters
) -> str:
    """The SELECT that groups by the dimensions `by`, or by all grouping sets of the question if `by` is None."""
    columns = _columns(question, datasource, by)
    lines = [
        f"SELECT {', '.join(f'{what} AS {quoted(name)}' for name, what in columns.items())}",
        f"FROM {quoted(source)}",
        f"WHERE {where(question, datasource, parameters)}",
        _group_by(question, datasource, grouping_sets(question) if by is None else [by]),
    ]
    return "\n".join(lines)


def where(question: Aggregate, datasource: Datasource, parameters: Parameters) -> str:
    """The SQL conditions of the events of a question, with `SpanEnd` in place of the ends of its span."""
    start, end = parameters.bind(SpanEnd.START), parameters.bind(SpanEnd.END)
    span = f"{TIME} >= MILLIS_TO_TIMESTAMP({start}) AND {TIME} < MILLIS_TO_TIMESTAMP({end})"
    return " AND ".join([span, *conditions(datasource.rollup.flagging(question).where, parameters)])


def _columns(question: Aggregate, datasource: Datasource, by: tuple[str, ...] | None) -> dict[str, str]:
    """The SQL of each column of the result, by the column's name, in the order of the result."""
    columns = {} if question.grain is Grain.ALL else {"bucket": bucket_of(question, datasource)}
    for dimension in question.by:
        grouped = by is None or dimension in by
        columns[dimension] = quoted(dimension) if grouped else f"CAST(NULL AS {datasource.sql_type(dimension)})"
    if question.subtotals != "none":
        grouping = f"GROUPING({', '.join(map(quoted, question.by))})" if question.by else "0"
        columns["grouping_id"] = grouping if by is None else str(grouping_id(question, by))
    for measure in question.measures:
        columns |= zip((str(measure), f"{measure}, low"), datasource.expressions(measure), strict=False)
    return columns


def _group_by(question: Aggregate, datasource: Datasource, sets: list[tuple[str, ...]]) -> str:
    head = [] if question.grain is Grain.ALL else [bucket_of(question, datasource)]
    grouped = [", ".join([*head, *map(quoted, by)]) for by in sets]
    if len(grouped) > 1:
        return f"GROUP BY GROUPING SETS ({', '.join(f'({g})' for g in grouped)})"
    return f"GROUP BY {grouped[0]}" if grouped[0] else f"HAVING {datasource.count} > 0"  # no row without events


def bucket_of(question: Aggregate, datasource: Datasource) -> str:
    """The SQL of the start of an event's bucket."""
    return bucket(question.grain, question.zone, datasource.statistics)


def _limited(question: Aggregate, datasource: Datasource, text: str, parameters: Parameters) -> str:
    """The SQL `text` with ORDER BY and LIMIT, so that only the top groups are returned."""
    assert question.top is not None
    columns, measure = list(_columns(question, datasource, None)), str(question.top.measure)
    halves = [quoted(c) for c in (measure, f"{measure}, low") if c in columns]
    keys = [code_point_key(d, datasource, quoted(d), parameters) for d in question.by]
    grouping = [quoted(c) for c in columns if c == "grouping_id"]
    order = [*_order(halves, smallest=question.top.smallest), *_order([*keys, *grouping])]
    return f"{text}\nORDER BY {', '.join(order)}\nLIMIT {parameters.bind(question.top.n)}"


def _order(keys: Sequence[str], *, smallest: bool = True) -> list[str]:
    """The ORDER BY terms that sort by keys with NULL last, because Druid has no NULLS LAST."""
    way = "ASC" if smallest else "DESC"
    return [part for key in keys for part in (f"CASE WHEN {key} IS NULL THEN 1 ELSE 0 END", f"{key} {way}")]


def joined(high: int | None, low: int | None) -> int | None:
    """The sum whose upper bits are `high` and whose lower 32 bits are `low`; None if one of these is None."""
    return None if high is None or low is None else (high << HALF_BITS) + low


def checked(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """Returns the values unchanged; OverflowError, which names the measure, if an integer does not fit 64 bits."""
    if any(isinstance(value, int) and value not in LONG for value in values):
        raise OverflowError(f"{name} does not fit 64 bits")
    return values
