"""What engines demand of those who run them: read from their folders, measured, and printed."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from rollup_bench.engines.contract import Built
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.engines.registry import engine_type, names
from rollup_bench.engines.settings import changed_settings
from rollup_bench.errors import RequestError
from rollup_bench.harness.conformance.tested_engine import packed
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import LoadCost, Operations
from rollup_bench.harness.report.operations import operations_tables
from rollup_bench.harness.run.operations import added
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import layouts
from rollup_bench.workloads.measures import parse
from rollup_bench.workloads.questions import Aggregate, Span
from tests.conftest import BUDGET
from tests.support.timed import run
from tests.support.tuned import read

OPERATIONS = Operations(
    engine="e",
    settings=["a", "b"],
    steps=["The client merges groups."],
    tables={"raw": ["events"], "tuned": ["events", "days", "cohorts"]},
    memory={"one": 2**20, "other": 3 * 2**20},
    recovery=12.34,
)


def printed(found: Run) -> str:
    console = Console(width=200, file=StringIO(), record=True)
    operations_tables(found, console)
    return console.export_text()


def test_the_settings_of_an_engine_are_those_of_its_readme() -> None:
    assert changed_settings("duckdb") == ["threads", "memory_limit", "read_only (of a session)"]
    assert "join_use_nulls" in changed_settings("clickhouse")
    assert "auto_snapshot" in changed_settings("cassandra")
    assert "disk_failure_policy, commit_failure_policy" in changed_settings("cassandra")
    assert "druid.server.http.maxSubqueryBytes" in changed_settings("druid")
    assert "spark.sql.shuffle.partitions" in changed_settings("spark")
    assert "lock_configuration" in changed_settings("duckdb-served")
    assert changed_settings("truth") == []
    with pytest.raises(RequestError, match="`x` is not an engine"):
        changed_settings("x")


@pytest.mark.parametrize("name", names())
def test_steps_are_sentences(name: str) -> None:
    steps = engine_type(name).steps
    assert all(step[0].isupper() and step.endswith(".") for step in steps)
    assert bool(steps) == (name in ("cassandra", "druid", "duckdb-served", "spark", "spark-cassandra"))


def test_operations_are_printed_with_the_average_cost_of_a_table() -> None:
    built = Built(rows=100, seconds=3.0, bytes=2000)
    text = printed(run(OPERATIONS, LoadCost(arm="e/tuned", seconds=9.0, rows=1100, bytes=9000, built=built)))
    assert "e: The client merges groups." in text
    rows = [line.split() for line in text.splitlines()]
    assert ["e", "2", "4", "2", "1", "12.3"] in rows
    assert ["e/raw", "0"] in rows
    assert ["e/tuned", "2", "1.50", "50", "1,000"] in rows


def test_an_embedded_engine_adds_memory_to_the_program_that_asks(tmp_path: Path) -> None:
    dataset, events, engine = read(tmp_path), packed(), DuckDB(None, tmp_path, BUDGET)
    plan = engine.plan(dataset, layouts.raw, events.statistics)
    engine.load(plan, events, Watch())
    question = Aggregate(Span(datetime(1999, 1, 1, tzinfo=UTC), datetime(2003, 1, 1, tzinfo=UTC)), (parse("count()"),))
    grown = added("duckdb", tmp_path, [(plan, question)])
    assert 2**20 < grown < BUDGET.memory
    assert "512" in printed(run(replace(OPERATIONS, memory={}, added=512 * 2**20)))


def test_a_run_without_operations_prints_nothing() -> None:
    assert printed(run()) == ""
