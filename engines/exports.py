"""Exported questions: which bound values of a statement follow from which parameters, found by changing these."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rollup_bench.engines.contract import Plan
from rollup_bench.errors import RequestError
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.recipe import JavaProcess, Place, Recipe
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import EPOCH, Cohort, Grain, Question
from rollup_bench.workloads.templates import Template

Forms = Iterable[tuple[str, Callable[[Any], object]]]
"""Ways in which a bound value may follow from a parameter: a name of each, and the function that computes it."""
Bound = tuple[str, Sequence[object]]
"""The text of a statement and the values bound to it."""


class Value(NamedTuple):
    """A bound value, and the name of the form in which it follows from a parameter; None if it is constant."""

    default: object
    form: str | None


class Traced(NamedTuple):
    """The statement of a question with its values, and the parameters that a person cannot change in it."""

    text: str
    values: list[Value]
    written: list[str]


class _Fill(NamedTuple):
    """Values of all parameters, the names of those that differ from the defaults, and the values that are bound."""

    parameters: dict[str, Any]
    changed: list[str]
    bound: Sequence[object]


def traced(template: Template, statement: Callable[[Question], Bound], forms: Callable[[str, object], Forms]) -> Traced:
    """Writes the statement with other values of the parameters too, and finds the form of each bound value.

    `forms` returns the possible forms of a parameter from its name and its default. RequestError if the question is not
    supported.
    """
    text, values = statement(template.fill())
    fills = list(_fills(template, statement, text))
    possible = [
        (parameter, name, form)
        for parameter, default in template.parameters.items()
        for name, form in forms(parameter, default)
    ]

    def form(place: int) -> str | None:
        fits = (n for p, n, f in possible if all(f(fill.parameters[p]) == fill.bound[place] for fill in fills))
        return next(fits, None)

    varying = [place for place, value in enumerate(values) if any(fill.bound[place] != value for fill in fills)]
    names = {place: form(place) for place in varying}
    explained = {
        parameter: [
            all(names[place] for place in varying if fill.bound[place] != values[place])
            for fill in fills
            if fill.changed == [parameter]
        ]
        for parameter in template.parameters
    }
    written = [parameter for parameter, fits in explained.items() if not fits or not all(fits)]
    return Traced(text, [Value(value, names.get(place)) for place, value in enumerate(values)], written)


def _fills(template: Template, statement: Callable[[Question], Bound], text: str) -> Iterator[_Fill]:
    """The defaults, other values of each parameter, and all dates moved together, if the text stays the same."""
    defaults = template.parameters
    moves = [{name: value} for name, default in defaults.items() for value in _others(default)]
    dates = {name: list(_others(value)) for name, value in defaults.items() if isinstance(value, date)}
    moves += [dict(zip(dates, moved, strict=True)) for moved in zip(*dates.values(), strict=True)]
    for changes in ({}, *moves):
        with suppress(RequestError):
            other, values = statement(template.fill(changes))
            if other == text:
                yield _Fill(defaults | changes, list(changes), values)


def described(template: Template, plan: Plan, written: Sequence[str]) -> list[str]:
    """Lines about an exported question for people: its story, its dates, and parameters that the text contains."""
    command = f"rollup-bench explain {plan.dataset.name}/{template.name} --engine {plan.engine}"
    command += f" --layout {plan.layout.name}"
    return [
        f"{template.name}: {' '.join(template.story.split())}",
        f"Dates and times are local times in {zone(template)}; the span ends just before `end`.",
        *(
            f"{name} = {template.parameters[name]} is part of the statement; {command} --set {name}=... prints another."
            for name in written
        ),
    ]


def zone(template: Template) -> str:
    """The time zone of a question's dates."""
    return str(template.body.get("zone", "UTC"))


def table_limits(
    template: Template, statistics: Statistics, name: str, grain: str | None, whole: bool, activity: bool
) -> Iterator[str]:
    """Lines about the dates that a table with buckets of a grain serves; None or `all`: any.

    `whole` says that the events at the ends of the span are read too, `activity` that the table is one of cohorts.
    """
    if whole:
        yield f"It reads the table {name} with a bucket for each {grain}, and events at the ends of the span."
        yield f"The span must contain a whole {grain}, from its first instant to its last."
    elif grain not in (None, Grain.ALL):
        yield f"It reads the table {name} with a bucket for each {grain}: `start` and `end` must each begin a bucket."
    if activity:
        yield from _until_limit(template.fill(), statistics)


def cohort_limits(question: Question, statistics: Statistics) -> Iterator[str]:
    """Lines about the dates that a table of cohorts serves."""
    yield "It reads a table of cohorts with a bucket for each day: `start` and `end` must each begin a day."
    yield from _until_limit(question, statistics)


def _until_limit(question: Question, statistics: Statistics) -> Iterator[str]:
    if isinstance(question, Cohort) and question.retention == "unbounded":
        yield f"`until` must be after the last event, {EPOCH + timedelta(milliseconds=statistics.last)}."


def added_up(question: Cohort) -> Iterator[str]:
    """Sentences that say how a client computes a cohort's answer from sums by cohort and age."""
    measure = question.measure
    value = str(measure or "rows")
    if question.retention == "unbounded":
        value = "last at this age and all later ages, also those that the answer leaves out"
    elif question.cumulative:
        value = f"{measure or 'first'} at this age and all earlier ages from 0"
    yield "Add up the rows of a cohort and age. The size of a cohort is its sum of rows at age -1."
    yield f"The value at an age is the sum of {value}; it is {null_or_zero(question)} if there is none."
    bucket = f"of the cohort's {question.grain}, but at most " if question.grain else ""
    yield (
        f"Keep the ages from 0 to {question.age.count - 1} that are less than the age at `until` of a subject born in "
        f"the last millisecond {bucket}of the span."
    )
    yield "Sort by cohort and age; NULL is last."


def null_or_zero(question: Cohort) -> str:
    """The value at an age without events."""
    return "NULL" if question.measure and question.measure.column else "0"


def write_text(path: Path, *lines: str) -> None:
    """Writes a file of these lines, and the folders that lead to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def write_server_settings(recipe: Recipe, budget: Budget, folder: Path) -> None:
    """Writes the configuration of an engine's servers, with `${...}` for ports and folders, and their memory."""
    shutil.copytree(recipe.folder / "conf", folder / "settings", dirs_exist_ok=True)
    place = Place(folder.absolute(), dict.fromkeys(recipe.ports, recipe.port), budget)
    memory = [
        f"{process.name}: -Xms{process.heap >> 20}m -Xmx{process.heap >> 20}m"
        f" -XX:MaxDirectMemorySize={process.direct >> 20}m"
        for stage in recipe.stages(place)
        for process in stage
        if isinstance(process, JavaProcess)
    ]
    write_text(folder / "settings" / "memory.txt", f"{budget.cores} cores, {budget.memory >> 20} MiB in all", *memory)


def _others(value: Any) -> list[Any]:
    """Other values of the type of `value`; dates are moved so that the same buckets begin, also in another season."""
    match value:
        case bool():
            return [not value]
        case int() | float():
            return [value + 1]
        case str():
            return [f"{value}x"]
        case list():
            return list(map(list, zip(*map(_others, value), strict=True)))
        case _:
            months = [_later(value, months) for months in (12, -12, 6, -6)]
            return months + [value + timedelta(days) for days in (364, -364, 182, -182, 7, -7, 1, -1)]


def _later(value: date, months: int) -> date:
    """The date some months later, on the last day that all months have if its own month is longer."""
    years, month = divmod(value.month - 1 + months, 12)
    return value.replace(year=value.year + years, month=month + 1, day=min(value.day, 28))
