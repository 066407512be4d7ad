"""A first look: layouts that answer nothing are not loaded, and each failure names its arm and its questions."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from rollup_bench.engines.contract import Loaded, Support, Where
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.harness.conformance.subject import RANDOM, packed
from rollup_bench.harness.report.first_look import run_table
from rollup_bench.harness.run.arms import Arm, Cell
from rollup_bench.harness.run.verdicts import Kind, Verdict
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads import layouts
from tests.support.command import Command

TOML = """
title = "Mine"
source = { path = "data.csv" }
columns = { time = { name = "at" }, subject = "who", dimensions = ["what"], measures = ["n"] }
[layouts.day]
grain = "day"
measures = ["count()"]
[[questions]]
name = "by-what"
story = "What is done most?"
kind = "aggregate"
by = ["what"]
measures = ["count()"]
parameters = { start = 2013-01-01, end = 2014-01-01 }
"""


def test_a_layout_that_answers_no_question_is_not_loaded(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("at,who,what,n\n2013-06-01T00:30:00Z,a,x,1\n")
    (tmp_path / "mine.toml").write_text(TOML)
    shown = command.done("run", "--dataset", str(tmp_path / "mine.toml"), "--layouts", "all")
    assert "duckdb/day: unsupported: day does not keep what apart (by-what)" in shown
    assert "not loaded, it supports none of the questions" in shown
    records = [path.name for path in command.files() if path.match("loads/duckdb-*.json")]
    assert len(records) == 2  # raw and tuned


def test_a_failure_names_its_questions_even_without_a_reason(tmp_path: Path) -> None:
    engine = DuckDB(None, tmp_path, Budget(1, 1 << 30))
    arm = Arm(engine, engine.plan(RANDOM, layouts.raw, packed().shape), Loaded(1, 1.0, 0), reused=False)
    failed = [Cell(name, arm, Support(Where.PROCESS), Verdict(Kind.FAILED)) for name in ("by-day", "by-week")]
    words = StringIO()
    run_table(RANDOM, failed, engine.budget, Console(file=words, width=120))
    assert "duckdb/raw: failed: it gives no reason (by-day, by-week)" in words.getvalue()
