"""Records what engines demand of the people who run them, and measures how servers recover from a crash."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, suppress
from multiprocessing import get_context
from pathlib import Path

import psutil
import pyarrow as pa

from rollup_bench.engines.contract import UNANSWERED, Plan
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.engines.settings import changed_settings
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.lines import Operations
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.admission import log_fault, timed_arms
from rollup_bench.harness.run.arms import Arm, Say, connected
from rollup_bench.harness.run.expected import Expected, tolerated
from rollup_bench.harness.run.request import Request
from rollup_bench.servers import Server
from rollup_bench.servers.processes import with_children
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.questions import Question

LIMIT = 300.0
"""The seconds after a crash within which a server must answer right again."""
Asked = Sequence[tuple[Plan, Question]]
"""Questions that are asked of plans of one engine."""


def measure(request: Request, log: RunLog, arms: Sequence[Arm], servers: Mapping[str, Server | None], say: Say) -> None:
    """Adds the operations of each engine that the run log lacks; kills the engine's server. See `Profile.crashes`."""
    for name, server in servers.items():
        own = [arm for arm in arms if arm.engine.name == name and arm.loaded]
        if request.profile.crashes and own and not log.has(Operations, engine=name):
            say(f"{name}: recovering from a crash")
            with log_fault(log, own[0].name, "recovering from a crash"):
                asked = [(arm.plan, question) for arm in own if (question := _right_question(request, log, arm))]
                recovery = recovered(name, server, request.home, asked) if server and server.pids else None
                log.add(
                    Operations(
                        engine=name,
                        settings=changed_settings(name),
                        steps=list(own[0].engine.steps),
                        tables={arm.plan.layout.name: tables(arm, list(request.defaults.values())) for arm in own},
                        memory=_memory(server),
                        recovery=recovery,
                        added=None if server else added(name, request.home, asked),
                    )
                )


def recovered(name: str, server: Server, home: Path, asked: Asked) -> float:
    """Kills a server with all that it started, and starts it again; returns the seconds until answers are as before.

    Raises FailureError if this takes more than `LIMIT` seconds.
    """
    before = _answers(name, server, home, asked)
    expected = Expected(before, [tolerated(question) for _, question in asked])
    began = time.monotonic()
    for process in with_children(list(map(psutil.Process, server.pids.values()))):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    server.restart(Watch(seconds=LIMIT))
    while time.monotonic() - began < LIMIT:
        with suppress(*UNANSWERED):
            answers = _answers(name, server, home, asked)
            if all(expected(number, answer) for number, answer in enumerate(answers)):
                return time.monotonic() - began
        time.sleep(0.1)
    raise FailureError(f"{name}: not all answers were right within {LIMIT:.0f} s after a crash")


def added(name: str, home: Path, asked: Asked) -> int:
    """Returns the resident bytes by which a new program grows that asks an embedded engine these questions."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_grown, name, home, asked).result()


def _grown(name: str, home: Path, asked: Asked) -> int:
    program = psutil.Process()
    before = program.memory_info().rss
    with connected({name: None}, home) as (engine,), ExitStack() as stack:
        for plan, question in asked:  # all stay open, as the tables of a server do
            stack.enter_context(quietly_closed(engine.session(plan))).ask(question)
        return int(program.memory_info().rss - before)


def tables(arm: Arm, questions: Sequence[Question]) -> list[str]:
    """Returns the names of the tables that the engine reads for these questions, in order."""
    supports = (arm.engine.support(question, arm.plan) for question in questions)
    return sorted({table for support in supports if support.where for table in support.tables})


def _right_question(request: Request, log: RunLog, arm: Arm) -> Question | None:
    """Returns the first question with a right answer of the arm; None if there is none."""
    return next((request.defaults[name] for name in request.defaults if arm.name in timed_arms(log, name)), None)


def _answers(name: str, server: Server | None, home: Path, asked: Asked) -> list[pa.Table]:
    """Returns the answers to all questions, each in a new session of a new connection."""
    answers = []
    with connected({name: server}, home) as (engine,):
        for plan, question in asked:
            with quietly_closed(engine.session(plan)) as session:
                answers.append(session.ask(question))
    return answers


def _memory(server: Server | None) -> dict[str, int]:
    """Returns the resident bytes of each process of a server and its children; empty if its processes are unknown."""
    pids = server.pids if server else {}
    return {name: sum(map(_resident, with_children([psutil.Process(pid)]))) for name, pid in pids.items()}


def _resident(process: psutil.Process) -> int:
    """Returns the resident bytes of a process; 0 if it has ended."""
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0
