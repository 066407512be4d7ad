"""Scripted scenes: a few events written out, and the questions that are asked of them.

All scenes are loaded at once. `case` numbers a scene: its events carry the number, and its questions filter by it.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import combinations
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
    """Events as rows that leave out columns that are NULL, and questions about them."""

    rows: list[Row]
    questions: list[Question]

    def numbered(self, case: int) -> "Scene":
        """The same scene among others: events and questions carry its number."""
        among = Filter("case", Op.EQ, (case,))
        return Scene([row | {"case": case} for row in self.rows], [_only(one, among) for one in self.questions])


Script = Callable[[], Iterable[Scene]]
SCRIPTS: list[Script] = []


def _script(make: Script) -> Script:
    SCRIPTS.append(make)
    return make


@cache
def numbered() -> dict[Script, list[Scene]]:
    """The scenes of each script, each scene with a number of its own."""
    found: dict[Script, list[Scene]] = {}
    for script in SCRIPTS:
        taken = sum(map(len, found.values()))
        found[script] = [scene.numbered(case) for case, scene in enumerate(script(), taken)]
    return found


def rows() -> list[Row]:
    """The events of all scenes."""
    return [row for scenes in numbered().values() for scene in scenes for row in scene.rows]


def event(**values: object) -> Row:
    """An event of the first day of June, with these values."""
    return {"when": DAY + timedelta(hours=5), "user": "u", "did": "open", "case": 0} | values


@_script
def nulls() -> Iterable[Scene]:
    """NULL is a group of its own, unlike the empty text; measures leave NULL out, distinct counts too."""
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
    """Text in any script, with quotes and commas, is stored to the letter and sorted by code point."""
    rows = [event(country=text, user=text) for text in strategies.TEXTS]
    grouped = Aggregate(JUNE, (COUNT, Measure(Function.DISTINCT, "user")), by=("country",))
    named = (Filter("country", Op.EQ, (text,)) for text in strategies.TEXTS)
    yield Scene(rows, [grouped, *(Aggregate(JUNE, (COUNT,), where=(one,)) for one in named)])


@_script
def zones() -> Iterable[Scene]:
    """Every grain is right in every zone, through hours and midnights that a clock change repeats or skips."""
    steps = (timedelta(minutes=30 * n) for n in range(-60, 61))
    rows = [event(when=turn + step, gold=1) for step in steps for turn in strategies.TURNS]
    span = Span(datetime(1960, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    yield Scene(rows, [Aggregate(span, (COUNT,), grain, zone) for grain in Grain for zone in strategies.ZONES])


@_script
def ties() -> Iterable[Scene]:
    """Groups of equal value in a top are ordered by their dimensions, NULL last."""
    rows = [event(country=c, level=n) for c in ("b", "a", None, "") for n in (2, 1, None)]
    yield Scene(rows, _tops(("country", "level"), len(rows)))
    rows = [event(country=text) for text in strategies.TEXTS]
    yield Scene(rows, _tops(("country",), len(rows) - 1))


@_script
def births() -> Iterable[Scene]:
    """Of several events in the millisecond of birth, the value that sorts first names the cohort, NULL last."""
    pairs = combinations([*strategies.TEXTS, None], 2)
    rows = [event(user=f"u{n}", country=text) for n, pair in enumerate(pairs) for text in pair]
    yield Scene(rows, [Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), by="country")])


@_script
def integers() -> Iterable[Scene]:
    """Integers that no double holds are compared exactly."""
    near = [2**53 + n for n in range(-1, 4)] + [2**62 - 1, -(2**62) - 1, 2**63 - 1, None]
    compared = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
    wheres = [Filter("level", op, (n,)) for op in compared for n in near if n is not None]
    asked = [Aggregate(JUNE, (COUNT,), by=("level",), where=(where,)) for where in wheres]
    yield Scene([event(level=n) for n in near], list(asked))


@_script
def quantiles() -> Iterable[Scene]:
    """A quantile whose fraction falls exactly on a value is that value: the smaller of two for 0.5."""
    for number in (2, 4, 10):
        rows = [event(gold=3 * n - 5, score=n / 4 - 1) for n in range(number)]
        fractions = [at for at in (0.1, 0.25, 0.5, 0.75, 0.9) if (number * at).is_integer()]
        columns = [(column, error) for column in ("gold", "score") for error in (0.0, 0.02)]
        measures = [[Measure(Function.QUANTILE, column, at, error) for at in fractions] for column, error in columns]
        yield Scene(rows, [Aggregate(JUNE, tuple(some)) for some in measures])


@_script
def nothing() -> Iterable[Scene]:
    """A span without events has no rows, with and without dimensions."""
    before = Span(DAY - timedelta(days=9), DAY - timedelta(days=8))
    yield Scene([event()], [Aggregate(before, (COUNT,)), Aggregate(before, (COUNT,), by=("country",))])


@_script
def edges() -> Iterable[Scene]:
    """A span holds the millisecond of its start, and not that of its end."""
    instants = [JUNE.start, JUNE.end] + [t + timedelta(milliseconds=m) for t in (JUNE.start, JUNE.end) for m in (-1, 1)]
    rows = [event(when=instant) for instant in instants]
    yield Scene(rows, [Aggregate(JUNE, (COUNT,)), Aggregate(JUNE, (COUNT,), Grain.DAY)])


@_script
def ages() -> Iterable[Scene]:
    """An age begins whole units after the birth, or at a calendar boundary; events from `until` on do not count."""
    millisecond, minute, day = timedelta(milliseconds=1), timedelta(minutes=1), timedelta(days=1)
    six, until = DAY + timedelta(hours=6), DAY + timedelta(hours=9)
    born = {"early": six - 40 * minute, "late": six - millisecond}
    turns = [n * minute for n in (0, 1, 39, 40, 60, 100, 220)]  # 40 after the early birth is six, 220 is `until`
    turns += [n * day for n in (1, 7, 30, 31, 100, 366)]
    steps = [turn + n * millisecond for turn in turns for n in (-1, 0, 1) if turn + n * millisecond >= timedelta()]
    fixed = [(unit, clock) for unit in (Grain.MINUTE, Grain.HOUR, Grain.DAY, Grain.WEEK) for clock in CLOCKS]
    longer = [(unit, CLOCKS[0]) for unit in (Grain.MONTH, Grain.QUARTER, Grain.YEAR)]
    asked = [Cohort(Span(DAY, six), until, Age(unit, 200, 1, clock), grain=Grain.HOUR) for unit, clock in fixed[:4]]
    asked += [Cohort(JUNE, DAY + 800 * day, Age(u, 5, 1, clock), COUNT, Grain.MONTH) for u, clock in fixed[4:] + longer]
    yield Scene([event(user=user, when=birth + step) for user, birth in born.items() for step in steps], [*asked])


def _distinct(error: float) -> tuple[Measure, ...]:
    """Distinct values of columns with NULLs, and of one that is only NULL."""
    return tuple(Measure(Function.DISTINCT, column, error=error) for column in ("country", "user", "level"))


def _tops(by: tuple[str, ...], most: int) -> list[Question]:
    tops = [Top(n, COUNT) for n in range(1, most + 1)]
    return [Aggregate(JUNE, (COUNT,), grain, by=by, top=top) for top in tops for grain in (Grain.ALL, Grain.DAY)]


def _only(question: Question, among: Filter) -> Question:
    """The question about the events that the filter lets through."""
    match question:
        case Aggregate():
            return replace(question, where=(among, *question.where))
        case Cohort():
            return replace(question, birth=(among, *question.birth), returns=(among, *question.returns))
        case Funnel():
            return replace(question, steps=tuple((among, *step) for step in question.steps))
