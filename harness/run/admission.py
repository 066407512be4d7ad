"""Admission: only answers that were compared with the truth and are right are timed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import product
from typing import NamedTuple

from rollup_bench.engines.contract import Engine, Plan, Session, Support, unsupported
from rollup_bench.engines.failures import quietly_closed, reason
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.lines import Fault, Verdict, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import verdicts
from rollup_bench.harness.run.arms import Arm, Say
from rollup_bench.harness.run.circuit_breaker import CircuitBreaker
from rollup_bench.harness.run.request import Request, answers
from rollup_bench.harness.run.verdicts import RIGHT, Kind
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question


class Checked(NamedTuple):
    """A question asked once of an arm: what the engine says of it, the verdict, and the rows of the answer."""

    support: Support
    verdict: verdicts.Judgement
    rows: int | None = None


def check(arm: Arm, session: Session | None, question: Question, events: Events) -> Checked:
    """Asks a question and compares the answer with the truth; an arm that supports none needs no session."""
    try:
        support = arm.engine.support(question, arm.plan)
        if support.where is None:
            return Checked(support, verdicts.Judgement(Kind.UNSUPPORTED, support.reason))
    except Exception as error:
        return Checked(unsupported(reason(error)), verdicts.Judgement(Kind.FAILED, reason(error)))
    assert session is not None
    try:
        answer = session.ask(question)
        return Checked(support, verdicts.check(question, answer, events), answer.num_rows)
    except Exception as error:
        return Checked(support, verdicts.Judgement(Kind.FAILED, reason(error)))


def loaded(request: Request, engines: Sequence[Engine], log: RunLog, say: Say) -> Iterator[Arm]:
    """The arms; a layout on which an engine supports no question is not loaded.

    An arm whose load fails is left out, and the file says why.
    """
    for engine, layout in product(engines, request.layouts):
        with noted(log, f"{engine.name}/{layout.name}", "loading", passing=RequestError):
            plan = engine.plan(request.dataset, layout, request.events.statistics)
            if _supports_any(engine, plan, request.defaults.values()):
                yield running.load(engine, plan, request.events, request.home, say)
            else:
                yield Arm(engine, plan)


def reconnected(request: Request, arms: Sequence[Arm], engines: Sequence[Engine], log: RunLog) -> Iterator[Arm]:
    """The arms over engines that were connected anew; one whose load is gone and fails is left out, see `loaded`."""
    by_name = {engine.name: engine for engine in engines}
    for arm in arms:
        if arm.engine.name in by_name:
            with noted(log, arm.name, "loading", passing=RequestError):
                yield running.load(by_name[arm.engine.name], arm.plan, request.events, request.home, lambda _: None)


def sessions(stack: ExitStack, arms: Sequence[Arm], log: RunLog, launch: int | None) -> dict[str, Session]:
    """A session for each loaded arm, by name; an arm that cannot be reached is left out, and the file says why."""
    found: dict[str, Session] = {}
    for arm in arms:
        if arm.loaded is not None:
            with noted(log, arm.name, "opening a session", launch):
                session = stack.enter_context(quietly_closed(arm.engine.session(arm.plan)))
                found[arm.name] = CircuitBreaker(session, arm.engine.server)
    return found


def admit(request: Request, log: RunLog, arms: Sequence[Arm], sessions: Mapping[str, Session], say: Say) -> None:
    """Adds the verdicts that the file lacks: of the default request, and of some of the replay."""
    reached = [arm for arm in arms if arm.loaded is None or arm.name in sessions]
    for name, default in request.defaults.items():
        missing = [arm for arm in reached if not log.has(Verdict, arm=arm.name, question=name)]
        replayed = request.replay(name, [arm for arm in reached if answers(arm, default)])
        questions = list(dict.fromkeys(next(replayed) for _ in range(request.profile.checked)))
        checked: dict[str, list[Checked]] = {arm.name: [] for arm in missing}
        for question in questions:  # the arms side by side, so that the truth of each question is computed once
            for arm in missing:
                say(f"checking {name} of {arm.name}")
                checked[arm.name].append(check(arm, sessions.get(arm.name), question, request.events))
        for arm in missing:
            log.add(verdict(arm, name, default, checked[arm.name]))


def verdict(arm: Arm, name: str, default: Question, checked: Sequence[Checked]) -> Verdict:
    """The line of the file about a question that was checked: the first answer that is not right decides."""
    decisive = next((each for each in checked if each.verdict.kind not in RIGHT), checked[0])
    return Verdict(
        arm=arm.name,
        question=name,
        verdict=decisive.verdict.kind.value,
        where=decisive.support.where or "",
        reason=decisive.verdict.reason or decisive.support.reason,
        query=_sent(arm, default) if decisive.support.where else "",
        rows=checked[0].rows,
    )


def right_arms(log: RunLog, name: str) -> list[str]:
    """The arms whose answers to this question were right."""
    return [line.arm for line in of_type(log.records, Verdict) if line.question == name and line.verdict in RIGHT]


def answering(log: RunLog, names: Sequence[str]) -> set[str]:
    """The arms whose answer to one of these questions was right."""
    return {arm for name in names for arm in right_arms(log, name)}


def timed(request: Request, log: RunLog) -> list[str]:
    """The questions that some arm answers right, as many as the profile times."""
    return spaced([name for name in request.defaults if right_arms(log, name)], request.profile.timed)


def spaced(names: Sequence[str], count: int | None) -> list[str]:
    """So many of them, evenly apart, since neighbours in a dataset are of a kind; all if None."""
    count = len(names) if count is None else min(count, len(names))
    return [names[i * len(names) // count] for i in range(count)]


@contextmanager
def noted(
    log: RunLog, arm: str, doing: str, launch: int | None = None, passing: type[Exception] | tuple[()] = ()
) -> Iterator[None]:
    """Adds an error that is raised inside to the file, as a fault of the arm; errors that are `passing` are raised."""
    try:
        yield
    except passing:
        raise
    except Exception as error:
        log.add(Fault(arm=arm, doing=doing, reason=reason(error), launch=launch))


def _supports_any(engine: Engine, plan: Plan, questions: Iterable[Question]) -> bool:
    """Whether the plan is worth loading; so it is where `support` fails, which is reported with its question later."""
    try:
        return any(engine.support(question, plan).where for question in questions)
    except Exception:
        return True


def _sent(arm: Arm, question: Question) -> str:
    """What the engine is sent; nothing where it fails to say."""
    with suppress(Exception):
        return arm.engine.explain(question, arm.plan)
    return ""
