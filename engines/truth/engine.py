"""Presents the truth, the right answers computed from the events, as an engine that users can ask like any other."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines.contract import Engine, Loaded, Plan, Session, Support, Where, unsupported
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts, truth
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question


class Truth(Engine):
    """An engine that computes answers from the events; a load only keeps a reference to the events."""

    name = "truth"
    version = "1"
    scope = "in process, straight from the events"

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        super().__init__(server, home, budget)
        self._events: dict[str, Events] = {}

    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        return Plan(self.name, dataset, layout, statistics, "nothing is created")

    def support(self, question: Question, plan: Plan) -> Support:
        if plan.layout != layouts.raw:
            return unsupported("the truth answers only on layout raw")
        return Support(Where.CLIENT, tables=("events",))

    def explain(self, question: Question, plan: Plan) -> str:
        return f"read all events, then compute\n{question}"

    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        self._events[plan.key] = events
        return Loaded(events.statistics.rows, 0.0, 0)

    def rows(self, plan: Plan) -> int | None:
        return self._events[plan.key].statistics.rows if plan.key in self._events else None

    def drop(self, plan: Plan) -> None:
        self._events.pop(plan.key, None)

    @contextmanager
    def session(self, plan: Plan) -> Iterator[Session]:
        yield _Session(self._events[plan.key])

    def close(self) -> None:
        self._events.clear()


class _Session(Session):
    def __init__(self, events: Events) -> None:
        self._events = events

    def ask(self, question: Question) -> pa.Table:
        return truth.answer(question, self._events)
