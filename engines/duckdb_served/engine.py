"""The adapter to a DuckDB server: the tables and statements of the embedded DuckDB, sent by Arrow Flight."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import closing, contextmanager
from functools import cached_property, lru_cache, partial
from pathlib import Path
from threading import Thread
from typing import TypeVar

import pyarrow as pa

from rollup_bench.engines.contract import Loaded, Plan, Session, Support, Where
from rollup_bench.engines.duckdb import export
from rollup_bench.engines.duckdb.engine import DuckDB, counting, settings, statement, typed
from rollup_bench.engines.duckdb.loading import naive_batches, naive_schema, steps, stored_events
from rollup_bench.engines.duckdb_served.client import Client
from rollup_bench.engines.duckdb_served.protocol import Load, Query, StatementError
from rollup_bench.engines.duckdb_served.server import of_duckdb
from rollup_bench.engines.exports import write_text
from rollup_bench.engines.stages import loaded
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question, spanless
from rollup_bench.workloads.templates import Template

T = TypeVar("T")


class DuckDBServed(DuckDB):
    """DuckDB in a process of its own; the folder of the server has the files."""

    name = "duckdb-served"
    scope = "one process on loopback behind Arrow Flight, few cursors, first come first served"
    steps = ("The client sends events as a stream of Arrow Flight.",)

    @cached_property
    def version(self) -> str:  # type: ignore[override]
        """The version of DuckDB that the server reports."""
        return self._client.act("version")

    def support(self, question: Question, plan: Plan) -> Support:
        support = super().support(question, plan)
        return dataclasses.replace(support, where=Where.SERVER) if support.where is Where.PROCESS else support

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        usage = super().export(plan, questions, events, folder)
        write_text(folder / "settings.sql", *export.settings(settings(of_duckdb(self.budget))))
        return usage

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        began, rows = time.perf_counter(), events.statistics.rows
        load, batches = Load(plan.name, steps(plan), rows), naive_batches(events, watch)
        schema, seconds = naive_schema(plan.schema), watch.remaining
        stages = _watched(lambda: self._client.load(load, schema, batches, seconds), watch)
        return loaded(plan, self._counts(plan), stored_events(plan), time.perf_counter() - began, stages)

    def rows(self, plan: Plan) -> int | None:
        try:
            return sum(self._counts(plan).values())
        except StatementError:
            return None

    def drop(self, plan: Plan) -> None:
        self._client.act("drop", plan.name)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        with closing(Client(self.served_by.connection)) as client:
            yield _Session(client, plan)

    def close(self) -> None:
        if "_client" in self.__dict__:
            self._client.close()

    def _counts(self, plan: Plan) -> dict[str, int]:
        (counts,) = self._client.table(Query(plan.name, counting(plan), [])).to_pylist()
        return dict(counts)

    @cached_property
    def _client(self) -> Client:
        return Client(self.served_by.connection)


def _watched(call: Callable[[], T], watch: Watch) -> T:
    """The result of a call in a thread of its own; at the deadline, FailureError, and the thread is left alone.

    Arrow Flight's own deadline does not end a write to a server that stands still.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:
            done.set_exception(error)

    Thread(target=run, daemon=True).start()
    while not wait([done], 0.1).done:
        watch.check()
    return done.result()


class _Session(Session):
    def __init__(self, client: Client, plan: Plan) -> None:
        self._client = client
        self._plan = plan
        self._schema = lru_cache(partial(answers.schema, events=plan.schema))

    def ask(self, question: Question) -> pa.Table:
        text, values = statement(question, self._plan)
        found = self._client.table(Query(self._plan.name, text, values))
        return typed(found, question, self._schema(spanless(question)))
