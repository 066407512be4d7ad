"""The package as others install it: one wheel in an environment of its own, which sees nothing of this repository."""

import csv
import io
import os
import re
import stat
import subprocess
import sys
import sysconfig
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from asv.config import Config
from asv_runner.discovery import disc_benchmarks

import rollup_bench
from benchmarks import runs
from rollup_bench.workloads import dataset
from tests.support import ROOT

FOLDERS = ("engines", "harness", "servers", "streams", "workloads")
DATA = {
    "py.typed",
    "game.toml",
    "pom.xml",
    "compose.yml",
    "meta.properties",
    "container.sh",
    "verified.json",
    "index.html",
}
PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "my-package"
version = "1"
[project.entry-points."rollup_bench.engines"]
sqlite = "my_package.engine"
"""
EVENTS = """\
time,user,country,gold
2020-01-01T10:00:00Z,ann,fr,5
2020-01-01T11:00:00Z,bob,de,7
2020-01-02T10:00:00Z,ann,fr,1
2020-01-03T10:00:00Z,cid,de,2
"""
ANSWER = [  # of EVENTS by day: events and gold
    ["2020-01-01 00:00:00.000Z", "2", "12"],
    ["2020-01-02 00:00:00.000Z", "1", "1"],
    ["2020-01-03 00:00:00.000Z", "1", "2"],
]
TYPED = """\
from rollup_bench.engines.contract import Engine

reveal_type(Engine.name)
Engine.name = 3
"""


def called(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """The end of a process in a folder, without variables that would name this repository."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ROLLUP_BENCH"))}
    environment["ROLLUP_BENCH_HOME"] = str(folder / "home")
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def printed(*words: str | Path, folder: Path) -> str:
    done = called(*words, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(source: Path, folder: Path) -> Path:
    """The wheel of a project, built without network."""
    printed(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, folder=source)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with two wheels: this package, and one that holds the SQLite engine.

    Dependencies are those of the running environment, in which packages that are installed editable are not found.
    """
    folder = tmp_path_factory.mktemp("installed")
    mine = folder / "project" / "my_package"
    mine.mkdir(parents=True)
    (mine / "__init__.py").touch()
    (mine / "engine.py").write_text((ROOT / "tests/examples/sqlite/engine.py").read_text("utf-8"), "utf-8")
    (mine.parent / "pyproject.toml").write_text(PROJECT)
    printed(sys.executable, "-m", "venv", "--without-pip", "environment", folder=folder)
    python = folder / "environment" / "bin" / "python"
    wheels = [wheel, built(mine.parent, folder)]
    printed(
        *(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index"),
        *wheels,
        folder=folder,
    )
    where = Path(printed(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip())
    (where / "dependencies.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    return python.parent


def test_the_wheel_holds_the_files_of_the_repository_under_one_name(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *FOLDERS, "src/rollup_bench"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    here = {Path(name) for name in listed.stdout.splitlines() if (ROOT / name).is_file()}
    with zipfile.ZipFile(wheel) as archive:
        entries = [entry for entry in archive.infolist() if not entry.filename.startswith("rollup_bench-")]
    assert {Path(entry.filename) for entry in entries} == {
        Path("rollup_bench", *path.parts[2 if path.parts[0] == "src" else 0 :]) for path in here
    }
    assert not [entry.filename for entry in entries if stat.S_ISLNK(entry.external_attr >> 16)]
    assert {Path(entry.filename).name for entry in entries} > DATA


def test_the_editable_install_imports_the_folders_of_the_repository() -> None:
    assert Path(rollup_bench.__file__) == ROOT / "src" / "rollup_bench" / "__init__.py"
    for folder in FOLDERS:
        file = import_module(f"rollup_bench.{folder}").__file__
        assert file
        assert Path(file).resolve() == ROOT / folder / "__init__.py"


def test_the_wheel_runs_on_events_of_ones_own_outside_the_repository(programs: Path, tmp_path: Path) -> None:
    where = printed(programs / "python", "-c", "import rollup_bench; print(rollup_bench.__file__)", folder=tmp_path)
    assert Path(where).is_relative_to(programs.parent)
    (tmp_path / "events.csv").write_text(EVENTS)
    (tmp_path / "events.toml").write_text(
        printed(programs / "rollup-bench", "data", "describe", "events.csv", folder=tmp_path)
    )
    about = ("--dataset", "events.toml")
    table = printed(programs / "rollup-bench", "run", *about, "--engines", "duckdb,sqlite", folder=tmp_path)
    for question, second in (("by-day", "✓"), ("retention", "–")):
        assert re.search(rf"\n{question} .*\d✓ .*{second}", table), table
    for engine in ("duckdb", "sqlite"):
        text = printed(
            *(programs / "rollup-bench", "ask", "by-day", *about, "--engine", engine, "--format", "csv"),
            folder=tmp_path,
        )
        assert list(csv.reader(io.StringIO(text)))[1:] == ANSWER
    refused = called(programs / "rollup-bench", "ask", "retention", *about, "--engine", "sqlite", folder=tmp_path)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "only aggregates over raw events are written for SQLite" in refused.stderr


def test_an_engine_of_another_package_is_listed(programs: Path, tmp_path: Path) -> None:
    lines = printed(programs / "rollup-bench", "list", "engines", folder=tmp_path).splitlines()
    known = ["cassandra", "clickhouse", "druid", "duckdb", "duckdb-served", "spark", "spark-cassandra", "truth"]
    assert [line.split()[0] for line in lines] == [*known, "sqlite"]


def test_the_types_of_the_installed_package_are_checked(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TYPED)
    done = called(
        *(sys.executable, "-m", "mypy", "--strict", "--python-executable", programs / "python", "mine.py"),
        folder=tmp_path,
    )
    told, wrong, _ = done.stdout.splitlines()
    assert told == 'mine.py:3: note: Revealed type is "str"'
    assert wrong.startswith("mine.py:4: error: Incompatible types in assignment")


def test_asv_finds_every_metric_of_every_dataset_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = [benchmark.name for benchmark in disc_benchmarks(Config.load("asv.conf.json").benchmark_dir)]
    metrics = [f"{metric.__name__}.track_{metric.unit}" for metric in runs.Metric.__subclasses__()]
    assert len(metrics) == 7
    assert sorted(found) == sorted(f"{name}.{metric}" for name in dataset.offline() for metric in metrics)
