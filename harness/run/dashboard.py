"""Times a dashboard: one client for each question, all asking at the same time, until the last answer arrives."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from threading import Barrier

import numpy as np

from rollup_bench.engines.contract import Session
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import Pairs, Record, Rounds, Verdict, of_type
from rollup_bench.harness.run.admission import check, verdict
from rollup_bench.harness.run.arms import Arm, Say
from rollup_bench.harness.run.replay import domain, replay
from rollup_bench.harness.run.request import answers
from rollup_bench.harness.run.routes import counted, route
from rollup_bench.harness.stats.abba import AGAIN
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template

ROUNDS = 10  # the number of timed rounds, an even number because a `Rounds` line stores times in pairs


def measure(
    arm: Arm, templates: Mapping[str, Template], events: Events, seed: int, say: Say
) -> tuple[list[Record], list[float]]:
    """Checks the answer to each question, and then asks all questions at the same time in a warm-up and ROUNDS rounds.

    The warm-up uses default parameters, and each round new ones. Returns the lines of a run's file and, for each round,
    the seconds until the last answer; there are no rounds if a verdict is neither right nor within bound.
    """
    with ExitStack() as stack:
        sessions = {name: stack.enter_context(quietly_closed(arm.engine.session(arm.plan))) for name in templates}
        records: list[Record] = []
        for name, template in templates.items():
            say(f"{arm.name}: checking {name}")
            default = template.fill()
            records.append(verdict(arm, name, default, [check(arm, sessions[name], default, events)]))
        if any(line.verdict not in RIGHT for line in of_type(records, Verdict)):
            return records, []
        drawn = domain(events)
        sequences = {
            name: replay(template, drawn, lambda question: answers(arm, question), np.random.default_rng([seed, place]))
            for place, (name, template) in enumerate(templates.items())
        }
        taken: list[dict[str, float]] = []
        asked: list[dict[str, Question]] = []
        for number in range(ROUNDS + 1):
            part = f"round {number} of {ROUNDS}" if number else "warm-up"
            say(f"{arm.name}: asking all questions at the same time, {part}")
            asked.append({name: next(sequence) for name, sequence in sequences.items()})
            taken.append(at_once(sessions, asked[-1]))
    timed = taken[1:]  # without the warm-up
    rounds = [
        _rounds(arm, name, [seconds[name] for seconds in timed], [questions[name] for questions in asked[1:]])
        for name in templates
    ]
    return [*records, *rounds], [max(seconds.values()) for seconds in timed]


def _rounds(arm: Arm, name: str, seconds: Sequence[float], asked: Sequence[Question]) -> Rounds:
    times = [round(each * 1e9) for each in seconds]
    pairs: Pairs = list(zip(times[::2], times[1::2], strict=True))
    control = (arm.name, arm.name + AGAIN)
    return Rounds(
        question=name,
        cache="hot",
        launch=0,
        control=control,
        times={arm.name: pairs},
        warm={},
        failed={},
        routes={arm.name: counted(partial(route, arm), asked)},
    )


def at_once(sessions: Mapping[str, Session], questions: Mapping[str, Question]) -> dict[str, float]:
    """Asks all questions at the same time; returns the seconds until each answer, by the question's name."""
    start: list[float] = []
    together = Barrier(len(questions), action=lambda: start.append(time.perf_counter()))

    def seconds(name: str) -> float:
        together.wait()
        sessions[name].ask(questions[name])
        return time.perf_counter() - start[0]

    with ThreadPoolExecutor(len(questions)) as clients:
        return dict(zip(questions, clients.map(seconds, questions), strict=True))
