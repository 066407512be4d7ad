"""The checks, each a function that raises AssertionError in words; its docstring is what a report says it demands."""

import inspect
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import combinations, islice

import pyarrow as pa
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis.strategies import SearchStrategy

from engines.contract import Engine, Plan
from engines.mistakes import MistakeError
from harness import loads
from harness.conformance import strategies
from harness.conformance.subject import RANDOM, Subject, few, packed
from workloads import dataset as datasets
from workloads import events as event_store
from workloads import layouts, sources
from workloads.errors import FailureError
from workloads.events import Events
from workloads.filters import Filter, Op
from workloads.layouts import Layout
from workloads.measures import Function, Measure
from workloads.questions import Age, Aggregate, Cohort, Grain, Question, Span, Top

Check = Callable[[Subject], None]
ALL: list[Check] = []
MADE = 5_000
"""Rows of a dataset that is made to order."""
DAY = datetime(2013, 6, 1, tzinfo=UTC)
COUNT = Measure(Function.COUNT)
JUNE = Span(DAY, DAY + timedelta(days=30))


class DoesNotApply(Exception):  # noqa: N818 (it is no error)
    """The engine has nothing that a check is about; says what."""


def _check(function: Check) -> Check:
    ALL.append(function)
    return function


@_check
def signatures(subject: Subject) -> None:
    """Its methods take what the contract says."""
    for name in Engine.__abstractmethods__ - {"__init__"}:
        wanted = list(inspect.signature(getattr(Engine, name)).parameters)
        got = list(inspect.signature(getattr(type(subject.engine), name)).parameters)
        assert got == wanted, f"{name} takes {', '.join(got)}, the contract says {', '.join(wanted)}"
    for name in ("name", "version", "scope"):
        assert isinstance(getattr(subject.engine, name), str), f"`{name}` is a text"
    assert subject.engine.version, "the version is asked of the engine"


@_check
def counts(subject: Subject) -> None:
    """It counts raw events, the least that an engine answers."""
    kept = few([_event(), _event()])
    with subject.loaded(kept) as plan, subject.engine.session(plan) as session:
        question = Aggregate(JUNE, (COUNT,))
        support = subject.engine.support(question, plan)
        assert support.where is not None, f"it refuses to count raw events: {support.reason}"
        subject.check(session, plan, kept, question)


@_check
def nulls(subject: Subject) -> None:
    """NULL is a group of its own, unlike the empty text; measures leave it out."""
    rows = [_event(country=c, gold=g) for c in (None, "", "a") for g in (None, 1, 2)]
    measures = (COUNT, *(Measure(f, "gold") for f in (Function.SUM, Function.MEAN, Function.MIN)))
    _ask(
        subject,
        rows,
        Aggregate(JUNE, measures, by=("country",)),
        Aggregate(JUNE, (COUNT,), where=(Filter("country", Op.NE, ("a",)),)),
        Aggregate(JUNE, (COUNT,), by=("country", "level"), subtotals="cube"),
    )


@_check
def scripts(subject: Subject) -> None:
    """Text in any script, with quotes and commas, is kept to the letter and sorted by code point."""
    rows = [_event(country=text, user=text) for text in strategies.TEXTS]
    grouped = Aggregate(JUNE, (COUNT, Measure(Function.DISTINCT, "user")), by=("country",))
    named = (Filter("country", Op.EQ, (text,)) for text in strategies.TEXTS)
    _ask(subject, rows, grouped, *(Aggregate(JUNE, (COUNT,), where=(one,)) for one in named))


@_check
def zones(subject: Subject) -> None:
    """Every grain in every zone, through hours and midnights that a clock change repeats or skips."""
    steps = (timedelta(minutes=30 * n) for n in range(-60, 61))
    rows = [_event(when=turn + step, gold=1) for step in steps for turn in strategies.TURNS]
    span = Span(datetime(1960, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
    asked = [Aggregate(span, (COUNT,), grain=grain, zone=zone) for grain in Grain for zone in strategies.ZONES]
    _ask(subject, rows, *asked)


@_check
def ties(subject: Subject) -> None:
    """Equals in a top are told apart by their dimensions, NULL last."""
    grains = (Grain.ALL, Grain.DAY)
    rows = [_event(country=c, level=n) for c in ("b", "a", None, "") for n in (2, 1, None)]
    tops = [Top(n, COUNT) for n in range(1, len(rows) + 1)]
    _ask(subject, rows, *(Aggregate(JUNE, (COUNT,), g, by=("country", "level"), top=t) for t in tops for g in grains))
    rows = [_event(country=text) for text in strategies.TEXTS]
    tops = [Top(n, COUNT) for n in range(1, len(rows))]
    _ask(subject, rows, *(Aggregate(JUNE, (COUNT,), g, by=("country",), top=t) for t in tops for g in grains))


@_check
def births(subject: Subject) -> None:
    """Of several events in the millisecond of birth the value that sorts first names the cohort, NULL last."""
    pairs = combinations([*strategies.TEXTS, None], 2)
    rows = [_event(user=f"u{n}", country=text) for n, pair in enumerate(pairs) for text in pair]
    _ask(subject, rows, Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), by="country"))


@_check
def overflow(subject: Subject) -> None:
    """An integer beyond 64 bits is an error, never another integer."""
    total = Measure(Function.SUM, "huge")
    _ask(subject, [_event(huge=2**62), _event(huge=2**62)], Aggregate(JUNE, (total,)))
    _ask(subject, [_event(huge=2**62), _event(huge=2**62 - 1)], Aggregate(JUNE, (total,)))
    _ask(subject, [_event(huge=-(2**63)), _event(huge=2**63 - 1)], Aggregate(JUNE, (total,)))


@_check
def integers(subject: Subject) -> None:
    """Integers that no double holds are compared exactly."""
    near = [2**53 + n for n in range(-1, 4)] + [2**62 - 1, -(2**62) - 1, 2**63 - 1, None]
    rows = [_event(level=n) for n in near]
    compared = (Op.EQ, Op.NE, Op.LT, Op.LE, Op.GT, Op.GE)
    wheres = [Filter("level", op, (n,)) for op in compared for n in near if n is not None]
    _ask(subject, rows, *(Aggregate(JUNE, (COUNT,), by=("level",), where=(where,)) for where in wheres))


@_check
def nothing(subject: Subject) -> None:
    """A span without events has no rows, with and without dimensions."""
    before = Span(DAY - timedelta(days=9), DAY - timedelta(days=8))
    _ask(subject, [_event()], Aggregate(before, (COUNT,)), Aggregate(before, (COUNT,), by=("country",)))


@_check
def edges(subject: Subject) -> None:
    """A span holds the millisecond of its start, and not that of its end."""
    instants = [JUNE.start, JUNE.end] + [t + timedelta(milliseconds=m) for t in (JUNE.start, JUNE.end) for m in (-1, 1)]
    _ask(subject, [_event(when=t) for t in instants], Aggregate(JUNE, (COUNT,)), Aggregate(JUNE, (COUNT,), Grain.DAY))


@_check
def random_questions(subject: Subject) -> None:
    """Random questions over random events are answered as the truth answers them, or refused with a reason."""
    _ask_random(subject, layouts.raw, strategies.questions())


@_check
def random_roll_ups(subject: Subject) -> None:
    """So are they on roll-ups: from what is kept and on whole buckets, or refused."""
    for layout in (strategies.HOURS, strategies.DAYS):
        _ask_random(subject, layout, strategies.rolled_up(layout))


@_check
def clients(subject: Subject) -> None:
    """Four clients at once get the answers that one gets."""
    kept = packed()
    asked = list(islice(_questions(), 20))
    with subject.loaded(kept) as plan, ThreadPoolExecutor(4) as pool:

        def client(_number: int) -> None:
            with subject.engine.session(plan) as session:
                for question in asked:
                    subject.check(session, plan, kept, question)

        list(pool.map(client, range(4)))


@_check
def cached_answers(subject: Subject) -> None:
    """Answers that may come from a cache of results are those that do not, the second time as well."""
    kept = packed()
    with subject.loaded(kept) as plan:
        opened = subject.engine.cached_session(plan)
        if opened is None:
            raise DoesNotApply("it keeps no answers")
        with opened as session:
            for question in islice(_questions(), 20):
                subject.check(session, plan, kept, question)
                subject.check(session, plan, kept, question)


@_check
def cut_off(subject: Subject) -> None:
    """A load that was cut off is not trusted; the next one starts from nothing and is whole."""
    kept = packed()
    plan = subject.engine.plan(RANDOM, RANDOM.layout("raw"), kept.shape)
    subject.engine.drop(plan)
    with _fails("a load ended well though its events did not"):
        loads.ensure(subject.engine, plan, _Cut(kept), subject.home, subject.watch())
    try:
        loaded, reused = loads.ensure(subject.engine, plan, kept, subject.home, subject.watch())
        assert not reused, "the load that was cut off was taken for done"
        assert loaded.rows == kept.shape.rows == subject.engine.rows(plan), f"{loaded.rows} of {kept.shape.rows} rows"
        _, reused = loads.ensure(subject.engine, plan, kept, subject.home, subject.watch())
        assert reused, "a load that is done was done again"
    finally:
        subject.engine.drop(plan)


@_check
def dropped(subject: Subject) -> None:
    """Dropping a plan leaves nothing of it and all of the others; dropping it twice is no error."""
    mine, other = few([_event()]), few([_event(), _event()])
    with subject.loaded(other) as kept:
        with subject.loaded(mine) as plan:
            rows = subject.engine.rows(plan)
            assert rows == 1, f"it keeps {rows} rows of 1"
        assert subject.engine.rows(plan) is None, "rows are left after drop"
        subject.engine.drop(plan)
        assert subject.engine.rows(kept) == 2, "the rows of another plan are gone"


@_check
def server_gone(subject: Subject) -> None:
    """With its server gone it says so in bounded time; with the server back it answers right again."""
    server = subject.engine.server
    if server is None or not server.restartable:
        raise DoesNotApply("it has no server that is ours to stop")
    kept = few([_event(gold=n) for n in range(5)])
    question = Aggregate(JUNE, (COUNT, Measure(Function.SUM, "gold")))
    with subject.loaded(kept) as plan:
        with subject.engine.session(plan) as session:
            subject.check(session, plan, kept, question)
            server.stop()
            with _fails("it answered with its server gone"):
                session.ask(question)
        server.start(subject.watch())
        _again(subject, plan, kept, question)


@contextmanager
def _fails(unless: str) -> Iterator[None]:
    """A failure as the contract knows it is raised inside; AssertionError with these words where none is."""
    try:
        yield
    except MistakeError:
        raise
    except FailureError:
        return
    raise AssertionError(unless)


def _again(subject: Subject, plan: Plan, kept: Events, question: Question) -> None:
    """Asks until there is an answer, then it must be right."""
    watch = subject.watch()
    while True:
        try:
            with subject.engine.session(plan) as session:
                subject.check(session, plan, kept, question)
                return
        except MistakeError:
            raise
        except FailureError:
            watch.pause(0.5)


@_check
def built_in_questions(subject: Subject) -> None:
    """Every question of every built-in dataset whose data is there, on every layout, is right or refused."""
    for name in datasets.built_in():
        dataset = datasets.read(name)
        if dataset.source.generator is not None:
            dataset = dataset.sized(MADE, 1)
        elif not sources.installed(dataset.source):
            continue
        kept = event_store.prepare(dataset, subject.home)
        for layout in dataset.layouts:
            _ask_all(subject, dataset, layout, kept)


def _ask_random(subject: Subject, layout: Layout, questions: SearchStrategy[Question]) -> None:
    kept = packed()
    with subject.loaded(kept, layout=layout.name) as plan, subject.engine.session(plan) as session:

        @settings(
            max_examples=subject.examples,
            deadline=None,
            database=None,
            verbosity=Verbosity.quiet,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(questions)
        def each(question: Question) -> None:
            subject.check(session, plan, kept, question)

        each()


def _ask_all(subject: Subject, dataset: datasets.Dataset, layout: str, kept: Events) -> None:
    with subject.loaded(kept, dataset, layout) as plan, subject.engine.session(plan) as session:
        for name in dataset.questions:
            subject.check_built_in(session, plan, kept, name)


def _ask(subject: Subject, rows: list[dict[str, object]], *asked: Question) -> None:
    kept = few(rows)
    with subject.loaded(kept) as plan, subject.engine.session(plan) as session:
        for question in asked:
            subject.check(session, plan, kept, question)


def _event(**values: object) -> dict[str, object]:
    return {"when": DAY + timedelta(hours=5), "user": "u", "did": "open", "case": 0} | values


def _questions() -> Iterator[Question]:
    for grain in (Grain.ALL, Grain.DAY, Grain.MONTH, Grain.YEAR):
        for by in ((), ("country",), ("level",), ("country", "level"), ("did",)):
            span = Span(datetime(1950, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
            yield Aggregate(span, (COUNT, Measure(Function.SUM, "gold")), grain, by=by)


class _Cut(Events):
    """Events that end in the middle with an error."""

    def __init__(self, whole: Events) -> None:
        self._whole = whole
        self.columns = whole.columns
        self.shape = whole.shape

    def batches(self, wanted: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._whole.batches(wanted):
            yield batch.slice(0, batch.num_rows // 2)
            raise FailureError("cut off on purpose")
