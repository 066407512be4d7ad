"""Answers from caches of results, where an engine keeps them: the same request again and again, a state of its own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress

from rollup_bench.engines.failures import quietly_closed
from rollup_bench.harness.records.lines import Fault
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.admission import noted
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.load_test import Expected, tolerated
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Ask, TimedQuestion
from rollup_bench.workloads.questions import Question


def ways(stack: ExitStack, arms: Sequence[Arm], log: RunLog, number: int) -> dict[str, Ask]:
    """How each arm is asked whose engine keeps results; of one that fails to open a session the file says why."""
    found: dict[str, Ask] = {}
    for arm in arms:
        with noted(log, arm.name, "opening a session with a cache", number):
            opened = arm.engine.cached_session(arm.plan)
            if opened is not None:
                found[arm.name] = stack.enter_context(quietly_closed(opened)).ask
    return found


def cells(
    request: Request,
    log: RunLog,
    number: int,
    right: Mapping[str, Sequence[str]],
    asks: Mapping[str, Ask],
    cached: Mapping[str, Ask],
) -> Iterator[TimedQuestion]:
    """A cell for each question and the arms that give from a cache what they give without; a fault for others."""
    for name, arms in right.items():
        question = request.defaults[name]
        same = []
        for arm in (arm for arm in arms if arm in cached):
            with suppress(Exception):  # said by the rounds, which ask again
                if _same(question, asks[arm], cached[arm]):
                    same.append(arm)
                else:
                    doing = f"answering {name} from its cache"
                    log.add(Fault(arm=arm, doing=doing, reason="not the answer without it", launch=number))
        if same:
            yield TimedQuestion(name, tuple(same), same[0], lambda question=question: question, "cached")  # type: ignore[misc]


def _same(question: Question, ask: Ask, cached: Ask) -> bool:
    """Whether an answer that fills the cache and one that comes from it are those without a cache."""
    expected = Expected([ask(question)], tolerated(question))
    return all(expected(0, cached(question)) for _ in range(2))
