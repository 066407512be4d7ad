"""What `export` writes for DuckDB runs in DuckDB's own client and gives right answers, also for other parameters."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path

import duckdb
import pytest

from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.engines.duckdb_served.engine import DuckDBServed
from rollup_bench.engines.duckdb_served.server import of_duckdb
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance.tested_engine import packed
from rollup_bench.workloads import layouts
from tests.conftest import BUDGET
from tests.support.command import Command
from tests.support.datasets import SPAN, aggregate, write
from tests.support.exported import Values, check_other_seasons, check_other_values, set_to
from tests.support.tuned import read

ARMS = ["flights/raw", "flights/day", "flights/tuned", "cdnow/raw", "cdnow/tuned", "game/raw", "game/month"]
ARMS += ["game/tuned"]
"""Datasets with and without clock changes, on layouts that answer from events, roll-ups and stored activity."""
WRITTEN = {"days", "seconds", "dollars", "minutes"}
"""Parameters that are part of a statement: ages and windows, and what a table of `tuned` was made for."""


@contextmanager
def client(folder: Path) -> Iterator[Callable[[str, Values], Sequence[Sequence[object]]]]:
    """DuckDB's client in the folder, with the exported tables."""
    with chdir(folder), duckdb.connect("tables.duckdb") as connection:
        for file in ("settings.sql", "schema.sql"):
            connection.execute(Path(file).read_text("utf-8"))
        yield lambda text, values: connection.execute(set_to(text, values, 'SET VARIABLE "{}"')).fetchall()


@pytest.mark.parametrize("arm", ARMS)
def test_duckdb_answers_exported_questions_right(arm: str, home: Path, tmp_path: Path) -> None:
    engine = DuckDB(None, tmp_path / "home", BUDGET)
    check_other_values(engine, arm, home, tmp_path / "out", client, WRITTEN)


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_exported_questions_take_times_in_other_seasons(zone: str, home: Path, tmp_path: Path) -> None:
    check_other_seasons(DuckDB(None, tmp_path / "home", BUDGET), zone, home, tmp_path, client)


def test_a_served_duckdb_is_exported_with_the_limits_of_its_server(tmp_path: Path) -> None:
    dataset, events, engine = read(tmp_path), packed(), DuckDBServed(None, tmp_path, BUDGET)
    plan = engine.plan(dataset, layouts.raw, events.statistics)
    engine.export(plan, list(dataset.questions.values()), events, tmp_path / "out")
    limits = of_duckdb(BUDGET)
    assert limits.memory < BUDGET.memory
    assert f"'{limits.memory >> 20}MiB'" in (tmp_path / "out" / "settings.sql").read_text("utf-8")


def test_export_says_which_questions_it_wrote_and_where(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("at,who\n2013-01-01,a\n")
    whom = SPAN | {"whom": ["a", "it's"]}
    file = write(
        tmp_path,
        aggregate("some", "count()", where={"who": {"in": "$whom"}}, parameters=whom, story="Who?"),
        aggregate("none", "count()", where={"who": {"null": "$missing"}}, parameters=SPAN | {"missing": True}),
    )
    out = tmp_path / "out"
    shown = command.done("export", str(file), "--out", str(out))
    assert shown == f"2 of 2 questions in {out}; README.txt says how to use the files\n"
    assert "some: Who?" in (out / "README.txt").read_text("utf-8")
    query = (out / "queries" / "some.sql").read_text("utf-8")
    assert """SET VARIABLE "whom" = ['a', 'it''s'];""" in query
    assert "getvariable('whom')[2]" in query
    assert "missing = True is part of the statement" in (out / "queries" / "none.sql").read_text("utf-8")
    assert command.refused("export", str(file), "--out", str(out)).endswith("is not empty; name a new folder")
    assert "no client of its own" in command.refused(
        "export", str(file), "--engine", "truth", "--out", str(out / "new")
    )


def test_an_export_that_fails_leaves_no_half_of_the_files(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_arguments: object) -> None:
        raise FailureError("the disk is full")

    monkeypatch.setattr("rollup_bench.harness.report.exports.write_text", cut_off)
    status, _, error = command("export", "game", "--rows", "900", "--out", str(tmp_path / "out"))
    assert (status, list(tmp_path.glob("out*"))) == (1, []), error
