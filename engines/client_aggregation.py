"""Aggregates in the client: merges events or roll-up rows into partial aggregates, and computes answers from these."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.ordering import arrange, first, grouping_id, grouping_sets
from rollup_bench.engines.partials import EVENTS, Partial, aggregate_rows
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate

PENDING_ROWS = 1 << 20
COUNT = "count()"
VALUE = "value"


def partials(measures: Iterable[Measure]) -> list[Partial]:
    """Partial aggregates that `measures` need, first the count of events; distinct counts and quantiles need none."""
    needed = [EVENTS]
    for measure in measures:
        if measure.function in (Function.SUM, Function.MEAN):
            needed += [Partial("count", measure.column), Partial("sum", measure.column)]
        elif measure.function in (Function.MIN, Function.MAX):
            needed.append(Partial(str(measure.function), measure.column))
    return list(dict.fromkeys(needed))


def value_columns(measures: Iterable[Measure]) -> list[str]:
    """The columns of the distinct counts and quantiles among `measures`, which need every value of these columns."""
    return list(dict.fromkeys(str(m.column) for m in measures if m.function in ESTIMABLE))


def distinct_columns(measures: Iterable[Measure]) -> list[str]:
    """The columns of the distinct counts among `measures`."""
    return list(dict.fromkeys(str(m.column) for m in measures if m.function is Function.DISTINCT))


@dataclass(frozen=True)
class Groups:
    """Partial aggregates of events grouped by the columns `keys`; a group may have several rows.

    `totals` has the columns `keys` and one for each partial aggregate. `values[x]` has rows of a group, a value of the
    column x and the number of events with this value; distinct counts and quantiles are computed from these rows.
    """

    keys: list[str]
    totals: pa.Table
    values: dict[str, pa.Table]


def aggregated(rows: pa.Table, by: Iterable[str], measures: Iterable[Measure], statistics: Statistics) -> Groups:
    """Groups events by bucket and the dimensions `by`; `rows` are the events, each with its bucket in `bucket`."""
    keys = {key: rows[key] for key in ("bucket", *by)}
    totals = keys | {str(partial): partial.of_events(rows, statistics) for partial in partials(measures)}
    values = {
        column: pa.table(keys | {VALUE: rows[column], COUNT: rows[column].is_valid().cast(pa.int64())})
        for column in value_columns(measures)
    }
    return merged(Groups(list(keys), pa.table(totals), values), list(keys))


def merge_function(partial: str) -> str:
    """The function that merges values of the aggregate named `partial`: min for a min, max for a max, else sum."""
    function = partial.partition("(")[0]
    return function if function in ("min", "max") else "sum"


def merged(groups: Groups, keys: list[str]) -> Groups:
    """Merges all rows of `groups` that agree in `keys`, a subset of its keys, into one row."""
    if groups.keys == keys and groups.totals.num_rows < 2 and not groups.values:
        return groups
    merges = {c: merge_function(c) for c in groups.totals.column_names if c not in groups.keys}
    values = {c: _merged_rows(table, [*keys, VALUE], {COUNT: "sum"}) for c, table in groups.values.items()}
    return Groups(keys, _merged_rows(groups.totals, keys, merges), values)


def _merged_rows(table: pa.Table, keys: list[str], merges: dict[str, str]) -> pa.Table:
    return table.select([*keys, *merges]) if table.num_rows < 2 else aggregate_rows(table, keys, merges)


def concatenated(parts: Sequence[Groups]) -> Groups:
    """Joins the rows of parts that have the same keys; no two parts may hold the same partial aggregate of an event."""
    if len(parts) == 1:
        return parts[0]
    values = {c: [part.values[c] for part in parts if c in part.values] for whole in parts for c in whole.values}
    totals = pa.concat_tables([part.totals for part in parts], promote_options="default")
    return Groups(parts[0].keys, totals, {c: pa.concat_tables(tables) for c, tables in values.items()})


class Accumulator:
    """Collects Groups part by part; merges rows of equal groups after each million new rows, to bound the memory."""

    def __init__(self) -> None:
        self._parts: list[Groups] = []

    def add(self, part: Groups | None) -> None:
        """Adds `part` to the collected groups; None adds nothing."""
        if part is None:
            return
        self._parts.append(part)
        if sum(p.totals.num_rows + sum(v.num_rows for v in p.values.values()) for p in self._parts[1:]) > PENDING_ROWS:
            self._parts = [merged(concatenated(self._parts), part.keys)]

    @property
    def groups(self) -> Groups | None:
        """The rows of all parts added, in which a group may have several rows; None if no part was added."""
        return concatenated(self._parts) if self._parts else None


def answer(question: Aggregate, groups: Groups | None, schema: pa.Schema) -> pa.Table:
    """The answer in `schema`, empty if `groups` is None; OverflowError if an integer does not fit 64 bits."""
    if groups is None:
        return schema.empty_table()
    parts = [_grouping_set(question, by, groups, schema) for by in grouping_sets(question)]
    whole = arrange(question, pa.concat_tables(parts) if len(parts) > 1 else parts[0])
    return first(question, whole)


def answer_of_totals(question: Aggregate, totals: Mapping[str, pa.Array], schema: pa.Schema) -> pa.Table:
    """The answer in `schema`, without subtotals, if `totals` have one row for each group.

    Making Arrow tables takes most of the time of a small answer: this function makes one, `answer` two. OverflowError
    if an integer does not fit 64 bits.
    """
    measured = [_of_totals(totals, measure) for measure in question.measures]
    columns = [*(totals[key] for key in ("bucket", *question.by)), *measured]
    return first(question, arrange(question, _table(columns, schema)))


def _grouping_set(question: Aggregate, by: tuple[str, ...], groups: Groups, schema: pa.Schema) -> pa.Table:
    """The answer's rows grouped by bucket and the dimensions `by`; all other dimensions are NULL."""
    part = merged(groups, ["bucket", *by])
    if part.values:
        part = Groups(part.keys, _sorted(part.totals, part.keys), part.values)
    names, columns = schema.names, {key: part.totals[key] for key in part.keys}
    for name, measure in zip(names[-len(question.measures) :], question.measures, strict=True):
        columns[name] = _measured(part, measure)
    if question.subtotals != "none":
        columns["grouping_id"] = pa.array(np.full(part.totals.num_rows, grouping_id(question, by)))
    for name in names:
        if name not in columns:
            columns[name] = pa.nulls(part.totals.num_rows)
    return _table([columns[name] for name in names], schema)


def _table(columns: list[pa.Array | pa.ChunkedArray], schema: pa.Schema) -> pa.Table:
    try:
        return pa.Table.from_arrays(columns, schema=schema)  # casts columns to their types
    except pa.ArrowInvalid as error:
        raise OverflowError(str(error)) from None


def _measured(part: Groups, measure: Measure) -> pa.ChunkedArray | pa.Array:
    column = str(measure.column)
    if measure.function is Function.QUANTILE:
        return _quantile(part, column, measure.at or 0.0)
    if measure.function is Function.DISTINCT and column in part.values:
        return _sorted(distinct_counts(part.values[column], part.keys, column), part.keys)[distinct_count(column)]
    return _of_totals(part.totals, measure)


def _of_totals(totals: pa.Table | Mapping[str, pa.Array], measure: Measure) -> pa.ChunkedArray | pa.Array:
    """A measure's value in each row of totals; a distinct count must be a column of them."""
    column = str(measure.column)
    match measure.function:
        case Function.COUNT:
            return totals[COUNT]
        case Function.MEAN:
            return pc.divide(totals[f"sum({column})"].cast(pa.float64(), safe=False), totals[f"count({column})"])
        case Function.DISTINCT:
            return totals[distinct_count(column)]
        case function:
            return totals[f"{function}({column})"]


def distinct_count(column: str) -> str:
    """The name of the column that holds the number of distinct values of `column`."""
    return f"distinct({column})"


def distinct_counts(values: pa.Table, keys: list[str], column: str) -> pa.Table:
    """Counts the distinct values of each group, without NULL, from rows of a group and a value."""
    distinct = _merged_rows(values, [*keys, VALUE], {COUNT: "sum"})
    counts = aggregate_rows(distinct, keys, {VALUE: "count"})
    return counts.rename_columns([*keys, distinct_count(column)])


def with_distinct_counts(groups: Groups, columns: Iterable[str]) -> pa.Table:
    """The totals, with one more column for each of `columns`: the number of its distinct values.

    Each group must have one row in the totals, and at least one among the values of each column.
    """
    totals = _sorted(groups.totals, groups.keys)
    for column in columns:
        counts = _sorted(distinct_counts(groups.values[column], groups.keys, column), groups.keys)
        totals = totals.append_column(distinct_count(column), counts[distinct_count(column)])
    return totals


def _quantile(part: Groups, column: str, at: float) -> pa.Array:
    """Each group's smallest value such that at least the fraction `at` of its values are no larger; NULL if empty."""
    ranked = _sorted(part.values[column], [*part.keys, VALUE])
    counts = np.asarray(_sorted(aggregate_rows(ranked, part.keys, {COUNT: "sum"}), part.keys)[COUNT])
    cumulative = np.cumsum(np.asarray(ranked[COUNT]))
    before = np.cumsum(counts) - counts
    share = Fraction(str(at))
    ranks = np.array([-(-share.numerator * n // share.denominator) for n in counts.tolist()], np.int64)
    places = np.searchsorted(cumulative, before + ranks, "left")
    return ranked[VALUE].take(pa.array(places, pa.int64(), mask=counts == 0))


def _sorted(table: pa.Table, keys: list[str]) -> pa.Table:
    return table.sort_by([(key, "ascending") for key in keys])
