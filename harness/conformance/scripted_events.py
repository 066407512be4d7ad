"""Scripted scenes: a scene is a few events written by hand and the questions that are asked about these events.

One load holds the events of all scenes. The column `case` holds the number of an event's scene; each question asks only
about the events with the number of its scene.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations, count
from typing import Any, Literal, NamedTuple

from msgspec.structs import replace

from rollup_bench.harness.conformance import strategies
from rollup_bench.workloads.filters import Filter, Op
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span, Top

DAY = datetime(2013, 6, 1, tzinfo=UTC)
JUNE = Span(DAY, DAY + timedelta(days=30))
COUNT = Measure(Function.COUNT)
Row = dict[str, Any]
CLOCKS: tuple[Literal["calendar", "elapsed"], ...] = ("calendar", "elapsed")


class Scene(NamedTuple):
    """Events, as rows in which a missing column is NULL, and the questions about these events."""

    rows: list[Row]
    questions: list[Question]

    def numbered(self, case: int) -> "Scene":
        """Returns a copy of the scene whose events have `case` as their number and whose questions filter by it."""
        of_case = Filter("case", Op.EQ, (case,))
        rows = [row | {"case": case} for row in self.rows]
        return Scene(rows, [_filtered(question, of_case) for question in self.questions])


Script = Callable[[], Iterable[Scene]]
SCRIPTS: list[Script] = []


def _script(make: Script) -> Script:
    SCRIPTS.append(make)
    return make


@cache
def numbered() -> dict[Script, list[Scene]]:
    """Returns the scenes of each script; every scene gets a different number."""
    numbers = count()
    return {script: [scene.numbered(next(numbers)) for scene in script()] for script in SCRIPTS}


def rows() -> list[Row]:
    """Returns the events of all scenes as rows."""
    return [row for scenes in numbered().values() for scene in scenes for row in scene.rows]


def event(**values: object) -> Row:
    """Returns a row with the given values, by default an `open` of subject `u` at 5:00 UTC on 1 June 2013."""
    return {"when": DAY + timedelta(hours=5), "user": "u", "did": "open", "case": 0} | values


@_script
def nulls() -> Iterable[Scene]:
    """NULL forms its own group, apart from the empty text; all measures of a column ignore NULL."""
    rows = [event(country=c, gold=g) for c in (None, "", "a") for g in (None, 1, 2)]
    rows += [event(country="n", user=user) for user in (None, "u", None)]
    measures = (COUNT, *(Measure(f, "gold") for f in (Function.SUM, Function.MEAN, Function.MIN)))
    yield Scene(
        rows,
        [
            Aggregate(JUNE, measures, by=("country",)),
            Aggregate(JUNE, (COUNT,), where=(Filter("country", Op.NE, ("a",)),)),
            Aggregate(JUNE, (COUNT,), by=("country", "level"), subtotals="cube"),
            *(Aggregate(JUNE, _distinct(error), by=by) for error in (0.0, 0.02) for by in ((), ("country",))),
        ],
    )


@_script
def scripts() -> Iterable[Scene]:
    """Text in any script, with quotes and commas, is stored unchanged and sorted by code point."""
    rows = [event(country=text, user=text) for text in strategies.TEXTS]
    grouped = Aggregate(JUNE, (COUNT, Measure(Function.DISTINCT, "user")), by=("country",))
    named = (Filter("country", Op.EQ, (text,)) for text in strategies.TEXTS)
    yield Scene(rows, [grouped, *(Aggregate(JUNE, (COUNT,), where=(condition,)) for condition in named)])


@_script
def zones() -> Iterable[Scene]:
    """Every grain is right in every time zone, also at hours and midnights that a clock change repeats or skips."""
    steps = (timedelta(minutes=30 * n) for n in range(-60, 61))
    rows = [event(when=turn + step, gold=1) for step in steps for turn in strategies.TURNS]
    span = Span(datetime(1960, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    yield Scene(rows, [Aggregate(span, (COUNT,), grain, zone) for grain in Grain for zone in strategies.ZONES])


@_script
def ties() -> Iterable[Scene]:
    """Groups with equal values in a top-n are ordered by their dimensions, NULL last."""
    rows = [event(country=c, level=n) for c in ("b", "a", None, "") for n in (2, 1, None)]
    yield Scene(rows, _tops(("country", "level"), len(rows)))
    rows = [event(country=text) for text in strategies.TEXTS]
    yield Scene(rows, _tops(("country",), len(rows) - 1))


@_script
def births() -> Iterable[Scene]:
    """A subject with several events in its first millisecond is in the cohort of their smallest value, NULL last."""
    pairs = combinations([*strategies.TEXTS, None], 2)
    rows = [event(user=f"u{n}", country=text) for n, pair in enumerate(pairs) for text in pair]
    yield Scene(rows, [Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), by="country")])


@_script
def integers() -> Iterable[Scene]:
    """Integers that no double can represent are compared exactly."""
    near = [2**53 + n for n in range(-1, 4)] + [2**62 - 1, -(2**62) - 1, 2**63 - 1, None]
    compared = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
    wheres = [Filter("level", op, (n,)) for op in compared for n in near if n is not None]
    asked = [Aggregate(JUNE, (COUNT,), by=("level",), where=(where,)) for where in wheres]
    yield Scene([event(level=n) for n in near], list(asked))


@_script
def quantiles() -> Iterable[Scene]:
    """A quantile at the exact rank of a value is that value, not interpolated: 0.5 of two values is the smaller."""
    for number in (2, 4, 10):
        rows = [event(gold=3 * n - 5, score=n / 4 - 1) for n in range(number)]
        fractions = [at for at in (0.1, 0.25, 0.5, 0.75, 0.9) if (number * at).is_integer()]
        columns = [(column, error) for column in ("gold", "score") for error in (0.0, 0.02)]
        measures = [[Measure(Function.QUANTILE, column, at, error) for at in fractions] for column, error in columns]
        yield Scene(rows, [Aggregate(JUNE, tuple(of_column)) for of_column in measures])


@_script
def nothing() -> Iterable[Scene]:
    """The answer for a span without events has no rows, with and without dimensions."""
    before = Span(DAY - timedelta(days=9), DAY - timedelta(days=8))
    yield Scene([event()], [Aggregate(before, (COUNT,)), Aggregate(before, (COUNT,), by=("country",))])


@_script
def edges() -> Iterable[Scene]:
    """A span includes the millisecond of its start and excludes the millisecond of its end."""
    instants = [JUNE.start, JUNE.end] + [t + timedelta(milliseconds=m) for t in (JUNE.start, JUNE.end) for m in (-1, 1)]
    rows = [event(when=instant) for instant in instants]
    yield Scene(rows, [Aggregate(JUNE, (COUNT,)), Aggregate(JUNE, (COUNT,), Grain.DAY)])


@_script
def ages() -> Iterable[Scene]:
    """An age begins whole units after a first event or at a calendar boundary; events from `until` on do not count."""
    millisecond, minute, day = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(days=1)
    six, until = DAY + timedelta(hours=6), DAY + timedelta(hours=9)
    born = {"early": six - 40 * minute, "late": six - millisecond}
    turns = [n * minute for n in (0, 1, 39, 40, 60, 100, 220)]  # after 5:20, in minutes: 40 is `six`, 220 is `until`
    turns += [n * day for n in (1, 7, 30, 31, 100, 366)]
    steps = [turn + n * millisecond for turn in turns for n in (-1, 0, 1) if turn + n * millisecond >= timedelta()]
    fixed = [(unit, clock) for unit in (Grain.MINUTE, Grain.HOUR, Grain.DAY, Grain.WEEK) for clock in CLOCKS]
    longer = [(unit, CLOCKS[0]) for unit in (Grain.MONTH, Grain.QUARTER, Grain.YEAR)]
    asked = [Cohort(Span(DAY, six), until, Age(unit, 200, 1, clock), grain=Grain.HOUR) for unit, clock in fixed[:4]]
    asked += [Cohort(JUNE, DAY + 800 * day, Age(u, 5, 1, clock), COUNT, Grain.MONTH) for u, clock in fixed[4:] + longer]
    yield Scene([event(user=user, when=birth + step) for user, birth in born.items() for step in steps], [*asked])


def _distinct(error: float) -> tuple[Measure, ...]:
    """Returns distinct counts of two columns with some NULLs and of a column with only NULLs."""
    return tuple(Measure(Function.DISTINCT, column, error=error) for column in ("country", "user", "level"))


def _tops(by: tuple[str, ...], most: int) -> list[Question]:
    tops = [Top(n, COUNT) for n in range(1, most + 1)]
    return [Aggregate(JUNE, (COUNT,), grain, by=by, top=top) for top in tops for grain in (Grain.ALL, Grain.DAY)]


def _filtered(question: Question, condition: Filter) -> Question:
    """Returns the question restricted to the events that satisfy the condition."""
    match question:
        case Aggregate():
            return replace(question, where=(condition, *question.where))
        case Cohort():
            return replace(question, birth=(condition, *question.birth), returns=(condition, *question.returns))
        case Funnel():
            return replace(question, steps=tuple((condition, *step) for step in question.steps))
