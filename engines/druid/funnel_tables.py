"""Funnels as datasources: the client computes the entries before the load, and takes each subject's best one."""

from dataclasses import dataclass
from typing import Any, ClassVar

import pyarrow as pa

from rollup_bench.engines import funnel_entries
from rollup_bench.engines.druid import ingest
from rollup_bench.engines.druid.datasource import TIME, quoted
from rollup_bench.engines.druid.sql import Parameters, Statement
from rollup_bench.engines.funnel_entries import ENTRY, step_columns
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.workloads import answers
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.questions import Funnel, Question


@dataclass(frozen=True, eq=False)
class FunnelTable:
    """A datasource with a row for each entry: its subject, its dimensions, and the times of later steps as integers.

    In Druid its name is that of the plan, an underscore, and `name`. One row has no subject, and stands for nobody,
    because Druid has no datasource without rows.
    """

    stored: StoredFunnel
    subject: str
    statistics: Statistics
    time: ClassVar[str] = ENTRY
    """The column of its rows that becomes the time."""
    count: ClassVar[str] = "COUNT(*)"
    """The SQL that counts the rows."""

    @property
    def name(self) -> str:
        """The name of the stored funnel."""
        return self.stored.name

    @property
    def title(self) -> str:
        """What it stores."""
        return self.stored.title

    @property
    def dimensions(self) -> list[str]:
        """The subject and the dimensions of entries."""
        return list(dict.fromkeys([self.subject, *self.stored.by]))

    def unsupported_reason(self, question: Question) -> str | None:
        """Why the datasource cannot answer the question; None if it can."""
        if isinstance(question, Funnel) and self.stored.answers(question):
            return None
        return f"{self.name} only has {self.title}"

    def spec(self, source: str) -> dict[str, Any]:
        """How the datasource named `source` is loaded: the `dataSchema` and the `tuningConfig` of its task."""
        columns = [(name, ingest.TYPES[self.statistics.types[name]]) for name in self.dimensions]
        columns += [(name, "long") for name in step_columns(self.stored.steps)]
        ends = (self.statistics.first, self.statistics.last)
        as_given = {"queryGranularity": "NONE", "rollup": False}
        schema = ingest.data_schema(source, columns, ends, self.statistics, as_given)
        return {"dataSchema": schema, "tuningConfig": ingest.tuning(ingest.UNDIVIDED)}

    def rows(self, events: Events) -> pa.Table:
        """The rows to load, computed from the events; the time is the column of the entry."""
        nobody = pa.table({ENTRY: pa.array([self.statistics.first])})
        rows = [funnel_entries.stored_entries(self.stored, events), nobody]
        return pa.concat_tables(rows, promote_options="default").combine_chunks()


def statement(question: Funnel, table: FunnelTable, source: str) -> Statement:
    """The statement; a row is an entry in the span: the subject, the dimensions, and the times of all steps."""
    parameters = Parameters()
    start, end = map(parameters.bind, question.span.milliseconds)
    times = [f"TIMESTAMP_TO_MILLIS({TIME})", *map(quoted, step_columns(question.steps))]
    lines = [
        f"SELECT {', '.join([*map(quoted, table.dimensions), *times])}",
        f"FROM {quoted(source)}",
        f"WHERE {TIME} >= MILLIS_TO_TIMESTAMP({start}) AND {TIME} < MILLIS_TO_TIMESTAMP({end})",
        f"AND {quoted(table.subject)} IS NOT NULL",
    ]
    return parameters.statement("\n".join(lines))


def answer(question: Funnel, table: FunnelTable, rows: list[list[Any]]) -> pa.Table:
    """The answer from the rows of the result."""
    events, times = table.statistics.schema, [ENTRY, *step_columns(question.steps)]
    types = {name: events.field(name).type for name in table.dimensions} | dict.fromkeys(times, pa.int64())
    columns = zip(*rows, strict=True) if rows else [()] * len(types)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types.values(), strict=True)]
    entries = pa.table(arrays, list(types))
    return funnel_entries.answer(question, entries, table.subject, answers.schema(question, events))
