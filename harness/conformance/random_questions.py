"""Random questions: drawn until enough were answered."""

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from rollup_bench.engines.contract import Plan, Session
from rollup_bench.harness.conformance.tested_engine import Subject
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

DRAWS = 10
"""Random questions drawn at most for each that must be answered."""


def ask_random(
    subject: Subject, session: Session, plan: Plan, kept: Events, questions: SearchStrategy[Question], wanted: int
) -> None:
    """Draws random questions until `wanted` of them were answered; a refused question does not count.

    If the limit of draws is reached first, a note says how many were answered.
    """
    before, drawn = len(subject.answered), 0
    failed: list[Exception] = []

    @settings(
        max_examples=wanted,
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
    )
    @given(questions)
    def each(question: Question) -> None:
        nonlocal drawn
        if drawn == DRAWS * wanted and not failed:
            return
        drawn += 1
        try:
            support = subject.check(session, plan, kept, question)
        except Exception as error:
            failed.append(error)
            raise
        if support.where is None:
            reject()

    try:
        each()
    except Unsatisfiable:  # none was answered, which the note says
        pass
    except Flaky:
        raise _unsteady(failed[-1]) from failed[-1]
    answered = len(subject.answered) - before
    if answered < wanted:
        subject.notes.append(f"on {plan.layout.name} {answered:,} of {drawn:,} random questions were answered")


def _unsteady(first: Exception) -> AssertionError:
    """Says that an answer that was wrong was right when its question was asked again."""
    error = AssertionError(f"it gave different answers to the same question when asked again; the wrong one: {first}")
    for note in getattr(first, "__notes__", []):
        error.add_note(note)
    return error
