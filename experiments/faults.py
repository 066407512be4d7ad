"""Makes servers fail during a run; prints what the run says and loses, and how long until answers are right again.

`python -m experiments.faults [--engines druid,cassandra] [--faults killed,paused]`. A short `run --profile quick`
of DuckDB and the server's engine runs in a process of its own, and the fault happens to the native server during the
run. Then the server is repaired, the same run is started again, the engine's rows are counted and its answers checked.
The program exits with 1 if a fault lost anything.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import IO, Self

import click
from rich.console import Console
from rich.table import Table

from rollup_bench.engines.contract import Plan
from rollup_bench.engines.registry import engine_type
from rollup_bench.errors import FailureError
from rollup_bench.harness.cli import main as cli
from rollup_bench.harness.cli import runs
from rollup_bench.harness.cli.options import engines_default
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Ended, Record, Rounds, of_type
from rollup_bench.harness.run import home as homes
from rollup_bench.harness.run import loading, verdicts
from rollup_bench.harness.run.profiles import PROFILES, Profile
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import events
from tests.support import victims
from tests.support.proxy import Proxy
from tests.support.victims import (
    BOUND,
    QUESTIONS,
    ROWS,
    NotTriedError,
    Victim,
    behind_proxy,
    data_folder,
    native,
    small_disk,
    three_nodes,
)

KEPT = "duckdb/raw"
SHORT = Profile(
    "quick",
    rows=(ROWS,),
    timed=None,
    checked=2,
    effort=Effort(launches=1, least=10, most=100_000, warm=4.0, rounds=16.0, alone=0.1),
)
PAUSE = 10.0
"""The seconds that a pause of a server or a fault of the network lasts."""


@dataclass(frozen=True)
class Row:
    """The result of one fault on one engine, a row of the table; `good` if the fault lost nothing."""

    fault: str
    engine: str
    said: str
    status: str = ""
    ended: str = ""
    measured: str = ""
    again: str = ""
    resumed: str = ""
    lost: str = ""
    good: bool = True


@dataclass(frozen=True)
class Fault:
    """A fault: `strike` makes it happen during a load or a replay, as `during` says; `help` repairs the server.

    The server is repaired after `passes` seconds, or after the run if `passes` is None.
    """

    name: str
    during: str
    strike: Callable[[Victim], object]
    help: Callable[[Victim], object]
    passes: float | None = None
    at: Callable[[str, Path], AbstractContextManager[Victim]] = native
    engines: Sequence[str] = ("cassandra", "druid", "duckdb-served")


def fill(victim: Victim) -> None:
    """Fills the disk of the server's data with one file."""
    with suppress(OSError), (data_folder(victim.engine, victim.home) / "filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))


def free(victim: Victim) -> None:
    """Removes the file that filled the disk, and starts the server processes that ended for lack of space."""
    (data_folder(victim.engine, victim.home) / "filler").unlink()
    victim.start()


def _kill(victim: Victim) -> None:
    victim.signal(signal.SIGKILL)


def _lose(victim: Victim) -> None:
    """Kills the last process of the server; this process is not started again."""
    os.kill(victim.processes[-1], signal.SIGKILL)


def _network(state: str, strike: Callable[[Proxy], object], help: Callable[[Proxy], object]) -> Fault:
    """Returns a fault of the network between clients and server that ends after PAUSE seconds."""

    def through(act: Callable[[Proxy], object]) -> Callable[[Victim], object]:
        def acted(victim: Victim) -> object:
            assert victim.proxy is not None
            return act(victim.proxy)

        return acted

    name = f"network {state} for {PAUSE:.0f} s"
    engines = ("cassandra", "druid")  # the proxy is an address for `--via external`
    return Fault(name, "replay", through(strike), through(help), PAUSE, at=behind_proxy, engines=engines)


FAULTS = (
    Fault("killed during its load", "load", _kill, Victim.start),
    Fault("killed during a replay", "replay", _kill, Victim.start),
    Fault(
        f"paused for {PAUSE:.0f} s",
        "replay",
        lambda v: v.signal(signal.SIGSTOP),
        lambda v: v.signal(signal.SIGCONT),
        PAUSE,
    ),
    Fault("disk full during its load", "load", fill, free, at=small_disk),
    Fault("one of three nodes lost", "replay", _lose, lambda _: None, at=three_nodes, engines=("cassandra",)),
    _network("cut", Proxy.cut, Proxy.mend),
    _network("silent", Proxy.hold, Proxy.release),
)


def happen(fault: Fault, engine: str, home: Path) -> Row:
    """Makes the fault happen in a run, then starts the run again, and returns the row of the table."""
    try:
        with fault.at(engine, home) as victim:
            return _measured(fault, victim)
    except NotTriedError as error:
        return Row(fault.name, engine, f"not tried: {error}")


def _measured(fault: Fault, victim: Victim) -> Row:
    rows = events.prepare(victim.data, victim.home)
    record = victim.home / "loads" / f"{victim.engine}-{_plan(victim, rows).key}.json"
    if fault.during == "load":
        record.unlink(missing_ok=True)
    else:
        _right_again(victim, rows)
    out = victim.home / "runs" / f"{fault.name.replace(' ', '-')}-{victim.engine}.jsonl"
    out.unlink(missing_ok=True)
    with Child(victim, out) as run:
        run.until("loading" if fault.during == "load" else "round 3")
        began = time.monotonic()
        fault.strike(victim)
        if fault.passes is None:
            status = run.end()
        else:
            time.sleep(fault.passes)
        helped = time.monotonic()
        fault.help(victim)
        reused = _right_again(victim, rows)
        again = time.monotonic() - helped
        if fault.passes is not None:
            status = run.end()
    said, others, ended = run.said(), _kept(out), run.ended - began
    with Child(victim, out) as resumed:
        resumed_status = resumed.end()
    lost = _lost(victim, rows, reused or fault.during == "load")
    good = resumed_status == 0 and not lost and others == len(QUESTIONS) and _whole(out)
    return Row(
        fault.name,
        victim.engine,
        said or f"nothing; the slowest answer took {_slowest(out, victim.engine):.1f} s",
        str(status),
        f"{ended:.0f}",
        f"{others} of {len(QUESTIONS)} questions",
        f"{again:.1f}",
        str(resumed_status),
        lost or f"nothing: {rows.statistics.rows:,} rows stored, {len(QUESTIONS)} answers right",
        good,
    )


class Child:
    """A run with the short profile in a process of its own; callers can wait for the run's progress."""

    def __init__(self, victim: Victim, out: Path) -> None:
        words = ["--dataset", "game", "--rows", str(ROWS), "--layouts", "raw", "--questions", ",".join(QUESTIONS)]
        words += ["--engines", f"duckdb,{victim.engine}", "--via", victim.client.via]
        words += ["--profile", "quick", "--out", str(out)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "experiments.faults", "run", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {homes.VARIABLE: str(victim.home)},
        )
        self.ended = 0.0
        self._engine = victim.engine
        self._out: list[str] = []
        self._told: list[str] = []
        self._more = Event()
        pipes = ((self._process.stdout, self._out), (self._process.stderr, self._told))
        self._threads = [Thread(target=self._read, args=pipe, daemon=True) for pipe in pipes]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def until(self, doing: str) -> None:
        """Waits until the run loads the engine ("loading"), or until the run's progress contains the text `doing`."""
        text = f"{self._engine}: loading" if doing == "loading" else doing
        until = time.monotonic() + BOUND
        while not any(text in line for line in self._told):
            if self._process.poll() is not None or time.monotonic() > until:
                raise FailureError(f"the run never printed `{text}`: {''.join(self._told[-3:])}")
            self._more.wait(0.2)
            self._more.clear()

    def end(self) -> int | str:
        """Waits for the end of the run and returns its exit status, or a text if the run did not end within BOUND."""
        try:
            status: int | str = self._process.wait(BOUND)
        except subprocess.TimeoutExpired:
            status = f"none in {BOUND:.0f} s"
            self._process.kill()
        self.ended = time.monotonic()
        for thread in self._threads:
            thread.join()
        return status

    def said(self) -> str:
        """Returns the lines that the run printed about arms that dropped out and about errors."""
        lines = [line for line in self._out if "dropped out" in line]
        lines += [line for line in self._told if line.startswith("rollup-bench: ")]
        return "\n".join(line.strip() for line in lines)

    def _read(self, pipe: IO[str], into: list[str]) -> None:
        for line in pipe:
            into.append(line)
            self._more.set()


def _plan(victim: Victim, rows: events.Events) -> Plan:
    engine = engine_type(victim.engine)(victim.client, victim.home, budget())
    return engine.plan(victim.data, victim.data.layout("raw"), rows.statistics)


def _right_again(victim: Victim, rows: events.Events) -> bool:
    """Waits until a new client gets a right answer; returns whether the load before the fault was reused."""
    began, question = time.monotonic(), victim.data.question(QUESTIONS[0]).fill()
    while True:
        engine = engine_type(victim.engine)(victim.client, victim.home, budget())
        try:
            plan = engine.plan(victim.data, victim.data.layout("raw"), rows.statistics)
            _, reused = loading.ensure(engine, plan, rows, victim.home, Watch(seconds=BOUND))
            with engine.session(plan) as session:
                if verdicts.check(question, session.ask(question), rows).kind is Kind.RIGHT:
                    return reused
        except FailureError:
            if time.monotonic() - began > BOUND:
                raise
        finally:
            engine.close()
        time.sleep(0.1)


def _lost(victim: Victim, rows: events.Events, reused: bool) -> str:
    """Returns a text of what the server lost: its load, rows, or right answers; empty if nothing is lost."""
    engine = engine_type(victim.engine)(victim.client, victim.home, budget())
    plan = engine.plan(victim.data, victim.data.layout("raw"), rows.statistics)
    losses = [] if reused else ["loaded anew"]
    try:
        if (stored := engine.rows(plan)) != rows.statistics.rows:
            losses.append(f"{stored} rows of {rows.statistics.rows}")
        with engine.session(plan) as session:
            for name in QUESTIONS:
                question = victim.data.question(name).fill()
                if verdicts.check(question, session.ask(question), rows).kind is not Kind.RIGHT:
                    losses.append(f"{name} is wrong")
    finally:
        engine.close()
    return ", ".join(losses)


def _kept(out: Path) -> int:
    """Returns how many questions were measured on DuckDB without a failure, in the hot state."""
    return sum(KEPT in line.times and KEPT not in line.failed for line in _rounds(out))


def _whole(out: Path) -> bool:
    """Returns whether the run is complete and measured both arms in every question."""
    arms = [{arm for arm in line.times if "(" not in arm} for line in _rounds(out)]
    return bool(of_type(_lines(out), Ended)) and [len(one) for one in arms] == [2] * len(QUESTIONS)


def _slowest(out: Path, engine: str) -> float:
    """Returns the longest time of an answer of the engine in the hot state, in seconds."""
    times = [line.times[arm] for line in _rounds(out) for arm in line.times if arm.startswith(engine)]
    return max(taken for pairs in times for pair in pairs if pair for taken in pair) / 1e9


def _rounds(out: Path) -> list[Rounds]:
    """Returns the lines of a run's file with rounds in the hot state."""
    return [line for line in of_type(_lines(out), Rounds) if line.cache == "hot"]


def _lines(out: Path) -> Sequence[Record]:
    return Run.read(out).lines if out.exists() else []


def table(rows: Sequence[Row]) -> Table:
    """Returns the printed table, with a row for each fault and engine."""
    headings = ("fault", "engine", "the run said", "status", "ended after s", "DuckDB kept")
    shown = Table(*headings, "right again after s", "started again: status", "lost", show_lines=True)
    for row in rows:
        figures = (row.status, row.ended, row.measured, row.again, row.resumed, row.lost)
        shown.add_row(row.fault, row.engine, row.said, *figures)
    return shown


@click.command()
@engines_default("druid,cassandra")
@click.option("--faults", "named", default="", metavar="A,B", help="Only faults whose names contain one of these.")
def main(engines: list[str], named: str) -> None:
    """Makes each fault happen to the server of each engine, and prints a table; exits with 1 if any lost something."""
    home = homes.home() / "faults"
    home.mkdir(exist_ok=True)
    if not (home / "jars").is_symlink():
        (home / "jars").symlink_to(homes.home() / "jars")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # SIGTERM then also stops the servers
    rows = [row for engine in engines for row in _all(engine, named.split(","), home)]
    Console(width=200).print(table(rows))
    sys.exit(not all(row.good for row in rows))


def _all(engine: str, words: Sequence[str], home: Path) -> Iterator[Row]:
    """Yields the row of each fault whose name contains one of the words; at the end, stops the engine's server."""
    try:
        for fault in FAULTS:
            if engine in fault.engines and any(word in fault.name for word in words):
                print(f"{engine}: {fault.name}", file=sys.stderr, flush=True)
                row = happen(fault, engine, home)
                print(f"  the run ended with {row.status}, lost {row.lost}", file=sys.stderr, flush=True)
                yield row
    finally:
        victims.server(engine, home).stop()


@contextmanager
def _spoken() -> Iterator[Callable[[str], None]]:
    """Prints progress as lines on standard error, which `Child.until` reads."""
    yield lambda text: print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        PROFILES["quick"] = SHORT
        vars(runs)["progress"] = _spoken
        cli.main()
    else:
        main()
