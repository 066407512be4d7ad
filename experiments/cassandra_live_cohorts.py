"""Measures what it costs Cassandra to keep the activity of subjects up to date while events arrive.

`python -m experiments.cassandra_live_cohorts [--events 5000] [--dataset flights]`. A load computes the activity of all
subjects at once, and writes only its sums. Live, each event reads the birth of its subject and writes the rows that
change, in a table with a row for each subject and age; a job would add up the sums from it. The program does this for a
sample of subjects, one event after the other in the order of time, and compares the sums of the rows with those that a
load would write.
"""

import sys
import time
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.engines import cohort_activity
from rollup_bench.engines.cassandra.tables import BUCKET, Table
from rollup_bench.engines.cohort_activity import AGE, BIRTH, BORN, COHORT, FIRST, LAST, ROWS, SUBJECT, age_at
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.partials import matching
from rollup_bench.engines.sql import quoted
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.workloads import calendar, dataset, events, layouts
from rollup_bench.workloads.calendar import DAY
from rollup_bench.workloads.events import Events

if TYPE_CHECKING:
    from rollup_bench.engines.cassandra.cohort_tables import CohortTable
    from rollup_bench.engines.cassandra.engine import Cassandra

Row = dict[str, Any]


class Upkeep(msgspec.Struct, frozen=True):
    """What an event costs on average: rows read and written, and microseconds of the processor."""

    table: str
    events: int
    read: float
    written: float
    server: float
    client: float

    def __str__(self) -> str:
        return (
            f"{self.table}: {self.read:.2f} rows read and {self.written:.2f} written for each of {self.events:,} "
            f"events; {self.server:.0f} µs of the server's processor and {self.client:.0f} µs of the client's"
        )


class Store:
    """Reads and writes single rows, and counts them."""

    def __init__(self, engine: "Cassandra", plan: Plan) -> None:
        self._driver, self._plan = engine._driver, plan
        self._prepared: dict[str, Any] = {}
        self.read, self.written = 0, 0

    def select(self, text: str, *values: Any) -> tuple[Any, ...] | None:
        """The row that a statement reads; None if there is none."""
        row: tuple[Any, ...] | None = self._execute(text, values).one()
        self.read += row is not None
        return row

    def insert(self, table: str, row: Row) -> None:
        """Writes the columns of a row."""
        into = f"{quoted(self._plan.name)}.{quoted(table)}"
        names = ", ".join(map(quoted, row))
        self._execute(f"INSERT INTO {into} ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
        self.written += 1

    def _execute(self, text: str, values: tuple[Any, ...]) -> Any:
        if text not in self._prepared:
            self._prepared[text] = self._driver.prepare(text)
        return self._driver.execute(self._prepared[text], values)


def subjects_table(cohort: "CohortTable") -> Table:
    """The table of the activity of each subject, whose sums the table of a cohort stores; its partitions last a day."""
    keys = (*cohort.table.clustering, SUBJECT)
    columns = {n: kind for n, kind in cohort.table.columns.items() if n != ROWS} | {SUBJECT: "text"}
    return Table(f"subjects_{cohort.table.name}", columns, keys, cohort.table.comment, DAY)


class LiveCohort:
    """Keeps a cohort's activity up to date; a table of births tells the birth and the last age of each subject."""

    def __init__(self, store: Store, engine: "Cassandra", plan: Plan, cohort: "CohortTable") -> None:
        self._store, self._plan, self._cohort, self._table = store, plan, cohort, subjects_table(cohort)
        self._question, self._births = cohort.stored.definition, f"births_{cohort.table.name}"
        columns = f"{quoted(SUBJECT)} text PRIMARY KEY, at bigint, cohort text, last bigint"
        engine._driver.execute(f"CREATE TABLE {quoted(plan.name)}.{quoted(self._births)} ({columns})")
        engine._driver.execute(self._table.create(plan.name))

    def add(self, subject: str, instant: int, cohort: str, born: bool, returns: bool, sums: Row) -> None:
        """Adds an event; `born` and `returns` say which conditions it matches, `sums` what it adds."""
        births = f"{quoted(self._plan.name)}.{quoted(self._births)}"
        known = self._store.select(f"SELECT at, cohort, last FROM {births} WHERE {quoted(SUBJECT)} = ?", subject)
        if known is None:
            if not born:
                return
            self._store.insert(self._births, {SUBJECT: subject, "at": instant, "cohort": cohort})
            self._store.insert(self._table.name, self._key(instant, cohort, BIRTH, subject))
            known = instant, cohort, None
        birth, cohort, last = known
        if returns and instant >= birth + self._question.repeat:
            at, question = np.array([birth]), self._question
            age = int(age_at(at, np.array([instant]), question.age, question.zone)[0])
            self._return(subject, birth, cohort, age, last, sums)

    def _return(self, subject: str, birth: int, cohort: str, age: int, last: int | None, sums: Row) -> None:
        key = self._key(birth, cohort, age, subject)
        if age == last:
            self._store.insert(self._table.name, key | self._added(key, sums))
            return
        self._store.insert(self._table.name, key | {FIRST: int(last is None), LAST: 1} | sums)
        if last is not None:
            self._store.insert(self._table.name, self._key(birth, cohort, last, subject) | {LAST: 0})
        self._store.insert(self._births, {SUBJECT: subject, "last": age})

    def _added(self, key: Row, sums: Row) -> Row:
        """The sums of the stored row and of one event more."""
        where = " AND ".join(f"{quoted(name)} = ?" for name in key)
        source = f"{quoted(self._plan.name)}.{quoted(self._table.name)}"
        stored = self._store.select(f"SELECT {', '.join(map(quoted, sums))} FROM {source} WHERE {where}", *key.values())
        assert stored is not None
        pairs = zip(sums.items(), stored, strict=True)
        return {name: old if more is None else (old or 0) + more for (name, more), old in pairs}

    def _key(self, birth: int, cohort: str, age: int, subject: str) -> Row:
        grain, zone = self._cohort.stored.grain, self._question.zone
        born = int(calendar.starts(pa.array([birth]), grain, zone)[0].as_py())
        values = {BORN: born, COHORT: cohort, AGE: age, SUBJECT: subject}
        key = {name: values[name] for name in self._table.clustering}
        return {BUCKET: born // DAY, self._table.shard: 0} | key


def upkeep(engine: "Cassandra", plan: Plan, cohort: "CohortTable", rows: Events) -> Upkeep:
    """Adds all events to the activity of a cohort, and checks the rows that are then stored."""
    store = Store(engine, plan)
    live, added = LiveCohort(store, engine, plan, cohort), list(_events(cohort, rows))
    assert engine.server is not None
    server, client = engine.server.cpu_seconds() or 0.0, time.process_time()
    for event in added:
        live.add(*event)
    client, server = time.process_time() - client, (engine.server.cpu_seconds() or 0.0) - server
    _check(engine, plan, cohort, rows)
    count, micro = len(added), 1e6 / len(added)
    costs = store.read / count, store.written / count, server * micro, client * micro
    return Upkeep(cohort.table.comment, count, *costs)


def inserts(engine: "Cassandra", plan: Plan, rows: Events) -> Upkeep:
    """The cost of writing the events themselves one by one."""
    store, table = Store(engine, plan), plan.tables.events
    assert table is not None
    assert engine.server is not None
    written = pa.table(next(rows.batches())).slice(0, rows.statistics.rows).to_pylist()
    server, client = engine.server.cpu_seconds() or 0.0, time.process_time()
    for number, event in enumerate(written):
        store.insert(table.name, {BUCKET: 0, table.shard: 0, table.clustering[-1]: number} | event)
    client, server = time.process_time() - client, (engine.server.cpu_seconds() or 0.0) - server
    micro = 1e6 / len(written)
    return Upkeep("the event itself", len(written), 0.0, 1.0, server * micro, client * micro)


def _events(cohort: "CohortTable", rows: Events) -> Iterator[tuple[Any, ...]]:
    """The subject, time, cohort, conditions and sums of each event, in the order of time."""
    from rollup_bench.engines.cassandra import codec

    table, question = pa.concat_tables(map(pa.table, rows.batches())), cohort.stored.definition
    table = table.append_column("number", pa.array(np.arange(table.num_rows)))
    partials = {str(p): p for p in cohort.stored.partials}
    born, returns = (set(matching(table, f)["number"].to_pylist()) for f in (question.birth, question.returns))
    by = codec.key(table[question.by]) if question.by else pa.array([""] * table.num_rows)
    values = {name: p.of_events(table, rows.statistics) for name, p in partials.items()}
    columns = pa.table(
        {"at": table[rows.columns.time.name].cast(pa.int64()), "by": by, "who": codec.key(table[rows.columns.subject])}
        | {"number": table["number"]}
        | values
    )
    for row in columns.sort_by([("at", "ascending"), ("by", "ascending")]).to_pylist():
        sums = {name: row[name] for name in values}
        yield row["who"], row["at"], row["by"], row["number"] in born, row["number"] in returns, sums


def _check(engine: "Cassandra", plan: Plan, cohort: "CohortTable", rows: Events) -> None:
    """Exits with 1 if the sums of the stored rows are not those that a load would write."""
    table, partials = subjects_table(cohort), cohort.stored.partials
    types = dict.fromkeys((BORN, AGE, FIRST, LAST), pa.int64())
    types |= {str(p): p.arrow_type(rows.statistics) for p in partials}
    names = [name for name in table.columns if name != SUBJECT]
    selected = [f"to_unix_timestamp({quoted(BORN)})" if name == BORN else quoted(name) for name in names]
    source = f"{quoted(plan.name)}.{quoted(table.name)}"
    stored = zip(*engine._driver.execute(f"SELECT {', '.join(selected)} FROM {source}").all(), strict=True)
    columns = {name: pa.array(values, types.get(name, pa.string())) for name, values in zip(names, stored, strict=True)}
    found = cohort_activity.summed(pa.table(columns), partials, COHORT in names)
    wanted = cohort.rows(rows).select(found.column_names)
    if sorted(found.to_pylist(), key=str) != sorted(wanted.to_pylist(), key=str):
        sys.exit(f"{table.comment}: the rows written live do not add up to those of a load")


def sampled(rows: Events, wanted: int) -> Events:
    """The events of as many subjects as have about `wanted` events together."""
    table, subject = pa.concat_tables(map(pa.table, rows.batches())), rows.columns.subject
    table = table.filter(pc.field(subject).is_valid())
    subjects = table[subject].unique().cast(pa.string()).to_pylist()
    share = wanted / rows.statistics.rows * 2**32
    chosen = [value for value in subjects if zlib.crc32(value.encode()) < share]
    return events.of(table.filter(pc.is_in(table[subject].cast(pa.string()), pa.array(chosen))), rows.columns)


@click.command()
@click.option("--events", "wanted", default=5_000, show_default=True, help="About how many events to add.")
@click.option("--dataset", "name", default="flights", show_default=True, help="Whose cohorts to keep up to date.")
def main(wanted: int, name: str) -> None:
    """Prints a line for each cohort table; exits with 1 if the activity does not add up to what a load would write."""
    known = dataset.read(name)
    rows = sampled(events.prepare(known, home()), wanted)
    with running.opened(["cassandra"], "native", home(), lambda _: None) as (engine,):
        from rollup_bench.engines.cassandra.loading import LoadCheckpoint

        for layout in (layouts.raw, layouts.tuned):
            plan = engine.plan(known, layout, rows.statistics)
            engine.drop(plan)
            LoadCheckpoint(engine._driver, plan)  # type: ignore[attr-defined]  # creates the tables
            if layout == layouts.raw:
                click.echo(inserts(engine, plan, rows))  # type: ignore[arg-type]
            for cohort in plan.tables.cohorts:
                click.echo(upkeep(engine, plan, cohort, rows))  # type: ignore[arg-type]
            engine.drop(plan)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
