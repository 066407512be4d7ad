"""Compares each arm's answers with the truth; only answers that are right or within their tolerated error are timed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from itertools import product
from typing import NamedTuple

from rollup_bench.engines.contract import Engine, Session, Support, unsupported
from rollup_bench.engines.failures import quietly_closed, reason
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.kinds import RIGHT, Kind
from rollup_bench.harness.records.lines import Fault, Verdict, of_type
from rollup_bench.harness.records.run_log import RunLog
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import verdicts
from rollup_bench.harness.run.arms import Arm, Say
from rollup_bench.harness.run.circuit_breaker import CircuitBreaker
from rollup_bench.harness.run.request import Request, answers
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question


class Checked(NamedTuple):
    """The result of asking an arm a question: the support, the verdict, and the number of rows (None: no answer)."""

    support: Support
    verdict: verdicts.Judgement
    rows: int | None = None


def check(arm: Arm, session: Session | None, question: Question, events: Events) -> Checked:
    """Returns the verdict on a question; `failed` for any error. `session` may be None if no question is supported."""
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
    """Yields an arm for each engine and layout, loaded if the engine supports at least one question on the layout.

    An arm whose load fails is left out, and a fault is added to the run log; a RequestError is raised instead.
    """
    for engine, layout in product(engines, request.layouts):
        with log_fault(log, f"{engine.name}/{layout.name}", "loading", passing=RequestError):
            plan = engine.plan(request.dataset, layout, request.events.statistics)
            unloaded = Arm(engine, plan)
            if any(answers(unloaded, question) for question in request.defaults.values()):
                yield running.load(engine, plan, request.events, request.home, say, request.spark)
            else:
                yield unloaded


def reconnected(
    request: Request, arms: Sequence[Arm], engines: Sequence[Engine], log: RunLog, names: Sequence[str]
) -> Iterator[Arm]:
    """Yields arms of reconnected `engines` for those of `arms` that are timed at a question of `names`.

    An arm whose load was lost is loaded again. An arm whose load fails is left out; a fault is added to the run log.
    """
    by_name = {engine.name: engine for engine in engines}
    right = {arm for name in names for arm in timed_arms(log, name)}
    for arm in arms:
        if arm.name in right and arm.engine.name in by_name:
            with log_fault(log, arm.name, "loading", passing=RequestError):
                yield running.load(by_name[arm.engine.name], arm.plan, request.events, request.home, lambda _: None)


def sessions(stack: ExitStack, arms: Sequence[Arm], log: RunLog, launch: int | None) -> dict[str, Session]:
    """Returns a session for each loaded arm, by name; an arm that fails to open one gets a fault in the run log."""
    by_name: dict[str, Session] = {}
    for arm in arms:
        if arm.loaded is not None:
            with log_fault(log, arm.name, "opening a session", launch):
                session = stack.enter_context(quietly_closed(arm.engine.session(arm.plan)))
                by_name[arm.name] = CircuitBreaker(session, arm.engine.server)
    return by_name


def admit(request: Request, log: RunLog, arms: Sequence[Arm], sessions: Mapping[str, Session], say: Say) -> None:
    """Adds missing verdicts to the run log; each takes `profile.checked` requests at most, the default first.

    An arm that refuses requests of the question's domain is checked on those that it supports. It does not decide what
    other arms are asked: the replay is that of the arms that support the whole domain, if there are any.
    """
    reached = [arm for arm in arms if arm.loaded is None or arm.name in sessions]
    for number, (name, default) in enumerate(request.defaults.items(), 1):
        missing = [arm for arm in reached if not log.has(Verdict, arm=arm.name, question=name)]
        refusals = (
            {arm.name: request.refusals(name, arm) for arm in reached if answers(arm, default)} if missing else {}
        )
        answering = [arm for arm in reached if arm.name in refusals]
        replayed = request.replay(name, [arm for arm in answering if not refusals[arm.name]] or answering)
        questions = list(dict.fromkeys(next(replayed) for _ in range(request.profile.checked)))
        checked: dict[str, list[Checked]] = {arm.name: [] for arm in missing}
        for question in questions:  # a request goes to all arms before the next request: its truth is computed once
            for arm in missing:
                if question == default or answers(arm, question):
                    say(f"checking question {number} of {len(request.defaults)}, {name}, on {arm.name}")
                    checked[arm.name].append(check(arm, sessions.get(arm.name), question, request.events))
        for arm in missing:
            log.add(verdict(arm, name, default, checked[arm.name], refusals.get(arm.name, ())))


def verdict(
    arm: Arm, name: str, default: Question, checked: Sequence[Checked], refusals: Sequence[str] = ()
) -> Verdict:
    """Returns the run log's line: the first verdict that is neither right nor within bound, or else the first one."""
    decisive = next((each for each in checked if each.verdict.kind not in RIGHT), checked[0])
    return Verdict(
        arm=arm.name,
        question=name,
        verdict=decisive.verdict.kind,
        where=decisive.support.where or "",
        reason=decisive.verdict.reason or decisive.support.reason,
        query=_query(arm, default) if decisive.support.where else "",
        rows=checked[0].rows,
        plan=arm.plan.key,
        refused=len(refusals),
        refusal=max(refusals, key=refusals.count, default=""),
    )


def timed_arms(log: RunLog, name: str) -> list[str]:
    """Returns the names of the arms to time at the question `name`.

    These are the arms whose verdict is right or within bound and that support the whole domain of the parameters. If
    there are none, these are all arms with such a verdict, and the replay has only requests that all of them support.
    """
    right = [line for line in of_type(log.records, Verdict) if line.question == name and line.verdict in RIGHT]
    return [line.arm for line in right if not line.refused] or [line.arm for line in right]


def timed(request: Request, log: RunLog) -> list[str]:
    """Returns the names of up to `profile.timed` (None: all) questions that an arm answers right or within bound.

    The questions of mixes come first, since a mix is measured only if all its questions are timed.
    """
    right = [name for name in request.defaults if timed_arms(log, name)]
    mixed = [name for name in right if any(name in mix.weights for mix in request.dataset.mixes.values())]
    count = len(right) if request.profile.timed is None else request.profile.timed
    others = spaced([name for name in right if name not in mixed], max(count - len(mixed), 0))
    chosen = {*mixed[:count], *others}
    return [name for name in right if name in chosen]


def spaced(names: Sequence[str], count: int) -> list[str]:
    """Selects up to `count` names at even distances, because neighbouring questions are often similar."""
    count = min(count, len(names))
    return [names[i * len(names) // count] for i in range(count)]


@contextmanager
def log_fault(
    log: RunLog, arm: str, doing: str, launch: int | None = None, passing: type[Exception] | tuple[()] = ()
) -> Iterator[None]:
    """Adds an error of the block to the run log as a fault of the arm; only errors of type `passing` are raised."""
    try:
        yield
    except passing:
        raise
    except Exception as error:
        log.add(Fault(arm=arm, doing=doing, reason=reason(error), launch=launch))


def _query(arm: Arm, question: Question) -> str:
    """Returns the query that the engine is sent for the question, or an empty text if `explain` raises an error."""
    with suppress(Exception):
        return arm.engine.explain(question, arm.plan)
    return ""
