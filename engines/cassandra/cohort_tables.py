"""Cohorts as tables: the activity of subjects by age is stored at load and summed by the server."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import cohort_activity
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.tables import CQL_TYPES, Manifest, Table, bucket_width, partitions
from rollup_bench.engines.cohort_activity import AGE, BORN, COHORT, FIRST, LAST, ROWS, SUBJECT, EventSource
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.engines.partials import EVENTS, Partial
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Age, Cohort, Grain, Span, milliseconds

EVER = Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


def definition(question: Cohort) -> Cohort:
    """The part of a cohort question on which the stored rows depend; the rest only decides which rows are summed."""
    return Cohort(
        EVER,
        EVER.end,
        Age(question.age.unit, 1, question.age.width, question.age.clock),
        grain=question.grain,
        by=question.by,
        zone=question.zone,
        birth=question.birth,
        returns=question.returns,
        repeat=question.repeat,
    )


@dataclass(frozen=True)
class StoredCohort:
    """The stored activity of a definition, with births by bucket of `grain` and ages below `count` (None: all ages)."""

    name: str
    definition: Cohort
    grain: Grain
    partials: tuple[Partial, ...]
    count: int | None

    def merged(self, other: "StoredCohort") -> "StoredCohort":
        """Merges two stored cohorts of one definition into one with the partial aggregates and the ages of both."""
        count = None if None in (self.count, other.count) else max(self.count or 0, other.count or 0)
        partials = tuple(dict.fromkeys((*self.partials, *other.partials)))
        name = f"{self.name} and {other.name.removeprefix('for ')}"
        return replace(self, name=name, partials=partials, count=count)

    def table(self, name: str, columns: Columns, statistics: Statistics) -> Table:
        """The CQL table of the stored activity, partitioned by the time of births."""
        keys = {BORN: "timestamp"} | ({COHORT: "text"} if self.definition.by else {}) | {AGE: "bigint", SUBJECT: "text"}
        sums = {str(p): CQL_TYPES[str(p.arrow_type(statistics))] for p in (EVENTS, *self.partials)}
        types = keys | {FIRST: "bigint", LAST: "bigint"} | sums
        rows = statistics.rows + statistics.cardinality[columns.subject]
        width = bucket_width(rows, statistics.last - statistics.first, types)
        return Table(name, types, tuple(keys), width, f"activity {self.name}")


@dataclass(frozen=True)
class CohortTable:
    """A table that stores the activity of a cohort."""

    stored: StoredCohort
    table: Table

    def answers(self, question: Cohort, span: Span, statistics: Statistics) -> bool:
        """Whether the births in a span are stored so that they answer the question.

        An age is in the answer only if it has ended by `until`, so later events do not matter, except to unbounded
        retention.
        """
        count, later_events = self.stored.count, milliseconds(question.until) <= statistics.last
        return (
            definition(question) == self.stored.definition
            and set(cohort_activity.question_partials(question)) <= set(self.stored.partials)
            and (question.retention != "unbounded" or (count is None and not later_events))
            and (count is None or question.age.count <= count)
            and all(calendar.begins(end, self.stored.grain, question.zone) for end in span.milliseconds)
        )

    def rows(self, events: Events) -> pa.Table:
        """The rows to store for all events, in the order of the key."""
        question, partials = self.stored.definition, self.stored.partials
        names = cohort_activity.event_columns(question, events.columns, partials)
        source = EventSource(lambda: map(pa.table, events.batches(names)), events.columns, events.statistics)
        rows = cohort_activity.activity(question, self.stored.grain, source, partials)
        if self.stored.count is not None:
            rows = rows.filter(pc.field(AGE) < self.stored.count)
        for name in (COHORT, SUBJECT):
            if name in rows.column_names:
                rows = rows.set_column(rows.column_names.index(name), name, codec.key(rows[name]))
        return rows.sort_by([(name, "ascending") for name in self.table.clustering])


@dataclass(frozen=True)
class CohortReader:
    """Answers a cohort from its table: the server sums each partition, the client adds up the sums."""

    question: Cohort
    plan: Plan
    cohort: CohortTable
    span: Span

    @property
    def support(self) -> Support:
        """On the server."""
        table = self.cohort.table
        how = f"{table.comment}: the server adds up the rows of each partition"
        return Support(Where.SERVER, how, tables=(table.name,))

    @property
    def _text(self) -> str:
        table, by = self.cohort.table, [*([COHORT] if self.question.by else []), AGE]
        columns = [f"to_unix_timestamp({quoted(BORN)})", *map(quoted, by), "count(*)"]
        columns += [f"sum({quoted(name)})" for name in self._sums]
        where = f" AND {quoted(BORN)} >= ? AND {quoted(BORN)} < ?"
        return table.select(self.plan.name, columns, where) + table.group_by((BORN, *by))

    def explain(self) -> str:
        """The statement, and what the client does with its rows."""
        return f"{self._text}\n-- for each partition of births in the span; the client adds up and sorts"

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """The answer in its schema."""
        (start, end), by = self.span.milliseconds, self.question.by
        keys = partitions(self.cohort.table, manifest, start, end - 1)
        results = reader.results((self._text, (*key, start, end)) for key in keys)
        sums = codec.table([row for rows in results for row in rows], self._types)
        if by is not None:
            sums = sums.set_column(1, COHORT, codec.unkeyed(sums[COHORT], self.plan.schema.field(by).type))
        elif self.question.grain not in (None, self.cohort.stored.grain) and sums.num_rows:
            grain = Grain(self.question.grain or Grain.ALL)
            sums = sums.set_column(0, BORN, calendar.starts(sums[BORN], grain, self.question.zone))
        return cohort_activity.answer(self.question, sums, schema)

    @property
    def _sums(self) -> dict[str, pa.DataType]:
        """The columns to sum and their types; none if the question counts rows."""
        if self.question.measure:
            return {
                str(p): p.arrow_type(self.plan.statistics) for p in cohort_activity.question_partials(self.question)
            }
        if self.question.retention == "unbounded":
            return {LAST: pa.int64()}
        return {FIRST: pa.int64()} if self.question.cumulative else {}

    @property
    def _types(self) -> dict[str, pa.DataType]:
        """The columns of the result and their types."""
        cohort = {COHORT: pa.string()} if self.question.by else {}
        return {BORN: pa.int64()} | cohort | {AGE: pa.int64(), ROWS: pa.int64()} | self._sums
