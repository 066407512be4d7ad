"""Answers from the events themselves: summed by the server where it can, else read whole and computed in the client."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import pyarrow as pa

from rollup_bench.engines.cassandra import activity, conditions, funnels, rollups, states, wire
from rollup_bench.engines.cassandra.cluster import Reader
from rollup_bench.engines.cassandra.states import Accumulator, Groups, State
from rollup_bench.engines.cassandra.tables import HOUR, Manifest, Table, partitions, quoted
from rollup_bench.engines.contract import Plan, Support, Where
from rollup_bench.workloads import calendar
from rollup_bench.workloads.columns import INSTANT
from rollup_bench.workloads.questions import Aggregate, Cohort, Funnel, Grain, Question, milliseconds

SLICES = 5_000
"""Buckets of a question that may be asked for one by one: the days of thirteen years."""


@dataclass(frozen=True)
class Scan:
    """Every event that matters is read, several partitions at once; the client computes the answer."""

    question: Question
    plan: Plan

    @property
    def support(self) -> Support:
        """In the client."""
        rows = self.plan.statistics.rows
        return Support(Where.CLIENT, f"no table was made for it: each event of the span is shipped, of {rows:,}")

    @property
    def text(self) -> str:
        """The statement that reads a partition's events of a span."""
        table: Table = self.plan.tables.events
        time = quoted(table.time)
        columns = [f"to_unix_timestamp({time})", *map(quoted, self._needed)]
        return table.select(self.plan.name, columns, f" AND {time} >= ? AND {time} < ?")

    def explain(self) -> str:
        """The statement and what follows it."""
        return f"{self.text}\n-- for each partition of the span; the client filters, groups and sorts"

    def answer(self, reader: Reader, known: Manifest, wanted: pa.Schema) -> pa.Table:
        """The answer, in the schema that is wanted."""
        columns = self.plan.dataset.columns
        match self.question:
            case Aggregate() as question:
                return states.answer(question, self._groups(question, reader, known), wanted)
            case Cohort() as question:
                found = list(self.events(reader, known))
                adds, wide = activity.kept(question), rollups.wide(self.plan.statistics)
                rows = activity.rows(question, question.grain or Grain.DAY, lambda: found, columns, adds, wide)
                return activity.answer(question, activity.summed(rows, adds, question.by is not None), wanted)
            case Funnel() as question:
                return funnels.answer(question, pa.concat_tables(self.events(reader, known)), columns, wanted)

    def events(self, reader: Reader, known: Manifest) -> Iterator[pa.Table]:
        """The events, partition by partition as they arrive, and one time none of them."""
        table, (start, end) = self.plan.tables.events, self._span
        kinds = {table.time: pa.int64()} | {name: self.plan.schema.field(name).type for name in self._needed}
        times = pa.schema(kinds | {table.time: INSTANT})
        text, places = self.text, partitions(table, known, start, end - 1)
        yield times.empty_table()
        for rows in reader.all((text, (*place, start, end)) for place in places):
            yield wire.table(rows, kinds).cast(times)

    def _groups(self, question: Aggregate, reader: Reader, known: Manifest) -> Groups | None:
        """Folded partition by partition."""
        found, wide = Accumulator(), rollups.wide(self.plan.statistics)
        for events in self.events(reader, known):
            rows = conditions.matching(events, question.where)
            if rows.num_rows:
                starts = calendar.of(question, rows[self.plan.tables.events.time].cast(pa.int64()))
                placed = rows.append_column("bucket", starts)
                found.add(states.of_events(placed, question.by, question.measures, wide))
        return found.groups

    @property
    def _span(self) -> tuple[int, int]:
        """Births may be long before the span, and returns long after it."""
        start, end = self.question.span.milliseconds
        if isinstance(self.question, Cohort):
            return min(start, self.plan.statistics.first), max(end, milliseconds(self.question.until))
        return start, end

    @cached_property
    def _needed(self) -> list[str]:
        """The columns besides the time."""
        columns = self.plan.dataset.columns
        match self.question:
            case Aggregate() as question:
                measured = [m.column for m in question.measures if m.column is not None]
                names = [*question.by, *(f.column for f in question.where), *measured]
            case Cohort() as question:
                names = activity.needed(question, columns, activity.kept(question))
            case Funnel() as question:
                names = funnels.needed(question, columns)
        return [name for name in dict.fromkeys(names) if name != columns.time.name]


@dataclass(frozen=True)
class Slices:
    """The server aggregates each stretch of time that lies in one bucket and one partition."""

    question: Aggregate
    plan: Plan

    @staticmethod
    def serves(question: Aggregate, plan: Plan) -> bool:
        """Whether it is about all events of long buckets, and measures are of the kind that stretches add up to."""
        if question.by or question.where or states.kept_values(question.measures):
            return False
        days = (plan.statistics.last - plan.statistics.first) / (24 * HOUR)
        return question.grain not in (Grain.MINUTE, Grain.HOUR) and days <= SLICES

    @property
    def support(self) -> Support:
        """On the server."""
        return Support(Where.SERVER, "partition by partition; the client adds up their sums")

    @property
    def text(self) -> str:
        """The statement that aggregates a stretch of a partition."""
        table: Table = self.plan.tables.events
        time = quoted(table.time)
        columns = [self._aggregate(s) for s in self._states]
        return table.select(self.plan.name, columns, f" AND {time} >= ? AND {time} < ?")

    def explain(self) -> str:
        """The statement and what follows it."""
        return f"{self.text}\n-- for each partition of each bucket; the client adds up and sorts"

    def answer(self, reader: Reader, known: Manifest, wanted: pa.Schema) -> pa.Table:
        """The answer, of a row for each stretch that has events."""
        table, text = self.plan.tables.events, self.text
        stretches = [
            (bucket, (*place, start, end))
            for bucket, start, end in self._stretches()
            for place in partitions(table, known, start, end - 1)
        ]
        found = reader.all((text, values) for _, values in stretches)
        rows = [(bucket, *row) for (bucket, _), (row,) in zip(stretches, found, strict=True) if row[0]]
        groups = Groups(["bucket"], wire.sums(rows, self._kinds), {}) if rows else None
        return states.answer(self.question, groups, wanted)

    def _stretches(self) -> Iterator[tuple[int, int, int]]:
        """The bucket, begin and end of each, of those in which there may be events."""
        edges = self._edges()
        start, end = self.question.span.milliseconds
        for bucket, following in pairwise([*edges, end]):
            yield bucket, max(bucket, start), min(following, end)

    def _edges(self) -> list[int]:
        """The buckets, of at least a day, from the first event to the last."""
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
    def _states(self) -> list[State]:
        return states.states(self.question.measures)

    def _aggregate(self, state: State) -> str:
        """Of bigints Cassandra's sum wraps silently, so those that may overflow are summed as varints."""
        if state.column is None:
            return "count(*)"
        wide = state.function == "sum" and state.column in rollups.wide(self.plan.statistics)
        column = f"cast({quoted(state.column)} AS varint)" if wide else quoted(state.column)
        return f"{state.function}({column})"

    @property
    def _kinds(self) -> dict[str, pa.DataType]:
        wide = rollups.wide(self.plan.statistics)
        return {"bucket": pa.int64()} | {str(s): states.kind(s, self.plan.schema, wide) for s in self._states}
