"""The cache state `cached`: the same request again and again, to engines that can answer from a cache of results."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import repeat

from rollup_bench.engines.failures import quietly_closed
from rollup_bench.harness.records.lines import Fault
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run.admission import log_fault
from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.expected import Expected, tolerated
from rollup_bench.harness.run.request import Request
from rollup_bench.harness.run.rounds import Ask, TimedQuestion
from rollup_bench.workloads.questions import Question


def cached_asks(stack: ExitStack, arms: Sequence[Arm], log: RunLog, number: int) -> dict[str, Ask]:
    """Returns, by arm, `ask` of a session with a result cache, where the engine has one; logs failures as faults."""
    asks: dict[str, Ask] = {}
    for arm in arms:
        with log_fault(log, arm.name, "opening a session with a result cache", number):
            session = arm.engine.cached_session(arm.plan)
            if session is not None:
                asks[arm.name] = stack.enter_context(quietly_closed(session)).ask
    return asks


def cached_questions(
    request: Request,
    log: RunLog,
    number: int,
    right: Mapping[str, Sequence[str]],
    asks: Mapping[str, Ask],
    cached: Mapping[str, Ask],
) -> Iterator[TimedQuestion]:
    """Yields questions with the arms whose cached answer equals that without cache; another answer is a fault."""
    for name, arms in right.items():
        question = request.defaults[name]
        equal = []
        for arm in (arm for arm in arms if arm in cached):
            with suppress(Exception):  # an arm that raises an error is left out
                if _equal(question, asks[arm], cached[arm]):
                    equal.append(arm)
                else:
                    doing, reason = f"answering {name} from its result cache", "the cached answer differs"
                    log.add(Fault(arm=arm, doing=doing, reason=reason, launch=number))
        if equal:
            yield TimedQuestion(name, tuple(equal), equal[0], repeat(question).__next__, "cached")


def _equal(question: Question, ask: Ask, cached: Ask) -> bool:
    """Whether a question, asked twice with the result cache, is answered both times as it is without the cache."""
    expected = Expected([ask(question)], [tolerated(question)])
    return all(expected(0, cached(question)) for _ in range(2))
