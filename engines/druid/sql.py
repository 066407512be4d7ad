"""Aggregates as Druid's SQL, with the values that are bound to it, and its rows made into answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import chain
from typing import Any

import pyarrow as pa

from rollup_bench.engines.druid.buckets import bucket
from rollup_bench.engines.druid.tables import HALF, TIME, Table, quoted
from rollup_bench.engines.ordering import arrange, first
from rollup_bench.engines.subtotals import grouping_id, grouping_sets
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Aggregate, Grain, Question, Span

COMPARE = {Op.EQ: "=", Op.NE: "<>", Op.LT: "<", Op.LE: "<=", Op.GT: ">", Op.GE: ">="}
CHOOSE = {Op.LE: ("LEAST", "="), Op.GT: ("LEAST", "<>"), Op.GE: ("GREATEST", "="), Op.LT: ("GREATEST", "<>")}
"""Each ordering as a choice of the column or the bound, whichever is chosen."""
LONG = range(-(2**63), 2**63)
BEYOND, AFTER = r"[\x{10000}-\x{10FFFF}]", "\uffff\uffff"
"""A pattern of what lies beyond U+FFFF, and what sorts after all that does not."""


class End(IntEnum):
    """An end of a span, in place of its milliseconds."""

    START = 0
    END = 1


@dataclass(frozen=True)
class Statement:
    """What is sent, with a value for each `?`."""

    text: str
    values: list[str | int | float]

    def over(self, span: Span) -> "Statement":
        """The same with a span's milliseconds for its ends."""
        ends = span.milliseconds
        return Statement(self.text, [ends[value] if isinstance(value, End) else value for value in self.values])


@dataclass
class Sql:
    """A statement under construction: `bind` keeps a value and gives the mark that stands for it."""

    values: list[str | int | float] = field(default_factory=list)

    def bind(self, value: str | int | float) -> str:
        """The mark may stand anywhere in the text, also more than once."""
        self.values.append(value)
        return f"\0{len(self.values) - 1}\0"

    def statement(self, text: str) -> Statement:
        """The text with a `?` for each mark."""
        marks = re.findall("\0(\\d+)\0", text)
        return Statement(re.sub("\0\\d+\0", "?", text), [self.values[int(mark)] for mark in marks])


def aggregate(question: Aggregate, table: Table, source: str) -> Statement:
    """The statement of an aggregate over the datasource `source`, whatever its span."""
    sql = Sql()
    exact = any(m.function is Function.DISTINCT and not m.error for m in question.measures)
    if exact and len(grouping_sets(question)) > 1:  # GROUPING SETS give wrong totals beside exact distinct counts
        sets = grouping_sets(question)
        text = "\nUNION ALL\n".join(_grouped(question, table, source, kept, sql) for kept in sets)
    else:
        text = _grouped(question, table, source, None, sql)
    if question.top is not None:
        text = _top(question, table, text, sql)
    return sql.statement(text)


def is_cut(question: Question) -> bool:
    """Whether the client cuts the top out of the groups of each bucket."""
    return isinstance(question, Aggregate) and question.top is not None and question.grain is not Grain.ALL


def answer(question: Aggregate, table: Table, schema: pa.Schema, rows: list[list[Any]]) -> pa.Table:
    """The answer, in its schema, that the rows of the statement's result make."""
    if not rows:
        return schema.empty_table()
    cells, width = list(chain.from_iterable(rows)), len(rows[0])
    columns: list[Sequence[Any]] = [cells[place::width] for place in range(width)]
    if question.grain is Grain.ALL:
        columns.insert(0, (question.span.milliseconds[0],) * len(rows))
    for place, measure in enumerate(question.measures, len(schema) - len(question.measures)):
        if measure.function is Function.SUM and table.wide(measure.column):
            columns[place : place + 2] = [_whole(str(measure), columns[place], columns[place + 1])]
    arrays = [pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)]
    made = pa.Table.from_arrays(arrays, schema=schema)
    return first(question, arrange(question, made))


def by_code_point(dimension: str, table: Table, values: str, sql: Sql) -> str:
    """What sorts values of a dimension by code point. Druid sorts text by UTF-16, which has U+10000 before U+E000."""
    if table.type(dimension) != "VARCHAR":
        return values
    return f"REGEXP_REPLACE({values}, {sql.bind(BEYOND)}, {sql.bind(AFTER + '$0')})"


def sorted_back(dimension: str, table: Table, keys: str, sql: Sql) -> str:
    """The values behind what `by_code_point` gives."""
    return keys if table.type(dimension) != "VARCHAR" else f"REPLACE({keys}, {sql.bind(AFTER)}, '')"


def _in_span(sql: Sql) -> str:
    """The condition for the events of a span, which Druid makes into an interval."""
    start, end = sql.bind(End.START), sql.bind(End.END)
    return f"{TIME} >= MILLIS_TO_TIMESTAMP({start}) AND {TIME} < MILLIS_TO_TIMESTAMP({end})"


def conditions(filters: tuple[Filter, ...], sql: Sql, of: str = "") -> list[str]:
    """The filters' conditions, on columns of the table named with its point."""
    return [_condition(f, of + quoted(f.column), sql) for f in filters]


def _grouped(question: Aggregate, table: Table, source: str, kept: tuple[str, ...] | None, sql: Sql) -> str:
    """The statement without its top; of one grouping set, or of all of them."""
    columns = _columns(question, table, kept)
    lines = [
        f"SELECT {', '.join(f'{what} AS {quoted(name)}' for name, what in columns.items())}",
        f"FROM {quoted(source)}",
        f"WHERE {' AND '.join([_in_span(sql), *conditions(question.where, sql)])}",
        _group_by(question, table, grouping_sets(question) if kept is None else [kept]),
    ]
    return "\n".join(lines)


def _columns(question: Aggregate, table: Table, kept: tuple[str, ...] | None) -> dict[str, str]:
    """The columns of the result by name."""
    columns = {} if question.grain is Grain.ALL else {"bucket": bucket(question.grain, question.zone, table.statistics)}
    columns |= {d: quoted(d) if kept is None or d in kept else f"CAST(NULL AS {table.type(d)})" for d in question.by}
    if question.subtotals != "none":
        grouping = f"GROUPING({', '.join(map(quoted, question.by))})" if question.by else "0"
        columns["grouping_id"] = grouping if kept is None else str(grouping_id(question, kept))
    for measure in question.measures:
        parts = table.read(measure)
        columns |= dict(zip((str(measure), f"{measure}, low"), parts, strict=False))
    return columns


def _group_by(question: Aggregate, table: Table, sets: list[tuple[str, ...]]) -> str:
    head = [] if question.grain is Grain.ALL else [bucket(question.grain, question.zone, table.statistics)]
    grouped = [", ".join([*head, *map(quoted, kept)]) for kept in sets]
    if len(grouped) > 1:
        return f"GROUP BY GROUPING SETS ({', '.join(f'({g})' for g in grouped)})"
    return f"GROUP BY {grouped[0]}" if grouped[0] else f"HAVING {table.rows} > 0"  # of no events there is no total


def _top(question: Aggregate, table: Table, text: str, sql: Sql) -> str:
    """The statement for the first groups of the statement `text`.

    Of a top in each bucket all groups are sent: a window would allocate 200 MB for each of them, and sort text in no
    order of the alphabet.
    """
    assert question.top is not None
    if is_cut(question):
        return text
    columns, measure = list(_columns(question, table, None)), str(question.top.measure)
    halves = [quoted(c) for c in (measure, f"{measure}, low") if c in columns]
    keys = [by_code_point(d, table, quoted(d), sql) for d in question.by]
    grouping = [quoted(c) for c in columns if c == "grouping_id"]
    order = [*_order(halves, smallest=question.top.smallest), *_order([*keys, *grouping])]
    return f"{text}\nORDER BY {', '.join(order)}\nLIMIT {sql.bind(question.top.n)}"


def _order(keys: Sequence[str], *, smallest: bool = True) -> list[str]:
    """The smallest or the greatest first, NULL last. Druid sorts NULL first and knows no NULLS LAST."""
    way = "ASC" if smallest else "DESC"
    return [part for key in keys for part in (f"CASE WHEN {key} IS NULL THEN 1 ELSE 0 END", f"{key} {way}")]


def _condition(condition: Filter, column: str, sql: Sql) -> str:
    if condition.op is Op.NULL:
        return f"{column} IS {'' if condition.value else 'NOT '}NULL"
    if condition.op is Op.IN:
        return f"{column} IN ({', '.join(sql.bind(v) for v in condition.values)})"
    if condition.op in CHOOSE and _rounded(condition.value):
        choice, same = CHOOSE[condition.op]
        return f"{choice}({column}, {sql.bind(condition.value)}) {same} {column}"
    return f"{column} {COMPARE[condition.op]} {sql.bind(condition.value)}"


def _rounded(value: str | int | float) -> bool:
    """Whether Druid's index, which looks for the ends of a range as doubles, would look for another integer."""
    return isinstance(value, int) and int(float(value)) != value


def checked(name: str, values: Sequence[Any]) -> Sequence[Any]:
    """The values; OverflowError where an integer does not fit 64 bits."""
    if any(isinstance(value, int) and value not in LONG for value in values):
        raise OverflowError(f"{name} does not fit 64 bits")
    return values


def _whole(name: str, highs: Sequence[int | None], lows: Sequence[int | None]) -> Sequence[int | None]:
    """Sums from their halves."""
    return checked(
        name, [None if h is None or w is None else (h << HALF) + w for h, w in zip(highs, lows, strict=True)]
    )
