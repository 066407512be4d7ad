"""The list of questions that scan events on `tuned`: it is what the engines would do, and differences are named."""

from contextlib import closing
from pathlib import Path

import pytest

from experiments import routes
from experiments.routes import Cell, cells, unlike
from rollup_bench.engines.contract import Where
from rollup_bench.engines.registry import engine_type
from rollup_bench.harness.records.lines import Route
from rollup_bench.harness.run.home import VARIABLE
from rollup_bench.workloads import dataset as datasets
from tests.conftest import BUDGET

SCAN, STORED = Route(("events",), Where.SERVER, 94), Route(("rollup",), Where.INGEST, 6)


@pytest.mark.parametrize("name", ["clickhouse", "duckdb", "duckdb-served", "druid", "cassandra", "spark"])
def test_the_list_of_scans_is_what_the_engines_do(name: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(home))
    with closing(engine_type(name)(None, home, BUDGET)) as engine:
        found = [cell for dataset in datasets.offline() for cell in cells(engine, dataset)]
    assert unlike(found) == []
    asked = {cell.question for cell in found}
    assert {question for engine, question in routes.listed() if engine == name} <= asked
    assert all(sum(taken.requests for taken in cell.routes) in (0, routes.REQUESTS) for cell in found)


def test_a_scan_reads_the_events_or_aggregates_in_the_client() -> None:
    assert Cell("a", "q", [SCAN, STORED]).scans == 94
    assert Cell("a", "q", [Route(("slices",), Where.CLIENT, 1), STORED]).scans == 14
    assert Cell("a", "q", [STORED]).scans == Cell("a", "q", []).scans == 0


def test_what_the_list_lacks_or_has_in_excess_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "scans.toml").write_text('[[scans]]\nengines = ["a"]\nreason = "r"\npercent = { old = 50, same = 94 }')
    monkeypatch.setattr(routes, "LIST", tmp_path / "scans.toml")
    found = [Cell("a", "new", [SCAN, STORED]), Cell("a", "old", [STORED]), Cell("a", "same", [SCAN, STORED])]
    assert unlike(found) == [
        "new on a: 94% are scans, but scans.toml says at most 5%",
        "old on a: at most 5% are scans, but scans.toml says 50%",
    ]
