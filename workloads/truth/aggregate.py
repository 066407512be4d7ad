"""Computes the right answers to aggregates: reduces events to totals of groups, and computes measures from totals.

Table `totals` has one row for each group, with its number of events and the count, sum, minimum and maximum of each
number column. Table `values[column]` has one row for each group and distinct value, with the number of events that have
the value; distinct counts and quantiles are computed from this table.
"""

from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from math import ceil

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.answers import schema
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import ESTIMABLE, Function, Measure
from rollup_bench.workloads.questions import Aggregate
from rollup_bench.workloads.truth.buckets import bucket
from rollup_bench.workloads.truth.groups import GroupFold, regroup
from rollup_bench.workloads.truth.order import arrange, top
from rollup_bench.workloads.truth.selection import matching, within

HALF = 32
LONG = range(-(2**63), 2**63)
TOTALS = {"count": "sum", "sum": "sum", "high": "sum", "low": "sum", "min": "min", "max": "max", "magnitude": "sum"}


@dataclass(frozen=True)
class Groups:
    """The groups of events with equal `keys` (the bucket and some dimensions): both tables are sorted by the keys."""

    totals: pa.Table
    values: dict[str, pa.Table]
    keys: list[str]

    def over(self, keys: list[str]) -> "Groups":
        """Merges the groups into larger groups by the columns `keys`, some of the groups' keys."""
        fold = {c: TOTALS.get(c.rpartition(":")[2], "sum") for c in self.totals.column_names if c not in self.keys}
        values = {c: regroup(t, [*keys, "value"], {"times": "sum"}) for c, t in self.values.items()}
        return Groups(regroup(self.totals, keys, fold), values, keys)


@dataclass(frozen=True)
class Evidence:
    """The right answer `whole`, with all groups even if the question has a top, and the groups behind its rows.

    Row i of `whole` was computed from row `places[i]` of the totals of `groups[sets[i]]`.
    """

    whole: pa.Table
    groups: list[Groups]
    sets: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]

    def magnitude(self, measure: Measure, row: int) -> float:
        """The sum, or for a mean the mean, of the absolute floats that a row's measure adds up; 0.0 without floats."""
        totals, place = self.groups[self.sets[row]].totals, int(self.places[row])
        if f"{measure.column}:magnitude" not in totals.column_names:
            return 0.0
        sum_of_absolutes = float(totals[f"{measure.column}:magnitude"][place].as_py() or 0.0)
        count = totals[f"{measure.column}:count"][place].as_py() if measure.function is Function.MEAN else 1
        return sum_of_absolutes / max(count, 1)

    def shares(self, measure: Measure, row: int, value: float) -> tuple[float, float]:
        """The share of the values behind a row's measure that are below `value`, and the share that are at most it."""
        ranked = ranks(self.groups[self.sets[row]], measure.column or "")
        return ranked.shares(int(self.places[row]), value)


def answer(question: Aggregate, events: Events) -> pa.Table:
    """The right answer to an aggregate; OverflowError if a sum of integers in any group does not fit into 64 bits."""
    return top(question, evidence(question, events).whole)


def evidence(question: Aggregate, events: Events) -> Evidence:
    """The right answer with all groups and their totals; OverflowError if a sum of integers does not fit 64 bits."""
    wanted = schema(question, events.statistics.schema)
    finest = grouped(question, events)
    sets = grouping_sets(question)
    groups = [finest.over(["bucket", *by]) for by in sets]
    parts = [_rows(question, by, part, wanted) for by, part in zip(sets, groups, strict=True)]
    numbers = np.concatenate([np.full(p.num_rows, i) for i, p in enumerate(parts)])
    places = np.concatenate([np.arange(p.num_rows) for p in parts])
    marked = pa.concat_tables(parts).append_column("set", pa.array(numbers, pa.int64()))
    arranged = arrange(question, marked.append_column("place", pa.array(places, pa.int64())))
    whole = arranged.select(wanted.names).combine_chunks()
    return Evidence(whole, groups, np.asarray(arranged["set"]), np.asarray(arranged["place"]))


def grouping_sets(question: Aggregate) -> list[tuple[str, ...]]:
    """The subsets of the dimensions by which the question groups: `by` itself, prefixes (rollup) or all (cube)."""
    by = question.by
    subsets = [subset for size in range(len(by) + 1) for subset in combinations(by, size)]
    match question.subtotals:
        case "none":
            return [by]
        case "rollup":
            return [subset for subset in subsets if subset == by[: len(subset)]]
        case "cube":
            return subsets


def grouping_id(question: Aggregate, by: tuple[str, ...]) -> int:
    """A number with a binary digit for each dimension of the question, the first highest: 1 if `by` lacks it."""
    return int("0" + "".join("0" if dimension in by else "1" for dimension in question.by), 2)


def _rows(question: Aggregate, by: tuple[str, ...], groups: Groups, wanted: pa.Schema) -> pa.Table:
    """The answer's rows for `groups`, which are grouped by `by`, in the answer's schema `wanted`."""
    rows = groups.totals.num_rows
    columns = {k: groups.totals[k] for k in groups.keys}
    columns["grouping_id"] = pa.array([grouping_id(question, by)] * rows, pa.int64())
    columns |= {str(m): measured(groups, m, wanted.field(str(m)).type) for m in question.measures}
    missing = {f.name: pa.nulls(rows, f.type) for f in wanted if f.name not in columns}
    return pa.table(columns | missing).select(wanted.names).cast(wanted)


def grouped(question: Aggregate, events: Events) -> Groups:
    """The groups of the question's events by bucket and all dimensions of `by`, computed batch by batch."""
    keys = ["bucket", *question.by]
    numbers = _columns(question, set(Function) - set(ESTIMABLE))
    totals = GroupFold(keys, {"rows": "sum"} | _folds(numbers, events.statistics.schema))
    values = {c: GroupFold([*keys, "value"], {"times": "sum"}) for c in _columns(question, set(ESTIMABLE))}
    for batch in events.batches(_needed(question, events)):
        rows = matching(within(batch, events.columns.time.name, question.span), question.where)
        head = _keys(question, rows, events.columns.time.name)
        totals.add(pa.table(head | {"rows": np.ones(rows.num_rows, np.int64)} | _terms(numbers, rows)))
        for column, state in values.items():
            present = rows[column].is_valid().cast(pa.int64())
            state.add(pa.table(head | {"value": rows[column], "times": present}))
    return Groups(totals.table(), {c: s.table() for c, s in values.items()}, keys)


def measured(groups: Groups, measure: Measure, kind: pa.DataType) -> pa.Array:
    """The value of one measure for each group, in the groups' order; OverflowError if it does not fit into 64 bits."""
    column = measure.column or ""
    match measure.function:
        case Function.COUNT:
            return groups.totals["rows"]
        case Function.SUM:
            sums = _sums(groups.totals, column)
            if kind == pa.int64() and any(s is not None and s not in LONG for s in sums):
                raise OverflowError(f"{measure} does not fit into 64 bits")
            return pa.array(sums, kind)
        case Function.MEAN:
            sums, counts = _sums(groups.totals, column), groups.totals[f"{column}:count"].to_pylist()
            return pa.array([None if s is None else s / n for s, n in zip(sums, counts, strict=True)], kind)
        case Function.MIN | Function.MAX:
            return groups.totals[f"{column}:{measure.function}"]
        case Function.DISTINCT:
            values = groups.values[column]
            present = pc.greater(values["times"], 0).cast(pa.int64())
            return regroup(values.append_column("present", present), groups.keys, {"present": "sum"})["present"]
        case Function.QUANTILE:
            return ranks(groups, column).at(measure.at or 0.0)


@dataclass(frozen=True)
class Ranks:
    """The distinct values of a column, ascending within each group, for all groups one after the other.

    `upto[k]` is the number of events with one of the first k + 1 entries of `values`, over all groups. The entries of
    group i are those from `begins[i]` up to but not including `ends[i]`; NULL may be the last of them, with 0 events.
    """

    values: pa.Array
    upto: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    @property
    def before(self) -> npt.NDArray[np.int64]:
        """For each group, the number of events with a value in all earlier groups."""
        return np.concatenate([[0], self.upto])[self.begins]

    @property
    def counts(self) -> npt.NDArray[np.int64]:
        """For each group, the number of events whose value is not NULL."""
        return np.concatenate([[0], self.upto])[self.ends] - self.before

    def at(self, fraction: float) -> pa.Array:
        """For each group, the smallest v such that `fraction` or more of its values are v or less; NULL if empty."""
        exact = Fraction(str(fraction))
        wanted = np.array([ceil(exact * int(n)) for n in self.counts], np.int64)
        places = np.searchsorted(self.upto, self.before + wanted, "left")
        return self.values.take(pa.array(places, pa.int64(), mask=self.counts == 0))

    def shares(self, group: int, value: float) -> tuple[float, float]:
        """The share of a group's values that are below `value`, and the share of them that are at most `value`."""
        known = np.asarray(self.values.slice(self.begins[group], self.ends[group] - self.begins[group]).drop_null())
        upto = np.concatenate([[0], self.upto[self.begins[group] :][: len(known)] - self.before[group]])
        below, through = np.searchsorted(known, value, "left"), np.searchsorted(known, value, "right")
        return upto[below] / self.counts[group], upto[through] / self.counts[group]


def ranks(groups: Groups, column: str) -> Ranks:
    """The distinct values of a column in each group, with running counts."""
    table = groups.values[column]
    counted = table.append_column("count", pa.array(np.ones(table.num_rows, np.int64)))
    sizes = np.asarray(regroup(counted, groups.keys, {"count": "sum"})["count"])
    ends = np.cumsum(sizes)
    values = table["value"].combine_chunks()
    return Ranks(values, np.cumsum(np.asarray(table["times"])), ends - sizes, ends)


def _columns(question: Aggregate, functions: set[Function]) -> list[str]:
    columns = (m.column for m in question.measures if m.function in functions)
    return list(dict.fromkeys(c for c in columns if c is not None))


def _needed(question: Aggregate, events: Events) -> list[str]:
    measured = [m.column for m in question.measures if m.column is not None]
    return list(dict.fromkeys([events.columns.time.name, *question.by, *(f.column for f in question.where), *measured]))


def _keys(question: Aggregate, rows: pa.RecordBatch, time: str) -> dict[str, pa.Array]:
    instants = np.asarray(rows[time].cast(pa.int64()))
    start = question.span.milliseconds[0]
    return {"bucket": bucket(instants, question.grain, question.zone, start)} | {d: rows[d] for d in question.by}


def _folds(numbers: list[str], kinds: pa.Schema) -> dict[str, str]:
    sums = {c: ("high", "low") if kinds.field(c).type == pa.int64() else ("sum", "magnitude") for c in numbers}
    return {f"{c}:{part}": TOTALS[part] for c in numbers for part in ("count", *sums[c], "min", "max")}


def _terms(numbers: list[str], rows: pa.RecordBatch) -> dict[str, pa.Array]:
    """For each column of the totals except `rows`, what each event adds; `numbers` are the columns with numbers."""
    terms: dict[str, pa.Array] = {}
    for name in numbers:
        column = rows[name]
        terms |= {f"{name}:count": column.is_valid().cast(pa.int64()), f"{name}:min": column, f"{name}:max": column}
        if column.type == pa.int64():
            terms[f"{name}:high"] = pc.shift_right(column, HALF)
            terms[f"{name}:low"] = pc.bit_wise_and(column, (1 << HALF) - 1)
        else:
            terms[f"{name}:sum"] = column
            terms[f"{name}:magnitude"] = pc.abs(column)
    return terms


def _sums(totals: pa.Table, column: str) -> list[int | float | None]:
    """The sum of a column for each group, or None without values; a sum of integers may exceed 64 bits."""
    if f"{column}:sum" in totals.column_names:
        return list(totals[f"{column}:sum"].to_pylist())
    high, low = totals[f"{column}:high"].to_pylist(), totals[f"{column}:low"].to_pylist()
    return [None if h is None else (h << HALF) + part for h, part in zip(high, low, strict=True)]
