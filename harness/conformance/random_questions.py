"""Asks random questions until enough of them were answered."""

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from rollup_bench.engines.contract import Plan, Session
from rollup_bench.harness.conformance.tested_engine import Subject
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

DRAWS = 10
"""The largest number of random questions drawn for each question that must be answered."""


def ask_random(
    subject: Subject, session: Session, plan: Plan, events: Events, questions: SearchStrategy[Question], wanted: int
) -> None:
    """Draws random questions until the engine answered `wanted` of them; a refused question does not count.

    Stops after DRAWS * `wanted` questions; then a note on the subject says how many were answered.
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
            support = subject.check(session, plan, events, question)
        except Exception as error:
            failed.append(error)
            raise
        if support.where is None:
            reject()

    try:
        each()
    except Unsatisfiable:  # raised if no question was answered; the note below says so
        pass
    except Flaky:
        raise _unrepeatable(failed[-1]) from failed[-1]
    answered = len(subject.answered) - before
    if answered < wanted:
        subject.notes.append(f"on {plan.layout.name} {answered:,} of {drawn:,} random questions were answered")


def _unrepeatable(first: Exception) -> AssertionError:
    """Returns the error of a question that got a wrong answer first and a right one when it was repeated."""
    error = AssertionError(f"the engine gave different answers to the same question; the first was wrong: {first}")
    for note in getattr(first, "__notes__", []):
        error.add_note(note)
    return error
