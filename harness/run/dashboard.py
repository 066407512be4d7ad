"""A dashboard: several questions asked at once, each by a client of its own, and there when the last answer is."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from threading import Barrier

import numpy as np

from rollup_bench.engines.contract import Session
from rollup_bench.harness.run.arms import Arm, Cell, Say, asked
from rollup_bench.harness.run.replay import replay
from rollup_bench.harness.run.request import answers
from rollup_bench.harness.run.verdicts import RIGHT
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template

ROUNDS = 10


@dataclass(frozen=True)
class Shown:
    """A dashboard on one arm: its questions, checked, with the seconds of each among the others; and of all of them.

    Where one question is not right there are no seconds of the whole.
    """

    cells: list[Cell]
    seconds: list[float]


def shown(arm: Arm, templates: Mapping[str, Template], events: Events, seed: int, say: Say) -> Shown:
    """Checks each question alone, then asks all at once, in each round with other parameters from the replay."""
    with ExitStack() as stack:
        sessions = {name: stack.enter_context(arm.engine.session(arm.plan)) for name in templates}
        cells = []
        for name, template in templates.items():
            say(f"{arm.name}: checking {name}")
            cells.append(asked(arm, sessions[name], name, template.fill(), events))
        if any(cell.verdict.kind not in RIGHT for cell in cells):
            return Shown(cells, [])
        sequences = {
            name: replay(template, lambda question: answers(arm, question), _rng(seed, place))
            for place, (name, template) in enumerate(templates.items())
        }
        seconds = []
        for number in range(ROUNDS + 1):
            say(f"{arm.name}: all at once, {number} of {ROUNDS}")
            taken = at_once(sessions, {name: next(sequence) for name, sequence in sequences.items()})
            if number:  # the first, with the defaults, warms up
                seconds.append(max(taken.values()))
                for cell in cells:
                    cell.seconds.append(taken[cell.question])
    return Shown(cells, seconds)


def at_once(sessions: Mapping[str, Session], questions: Mapping[str, Question]) -> dict[str, float]:
    """Seconds until each answer, from the one moment at which all are asked."""
    start: list[float] = []
    together = Barrier(len(questions), action=lambda: start.append(time.perf_counter()))

    def answered(name: str) -> float:
        together.wait()
        sessions[name].ask(questions[name])
        return time.perf_counter() - start[0]

    with ThreadPoolExecutor(len(questions)) as clients:
        return dict(zip(questions, clients.map(answered, questions), strict=True))


def _rng(seed: int, place: int) -> np.random.Generator:
    return np.random.default_rng([seed, place])
