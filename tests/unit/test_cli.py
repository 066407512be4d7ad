"""The command line as people and programs use it."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.csv
import pytest

from rollup_bench.harness.cli.main import cli
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Verdict, of_type
from rollup_bench.harness.report import formats
from rollup_bench.harness.report.pivot import MARKS
from rollup_bench.harness.run.home import VARIABLE
from rollup_bench.workloads import dataset as datasets
from tests.support import ROOT
from tests.support.command import PROGRAM, Command
from tests.support.datasets import SPAN, aggregate, cohort, write

CSV = """\
at,who,[/what],n,x
2013-06-01T00:30:00Z,a,"[/x] \x1b[2J",9007199254740993,1.5
2013-06-01T23:30:00Z,b,,2,
2013-06-02T00:30:00Z,a,é,-1,2
"""


@pytest.fixture
def mine(tmp_path: Path) -> str:
    (tmp_path / "data.csv").write_text(CSV)
    by_day = aggregate(
        *("by-day", "count()", "sum(n)", "mean(x)"),
        story="Who asks [/this]?",
        grain="day",
        by=["[/what]"],
        where={"n": {"ge": "$least"}},
        parameters=SPAN | {"least": 0},
    )
    return str(
        write(
            *(tmp_path, by_day, cohort("back", "month", 3)),
            columns={"dimensions": ["[/what]"], "measures": ["n", "x"]},
            title="[/bold] of mine [red]",
            zone="Europe/Paris",
            layouts={"day": {"grain": "day", "measures": ["count()"]}},
        )
    )


def test_json_holds_the_question_its_parameters_and_typed_rows(command: Command, mine: str) -> None:
    out = command.done("ask", "by-day", "--dataset", mine, "--set", "least=-5", "--format", "json")
    answer = msgspec.json.decode(out, type=formats.Answer, strict=True)
    assert (answer.dataset, answer.question, answer.engine, answer.layout) == ("mine", "by-day", "duckdb", "raw")
    assert (answer.where, answer.tables) == ("in process", ("events",))
    assert answer.parameters == {"start": "2013-01-01", "end": "2014-01-01", "least": -5}
    assert [(c.name, c.type) for c in answer.columns] == [
        ("bucket", "timestamp[ms, tz=UTC]"),
        ("[/what]", "string"),
        ("count()", "int64"),
        ("sum(n)", "int64"),
        ("mean(x)", "double"),
    ]
    assert answer.rows == [
        ["2013-05-31T22:00:00Z", "[/x] \x1b[2J", 1, 9007199254740993, 1.5],
        ["2013-06-01T22:00:00Z", "é", 1, -1, 2.0],
        ["2013-06-01T22:00:00Z", None, 1, 2, None],
    ]


def test_the_schema_of_json_is_documented() -> None:
    page = (ROOT / "harness" / "README.md").read_text()
    _, _, rest = page.partition("```json\n")
    assert json.loads(rest.partition("```")[0]) == msgspec.json.schema(formats.Answer)


def started(mine: str, home: Path, form: str) -> subprocess.Popen[bytes]:
    call = [sys.executable, "-c", PROGRAM, "ask", "by-day", "--dataset", mine, "--format", form]
    environment = os.environ | {VARIABLE: str(home)}
    return subprocess.Popen(call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def written(mine: str, home: Path, form: str) -> bytes:
    with started(mine, home, form) as running:
        out, err = running.communicate()
    assert (running.returncode, err) == (0, b"")  # no progress where nobody looks
    return out


def test_arrow_and_csv_hold_the_same_columns_and_exact_integers(command: Command, mine: str) -> None:
    arrow = pa.ipc.open_stream(written(mine, command.home, "arrow")).read_all()
    assert arrow.column_names == ["bucket", "[/what]", "count()", "sum(n)", "mean(x)"]
    assert arrow["sum(n)"].to_pylist() == [9007199254740993, 2]
    read = pa.csv.read_csv(io.BytesIO(written(mine, command.home, "csv")))
    assert read["sum(n)"].to_pylist() == [9007199254740993, 2]
    assert read.column_names == arrow.column_names


def test_the_truth_says_the_same(command: Command, mine: str) -> None:
    for question in ("by-day", "back"):
        asked = ["ask", question, "--dataset", mine, "--format", "csv", "--engine"]
        assert command.done(*asked, "truth") == command.done(*asked, "duckdb")


def test_a_table_shows_the_story_the_parameters_and_escaped_text(command: Command, mine: str) -> None:
    shown = command.done("ask", "by-day", "--dataset", mine)
    assert "Who asks [/this]?" in shown
    assert "mine/by-day  start=2013-01-01, end=2014-01-01, least=0, in Europe/Paris  by duckdb/raw" in shown
    assert "[/x] \\x1b[2J" in shown
    assert "\x1b" not in shown
    assert "2013-06-01" in shown  # the day as it is in Paris
    assert "NULL" in shown


def test_explain_prints_what_is_bound(command: Command, mine: str) -> None:
    shown = command.done("explain", "by-day", "--dataset", mine, "--set", "least=7")
    assert "layout raw: aggregated in process" in shown
    assert "CREATE TABLE events" in shown
    assert '"n" >= $' in shown
    _, _, bound = shown.partition("-- parameters: ")
    assert bound.strip().endswith("7") or " 7," in bound
    assert "= TIMESTAMP '2012-12-31 23:00:00'" in bound  # midnight in Paris
    assert "read all events" in command.done("explain", "back", "--dataset", mine, "--engine", "truth")


@pytest.mark.parametrize("engine", ["cassandra", "druid", "duckdb-served", "spark", "spark-cassandra"])
def test_explain_needs_no_server(engine: str, command: Command, mine: str) -> None:
    assert "layout raw: aggregated" in command.done("explain", "by-day", "--dataset", mine, "--engine", engine)
    assert not [path for path in command.files() if path.name == "processes.json"]


def test_a_run_loads_the_layouts_that_answer_a_question_and_says_what_to_try_next(command: Command, mine: str) -> None:
    shown = command.done("run", "--dataset", mine, "--layouts", "all")
    assert shown.startswith("mine, 3 rows\n")
    assert re.search(r"\nduckdb/day: unsupported: layout day does not group by .* \(by-day\)\n", shown)
    assert len([path for path in command.files() if path.match("loads/duckdb-*.json")]) == 2
    _, *steps = shown.partition("Next:")[2].splitlines()
    ask, explain, run = (shlex.split(line)[1:] for line in steps)
    assert ask[-8:-4] == ["--engine", "duckdb", "--layout", "raw"]
    assert "bucket" in command.done(*ask)
    assert "CREATE TABLE" in command.done(*explain)
    assert run == ["run", "--dataset", mine, "--engines", "duckdb,druid,cassandra"]
    again = command.done("run", "--dataset", mine, "--questions", "by-day")
    assert " reused " in again
    assert "back" not in again


def test_list_shows_engines_datasets_questions_and_layouts(command: Command, mine: str) -> None:
    assert all(name in command.done("list", "engines") for name in ("duckdb", "druid", "cassandra", "truth"))
    assert all(name in command.done("list", "datasets") for name in datasets.built_in())
    assert "Who asks [/this]?" in command.done("list", "questions", "--dataset", mine)
    assert "count() by day (Europe/Paris)" in command.done("list", "layouts", "--dataset", mine)


def test_status_and_logs_without_servers(command: Command) -> None:
    assert "│" not in command.done("status")
    assert re.search(r"^ druid +native +down *$", command.done("status"), re.MULTILINE)
    remedy = "none of the servers has logs here; start one with rollup-bench up SERVER\n"
    assert command("logs") == (0, "", remedy)
    folder = command.home / "servers" / "druid-native" / "logs"
    folder.mkdir(parents=True)
    (folder / "broker.log").write_text("first\nlast\n")
    assert command("logs", "cassandra")[2] == remedy
    assert command.done("logs", "--lines", "1").splitlines()[1:] == ["last"]


def test_every_command_has_help(command: Command) -> None:
    for name in cli.commands:
        usage = command.done(name, "--help").splitlines()[0]
        assert usage.startswith("Usage: ")
        assert f"rollup-bench {name} [OPTIONS]" in usage


@pytest.mark.parametrize("kept", sorted(ROOT.glob("results/*/*.jsonl")), ids=lambda p: p.stem)
def test_a_run_that_is_kept_is_printed_from_its_file_alone(
    command: Command, monkeypatch: pytest.MonkeyPatch, kept: Path
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shown = command.done("show", str(kept))
    verdicts = list(of_type(Run.read(kept).lines, Verdict))
    assert all(one.question in shown for one in verdicts)
    pivot, _, _ = shown[shown.index("\nmedian ms ") :].rpartition("✓ right")
    pivot = "\n".join(line for line in pivot.splitlines() if not line.startswith("mix "))
    marks = {name: pivot.count(mark) for name, (mark, *_) in MARKS.items()}
    assert marks == {name: sum(one.verdict == name for one in verdicts) for name in MARKS}


@pytest.mark.parametrize("layouts", ["raw", "raw,day"])
def test_a_run_fits_eighty_columns(command: Command, monkeypatch: pytest.MonkeyPatch, mine: str, layouts: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = command.done("run", "--dataset", mine, "--layouts", layouts)
    table, _, _ = shown.partition("recorded in")
    assert max(map(len, table.splitlines())) <= 80
    assert "…" not in shown
    assert "median ms" in shown


def test_color_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch, command: Command, mine: str) -> None:
    assert "\x1b" not in command.done("run", "--dataset", mine)
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32m" in command.done("run", "--dataset", mine)
    monkeypatch.delenv("FORCE_COLOR")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    assert "\x1b[32m" not in command.done("run", "--dataset", mine)


def test_a_reader_that_stops_reading_ends_the_command_without_a_message(command: Command, mine: str) -> None:
    rows = "".join(f"2013-06-{1 + i % 30:02d},u{i},w{i},1,1\n" for i in range(50_000))
    Path(mine).with_name("data.csv").write_text(CSV.splitlines(keepends=True)[0] + rows)
    with started(mine, command.home, "csv") as running:
        assert running.stdout
        assert running.stderr
        assert running.stdout.readline().startswith(b'"bucket"')
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 1


def test_repeated_ids_are_reported_with_their_number(command: Command, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("at,who,order\n" + "2013-06-01,a,7\n2013-06-02,b,8\n2013-06-03,a,7\n" * 2)
    asked = [aggregate("counts", "count()")]
    path = str(write(tmp_path, *asked, columns={"id": "order"}))
    status, out, err = command("ask", "counts", "--dataset", path, "--format", "csv")
    remedy = "write unique = true under [source] to read only the first of them"
    assert (status, out.splitlines()[1].partition(",")[2], err) == (
        0,
        "6",
        f"{path}: 4 rows repeat the `order` of an earlier row; {remedy}\n",
    )
    unique = {"path": "data.csv", "unique": True}
    path = str(write(tmp_path, *asked, columns={"id": "order"}, source=unique))
    status, out, err = command("ask", "counts", "--dataset", path, "--format", "csv")
    assert (status, out.splitlines()[1].partition(",")[2], err) == (0, "2", "")
