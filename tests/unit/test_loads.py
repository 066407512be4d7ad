"""Loads: reused while nothing changed, made anew when something did, never trusted when cut off."""

import fcntl
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pytest

from rollup_bench.engines.contract import Loaded, Plan
from rollup_bench.engines.duckdb import timeout
from rollup_bench.engines.duckdb.engine import DuckDB
from rollup_bench.errors import FailureError
from rollup_bench.harness.run import loading
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from rollup_bench.workloads.events import Events
from tests.support import ROOT
from tests.support.command import Command
from tests.support.datasets import aggregate, span, write

ENDLESS = "SELECT sum(a.range * b.range) FROM range(10000000) a, range(10000000) b"
LOAD = """
import sys
from pathlib import Path
from tests.unit.test_loads import ensure
print(ensure(Path(sys.argv[1])))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path, 1000)
    describe(tmp_path)
    return tmp_path


def describe(folder: Path, name: str = "all", hour: str = "hour", title: str = "Mine") -> None:
    question = aggregate(name, "count()", "distinct(who)", parameters=span("1970-01-01", "2014-01-01"))
    layouts = {layout: {"grain": grain, "measures": ["count()"]} for layout, grain in (("hour", hour), ("day", "day"))}
    write(folder, question, columns={"time": {"name": "at", "format": "seconds"}}, layouts=layouts, title=title)


def fill(folder: Path, rows: int) -> None:
    (folder / "data.csv").write_text("at,who\n" + "".join(f"{i},u{i}\n" for i in range(rows)))


def ensure(folder: Path, layout: str = "raw", watch: Watch | None = None) -> tuple[int, bool]:
    """The rows that are stored, and whether they were there already."""
    loaded, reused = load(folder, layout, watch)
    return loaded.rows, reused


def load(
    folder: Path, layout: str = "raw", watch: Watch | None = None, engine_type: type[DuckDB] = DuckDB, **keys: Any
) -> tuple[Loaded, bool]:
    """The load, and whether it was there already."""
    dataset = datasets.read(str(folder / "mine.toml"))
    found = events.prepare(dataset, folder / "home")
    engine = engine_type(None, folder / "home", Budget(cores=2, memory=1 << 30))
    plan = engine.plan(dataset, dataset.layout(layout), found.statistics)
    loaded, reused = loading.ensure(engine, plan, found, folder / "home", watch or Watch(), **keys)
    assert engine.rows(plan) == loaded.rows
    return loaded, reused


def records(folder: Path) -> list[Path]:
    return sorted((folder / "home" / "loads").glob("*.json"))


def test_a_load_is_reused_while_nothing_changed(folder: Path) -> None:
    assert ensure(folder) == (1000, False)
    before = [(p, p.stat().st_mtime_ns) for p in (folder / "home").rglob("*.duckdb")]
    assert ensure(folder) == (1000, True)
    describe(folder, name="other", title="Of mine")
    assert ensure(folder) == (1000, True)
    assert [(p, p.stat().st_mtime_ns) for p in (folder / "home").rglob("*.duckdb")] == before


def test_a_layout_is_loaded_anew_when_the_file_or_the_layout_changed(folder: Path) -> None:
    assert ensure(folder) == (1000, False)
    assert not ensure(folder, "hour")[1]
    assert not ensure(folder, "day")[1]
    describe(folder, hour="minute")
    assert not ensure(folder, "hour")[1]
    assert ensure(folder, "day")[1]
    fill(folder, 999)
    assert ensure(folder) == (999, False)
    assert not ensure(folder, "day")[1]


@pytest.mark.parametrize("damage", ["", "{", '{"rows": 1}', "\0"])
def test_a_record_that_cannot_be_read_is_not_trusted(folder: Path, damage: str) -> None:
    ensure(folder)
    (record,) = records(folder)
    whole = record.read_bytes()
    record.write_text(damage)
    assert ensure(folder) == (1000, False)
    record.write_bytes(whole.replace(b'"rows":1000', b'"rows":1001'))
    assert ensure(folder) == (1000, False)
    record.write_bytes(whole.replace(b'"version":"', b'"version":"0.'))
    assert ensure(folder) == (1000, False)


def test_a_reused_load_says_whose_tasks_loaded_it(folder: Path) -> None:
    assert load(folder)[0].loaded_by == ""
    (record,) = records(folder)
    record.write_bytes(record.read_bytes().replace(b'"loaded_by":""', b'"loaded_by":"spark"'))
    loaded, reused = load(folder)
    assert (loaded.loaded_by, reused) == ("spark", True)


class Divided(DuckDB):
    parts_left: ClassVar[list[Callable[[], int]]] = []

    def parts(self, plan: Plan, events: Events) -> list[Callable[[], int]]:
        return self.parts_left


def test_a_load_counts_as_loaded_by_tasks_only_if_tasks_loaded_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_check_reach", lambda *_: None)
    monkeypatch.setattr("rollup_bench.engines.spark.tasks.each_done", lambda *_: iter(()))
    spark = Connection(("127.0.0.1",), 1)
    assert load(folder, "hour", engine_type=Divided, spark=spark)[0].loaded_by == ""
    monkeypatch.setattr(Divided, "parts_left", [lambda: 1])
    with pytest.raises(FailureError, match="not done"):
        load(folder, watch=Watch(seconds=0), engine_type=Divided, spark=spark)
    monkeypatch.setattr(Divided, "parts_left", [])
    assert load(folder, engine_type=Divided, spark=spark)[0].loaded_by == "spark"
    assert not list(folder.rglob("*.parts"))


def test_a_load_is_resumed_only_in_the_way_in_which_it_began(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dropped, spark = list[str](), Connection(("127.0.0.1",), 1)
    monkeypatch.setattr(loading, "_check_reach", lambda *_: None)
    monkeypatch.setattr("rollup_bench.engines.spark.tasks.each_done", lambda *_: iter(()))
    monkeypatch.setattr(Divided, "parts_left", [lambda: 1])
    monkeypatch.setattr(Divided, "resumes", True)
    monkeypatch.setattr(Divided, "drop", lambda _, plan: dropped.append(plan.layout.name))
    for _ in range(2):
        with pytest.raises(FailureError, match="not done"):
            load(folder, watch=Watch(seconds=0), engine_type=Divided, spark=spark)
        assert dropped == ["raw"]
    assert load(folder, engine_type=Divided)[0].loaded_by == ""
    assert dropped == ["raw", "raw"]


@pytest.mark.parametrize(("parts", "drops"), [([lambda: 1], 1), ([], 0)])
def test_tasks_of_spark_resume_no_load_of_one_process_unless_it_has_no_parts(
    folder: Path, monkeypatch: pytest.MonkeyPatch, parts: list[Callable[[], int]], drops: int
) -> None:
    dropped = list[str]()
    monkeypatch.setattr(loading, "_check_reach", lambda *_: None)
    monkeypatch.setattr("rollup_bench.engines.spark.tasks.each_done", lambda *_: iter(()))
    monkeypatch.setattr(Divided, "parts_left", parts)
    monkeypatch.setattr(Divided, "resumes", True)
    monkeypatch.setattr(Divided, "drop", lambda _, plan: dropped.append(plan.layout.name))
    with pytest.raises(FailureError, match="not done"):
        load(folder, watch=Watch(seconds=0), engine_type=Divided)
    load(folder, engine_type=Divided, spark=Connection(("127.0.0.1",), 1))
    assert len(dropped) == drops


def test_a_database_that_is_missing_or_damaged_is_loaded_anew(folder: Path) -> None:
    ensure(folder)
    (database,) = (folder / "home").rglob("*.duckdb")
    database.unlink()
    assert ensure(folder) == (1000, False)
    database.write_bytes(database.read_bytes()[:5000])
    assert ensure(folder) == (1000, False)


def start(folder: Path) -> subprocess.Popen[str]:
    call = [sys.executable, "-c", LOAD, str(folder)]
    return subprocess.Popen(call, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_two_processes_at_once_load_once(folder: Path) -> None:
    fill(folder, 100_000)
    both = [start(folder), start(folder)]
    said = sorted(one.communicate()[0].strip() for one in both)
    assert said == ["(100000, False)", "(100000, True)"]


def test_progress_has_rows_a_rate_and_the_time_left(folder: Path) -> None:
    said: list[str] = []
    ensure(folder, watch=Watch(said.append))
    assert re.fullmatch(r"1,000 of 1,000 rows \(100%\), [\d,]+ a second, about 0 s left", said[0])


def test_the_load_of_another_process_is_not_waited_for_without_end(folder: Path) -> None:
    ensure(folder)
    (record,) = records(folder)
    record.unlink()
    with record.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(FailureError, match=r"not done after 0.3 s: the layout: waiting for another process"):
            ensure(folder, watch=Watch(seconds=0.3))


def test_a_run_says_which_load_took_too_long(folder: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "LEAST_SECONDS", -1.0)
    status, out, _ = command("run", "--dataset", str(folder / "mine.toml"))
    assert status == 1
    assert "duckdb/raw dropped out while loading: not done after 0 s" in out


def test_work_that_cannot_check_is_ended_at_its_deadline() -> None:
    watch = Watch(seconds=0.3)
    watch.say("sorting")
    late = pytest.raises(FailureError, match=r"not done after 0.3 s: sorting")
    with duckdb.connect() as connection, late, watch.ending(connection.interrupt):
        connection.execute(ENDLESS)


def test_an_answer_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeout, "SECONDS", 0.1)
    with duckdb.connect() as connection, closing(timeout.Timeout(connection.interrupt)) as limited:
        with pytest.raises(duckdb.InterruptException), limited:
            connection.execute(ENDLESS)
        with limited:
            assert connection.execute("SELECT 1").fetchone() == (1,)
