"""The mixes of a run: which arms are asked, and which requests they get."""

from collections.abc import Iterator, Sequence

from rollup_bench.harness.records.lines import MixedQuestions, Verdict, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.admission import timed_arms
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.verdicts import RIGHT
from rollup_bench.workloads.mixes import Mix
from rollup_bench.workloads.questions import Question


def asked(request: Request) -> list[Mix]:
    """Returns the mixes of the dataset of which the run asks all questions."""
    return [mix for mix in request.dataset.mixes.values() if mix.weights.keys() <= request.questions.keys()]


def names(log: RunLog, mix: Mix) -> list[str]:
    """Returns the names of the arms that are timed at every question of the mix."""
    first, *others = (timed_arms(log, question) for question in mix.weights)
    return [arm for arm in first if all(arm in other for other in others)]


def blocks(request: Request, mix: Mix, arms: Sequence[Arm], launch: int = 0) -> Iterator[list[Question]]:
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


def _refusal(log: RunLog, mix: Mix, arm: str) -> str:
    """Returns the first question of the mix at which the arm is not timed, and why."""
    question = next(question for question in mix.weights if arm not in timed_arms(log, question))
    line = log.get(Verdict, arm=arm, question=question)
    if line is None:
        return f"{question} was not asked"
    if line.verdict in RIGHT:
        return f"{question}: refuses {line.refused} of 100 requests"
    return f"{question}: {line.verdict}"
