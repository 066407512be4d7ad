"""Routes: the tables of a request are those of its statement; runs count them, and cells show their shares."""

import re
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from rich.console import Console

from rollup_bench.engines.registry import engine_type
from rollup_bench.engines.source import adapter_hash
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Route, Verdict
from rollup_bench.harness.report.cells import CellView, by_question
from rollup_bench.harness.report.tables import run_table
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.rounds import Effort, TimedQuestion, launch
from rollup_bench.harness.run.routes import counted, route, unknown
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.questions import Question
from tests.conftest import BUDGET
from tests.support.timed import HEADER, rounds

TABLES: dict[str, Callable[[Any], list[str]]] = {
    "duckdb": lambda tables: list(tables.names),
    "druid": lambda tables: [datasource.name for datasource in tables],
    "cassandra": lambda tables: [table.name for table in tables.tables],
    "spark": lambda tables: [table.name for table in tables.all],
    "spark-cassandra": lambda tables: [table.name for table in tables.tables],
}
"""The names of all tables of a plan."""


@pytest.mark.parametrize("dataset", [datasets.read(name) for name in datasets.offline()], ids=lambda read: read.name)
@pytest.mark.parametrize("name", TABLES)
def test_support_names_every_table_of_the_statements_and_no_other(
    name: str, dataset: datasets.Dataset, home: Path
) -> None:
    sized = dataset.sized(5_000, 1) if dataset.source.generator else dataset
    statistics = event_store.prepare(sized, home).statistics
    answered = 0
    with closing(engine_type(name)(None, home, BUDGET)) as engine:
        for layout in sized.layouts:
            plan = engine.plan(sized, sized.layout(layout), statistics)
            for template in sized.questions.values():
                support = engine.support(template.fill(), plan)
                if support.where is not None:
                    query = engine.explain(template.fill(), plan).replace(plan.name, "")
                    shown = [t for t in TABLES[name](plan.tables) if re.search(rf'FROM (""\.)?["`]?_?{t}(?!\w)', query)]
                    assert sorted(support.tables) == sorted(shown)
                    answered += 1
    assert answered


def by_place(request: object) -> Route:
    """Even numbers take another route than odd ones."""
    return Route(("events",), "in the client") if int(str(request)) % 2 else Route(("rollup",), "at ingest")


def test_routes_are_counted_and_the_most_frequent_is_first() -> None:
    assert counted(by_place, [1, 2, 3, 5, 4, 1]) == [
        Route(("events",), "in the client", 4),
        Route(("rollup",), "at ingest", 2),
    ]
    assert counted(unknown, [1, 2]) == []


def test_rounds_record_the_route_of_each_timed_request() -> None:
    asked: list[object] = []
    effort = Effort(launches=1, least=3, most=3, warm=0.0)
    cell = TimedQuestion("q", ("a", "b"), "b", count().__next__)
    (line,) = launch(
        0, [cell], {"a": asked.append, "b": asked.append}, effort, 1, routes={"a": by_place, "c": by_place}
    )
    timed = asked[-18:]  # three rounds of two requests to `a`, `b` and the second name of `b`
    odd = sum(int(str(request)) % 2 for request in set(timed))
    assert len(line.times["a"]) == 3
    assert line.routes.keys() == {"a"}
    assert {route.where: route.requests for route in line.routes["a"]} == {"in the client": odd, "at ingest": 6 - odd}


def test_an_arm_whose_support_raises_has_no_route() -> None:
    assert route(cast(Arm, None), cast(Question, None)) == Route((), "")


def cell(*routes: Route, where: str = "at ingest", **header: Any) -> CellView:
    """The cell of one question that was timed by these routes."""
    verdict = Verdict(arm="duckdb/tuned", question="q", verdict=Kind.RIGHT, where=where, plan="p")
    arm = verdict.arm
    launches = [
        msgspec.structs.replace(
            rounds("q", {arm: [9, 9]}, launch=number, control=arm), routes={arm: [one]} if one.requests else {}
        )
        for number, one in enumerate(routes)
    ]
    run = Run(msgspec.structs.replace(HEADER, **header), [verdict, *launches])
    (view,) = by_question(run)["q"]
    return view


def test_a_cell_of_several_routes_has_the_share_of_each() -> None:
    scanned, stored = Route(("events",), "in the client", 997), Route(("totals", "values"), "on the server", 3)
    view = cell(stored, scanned)
    assert view.where == ">99% in the client from events, <1% on the server from totals and values"
    assert view.routes == [scanned, stored]
    half = msgspec.structs.replace(stored, requests=997)
    assert cell(scanned, half).where == "50% in the client from events, 50% on the server from totals and values"


def test_a_cell_of_one_route_is_where_its_requests_were_aggregated() -> None:
    assert cell(Route(("events",), "in the client", 7), Route(("events",), "in the client", 2)).where == "in the client"
    old = cell(Route((), "", 0))
    assert (old.where, old.routes) == ("at ingest", [])


def test_a_run_prints_the_shares_of_routes_and_which_adapters_have_changed() -> None:
    shown = {}
    for name, header, requests in (("new", {"adapters": {"duckdb": "0"}}, 3), ("old", {}, 0)):
        verdict = Verdict(arm="duckdb/tuned", question="q", verdict=Kind.RIGHT, where="at ingest")
        routes = (
            {verdict.arm: [Route(("a",), "at ingest", requests), Route(("b",), "at ingest", 1)]} if requests else {}
        )
        line = msgspec.structs.replace(rounds("q", {verdict.arm: [9, 9]}, control=verdict.arm), routes=routes)
        console = Console(record=True, width=300)
        run_table(Run(msgspec.structs.replace(HEADER, **header), [verdict, line]), console)
        shown[name] = console.export_text()
    assert "75% at ingest from a, 25% at ingest from b" in shown["new"]
    assert "changed since" in shown["new"]
    assert "does not record" not in shown["new"]
    assert "this file does not record which tables answered the requests" in shown["old"]
    assert "changed since" not in shown["old"]


def test_a_cell_has_the_hashes_of_its_plan_and_its_adapter() -> None:
    same = cell(Route(("a",), "at ingest"), adapters={"duckdb": adapter_hash("duckdb")})
    assert (same.plan, same.adapter, same.changed) == ("p", adapter_hash("duckdb"), False)
    assert cell(Route(("a",), "at ingest"), adapters={"duckdb": "0"}).changed
    assert cell(Route(("a",), "at ingest"), adapters={"druid": "0"}).adapter == ""
