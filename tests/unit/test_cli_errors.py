"""Every flag of every command given wrong: exit 2, one line that names it and what would be right."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from rollup_bench.harness.run.home import VARIABLE
from tests.support import ROOT
from tests.support.command import PROGRAM, Command, commands
from tests.support.datasets import SPAN, aggregate, write

SQL = "x'; DROP TABLE events; --"
ENGINE = ("`x` is not an engine; the engines are ", "duckdb")
SERVER = ("`x` is neither an engine nor a broker; the engines are ", "the brokers are kafka, pulsar")
STORED = str(ROOT / "results" / "vm" / "flights-standard.jsonl")
DELAYS, STREAMS = (str(ROOT / "results" / "vm" / "streams" / f"{name}.jsonl") for name in ("delays", "game-kafka-60s"))
CHOICE = ("is not one of",)
QUESTION = "carriers"
BOARD = "game/morning"
PRICES = ["--cpu-hour", "--memory-gb-month", "--disk-gb-month", "--system-month", "--cluster-hour"]
AMOUNTS = [
    "--rate",
    "--p95-ms",
    "--fresh-seconds",
    "--error",
    "--events-a-day",
    "--events-a-second",
    "--years",
    "--disk-gb",
    "--load-seconds",
    *PRICES,
]
MAKE = ["data", "make", "game", "--out", "made"]
Case = tuple[list[str], tuple[str, ...]]


def asking(command: str) -> dict[str, list[Case]]:
    """What ask and explain both take."""
    return {
        "question": [
            ([command], ("Missing argument 'QUESTION'",)),
            ([command, "nothing"], ("flights has no question `nothing`; it has flights-by-month, carriers",)),
            ([command, f"flights/{SQL}"], ("flights has no question",)),
            ([command, "nowhere/carriers"], ("`nowhere` is neither a .toml file nor a built-in dataset: cdnow",)),
        ],
        "--dataset": [
            ([command, QUESTION, "--dataset", "nowhere"], ("dataset: cdnow, flights, game, hits or ontime",)),
            ([command, QUESTION, "--dataset", "x.csv"], ("`x.csv` is neither", "rollup-bench data describe x.csv")),
            ([command, QUESTION, "--dataset", "nowhere.toml"], ("nowhere.toml: No such file",)),
            ([command, QUESTION, "--dataset"], ("'--dataset' requires an argument",)),
        ],
        "--engine": [([command, QUESTION, "--engine", "x"], ("'--engine'", *ENGINE))],
        "--layout": [([command, QUESTION, "--layout", SQL], ("--layout: flights has no layout", "it has raw, day"))],
        "--seed": [([command, QUESTION, "--seed", "-1"], ("'--seed'", "-1 is not in the range x>=0"))],
        "--rows": [
            ([command, QUESTION, "--rows", "0"], ("'--rows'", "0 is not in the range x>=1")),
            ([command, QUESTION, "--rows", "5"], ("--rows", "flights")),
        ],
        "--via": [([command, QUESTION, "--via", "x"], ("'--via'", *CHOICE))],
        "--set": [
            ([command, QUESTION, "--set", "start"], ("--set start is not NAME=VALUE",)),
            ([command, QUESTION, "--set", "n=1"], ("--set n: carriers has no such parameter; it has start, end",)),
            ([command, QUESTION, "--set", f"start={SQL}"], ("is not a date or time, as the default 2013-01-01 is",)),
            ([command, QUESTION, "--set", "start=2013-02-30"], ("--set start=2013-02-30 is not a date or time",)),
            ([command, QUESTION, "--set", "end=2012-01-01"], ("question carriers: end 2012-01-01", "is not after")),
            ([command, QUESTION, "--set", "start=0001-01-01T00:00+23:00"], ("start", "years 1 to 9999")),
            (
                [command, "busiest-routes", "--set", "n=many"],
                ("--set n=many is not a whole number, as the default 10 is",),
            ),
            ([command, "busiest-routes", "--set", "n=0"], ("top is `0`; write a whole number of at least 1",)),
            ([command, "busiest-routes", "--set", f"n={'9' * 5000}"], ("--set n=999", "is not a whole number")),
        ],
    }


def needing(command: str) -> dict[str, list[Case]]:
    """What choose and report both take."""
    numbers: dict[str, list[Case]] = {
        flag: [
            ([command, STORED, flag, wrong], (f"'{flag}'", f"`{wrong}` is not a number from "))
            for wrong in ("-1", "nan")
        ]
        for flag in AMOUNTS
    }
    return numbers | {
        "run": [
            ([command], ("RUN: no complete run was found; make one: rollup-bench run --profile standard",)),
            ([command, "nowhere.jsonl"], ("nowhere.jsonl: No such file",)),
            ([command, "taken"], ("taken: ",)),
        ],
        "--needs": [
            ([command, STORED, "--needs", "nowhere.toml"], ("nowhere.toml: No such file",)),
            ([command, STORED, "--needs", "taken"], ("taken is not TOML in UTF-8",)),
        ],
        "--ask": [
            ([command, STORED, "--ask", "carriers"], ("'--ask'", "as in carriers=3")),
            ([command, STORED, "--ask", "carriers=0"], ("'--ask'", "and leave out what is never asked")),
            ([command, STORED, "--ask", "x=1"], ("has no question `x`; give one of",)),
        ],
        "--engines": [([command, STORED, "--engines", "x"], ("'--engines'", *ENGINE))],
        "--broker": [([command, STORED, "--broker", "x"], ("'--broker'", *CHOICE))],
        "--unforeseen": [
            ([command, STORED, "--unforeseen", "2"], ("'--unforeseen'", "not in the range 0<=x<=1")),
            ([command, STORED, "--unforeseen", "nan"], ("'--unforeseen'", "`nan` is not a finite number")),
        ],
        "--replicas": [([command, STORED, "--replicas", "0"], ("'--replicas'", "0 is not in the range x>=1"))],
        "--nodes": [([command, STORED, "--nodes", "0"], ("'--nodes'", "0 is not in the range x>=1"))],
    }


COMMANDS: dict[str, dict[str, list[Case]]] = {
    "run": {
        "--dataset": [
            (["run", "--dataset", "x"], ("`x` is neither a .toml file nor a built-in dataset: cdnow",)),
            (["run", "--dataset", "/"], ("`/` is neither a .toml file nor a built-in dataset",)),
            (["run", "--dataset", ""], ("`` is neither a .toml file nor a built-in dataset",)),
        ],
        "--engines": [
            (["run", "--engines", "duckdb,x"], ("'--engines'", *ENGINE)),
            (["run", "--engines", ","], ("'--engines'", "name at least one")),
        ],
        "--layouts": [
            (
                ["run", "--layouts", "raw,tailored"],
                ("--layouts: the layout `tailored` is called `tuned` now: write `tuned`",),
            ),
            (["run", "--layouts", "raw,x"], ("--layouts: flights has no layout `x`; it has raw, day, tuned",)),
            (["run", "--layouts", ""], ("'--layouts'", "name at least one")),
        ],
        "--questions": [(["run", "--questions", "x"], ("--questions: flights has no question `x`; it has",))],
        "--via": [(["run", "--via", "x"], ("'--via'", *CHOICE))],
        "--profile": [(["run", "--profile", "x"], ("'--profile'", *CHOICE))],
        "--rows": [
            (["run", "--rows", "many"], ("'--rows'", "'many' is not a valid integer range")),
            (["run", "--rows", "9"], ("--rows", "flights")),
        ],
        "--seed": [(["run", "--seed", "-1"], ("'--seed'", "-1 is not in the range x>=0"))],
        "--load-on": [
            (["run", "--load-on", "x"], ("'--load-on'", "`x` is not spark; give spark, or spark=sc://host")),
            (["run", "--load-on", "spark"], ("--load-on: one process loads all events into duckdb",)),
            (
                ["run", "--load-on", "spark", "--engines", "druid", "--profile", "quick"],
                ("--load-on: --profile quick compares times of loads; give --profile look or check",),
            ),
            (["run", "--load-on", "spark=x:y", "--engines", "druid"], ("--load-on: give sc://host",)),
        ],
        "--out": [
            (["run", "--profile", "quick", "--out", "."], ("'--out'", "is a directory")),
            (["run", "--profile", "quick", "--out", "taken/run.jsonl"], ("'--out'", "is not a writable folder")),
        ],
    },
    "ask": asking("ask")
    | {
        "--format": [(["ask", QUESTION, "--format", "xml"], ("'--format'", *CHOICE))],
        "--values": [
            (["ask", QUESTION, "--values", "x"], ("'--values'", *CHOICE)),
            (["ask", QUESTION, "--values", "shares"], ("--values: carriers is no cohort that counts subjects",)),
            (["ask", "miles-by-age", "--values", "counts"], ("--values: miles-by-age is no cohort",)),
        ],
    },
    "explain": asking("explain"),
    "probe": {
        "broker": [(["probe", "x"], ("'{kafka|pulsar}'", *CHOICE)), (["probe"], ("Missing argument",))],
        "--via": [(["probe", "kafka", "--via", "x"], ("'--via'", *CHOICE))],
        "--format": [(["probe", "kafka", "--format", "x"], ("'--format'", *CHOICE))],
    },
    "follow": {
        "--dataset": [(["follow", "--dataset", "x"], ("`x` is neither a .toml file nor a built-in dataset: cdnow",))],
        "--broker": [(["follow", "--broker", "x"], ("'--broker'", *CHOICE))],
        "--engines": [(["follow", "--engines", "x"], ("'--engines'", *ENGINE))],
        "--layouts": [(["follow", "--layouts", "x"], ("--layouts: flights has no layout `x`; it has raw, day",))],
        "--questions": [(["follow", "--questions", "x"], ("--questions: flights has no question `x`; it has",))],
        "--rate": [
            (["follow", "--rate", "0"], ("'--rate'", "0.0 is not in the range x>0")),
            (["follow", "--rate", "nan"], ("'--rate'", "`nan` is not a finite number")),
            (["follow", "--rate", "9000"], ("--rate, --seconds: the stream has 540,000 events", "give smaller ones")),
        ],
        "--seconds": [
            (["follow", "--seconds", "-1"], ("'--seconds'", "is not in the range x>0")),
            (["follow", "--seconds", "inf"], ("'--seconds'", "`inf` is not a finite number")),
        ],
        "--times": [(["follow", "--times", "x"], ("'--times'", *CHOICE))],
        "--late": [(["follow", "--late", "2"], ("'--late'", "2.0 is not in the range 0<=x<=1"))],
        "--asks": [(["follow", "--asks", "0"], ("'--asks'", "0.0 is not in the range x>0"))],
        "--kill": [(["follow", "--kill", "x"], ("'--kill'", *CHOICE))],
        "--launches": [(["follow", "--launches", "0"], ("'--launches'", "0 is not in the range x>=1"))],
        "--via": [(["follow", "--via", "x"], ("'--via'", *CHOICE))],
        "--seed": [(["follow", "--seed", "-1"], ("'--seed'", "-1 is not in the range x>=0"))],
        "--out": [
            (["follow", "--out", "."], ("'--out'", "is a directory")),
            (["follow", "--out", "taken", "--seconds", "9"], ("--out: taken exists; give another file, or remove it",)),
        ],
    },
    "dashboard": {
        "name": [
            (["dashboard"], ("Missing argument 'NAME'",)),
            (["dashboard", "x"], ("flights has no dashboard `x`; it has",)),
        ],
        "--dataset": [(["dashboard", "x", "--dataset", "x"], ("`x` is neither a .toml file nor a built-in dataset",))],
        "--engine": [(["dashboard", "x", "--engine", "x"], ("'--engine'", *ENGINE))],
        "--layout": [(["dashboard", BOARD, "--layout", "x"], ("--layout: game has no layout `x`; it has raw",))],
        "--rows": [(["dashboard", BOARD, "--rows", "0"], ("'--rows'", "not in the range x>=1"))],
        "--seed": [(["dashboard", BOARD, "--seed", "-1"], ("'--seed'", "not in the range x>=0"))],
        "--via": [(["dashboard", BOARD, "--via", "x"], ("'--via'", *CHOICE))],
    },
    "export": {
        "name": [(["export", "x"], ("`x` is neither a .toml file nor a built-in dataset: cdnow",))],
        "--dataset": [(["export", "--dataset", "x"], ("`x` is neither a .toml file nor a built-in dataset",))],
        "--engine": [(["export", "--engine", "x"], ("'--engine'", *ENGINE))],
        "--layout": [(["export", "--layout", "x"], ("--layout: flights has no layout `x`; it has raw, day",))],
        "--rows": [
            (["export", "--rows", "0"], ("'--rows'", "0 is not in the range x>=1")),
            (["export", "--rows", "5"], ("--rows", "flights")),
        ],
        "--seed": [(["export", "--seed", "-1"], ("'--seed'", "-1 is not in the range x>=0"))],
        "--via": [(["export", "--via", "x"], ("'--via'", *CHOICE))],
        "--out": [
            (["export", "--out", "taken"], ("'--out'", "is a file")),
            (["export", "--out", "."], ("--out . is not empty; name a new folder",)),
        ],
    },
    "verify": {
        "engine": [(["verify"], ("Missing argument 'ENGINE'",)), (["verify", "x"], ("'ENGINE'", *ENGINE))],
        "--via": [(["verify", "duckdb", "--via", "x"], ("'--via'", *CHOICE))],
        "--examples": [(["verify", "duckdb", "--examples", "0"], ("'--examples'", "0 is not in the range x>=1"))],
        "--format": [(["verify", "duckdb", "--format", "csv"], ("'--format'", *CHOICE))],
    },
    "show": {
        "run": [
            (["show"], ("Missing argument 'RUN'",)),
            (["show", "nowhere.jsonl"], ("nowhere.jsonl: No such file",)),
            (["show", "taken"], ("taken: ",)),
        ]
    },
    "compare": {
        "first": [
            (["compare"], ("Missing argument 'FIRST'",)),
            (["compare", "nowhere.jsonl", "taken"], ("nowhere.jsonl: No such file",)),
            (["compare", "taken", "taken"], ("taken: ",)),
            (["compare", STREAMS, STORED], ("60s.jsonl was written by `follow`; give a file that `run` wrote",)),
            (["compare", DELAYS, STORED], ("delays.jsonl holds no run; give a file that `run` wrote",)),
        ],
        "second": [(["compare", "taken"], ("Missing argument 'SECOND'",))],
    },
    "choose": needing("choose") | {"--format": [(["choose", STORED, "--format", "xml"], ("'--format'", *CHOICE))]},
    "report": needing("report")
    | {
        "--out": [
            (["report", STORED, "--out", "taken"], ("taken exists; give another file with --out, or remove it",)),
            (["report", STORED, "--out", "taken/a.html"], ("'--out'", "is not a writable folder")),
        ]
    },
    "submit": {
        "run": [
            (["submit"], ("Missing argument 'RUN'",)),
            (["submit", "nowhere.jsonl"], ("nowhere.jsonl: No such file",)),
            (["submit", "taken"], ("taken",)),
        ],
        "--dataset": [(["submit", STORED, "--dataset", "x"], ("`x` is neither a .toml file nor a built-in dataset",))],
        "--out": [(["submit", STORED, "--out", "."], ("'--out'", "is a directory"))],
    },
    "reproduce": {
        "run": [
            (["reproduce"], ("Missing argument 'RUN'",)),
            (["reproduce", "nowhere.jsonl"], ("nowhere.jsonl: No such file",)),
        ],
        "question": [(["reproduce", STORED, "x"], ("QUESTION: ", "did not time x on two arms; give one of"))],
        "--dataset": [(["reproduce", STORED, "--dataset", "x"], ("`x` is neither a .toml file",))],
        "--via": [(["reproduce", STORED, "--via", "x"], ("'--via'", *CHOICE))],
        "--out": [(["reproduce", STORED, "--out", "."], ("'--out'", "is a directory"))],
    },
    "list": {
        "what": [(["list"], ("Missing argument", "engines")), (["list", "tables"], ("'tables' is not one of",))],
        "--dataset": [(["list", "questions", "--dataset", "x"], ("`x` is neither a .toml file",))],
    },
    "data describe": {
        "file": [
            (["data", "describe"], ("Missing argument 'FILE'",)),
            (["data", "describe", "nowhere.csv"], ("nowhere.csv: No such file",)),
            (["data", "describe", "taken"], ("taken is neither a file nor a folder of Parquet (.",)),
            (["data", "describe", "empty.csv"], ("empty.csv: the file is empty",)),
            (["data", "describe", "header.csv"], ("header.csv has no rows",)),
            (
                ["data", "describe", "timeless.csv"],
                ("timeless.csv: no column looks like a time; the columns are a, b",),
            ),
        ],
        "--dates": [
            (["data", "describe", "empty.csv", "--dates", "x"], ("'--dates'", *CHOICE)),
            (["data", "describe", "header.csv", "--dates"], ("'--dates' requires an argument",)),
        ],
        "--separator": [(["data", "describe", "empty.csv", "--separator", "ab"], ("'--separator'", "one character"))],
    },
    "data make": {
        "dataset": [
            (["data", "make", "--out", "made"], ("Missing argument 'DATASET'",)),
            (["data", "make", "flights", "--out", "made"], ("the dataset is not generated",)),
            (["data", "make", "x", "--out", "made"], ("`x` is neither a .toml file nor a built-in dataset: cdnow",)),
        ],
        "--rows": [(["data", "make", "game", "--out", "made", "--rows", "-1"], ("'--rows'", "not in the range x>=1"))],
        "--seed": [(["data", "make", "game", "--out", "made", "--seed", "x"], ("'--seed'", "not a valid integer"))],
        "--out": [
            (["data", "make", "game"], ("Missing option '--out'",)),
            (["data", "make", "game", "--out", "taken"], ("'--out'", "is a file")),
            (["data", "make", "game", "--out", "taken/made"], ("'--out'", "is not a writable folder")),
        ],
        "--on": [
            ([*MAKE, "--on", "druid"], ("'--on'", "`druid` is not spark; give spark, or spark=sc://host")),
            ([*MAKE, "--on", "spark="], ("'--on'", "`spark=` is not spark")),
            ([*MAKE, "--on", "spark=http://host"], ("--on: give sc://host or sc://host:15002",)),
        ],
    },
}
SERVERS: dict[str, dict[str, list[Case]]] = {
    verb: {
        "servers": [([verb, "x"], ("SERVER", *SERVER)), ([verb, "duckdb"], ("duckdb has no server",))],
        "--via": [
            ([verb, "--via", "x"], ("'--via'", *CHOICE)),
            (
                [verb, "duckdb-served", "--via", "compose"],
                ("--via compose: the server of duckdb-served", "give --via native"),
            ),
        ],
    }
    for verb in ("up", "down", "status", "logs")
}
SERVERS["logs"]["--lines"] = [(["logs", "--lines", "0"], ("'--lines'", "0 is not in the range x>=1"))]
SERVERS["up"]["--workers"] = [
    (["up", "spark", "--workers", "0"], ("'--workers'", "0 is not in the range x>=1")),
    (["up", "--workers", "2"], ("--workers: name a server that runs natively", "up spark --workers 2")),
    (["up", "spark", "--workers", "2", "--via", "external"], ("--workers: name a server that runs natively",)),
    (["up", "spark", "druid", "--workers", "2"], ("--workers: the server of druid has no workers",)),
]
CASES = COMMANDS | SERVERS


def test_every_flag_has_a_case() -> None:
    flags = {
        name: {p.opts[0] if isinstance(p, click.Option) else str(p.name) for p in command.params}
        for name, command in commands()
    }
    assert {name: set(cases) for name, cases in CASES.items()} == flags


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("{}")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "header.csv").write_text("at,who\n")
    (tmp_path / "timeless.csv").write_text("a,b\nx,1\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"), [case for flags in CASES.values() for cases in flags.values() for case in cases]
)
def test_a_wrong_argument_is_refused(command: Command, here: Path, arguments: list[str], said: tuple[str, ...]) -> None:
    line = command.refused(*arguments)
    assert all(part in line for part in said), line
    assert sorted(p.name for p in here.iterdir()) == ["empty.csv", "header.csv", "taken", "timeless.csv"]


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_an_unknown_flag_is_refused(command: Command, name: str) -> None:
    said = command.refused(*name.split(), "--colour", "red")
    assert "No such option" in said
    assert "--colour" in said


def test_an_unknown_command_is_refused(command: Command) -> None:
    assert "No such command 'aks'" in command.refused("aks")


def test_without_a_command_there_is_help(command: Command) -> None:
    status, out, err = command()
    assert (status, err) == (0, "")
    assert "Usage: rollup-bench" in out
    for name in ("--help", "-h", "--version"):
        assert command.done(name)


def test_the_program_ends_though_a_thread_of_a_library_does_not() -> None:
    threads = "import atexit, threading, time; threading.Thread(target=time.sleep, args=(600,)).start()"
    code = f"{threads}; atexit.register(print, 'closed'); from rollup_bench.harness.cli.main import program; program()"
    ended = subprocess.run(
        [sys.executable, "-c", code, "aks"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "closed\n")
    assert ended.stderr.startswith("rollup-bench: No such command 'aks'")


@pytest.mark.parametrize("place", ["taken", "taken/home"])
def test_a_home_that_cannot_be_written_is_refused(
    command: Command, here: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(here / place))
    line = command.refused("ask", QUESTION)
    assert str(here / place) in line
    assert f"set {VARIABLE} to a writable folder" in line


def test_a_parameter_that_names_no_column_is_refused(command: Command, here: Path) -> None:
    (here / "data.csv").write_text("at,who,what\n2013-01-01,a,b\n")
    counts = aggregate("counts", "count()", by=["$what"], parameters=SPAN | {"what": "what"})
    write(here, counts, columns={"dimensions": ["what"]})
    line = command.refused("ask", "counts", "--dataset", "mine.toml", "--set", f"what={SQL}")
    assert f"question counts: by: no column is named `{SQL}`; write one of at, who, what" in line
    assert command.refused("explain", "counts", "--dataset", "mine.toml", "--set", "what=at")


def test_an_interrupted_run_says_so_and_leaves_no_file(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with (tmp_path / "data.csv").open("w") as file:
        file.write("at,who\n")
        file.writelines(f"{i},u{i}\n" for i in range(3_000_000))
    mine = write(tmp_path, columns={"time": {"name": "at", "format": "seconds"}})
    code = f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler); {PROGRAM}"
    call = [sys.executable, "-c", code, "run", "--dataset", str(mine)]
    running = subprocess.Popen(
        call, env=os.environ | {VARIABLE: str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while not any(home.rglob("*.part")):
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "rollup-bench: stopped\n")
    assert not [p for p in home.rglob("*") if p.is_file()]
