"""The questions that are asked of a stream: their dates are those of its events."""

from datetime import date, timedelta

from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.draws import Domain
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template


def moved(template: Template, first: int, last: int) -> Question:
    """The question with all dates moved so that its span ends with the day of the last event.

    `first` and `last` are the times of the first and the last event, in milliseconds since 1970.
    """
    _, end = Domain(first, last, lambda _: []).days(template.body["zone"])
    dates = {name: value for name, value in template.parameters.items() if isinstance(value, date)}
    by = timedelta(days=end.toordinal() - dates["end"].toordinal())
    return template.fill({name: value + by for name, value in dates.items()})


def questions(dataset: Dataset, events: Events, live: bool, wanted: list[str]) -> dict[str, Question]:
    """The `wanted` questions of a dataset, or all; if events happen `live`, about their days, else about the defaults.

    RequestError if the dataset lacks a question.
    """
    known, found = events.statistics, dict[str, Question]()
    for name in wanted or dataset.questions:
        template = dataset.question(name)
        found[name] = moved(template, known.first, known.last) if live else template.fill()
    return found
