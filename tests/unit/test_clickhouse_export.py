"""What `export` writes for ClickHouse runs in its own client, here chDB, and is right, also for other parameters."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from rollup_bench.engines.clickhouse.connections import Connection
from rollup_bench.engines.clickhouse.engine import ClickHouse
from rollup_bench.harness.report import exports
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from tests.conftest import BUDGET
from tests.support.datasets import SPAN, aggregate, cohort, write
from tests.support.exported import Values, check, other_values, sample

ARMS = ["flights/raw", "flights/day", "flights/tuned", "cdnow/raw", "cdnow/tuned", "game/month", "game/tuned"]
"""Datasets with and without clock changes, on layouts that answer from events, roll-ups and stored activity."""
WRITTEN = {"days", "seconds", "dollars", "minutes", "small", "large", "first", "second", "third"}
"""Parameters that may be part of a statement: ages and windows, and what a table of `tuned` was made for."""
Rows = list[list[object]]


def pop_in(text: str, values: Values) -> str:
    """A query file with other values, as a person would write them at its top."""
    for name, value in values.items():
        literal = str(value) if isinstance(value, int) else f"'{value}'"
        text, found = re.subn(f'SET "param_{name}" = .*;', f'SET "param_{name}" = {literal};', text)
        assert found == 1
    return text


@contextmanager
def client(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Rows]]:
    """A function that runs a query file in the folder, with the exported tables."""
    monkeypatch.chdir(folder)
    connection = Connection({})
    try:
        connection.run("CREATE DATABASE exported")
        connection.use("exported")
        connection.run(Path("settings.sql").read_text("utf-8"), Path("schema.sql").read_text("utf-8"))
        yield lambda text: [list(row.values()) for row in connection.arrow(text).to_pylist()]
    finally:
        connection.close()


@pytest.mark.parametrize("arm", ARMS)
def test_clickhouse_answers_exported_questions_right(
    arm: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, layout = arm.split("/")
    dataset, events = sample(name, home)
    engine = ClickHouse(None, tmp_path / "home", BUDGET)
    plan = engine.plan(dataset, dataset.layout(layout), events.statistics)
    questions = exports.write(engine, plan, events, tmp_path / "out")
    asked = 0
    with client(tmp_path / "out", monkeypatch) as answered:
        for template in questions:
            text = Path(f"queries/{template.name}.sql").read_text("utf-8")
            written = {name for name in template.parameters if f"-- {name} = " in text}
            assert written <= WRITTEN, template.name
            tables = engine.support(template.fill(), plan).tables
            for values in other_values(template):
                free = {name: value for name, value in values.items() if name not in written}
                question = template.fill(free)
                if engine.support(question, plan).tables == tables:
                    rows = answered(pop_in(text, free))
                    check(question, rows, events, (template.name, free))
                    asked += bool(rows)
    assert asked >= 2 * len(questions) > 0


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"])
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
    engine = ClickHouse(None, tmp_path / "home", BUDGET)
    plan = engine.plan(dataset, dataset.layout("raw"), events.statistics)
    exports.write(engine, plan, events, tmp_path / "out")
    with client(tmp_path / "out", monkeypatch) as answered:
        for template in dataset.questions.values():
            text = Path(f"queries/{template.name}.sql").read_text("utf-8")
            for start, end in [("2013-07-01", "2013-07-09"), ("2013-03-10T00:30", "2013-11-03T01:00")]:
                values: Values = {"start": datetime.fromisoformat(start), "end": datetime.fromisoformat(end)}
                values |= {"until": values["end"]} if "until" in template.parameters else {}
                rows = answered(pop_in(text, values))
                assert rows
                check(template.fill(values), rows, events, (template.name, values))


def test_texts_and_lists_are_parameters(home: Path, tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("at,who\n2013-01-01,a\n")
    whom = SPAN | {"whom": ["a\\", "it's"]}
    file = write(tmp_path, aggregate("some", "count()", where={"who": {"in": "$whom"}}, parameters=whom))
    dataset = datasets.read(str(file))
    events = event_store.prepare(dataset, home)
    engine = ClickHouse(None, tmp_path / "home", BUDGET)
    exports.write(engine, engine.plan(dataset, dataset.layout("raw"), events.statistics), events, tmp_path / "out")
    text = (tmp_path / "out" / "queries" / "some.sql").read_text("utf-8")
    assert """SET "param_whom" = ['a\\\\', 'it\\'s'];""" in text
    assert "{whom:Array(String)}[2]" in text
