"""Funnels as datasources: the client computes the entries before the load, and takes each subject's best one."""

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from rollup_bench.engines import funnel_entries
from rollup_bench.engines.druid import ingest
from rollup_bench.engines.druid.client import Rows
from rollup_bench.engines.druid.computed_tables import ComputedTable
from rollup_bench.engines.druid.datasource import TIME, quoted
from rollup_bench.engines.druid.sql import Parameters, Statement
from rollup_bench.engines.funnel_entries import ENTRY, entry_columns, step_columns
from rollup_bench.engines.funnels import StoredFunnel
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Funnel, Question


@dataclass(frozen=True, eq=False)
class FunnelTable(ComputedTable):
    """A datasource with a row for each entry: its subject, its dimensions, and the times of later steps as integers.

    One row has no subject, and stands for nobody.
    """

    stored: StoredFunnel
    events: Columns
    time: ClassVar[str] = ENTRY

    @property
    def subject(self) -> str:
        """The column of subjects."""
        return self.events.subject

    @property
    def dimensions(self) -> list[str]:
        """The subject and the dimensions of entries."""
        return list(dict.fromkeys([self.subject, *self.stored.by]))

    @property
    def numbers(self) -> list[str]:
        """The columns of `order`, if the dataset has one, and of the times of later steps."""
        return [*entry_columns(self.events)[1:], *step_columns(self.stored.steps)]

    @property
    def columns(self) -> dict[str, str]:
        kinds = {name: ingest.TYPES[self.statistics.types[name]] for name in self.dimensions}
        return kinds | dict.fromkeys(self.numbers, "long")

    def answers(self, question: Question) -> bool:
        return isinstance(question, Funnel) and self.stored.answers(question)

    def rows(self, events: Events) -> pa.Table:
        nobody = pa.table({ENTRY: pa.array([self.statistics.first])})
        rows = [funnel_entries.stored_entries(self.stored, events), nobody]
        return pa.concat_tables(rows, promote_options="default").combine_chunks()


def statement(question: Funnel, table: FunnelTable, source: str) -> Statement:
    """The statement; a row is an entry in the span: the subject, the dimensions, and the times of all steps."""
    parameters = Parameters()
    start, end = map(parameters.bind, question.span.milliseconds)
    numbers = [f"TIMESTAMP_TO_MILLIS({TIME})", *map(quoted, table.numbers)]
    lines = [
        f"SELECT {', '.join([*map(quoted, table.dimensions), *numbers])}",
        f"FROM {quoted(source)}",
        f"WHERE {TIME} >= MILLIS_TO_TIMESTAMP({start}) AND {TIME} < MILLIS_TO_TIMESTAMP({end})",
        f"AND {quoted(table.subject)} IS NOT NULL",
    ]
    return parameters.statement("\n".join(lines))


def answer(question: Funnel, table: FunnelTable, rows: Rows) -> pa.Table:
    """The answer from the rows of the result."""
    events = table.statistics.schema
    types = {name: events.field(name).type for name in table.dimensions}
    types |= dict.fromkeys((ENTRY, *table.numbers), pa.int64())
    columns = zip(*rows, strict=True) if rows else [()] * len(types)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types.values(), strict=True)]
    entries = pa.table(arrays, list(types))
    return funnel_entries.answer(question, entries, table.subject, answers.schema(question, events))
