"""Tables for cohorts: a load stores the activity of each subject by age, and the server sums it for a question."""

from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import cohort_activity
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.rollup_tables import Limits
from rollup_bench.engines.cassandra.tables import CQL_TYPES, Manifest, Table, partitions
from rollup_bench.engines.cohort_activity import AGE, BORN, COHORT, FIRST, LAST, ROWS, SUBJECT, EventSource
from rollup_bench.engines.cohorts import definition, narrowed, single_age
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.engines.partials import EVENTS, Partial
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Cohort, Grain, milliseconds


@dataclass(frozen=True)
class StoredCohort:
    """Which activity a table stores: of the cohort `definition`, births by `grain`, ages below `count` (None: all)."""

    name: str
    definition: Cohort
    grain: Grain
    partials: tuple[Partial, ...]
    count: int | None

    def merged(self, other: "StoredCohort") -> "StoredCohort":
        """Merges two stored cohorts of one definition and grain into one with names, aggregates and ages of both."""
        count = None if None in (self.count, other.count) else max(self.count or 0, other.count or 0)
        partials = tuple(dict.fromkeys((*self.partials, *other.partials)))
        name = f"{self.name} and {other.name.removeprefix('for ')}"
        return replace(self, name=name, partials=partials, count=count)

    def table(self, name: str, columns: Columns, statistics: Statistics) -> Table:
        """The CQL table `name` for this activity, partitioned by the time of births."""
        keys = {BORN: "timestamp"} | ({COHORT: "text"} if self.definition.by else {}) | {AGE: "bigint", SUBJECT: "text"}
        sums = {str(p): CQL_TYPES[str(p.arrow_type(statistics))] for p in (EVENTS, *self.partials)}
        types = keys | {FIRST: "bigint", LAST: "bigint"} | sums
        rows = statistics.rows + statistics.cardinality[columns.subject]
        period = statistics.last - statistics.first
        return Table.sized(name, types, tuple(keys), rows, period, f"activity {self.name}")


@dataclass(frozen=True)
class CohortTable:
    """A CQL table, and which activity of subjects it stores."""

    stored: StoredCohort
    table: Table

    def answers(self, question: Cohort, limits: Limits, statistics: Statistics) -> bool:
        """Whether the table answers a question about births within `limits`, in milliseconds since 1970, UTC.

        Stored events after the question's `until` affect only unbounded retention, because all other answers hold only
        ages that ended by `until`.
        """
        count, later_events = self.stored.count, milliseconds(question.until) <= statistics.last
        ages = question.age.count * (question.age.width if self.narrows(question) else 1)
        return (
            (definition(question) == self.stored.definition or self.narrows(question))
            and set(cohort_activity.question_partials(question)) <= set(self.stored.partials)
            and (question.retention != "unbounded" or (count is None and not later_events))
            and (count is None or ages <= count)
            and all(calendar.begins(at, self.stored.grain, question.zone) for at in limits)
        )

    def narrows(self, question: Cohort) -> bool:
        """Whether the question has one age of several units, and the table stores its activity by ages of one unit."""
        return question.age.width > 1 and single_age(question) and narrowed(question) == self.stored.definition

    def rows(self, events: Events) -> pa.Table:
        """Computes the table's rows from all events, in the order of the clustering columns."""
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
    """Answers a cohort from its table: the server sums the rows of each partition, the client adds up these sums."""

    question: Cohort
    plan: Plan
    cohort: CohortTable
    limits: Limits

    @property
    def support(self) -> Support:
        """Where the events are aggregated: on the server."""
        table = self.cohort.table
        how = f"{table.comment}: the server sums the rows of each partition, the client adds up these sums"
        return Support(Where.SERVER, how, tables=(table.name,))

    @property
    def _text(self) -> str:
        table, by = self.cohort.table, [*([COHORT] if self.question.by else []), AGE]
        columns = [f"to_unix_timestamp({quoted(BORN)})", *map(quoted, by), "count(*)"]
        columns += [f"sum({quoted(name)})" for name in self.sums]
        where = f" AND {quoted(BORN)} >= ? AND {quoted(BORN)} < ?"
        return table.select(self.plan.name, columns, where) + table.group_by((BORN, *by))

    def explain(self) -> str:
        """The CQL statement, and what the client does with the rows that it returns."""
        return f"{self._text}\n-- for each partition of births in the span; the client adds up the sums and sorts"

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """Sends the statements and computes the answer, in `schema`."""
        (start, end), by = self.limits, self.question.by
        keys = partitions(self.cohort.table, manifest, start, end - 1)
        results = reader.results((self._text, (*key, start, end)) for key in keys)
        sums = codec.table([page for pages in results for page in pages], self._types)
        if by is not None:
            sums = sums.set_column(1, COHORT, codec.unkeyed(sums[COHORT], self.plan.schema.field(by).type))
        elif self.question.grain not in (None, self.cohort.stored.grain) and sums.num_rows:
            grain = Grain(self.question.grain or Grain.ALL)
            sums = sums.set_column(0, BORN, calendar.starts(sums[BORN], grain, self.question.zone))
        if self.cohort.narrows(self.question):
            sums = cohort_activity.widened(sums, self.question.age.width)
        return cohort_activity.answer(self.question, sums, schema)

    @property
    def sums(self) -> dict[str, pa.DataType]:
        """The columns to sum and their types; none if the question counts rows."""
        narrows = self.cohort.narrows(self.question)
        return cohort_activity.summed_columns(self.question, self.plan.statistics, narrows)

    @property
    def _types(self) -> dict[str, pa.DataType]:
        """The columns that the statement returns, in order, with their types."""
        cohort = {COHORT: pa.string()} if self.question.by else {}
        return {BORN: pa.int64()} | cohort | {AGE: pa.int64(), ROWS: pa.int64()} | self.sums
