"""Cohorts as tables: what each subject does at each age, computed at load and added up by the server."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pyarrow as pa

from rollup_bench.engines.cassandra import activity, rollups, states, tables, wire
from rollup_bench.engines.cassandra.activity import AGE, BORN, COHORT, FIRST, LAST, ROWS, SUBJECT
from rollup_bench.engines.cassandra.cluster import Reader
from rollup_bench.engines.cassandra.rollups import TYPES
from rollup_bench.engines.cassandra.states import State
from rollup_bench.engines.cassandra.tables import Manifest, Table, partitions, quoted
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.workloads import calendar
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Age, Cohort, Grain, Span, milliseconds

EVER = Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


def definition(question: Cohort) -> Cohort:
    """What the rows behind a question depend on; the rest of it is a matter of adding them up."""
    age = Age(question.age.unit, 1, question.age.width, question.age.clock)
    return Cohort(
        EVER,
        EVER.end,
        age,
        grain=question.grain,
        by=question.by,
        zone=question.zone,
        birth=question.birth,
        returns=question.returns,
        repeat=question.repeat,
    )


@dataclass(frozen=True)
class Activity:
    """The rows of a definition, of births by bucket of `grain`: ages below `count`, all where that is None."""

    definition: Cohort
    grain: Grain
    adds: tuple[State, ...]
    count: int | None
    table: Table

    def serves(self, question: Cohort, span: Span, statistics: Statistics) -> bool:
        """Whether rows of births in a span make the answer.

        A cell is shown once its age has ended by `until`, so nothing in it came later; only what is unbounded looks on.
        """
        if definition(question) != self.definition or not set(activity.kept(question)) <= set(self.adds):
            return False
        if question.retention == "unbounded" and (
            self.count is not None or milliseconds(question.until) <= statistics.last
        ):
            return False
        return (self.count is None or question.age.count <= self.count) and all(
            calendar.begins(at, self.grain, question.zone) for at in span.milliseconds
        )

    def rows(self, events: Events, wide: set[str]) -> pa.Table:
        """The rows of all events, in the order of the key."""
        needed = activity.needed(self.definition, events.columns, self.adds)
        found = activity.rows(
            self.definition, self.grain, lambda: map(pa.table, events.batches(needed)), events.columns, self.adds, wide
        )
        if self.count is not None:
            found = found.filter(pa.compute.field(AGE) < self.count)
        for name in (COHORT, SUBJECT):
            if name in found.column_names:
                found = found.set_column(found.column_names.index(name), name, wire.key(found[name]))
        return found.sort_by([(k, "ascending") for k in self.table.clustering])


def table(name: str, note: str, of: Cohort, adds: tuple[State, ...], columns: Columns, statistics: Statistics) -> Table:
    """The table of a definition; its partitions are of births, and sharded where many are born."""
    wide = rollups.wide(statistics)
    kinds = {BORN: "timestamp"} | ({COHORT: "text"} if of.by else {}) | {AGE: "bigint", SUBJECT: "text"}
    sums = {str(s): TYPES[str(states.kind(s, statistics.schema, wide))] for s in dict.fromkeys((states.EVENTS, *adds))}
    kept = kinds | {FIRST: "bigint", LAST: "bigint"} | sums
    rows = statistics.rows + statistics.cardinality[columns.subject]
    return Table(name, kept, tuple(kinds), tables.width(rows, statistics.last - statistics.first, kept), note)


@dataclass(frozen=True)
class Returns:
    """The rows of a cohort's table, added up by the server partition by partition."""

    question: Cohort
    plan: Plan
    kept: Activity
    span: Span

    @property
    def support(self) -> Support:
        """On the server."""
        return Support(Where.SERVER, f"{self.kept.table.note}: a row for each subject and age, added up there")

    @property
    def text(self) -> str:
        """The statement that adds up a partition."""
        table, by = self.kept.table, [*([COHORT] if self.question.by else []), AGE]
        columns = [f"to_unix_timestamp({quoted(BORN)})", *map(quoted, by), "count(*)"]
        columns += [f"sum({quoted(name)})" for name in self._sums]
        where = f" AND {quoted(BORN)} >= ? AND {quoted(BORN)} < ?"
        return table.select(self.plan.name, columns, where) + table.group_by((BORN, *by))

    def explain(self) -> str:
        """The statement and what follows it."""
        return f"{self.text}\n-- for each partition of births in the span; the client adds up and sorts"

    def answer(self, reader: Reader, known: Manifest, wanted: pa.Schema) -> pa.Table:
        """The answer, in the schema that is wanted."""
        (start, end), by = self.span.milliseconds, self.question.by
        places = partitions(self.kept.table, known, start, end - 1)
        answers = reader.all((self.text, (*place, start, end)) for place in places)
        sums = wire.table([row for rows in answers for row in rows], self._kinds)
        if by is not None:
            sums = sums.set_column(1, COHORT, wire.unkeyed(sums[COHORT], self.plan.schema.field(by).type))
        elif self.question.grain not in (None, self.kept.grain) and sums.num_rows:
            grain = Grain(self.question.grain or Grain.ALL)
            sums = sums.set_column(0, BORN, calendar.starts(sums[BORN], grain, self.question.zone))
        return activity.answer(self.question, sums, wanted)

    @property
    def _sums(self) -> list[str]:
        """The columns besides the number of rows."""
        gathered = {"unbounded": [LAST]}.get(self.question.retention, [FIRST] if self.question.cumulative else [])
        return [*map(str, activity.kept(self.question))] if self.question.measure else gathered

    @property
    def _kinds(self) -> dict[str, pa.DataType]:
        wide = rollups.wide(self.plan.statistics)
        kinds = {str(s): states.kind(s, self.plan.schema, wide) for s in activity.kept(self.question)}
        cohort = {COHORT: pa.string()} if self.question.by else {}
        sums = {name: kinds.get(name, pa.int64()) for name in self._sums}
        return {BORN: pa.int64()} | cohort | {AGE: pa.int64(), ROWS: pa.int64()} | sums
