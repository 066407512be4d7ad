"""Cohorts as datasources: the sums of births by day and age, computed by the client, are added up by Druid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import repeat
from typing import Any, ClassVar

import pyarrow as pa

from rollup_bench.engines import cohort_activity
from rollup_bench.engines.cohort_activity import AGE, BIRTH, BORN, COHORT, FIRST, LAST, ROWS
from rollup_bench.engines.cohorts import StoredActivity
from rollup_bench.engines.druid import ingest
from rollup_bench.engines.druid.buckets import bucket
from rollup_bench.engines.druid.client import Rows
from rollup_bench.engines.druid.computed_tables import ComputedTable
from rollup_bench.engines.druid.datasource import HALF_BITS, HIGH, LOW, LOW_MASK, TIME, quoted
from rollup_bench.engines.druid.sql import Parameters, Statement, joined
from rollup_bench.engines.partials import WIDE
from rollup_bench.workloads import answers
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Cohort, Grain, Question

NOBODY = -2
"""The age of a row that stands for nobody: Druid has no datasource without rows."""


@dataclass(frozen=True, eq=False)
class CohortTable(ComputedTable):
    """A datasource with a row for each bucket of births, for each cohort if there is a `by`, and for each age.

    Rows of the age -1 count births.
    """

    stored: StoredActivity
    time: ClassVar[str] = BORN

    @property
    def first(self) -> int:
        return self.statistics.first - 2 * DAY

    @property
    def columns(self) -> dict[str, str]:
        by, types = self.stored.definition.by, dict.fromkeys((AGE, ROWS, FIRST, LAST), pa.int64())
        types |= {str(partial): partial.arrow_type(self.statistics) for partial in self.stored.partials}
        kinds = {COHORT: ingest.TYPES[self.statistics.types[by]]} if by else {}
        for name, arrow_type in types.items():
            kinds |= dict.fromkeys(_parts(name, arrow_type), "double" if arrow_type == pa.float64() else "long")
        return kinds

    def answers(self, question: Question) -> bool:
        return isinstance(question, Cohort) and self.stored.answers(question, self.statistics)

    def sums(self, question: Cohort) -> dict[str, pa.DataType]:
        """The columns, with types, whose sums the answer to a question needs besides the number of rows."""
        return cohort_activity.summed_columns(question, self.statistics, self.stored.narrows(question))

    def rows(self, events: Events) -> pa.Table:
        rows = cohort_activity.stored_activity(self.stored, events)
        for name in map(str, self.stored.partials):
            if rows.schema.field(name).type == WIDE:
                sums = rows[name].to_pylist()
                for part, halves in zip(_parts(name, WIDE), (_high, _low), strict=True):
                    rows = rows.append_column(part, pa.array(map(halves, sums), pa.int64()))
                rows = rows.drop_columns([name])
        nobody = pa.table({BORN: pa.array([self.statistics.first]), AGE: pa.array([NOBODY])})
        return pa.concat_tables([rows, nobody], promote_options="default").combine_chunks()


def statement(question: Cohort, table: CohortTable, source: str) -> Statement:
    """The statement; a row has the cohort, the age, the number of rows that count, and the sums."""
    parameters, sums = Parameters(), table.sums(question)
    grain = Grain(question.grain or Grain.DAY)
    cohort = quoted(COHORT) if question.by else bucket(grain, question.zone, table.statistics)
    added = [ROWS, *(part for name, arrow_type in sums.items() for part in _parts(name, arrow_type))]
    lines = [
        f"SELECT {', '.join([cohort, quoted(AGE), *(f'SUM({quoted(name)})' for name in added)])}",
        f"FROM {quoted(source)}",
        f"WHERE {' AND '.join(_conditions(question, table, parameters))}",
        f"GROUP BY {cohort}, {quoted(AGE)}",
    ]
    return parameters.statement("\n".join(lines))


def _conditions(question: Cohort, table: CohortTable, parameters: Parameters) -> list[str]:
    """Births in the span; ages of the question, or all if later ages count too."""
    start, end = map(parameters.bind, question.span.milliseconds)
    born = [f"{TIME} >= MILLIS_TO_TIMESTAMP({start})", f"{TIME} < MILLIS_TO_TIMESTAMP({end})"]
    ages, needed = [f"{quoted(AGE)} >= {BIRTH}"], table.stored.ages(question)
    if needed is not None:
        ages.append(f"{quoted(AGE)} < {parameters.bind(needed)}")
    return [*born, *ages]


def answer(question: Cohort, table: CohortTable, rows: Rows) -> pa.Table:
    """The answer from the rows of the result."""
    schema = table.statistics.schema
    keys = {COHORT: schema.field(question.by).type} if question.by else {BORN: pa.int64()}
    types = keys | {AGE: pa.int64(), ROWS: pa.int64()} | table.sums(question)
    parts = iter(zip(*rows, strict=True) if rows else repeat(()))
    columns = {name: _column(arrow_type, parts) for name, arrow_type in types.items()}
    return cohort_activity.stored_answer(table.stored, question, pa.table(columns), answers.schema(question, schema))


def _column(arrow_type: pa.DataType, parts: Iterator[Sequence[Any]]) -> pa.Array:
    """The next column of a result, put together if it is a wide sum."""
    values = next(parts)
    if arrow_type == WIDE:
        values = [joined(high, low) for high, low in zip(values, next(parts), strict=True)]
    return pa.array(values, arrow_type)


def _parts(name: str, arrow_type: pa.DataType) -> list[str]:
    """The columns that store a sum: those of its upper and lower bits if it may exceed 64 bits."""
    return [name + HIGH, name + LOW] if arrow_type == WIDE else [name]


def _high(value: Decimal | None) -> int | None:
    return None if value is None else int(value) >> HALF_BITS


def _low(value: Decimal | None) -> int | None:
    return None if value is None else int(value) & LOW_MASK
