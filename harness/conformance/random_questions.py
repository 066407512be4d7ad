"""Asks an engine random questions until the engine has answered the wanted number of questions."""

from hypothesis import HealthCheck, Phase, Verbosity, given, reject, settings
from hypothesis.errors import Flaky, Unsatisfiable
from hypothesis.strategies import SearchStrategy

from rollup_bench.engines.contract import Plan, Session
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question

DRAWS = 10
"""How many random questions are drawn at most for each answer that is wanted of an engine."""


def ask_random(
    tested: EngineUnderTest,
    session: Session,
    plan: Plan,
    events: Events,
    questions: SearchStrategy[Question],
    wanted: int,
) -> None:
    """Asks random questions until the engine answered `wanted` of them; raises the error of a wrong answer.

    Stops after DRAWS * `wanted` questions; if fewer than `wanted` were answered, adds a note to `tested.notes`.
    """
    before, drawn = len(tested.answered), 0
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
            support = tested.check(session, plan, events, question)
        except Exception as error:
            failed.append(error)
            raise
        if support.where is None:
            reject()

    try:
        each()
    except Unsatisfiable:  # Hypothesis raises this if no question was answered; a note says so
        pass
    except Flaky:
        raise _unrepeatable(failed[-1]) from failed[-1]
    answered = len(tested.answered) - before
    if answered < wanted:
        tested.notes.append(f"on {plan.layout.name} {answered:,} of {drawn:,} random questions were answered")


def _unrepeatable(first: Exception) -> AssertionError:
    """Returns the error for a question that was answered wrong first, and right when the question was repeated."""
    error = AssertionError(f"the engine gave different answers to the same question; the first was wrong: {first}")
    for note in getattr(first, "__notes__", []):
        error.add_note(note)
    return error
