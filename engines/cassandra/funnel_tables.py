"""Tables for funnels: a load stores each entry (an event that matches the first step) with the times of later steps."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rollup_bench.engines import funnel_entries
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.tables import CQL_TYPES, Manifest, Table, partitions
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.engines.funnel_entries import ENTRY, entry_columns, step_columns
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Funnel

NUMBER = "number()"


@dataclass(frozen=True)
class FunnelTable:
    """A CQL table, and the funnel whose entries it stores."""

    stored: StoredFunnel
    table: Table

    def rows(self, events: Events) -> pa.Table:
        """Computes the entries to store from all events, sorted by key; times of steps not reached are NULL."""
        rows = funnel_entries.stored_entries(self.stored, events)
        rows = rows.sort_by([(name, "ascending") for name in rows.column_names])
        return rows.append_column(NUMBER, pa.array(np.arange(rows.num_rows))).sort_by(
            [(ENTRY, "ascending"), (NUMBER, "ascending")]
        )


def funnel_table(stored: StoredFunnel, columns: Columns, statistics: Statistics) -> FunnelTable:
    """The CQL table of entries, partitioned by their time; a number tells entries of the same time apart."""
    keys = {ENTRY: "timestamp", NUMBER: "bigint"}
    types = {d: CQL_TYPES[statistics.types[d]] for d in (columns.subject, *stored.by)}
    types = keys | dict.fromkeys(entry_columns(columns)[1:], "bigint") | types
    types |= dict.fromkeys(step_columns(stored.steps), "timestamp")
    return FunnelTable(stored, Table(stored.name, types, tuple(keys), stored.title))


@dataclass(frozen=True)
class FunnelReader:
    """Answers a funnel from its entries in the span; the client takes each subject's entry that reached most steps."""

    question: Funnel
    plan: Plan
    funnel: FunnelTable

    @property
    def support(self) -> Support:
        """Where the events are aggregated: at ingest."""
        how = f"{self.funnel.stored.title}: the client takes each subject's entry that reached most steps"
        return Support(Where.INGEST, how, tables=(self.funnel.table.name,))

    @property
    def _text(self) -> str:
        times = [f"to_unix_timestamp({quoted(name)})" for name in (ENTRY, *step_columns(self.question.steps))]
        where = f" AND {quoted(ENTRY)} >= ? AND {quoted(ENTRY)} < ?"
        stored = map(quoted, (*self.dimensions, *self._order))
        return self.funnel.table.select(self.plan.name, [*stored, *times], where)

    def explain(self) -> str:
        """The CQL statement, and what the client does with the rows that it returns."""
        return f"{self._text}\n-- for each partition of entries in the span; the client counts subjects at each step"

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """Sends the statements and computes the answer, in `schema`."""
        start, end = self.question.span.milliseconds
        keys = partitions(self.funnel.table.name, manifest, start, end - 1)
        results = reader.results((self._text, (*key, start, end)) for key in keys)
        types = {name: self.plan.schema.field(name).type for name in self.dimensions}
        steps = dict.fromkeys(step_columns(self.question.steps), pa.int64())
        read = pa.schema(types | dict.fromkeys((*self._order, ENTRY), pa.int64()) | steps)
        rows = codec.table([page for pages in results for page in pages], read)
        return funnel_entries.answer(self.question, rows, self.plan.dataset.columns.subject, schema)

    @property
    def ordered(self) -> bool:
        """Whether the dataset has a column that orders entries of the same millisecond."""
        return bool(self._order)

    @property
    def _order(self) -> list[str]:
        """The column that orders entries of the same millisecond, if the dataset has one."""
        return entry_columns(self.plan.dataset.columns)[1:]

    @property
    def dimensions(self) -> list[str]:
        """The subject and the dimensions of entries."""
        return list(dict.fromkeys([self.plan.dataset.columns.subject, *self.question.by]))
