"""The mixes of a run: which arms are asked, which requests they get, and how long they take when asked alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from rollup_bench.harness.records.kinds import RIGHT
from rollup_bench.harness.records.lines import Cost, MixedQuestions, Verdict, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import rounds
from rollup_bench.harness.run.admission import log_fault, timed_arms
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.costs import gauge
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Ask, Progress, TimedQuestion
from rollup_bench.servers import Server
from rollup_bench.workloads.mixes import Mix
from rollup_bench.workloads.questions import Question


def asked(request: Request) -> list[Mix]:
    """Returns the mixes of the dataset of which the run asks all questions."""
    return [mix for mix in request.dataset.mixes.values() if mix.weights.keys() <= request.questions.keys()]


def names(log: RunLog, mix: Mix) -> list[str]:
    """Returns the names of the arms that are timed at every question of the mix."""
    first, *others = (timed_arms(log, question) for question in mix.weights)
    return [arm for arm in first if all(arm in other for other in others)]


def blocks(request: Request, mix: Mix, arms: Sequence[Arm], launch: int = 0) -> Iterator[tuple[Question, ...]]:
    """Yields blocks of requests, without end, that all `arms` support; launches get different ones."""
    requests = {question: request.replay(question, arms, launch) for question in mix.weights}
    return mix.blocks(requests, request.seed + launch)


def declare(request: Request, log: RunLog) -> None:
    """Adds a line for each mix to the run log: its weights, and why arms are not asked, as their verdicts say."""
    for mix in asked(request):
        timed = names(log, mix)
        others = dict.fromkeys(line.arm for line in of_type(log.records, Verdict) if line.arm not in timed)
        refused = {arm: _refusal(log, mix, arm) for arm in others}
        line = MixedQuestions(question=mix.name, story=mix.story, counts=mix.counts, refused=refused)
        if log.get(MixedQuestions, question=mix.name) != line:
            log.add(line)


def alone(
    request: Request,
    log: RunLog,
    arms: Sequence[Arm],
    asks: Mapping[str, Ask],
    servers: Mapping[str, Server | None],
    launch: int,
    say: Callable[[Progress], None],
) -> None:
    """Asks each of these arms each mix alone, whole blocks and at least one, in a random order of the arms.

    Adds a line to the run log for each mix and arm that it lacks for this launch; a request of the line is a block.
    """
    for mix in asked(request):
        timed = [arm for arm in arms if arm.name in names(log, mix)]
        for arm in (timed[i] for i in np.random.default_rng([request.seed, launch]).permutation(len(timed))):
            if not log.has(Cost, arm=arm.name, question=mix.name, cache="hot", launch=launch):
                doing, drawn = f"asking {arm.name} alone: the mix {mix.name}", blocks(request, mix, timed, launch + 1)
                say(Progress(doing, 1.0))
                cell = TimedQuestion(mix.name, (arm.name,), arm.name, drawn.__next__)
                seconds, reads = request.profile.effort.mix, gauge(servers[arm.engine.name])
                with log_fault(log, arm.name, doing, launch):
                    ask = _block(asks[arm.name])
                    log.add(rounds.alone(cell, arm.name, ask, launch, seconds, reads, least=1))


def lacking(request: Request, log: RunLog, launch: int) -> set[str]:
    """Returns the questions of the mixes of which the run log lacks the times of an arm asked alone in this launch."""
    known = {(line.question, line.arm) for line in of_type(log.records, Cost) if line.launch == launch}
    lacks = (mix for mix in asked(request) if any((mix.name, arm) not in known for arm in names(log, mix)))
    return {question for mix in lacks for question in mix.weights}


def _block(ask: Ask) -> Ask:
    """Returns a function that asks the requests of a block, one after the other."""

    def all_of(block: Sequence[Question]) -> None:
        for question in block:
            ask(question)

    return all_of


def _refusal(log: RunLog, mix: Mix, arm: str) -> str:
    """Returns the first question of the mix at which the arm is not timed, and why."""
    question = next(question for question in mix.weights if arm not in timed_arms(log, question))
    line = log.get(Verdict, arm=arm, question=question)
    if line is None:
        return f"{question} was not asked"
    if line.verdict in RIGHT:
        return f"{question}: refuses {line.refused} of 100 requests"
    return f"{question}: {line.verdict}"
