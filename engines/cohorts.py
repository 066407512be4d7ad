"""Which cohorts the stored activity of a dataset's subjects answers, for all engines that store it for `tuned`."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rollup_bench.workloads import calendar
from rollup_bench.workloads.calendar import CLOCK
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Age, Cohort, Grain, Question, Span, milliseconds

EVER = Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class StoredActivity:
    """What subjects do at each age, added up by the bucket of their birth, their cohort and their age.

    `definition` is a cohort of all births: who is born, which events count, and the unit of ages. The bucket of births
    is a day in the definition's zone, or the minute or hour of its cohorts. `columns` are the measures that are summed.
    """

    name: str
    definition: Cohort
    columns: tuple[str, ...]

    @property
    def grain(self) -> Grain:
        """The bucket of births."""
        return self.definition.grain if self.definition.grain in CLOCK else Grain.DAY

    def answers(self, question: Cohort, statistics: Statistics) -> bool:
        """Whether it holds all that the question asks for.

        An age is in an answer only if it has ended by `until`, so later events do not matter, except to unbounded
        retention.
        """
        return (
            definition(question) == self.definition
            and set(summed_columns(question)) <= set(self.columns)
            and (question.retention != "unbounded" or milliseconds(question.until) > statistics.last)
            and all(calendar.begins(end, self.grain, question.zone) for end in question.span.milliseconds)
        )


def definition(question: Cohort) -> Cohort:
    """The part of a question that decides what is stored, as a cohort of all births; the rest decides what is summed.

    Cohorts by day or by a longer bucket are stored by day.
    """
    return Cohort(
        EVER,
        EVER.end,
        Age(question.age.unit, 1, question.age.width, question.age.clock),
        grain=question.grain if question.grain is None or question.grain in CLOCK else Grain.DAY,
        by=question.by,
        zone=question.zone,
        birth=question.birth,
        returns=question.returns,
        repeat=question.repeat,
    )


def summed_columns(question: Cohort) -> list[str]:
    """The column that a question sums, if it sums one."""
    return [question.measure.column] if question.measure and question.measure.column else []


def stored_activities(questions: Iterable[Question]) -> list[StoredActivity]:
    """What to store for the cohorts among questions; cohorts with the same definition share it."""
    stored: dict[Cohort, StoredActivity] = {}
    for question in questions:
        if isinstance(question, Cohort):
            wanted = definition(question)
            known = stored.get(wanted) or StoredActivity(f"cohort{len(stored)}", wanted, ())
            stored[wanted] = replace(known, columns=tuple(dict.fromkeys((*known.columns, *summed_columns(question)))))
    return list(stored.values())
