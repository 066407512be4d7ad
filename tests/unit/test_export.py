"""What `export` writes for DuckDB runs in DuckDB's own client and gives right answers, also for other parameters."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.harness.report import exports
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from tests.conftest import BUDGET
from tests.support.command import Command
from tests.support.datasets import SPAN, aggregate, cohort, write
from tests.support.exported import Values, check, other_values, sample

ARMS = ["flights/raw", "flights/day", "flights/tuned", "cdnow/raw", "cdnow/tuned", "game/raw", "game/month"]
ARMS += ["game/tuned"]
"""Datasets with and without clock changes, on layouts that answer from events, roll-ups and stored activity."""
WRITTEN = {"days", "seconds", "dollars", "minutes"}
"""Parameters that are part of a statement: ages and windows, and what a table of `tuned` was made for."""


def pop_in(text: str, values: Values) -> str:
    """A query file with other values, as a person would write them at its top."""
    for name, value in values.items():
        literal = str(value) if isinstance(value, int) else f"'{value}'"
        text, found = re.subn(f'SET VARIABLE "{name}" = .*;', f'SET VARIABLE "{name}" = {literal};', text)
        assert found == 1
    return text


@contextmanager
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB's client in the folder, with the exported tables."""
    monkeypatch.chdir(folder)
    with duckdb.connect("tables.duckdb") as connection:
        for file in ("settings.sql", "schema.sql"):
            connection.execute(Path(file).read_text("utf-8"))
        yield connection


@pytest.mark.parametrize("arm", ARMS)
def test_duckdb_answers_exported_questions_right(
    arm: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, layout = arm.split("/")
    dataset, events = sample(name, home)
    engine = DuckDB(None, tmp_path / "home", BUDGET)
    plan = engine.plan(dataset, dataset.layout(layout), events.statistics)
    questions = exports.write(engine, plan, events, tmp_path / "out")
    asked = 0
    with client(tmp_path / "out", monkeypatch) as connection:
        for template in questions:
            text = Path(f"queries/{template.name}.sql").read_text("utf-8")
            written = {name for name in template.parameters if f"-- {name} = " in text}
            assert written <= WRITTEN, template.name
            tables = engine.support(template.fill(), plan).tables
            for values in other_values(template):
                free = {name: value for name, value in values.items() if name not in written}
                question = template.fill(free)
                if engine.support(question, plan).tables == tables:
                    rows = connection.execute(pop_in(text, free)).fetchall()
                    check(question, rows, events, (template.name, free))
                    asked += bool(rows)
    assert asked >= 2 * len(questions) > 0


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/London", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_exported_questions_take_times_in_other_seasons(
    zone: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = datetime(2013, 1, 1)
    times = [first + timedelta(hours=5 * i) for i in range(1752)]
    (tmp_path / "data.csv").write_text("\n".join(["at,who", *(f"{time},{i // 2}" for i, time in enumerate(times))]))
    winter = {"start": date(2013, 2, 1), "end": date(2013, 3, 1)}
    file = write(
        tmp_path,
        aggregate("by-hour", "count()", grain="hour", parameters=winter),
        aggregate("by-day", "count()", grain="day", parameters=winter),
        cohort("back", "day", 3, until="$until", parameters=winter | {"until": date(2013, 3, 1)}),
        zone=zone,
    )
    dataset = datasets.read(str(file))
    events = event_store.prepare(dataset, home)
    engine = DuckDB(None, tmp_path / "home", BUDGET)
    plan = engine.plan(dataset, dataset.layout("raw"), events.statistics)
    exports.write(engine, plan, events, tmp_path / "out")
    with client(tmp_path / "out", monkeypatch) as connection:
        for template in dataset.questions.values():
            text = Path(f"queries/{template.name}.sql").read_text("utf-8")
            for start, end in [("2013-07-01", "2013-07-09"), ("2013-03-10T00:30", "2013-11-03T01:00")]:
                values: Values = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
                values |= {"until": values["end"]} if "until" in template.parameters else {}
                rows = connection.execute(pop_in(text, values)).fetchall()
                assert rows
                check(template.fill(values), rows, events, (template.name, values))


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
