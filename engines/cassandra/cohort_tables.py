"""Tables for cohorts: a load stores summed activity, by the births' day (or minute or hour), the cohort and the age."""

from dataclasses import dataclass

import pyarrow as pa

from rollup_bench.engines import cohort_activity
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.tables import CQL_TYPES, Manifest, Table, partitions
from rollup_bench.engines.cohort_activity import AGE, BORN, COHORT, FIRST, LAST, ROWS
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Cohort


@dataclass(frozen=True)
class CohortTable:
    """A CQL table, and the summed activity that it stores."""

    stored: StoredActivity
    table: Table

    def rows(self, events: Events) -> pa.Table:
        """Computes the table's rows from all events, in the order of the clustering columns."""
        rows = cohort_activity.stored_activity(self.stored, events)
        if self.stored.definition.by is not None:
            rows = rows.set_column(rows.column_names.index(COHORT), COHORT, codec.key(rows[COHORT]))
        return rows.sort_by([(name, "ascending") for name in self.table.clustering])


def cohort_table(stored: StoredActivity, statistics: Statistics) -> CohortTable:
    """The CQL table of summed activity, ordered by the time of births."""
    by = stored.definition.by
    keys = {BORN: "timestamp"} | ({COHORT: "text"} if by else {}) | {AGE: "bigint"}
    sums = {str(p): CQL_TYPES[str(p.arrow_type(statistics))] for p in stored.partials}
    types = keys | dict.fromkeys((ROWS, FIRST, LAST), "bigint") | sums
    return CohortTable(stored, Table(stored.name, types, tuple(keys), stored.title))


@dataclass(frozen=True)
class CohortReader:
    """Answers a cohort from its table: the client adds up the rows of the births in the span."""

    question: Cohort
    plan: Plan
    cohort: CohortTable

    @property
    def support(self) -> Support:
        """Where the events are aggregated: at ingest."""
        stored = self.cohort.stored
        return Support(Where.INGEST, f"{stored.title}: the client adds up the stored sums", tables=(stored.name,))

    @property
    def _text(self) -> str:
        by = [COHORT] if self.question.by else []
        columns = [f"to_unix_timestamp({quoted(BORN)})", *map(quoted, (*by, AGE, ROWS, *self.sums))]
        where = f" AND {quoted(BORN)} >= ? AND {quoted(BORN)} < ?"
        if self._ages:
            where += f" AND {quoted(AGE)} < ? ALLOW FILTERING"
        return self.cohort.table.select(self.plan.name, columns, where)

    @property
    def _ages(self) -> tuple[int, ...]:
        """The age from which on the answer needs no rows, in stored ages; empty if it needs all."""
        ages = self.cohort.stored.ages(self.question)
        return () if ages is None else (ages,)

    def explain(self) -> str:
        """The CQL statement, and what the client does with the rows that it returns."""
        return f"{self._text}\n-- for each partition of births in the span; the client adds up the sums and sorts"

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """Sends the statements and computes the answer, in `schema`."""
        (start, end), question = self.question.span.milliseconds, self.question
        keys = partitions(self.cohort.table.name, manifest, start, end - 1)
        results = reader.results((self._text, (*key, start, end, *self._ages)) for key in keys)
        sums = codec.table([page for pages in results for page in pages], self._schema)
        if question.by is not None:
            sums = sums.set_column(1, COHORT, codec.unkeyed(sums[COHORT], self.plan.schema.field(question.by).type))
        elif question.grain not in (None, self.cohort.stored.grain) and sums.num_rows:
            sums = sums.set_column(0, BORN, calendar.starts(sums[BORN], question.grain, question.zone))
        return cohort_activity.stored_answer(self.cohort.stored, question, sums, schema)

    @property
    def sums(self) -> dict[str, pa.DataType]:
        """The columns, with types, whose sums the answer needs besides the number of rows."""
        narrows = self.cohort.stored.narrows(self.question)
        return cohort_activity.summed_columns(self.question, self.plan.statistics, narrows)

    @property
    def _schema(self) -> pa.Schema:
        """The schema of the rows that the statement returns."""
        cohort = {COHORT: pa.string()} if self.question.by else {}
        return pa.schema({BORN: pa.int64()} | cohort | {AGE: pa.int64(), ROWS: pa.int64()} | self.sums)
