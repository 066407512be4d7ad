"""Faults of the real servers in the middle of a run: said, survived by the others, and made good by the next start."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer

import msgspec
import pytest

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Ended, Fault, Operations, Rounds, of_type
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import Profile
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Effort
from rollup_bench.servers import Server
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events, layouts
from tests.conftest import SERVERS

QUESTIONS = ["revenue-by-hour", "busy-hours"]
PAUSE = 2.0
"""Seconds."""
SERVED = [name for name, fixture in SERVERS.items() if fixture]
RESTARTED = [name for name in SERVED if name != "spark"]
"""Spark takes longest to start, and the check `server_gone` of the kit kills it too."""


@pytest.fixture(params=SERVED)
def victim(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A server of the session, which runs find instead of their own; it is up again afterwards."""
    server: Server = request.getfixturevalue(str(SERVERS[request.param]))

    @contextmanager
    def served(*_: object) -> Iterator[dict[str, Server | None]]:
        yield {"duckdb": None, server.name: server}

    monkeypatch.setattr("rollup_bench.harness.run.measure.served", served)
    monkeypatch.setattr("rollup_bench.harness.run.launches.drop_page_cache", lambda: False)
    yield server
    server.start(Watch(seconds=300))


def _request(server: Server, home: Path, launches: int) -> Request:
    game = msgspec.structs.replace(datasets.read("game").sized(20_000, 1), mixes={})
    effort = Effort(launches=launches, least=2, most=3, warm=0.1, alone=0.01)
    profile = Profile("quick", rows=(20_000,), timed=None, checked=1, effort=effort)
    names = ["duckdb", server.name]
    questions = {name: game.question(name) for name in QUESTIONS}
    return Request(game, events.prepare(game, home), names, [layouts.raw], questions, "native", home, 1, profile)


def _at(moment: str, strike: Callable[[], None]) -> Callable[[str], None]:
    """Strikes when a run says for the first time that it is there."""
    struck: list[str] = []

    def say(text: str) -> None:
        if moment in text and not struck:
            struck.append(text)
            strike()

    return say


def _signal(server: Server, number: signal.Signals) -> None:
    for pid in server.pids.values():
        os.kill(pid, number)


def _arms(run: Run) -> dict[tuple[str, int], set[str]]:
    """The arms that answered to the end, of each question and launch."""
    found = [one for one in of_type(run.lines, Rounds) if one.cache == "hot"]
    return {(r.question, r.launch): {a for a in r.times if "(" not in a} - r.failed.keys() for r in found}


@pytest.mark.parametrize("victim", RESTARTED, indirect=True)
def test_a_server_killed_in_a_replay_is_named_and_back_in_the_next_launch(victim: Server, home: Path) -> None:
    """And a profile with crashes kills it once more, and records when it answers as before."""
    base, arm, before = _request(victim, home, launches=2), f"{victim.name}/raw", dict[str, int]()
    request = replace(base, profile=msgspec.structs.replace(base.profile, crashes=True))
    out = home / "runs" / f"killed-{victim.name}.jsonl"
    kill = _at("launch 1 of at most 2, round 2", lambda: _signal(victim, signal.SIGKILL))
    note = _at(f"{victim.name}: recovering from a crash", lambda: before.update(victim.pids))

    def say(text: str) -> None:
        kill(text)
        note(text)

    run = measure(request, out, say)[1]
    timing = f"timing {', '.join(QUESTIONS)}"
    assert [(one.arm, one.doing, one.launch) for one in of_type(run.lines, Fault)] == [(arm, timing, 0)]
    assert not of_type(run.lines, Ended)
    both = {"duckdb/raw", arm}
    assert _arms(run) == {(q, n): both if n else both - {arm} for q in QUESTIONS for n in range(2)}
    _check_operations(run, victim, before)
    said: list[str] = []
    again = measure(request, out, said.append)[1]
    assert _arms(again) == {(q, n): both for q in QUESTIONS for n in range(2)}
    assert of_type(again.lines, Ended)
    assert not of_type(again.lines, Fault)
    assert not [text for text in said if "launch 2" in text or "checking" in text or "crash" in text]


def test_a_server_that_pauses_loses_nothing(victim: Server, home: Path) -> None:
    request = _request(victim, home, launches=1)

    def pause() -> None:
        _signal(victim, signal.SIGSTOP)
        Timer(PAUSE, _signal, (victim, signal.SIGCONT)).start()

    run = measure(request, home / "runs" / f"paused-{victim.name}.jsonl", _at("launch 1 of 1, round 2", pause))[1]
    assert of_type(run.lines, Ended)
    assert _arms(run) == {(q, 0): {"duckdb/raw", f"{victim.name}/raw"} for q in QUESTIONS}


def _check_operations(run: Run, victim: Server, before: dict[str, int]) -> None:
    """`before` are the processes before the crash."""
    embedded, served = of_type(run.lines, Operations)
    assert (embedded.engine, embedded.memory, embedded.recovery) == ("duckdb", {}, None)
    assert served.engine == victim.name
    assert served.memory.keys() == victim.pids.keys() == before.keys()
    assert not set(victim.pids.values()) & set(before.values())
    assert min(served.memory.values()) > 10 << 20
    assert served.recovery is not None
    assert served.tables.keys() == {"raw"}
    assert all(served.tables.values())
