"""Which activity of subjects engines store for layout `tuned`, and which cohort questions this activity answers."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import msgspec

from rollup_bench.engines.partials import EVENTS, Partial
from rollup_bench.workloads import calendar
from rollup_bench.workloads.calendar import CLOCK
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Age, Cohort, Grain, Span, milliseconds
from rollup_bench.workloads.templates import Template, has_parameter

EVER = Span(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
DATES = ("start", "end", "until")


@dataclass(frozen=True)
class StoredActivity:
    """A table of what subjects do at each age, added up by the bucket of their birth, their cohort and their age.

    `definition` is a cohort question over all time: who is born, which events count, and the unit of ages. The bucket
    of births is a day in the definition's zone, or a minute or hour if its cohorts are. `columns` have sums.
    """

    name: str
    definition: Cohort
    columns: tuple[str, ...]

    @property
    def grain(self) -> Grain:
        """The length of the bucket of births: minute, hour or day."""
        return self.definition.grain if self.definition.grain in CLOCK else Grain.DAY

    @property
    def title(self) -> str:
        """What it stores."""
        grouped = ", ".join(filter(None, (self.grain, self.definition.by)))
        return f"births by {grouped} and {self.definition.age.unit} of age"

    @property
    def partials(self) -> list[Partial]:
        """The partial aggregates of events whose sums are stored by engines whose client computes the activity."""
        return [EVENTS, *(Partial(how, column) for column in self.columns for how in ("count", "sum"))]

    def narrows(self, question: Cohort) -> bool:
        """Whether the question has one age of several units, and the stored activity has ages of one unit."""
        return question.age.width > 1 and single_age(question) and narrowed(question) == self.definition

    def ages(self, question: Cohort) -> int | None:
        """How many stored ages from 0 on the answer to a question needs; None if it needs all."""
        if question.retention == "unbounded":
            return None
        return question.age.count * (question.age.width if self.narrows(question) else 1)

    def answers(self, question: Cohort, statistics: Statistics) -> bool:
        """Whether the stored activity holds all that the question asks for.

        Stored events after the question's `until` affect only unbounded retention, because all other answers hold only
        ages that ended by `until`.
        """
        return (
            (definition(question) == self.definition or self.narrows(question))
            and set(summed_columns(question)) <= set(self.columns)
            and (question.retention != "unbounded" or milliseconds(question.until) > statistics.last)
            and all(calendar.begins(end, self.grain, question.zone) for end in question.span.milliseconds)
        )


def definition(question: Cohort) -> Cohort:
    """A copy of a question with only the parts that decide what is stored; others decide what is summed.

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


def single_age(question: Cohort) -> bool:
    """Whether a question only asks how many subjects returned at age 0, which lasts `age.width` units."""
    return question.age.count == 1 and question.measure is None and question.retention == "exact"


def narrowed(question: Cohort) -> Cohort:
    """The question's definition with ages of one unit: a subject's first age tells if it returned within any width."""
    known = definition(question)
    return msgspec.structs.replace(known, age=msgspec.structs.replace(known.age, width=1))


def stored_definition(template: Template) -> Cohort | None:
    """The definition of the activity to store for a template; None if the template is no cohort.

    If the width of a single age is a parameter, ages of one unit are stored. The result is None if another parameter
    than this and the dates changes the question, because stored activity serves only one value of such a parameter.
    """
    question, body = template.fill(), {name: part for name, part in template.body.items() if name not in DATES}
    if not isinstance(question, Cohort):
        return None
    stored = definition(question)
    if single_age(question) and has_parameter(body["age"]):
        stored, body = narrowed(question), body | {"age": body["age"] | {"width": 1}}
    return None if has_parameter(body) else stored


def summed_columns(question: Cohort) -> list[str]:
    """A list of the column that a question's measure sums; an empty list if the question sums no column."""
    return [question.measure.column] if question.measure and question.measure.column else []


def stored_activities(templates: Iterable[Template]) -> list[StoredActivity]:
    """The activities to store for the cohorts among `templates`; cohorts of the same definition share an activity."""
    stored: dict[Cohort, StoredActivity] = {}
    for template in templates:
        question, wanted = template.fill(), stored_definition(template)
        if isinstance(question, Cohort) and wanted is not None:
            known = stored.get(wanted) or StoredActivity(f"cohort{len(stored)}", wanted, ())
            stored[wanted] = replace(known, columns=tuple(dict.fromkeys((*known.columns, *summed_columns(question)))))
    return list(stored.values())
