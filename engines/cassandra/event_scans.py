"""Answers from tables of single events: the server aggregates events where it can, else the client reads the events."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import client_aggregation, cohort_activity, funnel_entries
from rollup_bench.engines.cassandra import codec
from rollup_bench.engines.cassandra.driver import Reader
from rollup_bench.engines.cassandra.event_slices import SlicesTable
from rollup_bench.engines.cassandra.server_filters import Condition, condition
from rollup_bench.engines.cassandra.tables import HOUR, Manifest, Table, partitions
from rollup_bench.engines.client_aggregation import Accumulator, Groups
from rollup_bench.engines.cohort_activity import EventSource, question_partials
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.engines.partials import EVENTS, Partial, matching
from rollup_bench.engines.sql import quoted
from rollup_bench.workloads import calendar
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.dataset import Columns
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, milliseconds

MAX_DAYS = 5_000
"""The longest period of events, about thirteen years, whose days are aggregated one by one on the server."""


def _span_statement(plan: Plan, expressions: list[str]) -> str:
    """The statement that reads expressions from the events of one partition between two times."""
    table: Table = plan.tables.events
    time = quoted(table.time)
    return table.select(plan.name, expressions, f" AND {time} >= ? AND {time} < ?")


@dataclass(frozen=True)
class EventScan:
    """Reads every event of the question's period, several partitions at once; the client computes the answer."""

    question: Question
    plan: Plan

    @property
    def support(self) -> Support:
        """Where the events are aggregated: in the client."""
        rows = self.plan.statistics.rows
        how = f"no other table answers the question: the client reads up to all {rows:,} events"
        return Support(Where.CLIENT, how, tables=(self.plan.tables.events.name,))

    @property
    def _text(self) -> str:
        """The statement that reads the events of one partition between two times."""
        time = quoted(self.plan.tables.events.time)
        statement = _span_statement(self.plan, [f"to_unix_timestamp({time})", *map(quoted, self.columns)])
        return statement + self.condition.text

    @cached_property
    def condition(self) -> Condition:
        """What the server filters; nothing for cohorts and funnels, whose steps have different conditions."""
        doubles = frozenset(name for name, kind in self.plan.statistics.types.items() if kind == "double")
        return condition(self.question.where if isinstance(self.question, Aggregate) else (), doubles)

    def explain(self) -> str:
        """The CQL statement, and what the client does with the rows that it returns."""
        return f"{self._text}\n-- for each partition of the span; the client filters, groups and sorts the events"

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """Sends the statements and computes the answer, in `schema`."""
        columns = self.plan.dataset.columns
        match self.question:
            case Aggregate() as question:
                return client_aggregation.answer(question, self._groups(question, reader, manifest), schema)
            case Cohort() as question:
                events, summed = list(self.events(reader, manifest)), question_partials(question)
                source = EventSource(lambda: events, columns, self.plan.statistics)
                rows = cohort_activity.activity(question, question.grain or Grain.DAY, source, summed)
                sums = cohort_activity.summed(rows, summed, question.by is not None)
                return cohort_activity.answer(question, sums, schema)
            case Funnel() as question:
                events = list(self.events(reader, manifest))
                rows = funnel_entries.entries(question.steps, question.by, lambda: events, columns)
                return funnel_entries.answer(question, rows, columns.subject, schema)

    def events(self, reader: Reader, manifest: Manifest) -> Iterator[pa.Table]:
        """Yields an empty table that carries the schema, then a table for each partition with its events."""
        time = self.plan.dataset.columns.time.name
        types = {time: pa.int64()} | {name: self.plan.schema.field(name).type for name in self.columns}
        read, schema = pa.schema(types), pa.schema(types | {time: INSTANT})
        yield schema.empty_table()
        for pages in reader.results((self._text, values) for values in self._values(manifest)):
            yield codec.table(pages, read).cast(schema)

    def _values(self, manifest: Manifest) -> Iterator[tuple[Any, ...]]:
        """The values of each statement: bucket, shard, start and end in milliseconds since 1970, UTC, and filters."""
        start, end = self.period
        for key in partitions(self.plan.tables.events.name, manifest, start, end - 1):
            yield (*key, start, end, *self.condition.values)

    def _groups(self, question: Aggregate, reader: Reader, manifest: Manifest) -> Groups | None:
        """The partial aggregates of the events that match the question's filters; None if no event does."""
        groups, statistics = Accumulator(), self.plan.statistics
        for events in self.events(reader, manifest):
            rows = matching(events, question.where)
            if rows.num_rows:
                starts = calendar.of(question, rows[self.plan.dataset.columns.time.name].cast(pa.int64()))
                rows = rows.append_column("bucket", starts)
                groups.add(client_aggregation.aggregated(rows, question.by, question.measures, statistics))
        return groups.groups

    @property
    def period(self) -> tuple[int, int]:
        """The period to read; for a cohort, from the first event (births may precede the span) to `until`."""
        start, end = self.question.span.milliseconds
        if isinstance(self.question, Cohort):
            return min(start, self.plan.statistics.first), max(end, milliseconds(self.question.until))
        return start, end

    @cached_property
    def columns(self) -> list[str]:
        """The event columns that the question needs, except the time."""
        return event_columns(self.question, self.plan.dataset.columns)


def event_columns(question: Question, columns: Columns) -> list[str]:
    """The names of the event columns that a question needs, except the time."""
    match question:
        case Aggregate():
            measured = [m.column for m in question.measures if m.column is not None]
            names = [*question.by, *(f.column for f in question.where), *measured]
        case Cohort():
            names = cohort_activity.event_columns(question, columns, question_partials(question))
        case Funnel():
            names = funnel_entries.event_columns(question.steps, question.by, columns)
    return [name for name in dict.fromkeys(names) if name != columns.time.name]


@dataclass(frozen=True)
class SliceScan(EventScan):
    """Reads only events in the question's ranges of a numeric column; the client computes the answer from them."""

    slices: SlicesTable

    @property
    def support(self) -> Support:
        """Where the events are aggregated: in the client."""
        how = f"{self.slices.table.comment}: the client reads the events that match a condition"
        return Support(Where.CLIENT, how, tables=(self.slices.table.name,))

    @property
    def _text(self) -> str:
        table = self.slices.table
        names, column = [f"to_unix_timestamp({quoted(table.time)})", *map(quoted, self.columns)], table.clustering[0]
        return table.select(self.plan.name, names, f" AND {quoted(column)} >= ? AND {quoted(column)} <= ?")

    def events(self, reader: Reader, manifest: Manifest) -> Iterator[pa.Table]:
        """Yields an empty table, then for each partition and range of values the events in the question's period."""
        time, (start, end) = pc.field(self.slices.table.time).cast(pa.int64()), self.period
        for events in super().events(reader, manifest):
            yield events.filter((time >= start) & (time < end))

    def _values(self, manifest: Manifest) -> Iterator[tuple[Any, ...]]:
        start, end = self.period
        for key in partitions(self.slices.table.name, manifest, start, end - 1):
            for limits in self.slices.ranges(self.question):
                yield (*key, *limits)


@dataclass(frozen=True)
class ServerAggregation:
    """Answers an aggregate by bucket alone: the server aggregates each bucket in each partition, the client merges."""

    question: Aggregate
    plan: Plan

    @staticmethod
    def answers(question: Aggregate, plan: Plan) -> bool:
        """Whether a question has no filter, dimension, distinct count or quantile, but few buckets (days or longer)."""
        if question.by or question.where or client_aggregation.value_columns(question.measures):
            return False
        days = (plan.statistics.last - plan.statistics.first) / (24 * HOUR)
        return question.grain not in (Grain.MINUTE, Grain.HOUR) and days <= MAX_DAYS

    @property
    def support(self) -> Support:
        """Where the events are aggregated: on the server."""
        how = "the server aggregates each partition, the client merges the results"
        return Support(Where.SERVER, how, tables=(self.plan.tables.events.name,))

    @property
    def _text(self) -> str:
        return _span_statement(self.plan, [self._expression(partial) for partial in self._partials])

    def explain(self) -> str:
        """The CQL statement, and what the client does with the rows that it returns."""
        return f"{self._text}\n-- for each partition of each bucket; the client merges the results and sorts"

    def answer(self, reader: Reader, manifest: Manifest, schema: pa.Schema) -> pa.Table:
        """Sends the statements and computes the answer, in `schema`."""
        table, text = self.plan.tables.events.name, self._text
        requests = [
            (bucket, (*key, start, end))
            for bucket, start, end in self._intervals()
            for key in partitions(table, manifest, start, end - 1)
        ]
        pages = [page for result in reader.results((text, values) for _, values in requests) for page in result]
        buckets = {"bucket": pa.array([bucket for bucket, _ in requests], INSTANT)}
        rows = pa.table(buckets | codec.partials(pages, self._schema)).filter(pc.field(str(EVENTS)) > 0)
        groups = Groups(["bucket"], rows, {}) if rows.num_rows else None
        return client_aggregation.answer(self.question, groups, schema)

    def _intervals(self) -> Iterator[tuple[int, int, int]]:
        """For each bucket that may have events: its start, and the start and end of its part within the span."""
        start, end = self.question.span.milliseconds
        for bucket, next_bucket in pairwise([*self._buckets(), end]):
            yield bucket, max(bucket, start), min(next_bucket, end)

    def _buckets(self) -> list[int]:
        """The starts of the buckets, each a day or longer, from the span's first event to its last, in milliseconds."""
        question, statistics = self.question, self.plan.statistics
        start, end = question.span.milliseconds
        first, last = max(start, statistics.first), min(end - 1, statistics.last)
        if first > last:
            return []
        if question.grain is Grain.ALL:
            return [start]
        instants = np.append(np.arange(first, last, 12 * HOUR), last)
        return sorted(set(calendar.starts(pa.array(instants), question.grain, question.zone).to_pylist()))

    @cached_property
    def _partials(self) -> list[Partial]:
        return client_aggregation.partials(self.question.measures)

    @property
    def _schema(self) -> pa.Schema:
        """The schema of the partial aggregates, in the order of the statement."""
        return pa.schema({str(partial): partial.arrow_type(self.plan.statistics) for partial in self._partials})

    def _expression(self, partial: Partial) -> str:
        """The aggregate in CQL; sums that may exceed 64 bits add varints, because sums of bigints wrap around."""
        if partial.column is None:
            return "count(*)"
        column = quoted(partial.column)
        return f"{partial.function}({f'cast({column} AS varint)' if partial.is_wide(self.plan.statistics) else column})"
