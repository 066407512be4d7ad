"""Who is timed: only what was held against the truth and is right."""

from collections.abc import Container, Iterator, Sequence
from contextlib import ExitStack, suppress

from rollup_bench.engines.contract import UNANSWERED, Engine, Session
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.records import Book, Fault, Verdict, of_type
from rollup_bench.harness.run.arms import Arm, Cell, Say, arms, asked
from rollup_bench.harness.run.circuit_breaker import Lifeline
from rollup_bench.harness.run.request import Request, answers
from rollup_bench.harness.run.verdicts import RIGHT
from rollup_bench.workloads.questions import Question


def admit(request: Request, book: Book, reached: Sequence[tuple[Arm, Session]], say: Say) -> None:
    """Adds the verdicts that the file lacks: of the default request, and of some of the replay."""
    for name in request.names:
        missing = [pair for pair in reached if not book.has(Verdict, arm=pair[0].name, question=name)]
        default = request.dataset.question(name).fill()
        replayed = request.replay(name, [arm for arm, _ in reached if answers(arm, default)])
        some = list(dict.fromkeys(next(replayed) for _ in range(request.profile.checked)))
        cells: dict[str, list[Cell]] = {arm.name: [] for arm, _ in missing}
        for one in some:  # the arms side by side, so that the truth of each is worked out once
            for arm, session in missing:
                say(f"checking {name} of {arm.name}")
                cells[arm.name].append(asked(arm, session, name, one, request.events))
        for arm, _ in missing:
            book.add(_verdict(arm, name, default, cells[arm.name]))


def loaded(
    request: Request, engines: Sequence[Engine], book: Book, say: Say, among: Container[str] | None = None
) -> Iterator[Arm]:
    """The arms, or those `among` them; one whose load fails is left out, and the file says why."""
    for engine in engines:
        for layout in request.layouts:
            name = f"{engine.name}/{layout}"
            if among is None or name in among:
                try:
                    yield from arms([engine], [layout], request.events, request.dataset, request.home, say)
                except FailureError as error:
                    book.add(Fault(arm=name, doing="loading", reason=str(error)))


def sessions(stack: ExitStack, compared: Sequence[Arm], book: Book, number: int | None) -> list[tuple[Arm, Session]]:
    """The arms with a session each; one that cannot be reached is left out, and the file says why."""
    found: list[tuple[Arm, Session]] = []
    for arm in compared:
        try:
            session = stack.enter_context(arm.engine.session(arm.plan))
            found.append((arm, Lifeline(session, arm.engine.server)))
        except FailureError as error:
            book.add(Fault(arm=arm.name, doing="opening a session", reason=str(error), launch=number))
    return found


def right_arms(book: Book, name: str) -> list[str]:
    """The arms whose answers to this question were right."""
    return [one.arm for one in of_type(book.records, Verdict) if one.question == name and one.verdict in RIGHT]


def answering(book: Book, names: Sequence[str]) -> set[str]:
    """The arms whose answer to one of these questions was right."""
    return {arm for name in names for arm in right_arms(book, name)}


def timed(request: Request, book: Book) -> list[str]:
    """The questions that some arm answers right, as many as the profile times."""
    return spaced([name for name in request.names if right_arms(book, name)], request.profile.timed)


def spaced(names: Sequence[str], count: int | None) -> list[str]:
    """So many of them, evenly apart, since neighbours in a dataset are of a kind; all if None."""
    count = len(names) if count is None else min(count, len(names))
    return [names[i * len(names) // count] for i in range(count)]


def _verdict(arm: Arm, name: str, default: Question, cells: Sequence[Cell]) -> Verdict:
    """The first answer that is not right decides."""
    cell = next((one for one in cells if one.verdict.kind not in RIGHT), cells[0])
    return Verdict(
        arm=arm.name,
        question=name,
        verdict=cell.verdict.kind.value,
        where=cell.support.where or "",
        reason=cell.verdict.reason or cell.support.reason,
        asked=_sent(arm, default) if cell.support.where else "",
        rows=cells[0].rows,
    )


def _sent(arm: Arm, question: Question) -> str:
    """What the engine is sent; nothing where it fails to say."""
    with suppress(*UNANSWERED):
        return arm.engine.explain(question, arm.plan)
    return ""
