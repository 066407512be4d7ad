"""What each subject does at each age: the rows behind a cohort, and the answer made of their sums.

A row is a subject at an age at which it did something, and one at age -1 for its birth. So the size of a cohort is its
number of rows at age -1, and retention at an age its number of rows there. `first` and `last` are 1 in the row of
a subject's first and of its last age, for retention that adds up ages: each subject is in one such row alone.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines.cassandra import ages, conditions, states
from rollup_bench.engines.cassandra.ages import Longs
from rollup_bench.engines.cassandra.states import EVENTS, State
from rollup_bench.workloads import calendar
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.measures import Function
from rollup_bench.workloads.questions import Cohort, Grain, milliseconds

BORN, COHORT, AGE, SUBJECT = "born", "cohort", "age", "subject"
ROWS, FIRST, LAST = "rows", "first", "last"
BIRTH = -1
Tables = Callable[[], Iterable[pa.Table]]
"""Events, as often as wanted."""


@dataclass(frozen=True)
class Births:
    """Each subject once, with the instant of its birth and the value of the dimension that cohorts are by."""

    subjects: pa.Array
    instants: Longs
    cohorts: pa.Array | None


def kept(question: Cohort) -> list[State]:
    """The states of a row that a question adds up."""
    if question.measure is None:
        return []
    if question.measure.function is Function.COUNT:
        return [EVENTS]
    return [State("count", question.measure.column), State("sum", question.measure.column)]


def needed(question: Cohort, columns: Columns, adds: Iterable[State]) -> list[str]:
    """The columns of events that rows are made of."""
    filtered = (f.column for f in (*question.birth, *question.returns))
    wanted = [columns.subject, columns.time.name, question.by, *filtered, *(s.column for s in adds)]
    return list(dict.fromkeys(c for c in wanted if c is not None))


def rows(
    question: Cohort, grain: Grain, tables: Tables, columns: Columns, adds: Collection[State], wide: Collection[str]
) -> pa.Table:
    """The rows of all who were born in the span, before `until`; `born` starts the birth's bucket of `grain`."""
    born = births(question, tables, columns)
    seen = _seen(question, born, tables, columns, adds, wide)
    places = np.concatenate([np.arange(len(born.subjects)), np.asarray(seen["place"])])
    birth = pa.table({AGE: np.full(len(born.subjects), BIRTH)})
    whole = pa.concat_tables([birth, seen.drop_columns(["place"])], promote_options="default")
    starts = calendar.starts(pa.array(born.instants), grain, question.zone) if len(born.instants) else born.instants
    whole = whole.append_column(BORN, pa.array(np.asarray(starts)[places], pa.int64()))
    whole = whole.append_column(SUBJECT, born.subjects.take(pa.array(places)))
    return whole if born.cohorts is None else whole.append_column(COHORT, born.cohorts.take(pa.array(places)))


def births(question: Cohort, tables: Tables, columns: Columns) -> Births:
    """The first matching event ever of each subject; of several in its millisecond the one whose `by` sorts first."""
    names = list(dict.fromkeys([columns.subject, columns.time.name, *([question.by] if question.by else [])]))
    firsts = pa.concat_tables([_first(conditions.matching(t, question.birth).select(names)) for t in tables()])
    found = _within(_first(firsts), columns.time.name, *question.span.milliseconds).combine_chunks()
    instants = np.asarray(found[columns.time.name].cast(pa.int64()))
    cohorts = found[question.by].combine_chunks() if question.by else None
    return Births(found[columns.subject].combine_chunks(), instants, cohorts)


def _within(events: pa.Table, time: str, start: int, end: int) -> pa.Table:
    instants = np.asarray(events[time].cast(pa.int64()))
    return events.filter(pa.array((start <= instants) & (instants < end)))


def _first(events: pa.Table) -> pa.Table:
    """Of each subject, the first of the columns, the row that sorts first."""
    ordered = events.filter(pc.field(events.column_names[0]).is_valid())
    ordered = ordered.sort_by([(c, "ascending") for c in events.column_names]).combine_chunks()
    if ordered.num_rows < 2:
        return ordered
    subjects = ordered.column(0)
    another = np.asarray(pc.not_equal(subjects.slice(1), subjects.slice(0, len(subjects) - 1)))
    return ordered.filter(pa.array(np.append(True, another)))


def _seen(
    question: Cohort, born: Births, tables: Tables, columns: Columns, adds: Collection[State], wide: Collection[str]
) -> pa.Table:
    """A row for each subject, by its place among the born, and age, in that order."""
    folds = {str(s): "sum" for s in (EVENTS, *adds)}
    parts = []
    for table in tables():
        events = conditions.matching(table, question.returns)
        places = pc.index_in(events[columns.subject], born.subjects)
        events, places = events.filter(places.is_valid()), np.asarray(places.drop_null(), np.int64)
        instants = np.asarray(events[columns.time.name].cast(pa.int64()))
        since = born.instants[places]
        after = (instants >= since + question.repeat) & (instants < milliseconds(question.until))
        aged = ages.at(since[after], instants[after], question.age, question.zone)
        counted = events.filter(pa.array(after))
        terms = {str(s): states.term(counted, s, wide) for s in (EVENTS, *adds)}
        parts.append(_sums(pa.table({"place": places[after], AGE: aged} | terms), ["place", AGE], folds))
    whole = _sums(pa.concat_tables(parts), ["place", AGE], folds).sort_by([("place", "ascending"), (AGE, "ascending")])
    change = np.diff(np.asarray(whole["place"])) != 0
    edges = {FIRST: np.append(True, change)[: whole.num_rows], LAST: np.append(change, True)[: whole.num_rows]}
    for name, edge in edges.items():
        whole = whole.append_column(name, pa.array(edge.astype(np.int64)))
    return whole


def summed(found: pa.Table, adds: Iterable[State], by: bool) -> pa.Table:
    """Rows added up by the birth's bucket, the cohort and the age, as the server would."""
    keys = [BORN, *([COHORT] if by else []), AGE]
    folds = dict.fromkeys((ROWS, FIRST, LAST, *map(str, adds)), "sum")
    return _sums(found.append_column(ROWS, pa.array(np.ones(found.num_rows, np.int64))), keys, folds)


def _sums(table: pa.Table, keys: list[str], folds: dict[str, str]) -> pa.Table:
    grouped = table.group_by(keys, use_threads=False).aggregate(list(folds.items()))
    return grouped.select([*keys, *(f"{c}_{how}" for c, how in folds.items())]).rename_columns([*keys, *folds])


def answer(question: Cohort, sums: pa.Table, wanted: pa.Schema) -> pa.Table:
    """The answer in its schema, of sums that are of births in the span; OverflowError where a value does not fit 64
    bits."""
    label = sums[COHORT if question.by else BORN].combine_chunks().dictionary_encode(null_encoding="encode")
    cohorts, places = label.dictionary, np.asarray(label.indices, np.int64)
    aged, shape = np.asarray(sums[AGE], np.int64), (len(cohorts), question.age.count)
    sizes = _cells(places, aged, sums[ROWS], shape, aged == BIRTH)[:, 0]
    values = _values(question, sums, places, aged, shape)
    starts = np.zeros(len(cohorts), np.int64) if question.by else np.asarray(cohorts)
    shown = ages.ended(question, starts)
    order = pc.array_sort_indices(cohorts).to_pylist()
    cells = [(c, a) for c in order for a in range(shown[c])]
    which = pa.array([c for c, _ in cells], pa.int64())
    label = cohorts.take(which) if question.by else cohorts.take(which).cast(INSTANT)
    try:
        value = pa.array([values[c, a] for c, a in cells], wanted.field("value").type)
    except (OverflowError, pa.ArrowInvalid) as error:
        raise OverflowError(str(error)) from None
    columns = [label, pa.array(sizes).take(which), pa.array([a for _, a in cells], pa.int64()), value]
    return pa.table(columns, schema=wanted)


def _values(
    question: Cohort, sums: pa.Table, places: Longs, aged: Longs, shape: tuple[int, int]
) -> npt.NDArray[np.object_]:
    """The value of each cohort (a row) at each age (a column), None where there was nothing to add."""
    if question.retention == "unbounded":
        aged = np.minimum(aged, shape[1] - 1)
    at = (aged >= 0) & (aged < shape[1])
    if question.measure is None:
        name = LAST if question.retention == "unbounded" else FIRST if question.cumulative else ROWS
        return _gathered(question, _cells(places, aged, sums[name], shape, at)).astype(object)
    *known, added = (_gathered(question, _cells(places, aged, sums[str(s)], shape, at)) for s in kept(question))
    return np.where(known[0] > 0, added, np.array(None)) if known else added.astype(object)


def _gathered(question: Cohort, cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if question.cumulative:
        return np.cumsum(cells, axis=1)
    return np.cumsum(cells[:, ::-1], axis=1)[:, ::-1] if question.retention == "unbounded" else cells


def _cells(
    places: Longs, aged: Longs, column: pa.ChunkedArray, shape: tuple[int, int], chosen: npt.NDArray[np.bool_]
) -> npt.NDArray[Any]:
    """Sums laid out by cohort and age, added where a cohort was born in several buckets."""
    if pa.types.is_decimal(column.type):
        values = np.array([int(v or 0) for v in column.to_pylist()], object)
    else:
        values = np.asarray(column.fill_null(0))
    cells = np.zeros(shape, values.dtype)
    np.add.at(cells, (places[chosen], np.maximum(aged[chosen], 0)), values[chosen])
    return cells
