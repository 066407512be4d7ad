"""Aggregation in the client: events or roll-up rows folded into the states of groups, and answers read off them.

`totals` has a row a group and a column a state: `count()`, and of a number its count, sum, least and largest.
`values[x]` has a row a group and value of x, with the number of events that have it; distinct counts and quantiles
are read off it.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.ordering import arrange, first
from rollup_bench.engines.subtotals import grouping_id, grouping_sets
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate

FOLDS = {"count": "sum", "sum": "sum", "min": "min", "max": "max", "distinct": "sum"}
PENDING = 1 << 20
TIMES = "count()"
VALUE = "value"
WIDE = pa.decimal128(38, 0)
"""The sum of integers that may not fit 64 bits."""


@dataclass(frozen=True)
class State:
    """What is kept of a group: the count of a column's values, or their sum, least or largest, NULL if there are none;
    without a column the count of events."""

    function: str
    column: str | None = None

    def __str__(self) -> str:
        return f"{self.function}({self.column or ''})"


EVENTS = State("count")


def states(measures: Iterable[Measure]) -> list[State]:
    """The states that the measures are read off, the count of events first."""
    found = [EVENTS]
    for measure in measures:
        if measure.function in (Function.SUM, Function.MEAN):
            found += [State("count", measure.column), State("sum", measure.column)]
        elif measure.function in (Function.MIN, Function.MAX):
            found.append(State(str(measure.function), measure.column))
    return list(dict.fromkeys(found))


def kind(state: State, events: pa.Schema, wide: Collection[str]) -> pa.DataType:
    """The type of a state; sums of the `wide` columns may exceed 64 bits."""
    if state.function == "count" or state.column is None:
        return pa.int64()
    return WIDE if state.function == "sum" and state.column in wide else events.field(state.column).type


def kept_values(measures: Iterable[Measure]) -> list[str]:
    """The columns whose values must be kept."""
    return list(dict.fromkeys(str(m.column) for m in measures if m.function in ESTIMABLE))


@dataclass(frozen=True)
class Groups:
    """The states of groups, by `keys`."""

    keys: list[str]
    totals: pa.Table
    values: dict[str, pa.Table]


def of_events(rows: pa.Table, by: Iterable[str], measures: Iterable[Measure], wide: Collection[str]) -> Groups:
    """The groups of events that have their bucket as a column; sums of the `wide` columns may exceed 64 bits."""
    keys = {k: rows[k] for k in ("bucket", *by)}
    totals = keys | {str(s): term(rows, s, wide) for s in states(measures)}
    values = {
        c: pa.table(keys | {VALUE: rows[c], TIMES: rows[c].is_valid().cast(pa.int64())}) for c in kept_values(measures)
    }
    return folded(Groups(list(keys), pa.table(totals), values), list(keys))


def fold(state: str) -> str:
    """The function that makes one of several values of a state."""
    return FOLDS[state.partition("(")[0]]


def folded(groups: Groups, keys: list[str]) -> Groups:
    """Grouped by fewer keys, or by the same where a group stands more than once."""
    if groups.keys == keys and groups.totals.num_rows < 2 and not groups.values:
        return groups
    folds = {c: fold(c) for c in groups.totals.column_names if c not in groups.keys}
    values = {c: _fold(t, [*keys, VALUE], {TIMES: "sum"}) for c, t in groups.values.items()}
    return Groups(keys, _fold(groups.totals, keys, folds), values)


def joined(parts: Sequence[Groups]) -> Groups:
    """Parts, each of other events or with other states, as one; a group that is in several stands several times."""
    if len(parts) == 1:
        return parts[0]
    values = {c: [p.values[c] for p in parts if c in p.values] for part in parts for c in part.values}
    totals = pa.concat_tables([p.totals for p in parts], promote_options="default")
    return Groups(parts[0].keys, totals, {c: pa.concat_tables(tables) for c, tables in values.items()})


class Accumulator:
    """Groups of which more and more parts come in; memory grows with the groups and not with the parts."""

    def __init__(self) -> None:
        self._parts: list[Groups] = []

    def add(self, part: Groups | None) -> None:
        """Another part, or none."""
        if part is None:
            return
        self._parts.append(part)
        if sum(p.totals.num_rows + sum(v.num_rows for v in p.values.values()) for p in self._parts[1:]) > PENDING:
            self._parts = [folded(joined(self._parts), part.keys)]

    @property
    def groups(self) -> Groups | None:
        """All of them, of which some may stand several times; None where nothing came in."""
        return joined(self._parts) if self._parts else None


def answer(question: Aggregate, groups: Groups | None, wanted: pa.Schema) -> pa.Table:
    """The answer in its schema, of groups that may stand several times; OverflowError where an integer does not fit
    64 bits."""
    if groups is None:
        return wanted.empty_table()
    parts = [_read(question, kept, groups, wanted) for kept in grouping_sets(question)]
    whole = arrange(question, pa.concat_tables(parts) if len(parts) > 1 else parts[0])
    return first(question, whole)


def _read(question: Aggregate, kept: tuple[str, ...], groups: Groups, wanted: pa.Schema) -> pa.Table:
    """The rows of one grouping set."""
    part = folded(groups, ["bucket", *kept])
    if part.values:
        part = Groups(part.keys, part.totals.sort_by([(k, "ascending") for k in part.keys]), part.values)
    columns = {key: part.totals[key] for key in part.keys}
    for name, measure in zip(wanted.names[-len(question.measures) :], question.measures, strict=True):
        columns[name] = _measured(part, measure)
    if question.subtotals != "none":
        columns["grouping_id"] = pa.array(np.full(part.totals.num_rows, grouping_id(question, kept)))
    try:
        filled = [_as(columns.get(f.name), f.type, part.totals.num_rows) for f in wanted]
    except pa.ArrowInvalid as error:
        raise OverflowError(str(error)) from None
    return pa.table(filled, schema=wanted)


def _as(column: pa.ChunkedArray | pa.Array | None, kind: pa.DataType, rows: int) -> pa.ChunkedArray | pa.Array:
    """The column in its type; NULLs where there is none."""
    if column is None:
        return pa.nulls(rows, kind)
    return column if column.type == kind else column.cast(kind)


def _measured(part: Groups, measure: Measure) -> pa.ChunkedArray | pa.Array:
    totals, column = part.totals, str(measure.column)
    match measure.function:
        case Function.COUNT:
            return totals[TIMES]
        case Function.SUM:
            return totals[f"sum({column})"]
        case Function.MEAN:
            return pc.divide(totals[f"sum({column})"].cast(pa.float64(), safe=False), totals[f"count({column})"])
        case Function.MIN | Function.MAX:
            return totals[f"{measure.function}({column})"]
        case Function.DISTINCT:
            if f"distinct({column})" in totals.column_names:
                return totals[f"distinct({column})"]
            return _sorted(part, column, [(VALUE, "count")])[f"{VALUE}_count"]
        case Function.QUANTILE:
            return _quantile(part, column, measure.at or 0.0)


def _quantile(part: Groups, column: str, at: float) -> pa.Array:
    """Of each group the smallest value that at least `at` of its values do not exceed."""
    order = [(k, "ascending") for k in [*part.keys, VALUE]]
    ranked = part.values[column].sort_by(order)
    counts = np.asarray(_sorted(part, column, [(TIMES, "sum")])[f"{TIMES}_sum"])
    upto = np.cumsum(np.asarray(ranked[TIMES]))
    before = np.cumsum(counts) - counts
    share = Fraction(str(at))
    ranks = np.array([-(-share.numerator * n // share.denominator) for n in counts.tolist()], np.int64)
    places = np.searchsorted(upto, before + ranks, "left")
    return ranked[VALUE].take(pa.array(places, pa.int64(), mask=counts == 0))


def _sorted(part: Groups, column: str, folds: list[tuple[str, str]]) -> pa.Table:
    """Values folded to a row a group, in the order of the keys, which the totals have too."""
    table = part.values[column].group_by(part.keys, use_threads=False).aggregate(folds)
    return table.sort_by([(k, "ascending") for k in part.keys])


def _fold(table: pa.Table, keys: list[str], folds: dict[str, str]) -> pa.Table:
    if table.num_rows < 2:
        return table.select([*keys, *folds])
    grouped = table.group_by(keys, use_threads=False).aggregate(list(folds.items()))
    named = grouped.select([*keys, *(f"{column}_{how}" for column, how in folds.items())])
    return named.rename_columns([*keys, *folds])


def term(rows: pa.Table, state: State, wide: Collection[str]) -> pa.ChunkedArray | pa.Array:
    """What each event adds to a state."""
    if state.column is None:
        return pa.array(np.ones(rows.num_rows, np.int64))
    column = rows[state.column]
    if state.function == "count":
        return column.is_valid().cast(pa.int64())
    return column.cast(WIDE) if state.function == "sum" and state.column in wide else column
