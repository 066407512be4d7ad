"""The checks, each a function that raises AssertionError in words; its docstring is what a report says it demands."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import wraps
from itertools import islice

import pyarrow as pa
from msgspec.structs import replace

from rollup_bench.engines.contract import Engine, Plan
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance import scripted_events, strategies
from rollup_bench.harness.conformance.random_questions import ask_random
from rollup_bench.harness.conformance.scripted_events import COUNT, JUNE, event
from rollup_bench.harness.conformance.support import SAMPLE, BuiltIn, kind
from rollup_bench.harness.conformance.tested_engine import RANDOM, Subject, few, packed, scripted
from rollup_bench.harness.run import loading
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import rule, sources
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span

Check = Callable[[Subject], None]
ALL: list[Check] = []
MADE = 5_000
"""Rows of a dataset that is made to order."""
HUGE = Measure(Function.SUM, "huge")


class DoesNotApply(Exception):  # noqa: N818 (it is no error)
    """A check proves nothing about the engine; says why."""


def _check(function: Check) -> Check:
    """Adds a check to ALL. The check does not apply where the engine answered none of its questions."""

    @wraps(function)
    def check(subject: Subject) -> None:
        answered, refused = len(subject.answered), len(subject.refused)
        subject.notes.clear()
        function(subject)
        reasons = Counter(subject.refused[refused:])
        if len(subject.answered) == answered and (reasons or subject.notes):
            raise DoesNotApply("; ".join([*_refusals(reasons), *subject.notes]))

    ALL.append(check)
    return check


def _refusals(reasons: Counter[str]) -> Iterator[str]:
    for reason, number in reasons.most_common(1):
        yield f"every question was refused, {number} of {reasons.total()} because: {reason}"


def _scripted(script: scripted_events.Script) -> Check:
    """The check that asks the questions of a script; the script's docstring says what it demands."""

    @wraps(script)
    def check(subject: Subject) -> None:
        subject.ask(
            scripted(), *(question for scene in scripted_events.numbered()[script] for question in scene.questions)
        )

    return _check(check)


@_check
def signatures(subject: Subject) -> None:
    """The engine's methods take what the contract says."""
    for name in Engine.__abstractmethods__ - {"__init__"}:
        wanted = list(inspect.signature(getattr(Engine, name)).parameters)
        got = list(inspect.signature(getattr(type(subject.engine), name)).parameters)
        assert got == wanted, f"{name} takes {', '.join(got)}, the contract says {', '.join(wanted)}"
    for name in ("name", "version", "scope"):
        assert isinstance(getattr(subject.engine, name), str), f"`{name}` is a text"
    assert subject.engine.version, "the version is asked of the engine"


@_check
def counts(subject: Subject) -> None:
    """The engine counts raw events, the least that an engine answers."""
    question = Aggregate(JUNE, (COUNT,))
    support = subject.engine.support(question, subject.shared(scripted()))
    assert support.where is not None, f"it refuses to count raw events: {support.reason}"
    subject.ask(scripted(), question)


nulls = _scripted(scripted_events.nulls)
scripts = _scripted(scripted_events.scripts)
zones = _scripted(scripted_events.zones)
ties = _scripted(scripted_events.ties)
births = _scripted(scripted_events.births)
ages = _scripted(scripted_events.ages)
integers = _scripted(scripted_events.integers)
quantiles = _scripted(scripted_events.quantiles)
nothing = _scripted(scripted_events.nothing)
edges = _scripted(scripted_events.edges)


@_check
def overflow(subject: Subject) -> None:
    """An integer beyond 64 bits is an error, never another integer."""
    total = Aggregate(JUNE, (HUGE,))
    subject.ask(_beyond(), total)
    subject.ask(few([event(huge=2**62), event(huge=2**62 - 1)]), total)
    subject.ask(few([event(huge=-(2**63)), event(huge=2**63 - 1)]), total)


@_check
def after_errors(subject: Subject) -> None:
    """After a request that overflowed or was refused, the same session answers the next ones right."""
    median = Aggregate(JUNE, (Measure(Function.QUANTILE, "huge", 0.5),))
    too_large: list[Question] = [Aggregate(JUNE, (HUGE,), by=by) for by in ((), ("country",), ("user", "country"))]
    hard: list[Question] = [median, Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), by="country"), Funnel(JUNE, ((),), 60)]
    plain: list[Question] = [
        Aggregate(JUNE, (COUNT,), by=("country",)),
        Aggregate(JUNE, (COUNT,), by=("level",), subtotals="cube"),
    ]
    subject.ask(_beyond(), *(question for one in too_large + hard for question in [one, *plain]))


@_check
def random_questions(subject: Subject) -> None:
    """Random questions over random events are answered as the truth answers them, or refused with a reason."""
    kept = packed()
    plan = subject.shared(kept)
    with subject.engine.session(plan) as session:
        ask_random(subject, session, plan, kept, strategies.questions(), subject.examples)


@_check
def random_roll_ups(subject: Subject) -> None:
    """Random questions over roll-ups are answered from what a roll-up stores and on whole buckets, or refused."""
    kept = packed()
    for layout in (strategies.HOURS, strategies.DAYS):
        plan = subject.engine.plan(RANDOM, layout, kept.statistics)
        if _supports_any(subject, plan, RANDOM.name, strategies.stored(layout)):
            with subject.loaded(kept, layout=layout.name) as plan, subject.engine.session(plan) as session:
                ask_random(subject, session, plan, kept, strategies.rolled_up(layout), (subject.examples + 1) // 2)


@_check
def clients(subject: Subject) -> None:
    """Four clients at once get the answers that one gets."""
    kept = packed()
    subject.shared(kept)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: subject.ask(kept, *islice(_questions(), 20)), range(4)))


@_check
def cached_answers(subject: Subject) -> None:
    """Answers that may come from a cache of results are right, the second time as well."""
    kept = packed()
    plan = subject.shared(kept)
    opened = subject.engine.cached_session(plan)
    if opened is None:
        raise DoesNotApply("it has no cache of results")
    with opened as session:
        for question in islice(_questions(), 20):
            subject.check(session, plan, kept, question)
            subject.check(session, plan, kept, question)


@_check
def cut_off(subject: Subject) -> None:
    """A load that was cut off is not trusted; the next one starts from nothing and is whole."""
    kept = packed(2)
    plan = subject.engine.plan(RANDOM, RANDOM.layout("raw"), kept.statistics)
    subject.engine.drop(plan)
    with _fails("a load ended well though its events did not"):
        loading.ensure(subject.engine, plan, _Cut(kept), subject.home, subject.watch())
    try:
        loaded, reused = loading.ensure(subject.engine, plan, kept, subject.home, subject.watch())
        assert not reused, "the load that was cut off was taken for done"
        assert loaded.rows == kept.statistics.rows == subject.engine.rows(plan), (
            f"{loaded.rows} of {kept.statistics.rows} rows"
        )
        _, reused = loading.ensure(subject.engine, plan, kept, subject.home, subject.watch())
        assert reused, "a load that is done was done again"
    finally:
        subject.engine.drop(plan)


@_check
def dropped(subject: Subject) -> None:
    """Dropping a plan leaves nothing of it and all of the others; dropping it twice is no error."""
    mine, other = few([event()]), few([event(), event()])
    with subject.loaded(other) as kept:
        with subject.loaded(mine) as plan:
            rows = subject.engine.rows(plan)
            assert rows == 1, f"it keeps {rows} rows of 1"
        assert subject.engine.rows(plan) is None, "rows are left after drop"
        subject.engine.drop(plan)
        assert subject.engine.rows(kept) == 2, "the rows of another plan are gone"


@_check
def server_gone(subject: Subject) -> None:
    """With its server gone, the engine says so in bounded time; with the server back, it answers right again."""
    server = subject.engine.server
    if server is None or not server.restartable:
        raise DoesNotApply("it has no server that the kit may stop")
    kept = few([event(gold=n) for n in range(5)])
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
        except FailureError:
            watch.pause(0.5)


@_check
def built_in_questions(subject: Subject) -> None:
    """Every question of every built-in dataset whose data is installed is right or refused, on every layout."""
    for dataset in map(datasets.read, datasets.built_in()):
        if dataset.source.generator is None and not sources.installed(dataset.source):
            subject.notes.append(f"{dataset.name} was not asked: its data is not installed, `make all` installs it")
            continue
        sized = dataset.sized(MADE, 1) if dataset.source.generator is not None else dataset
        kept = event_store.prepare(sized, subject.home)
        for layout in sized.layouts:
            _ask_built_in(subject, sized, layout, kept)


@_check
def left_over(subject: Subject) -> None:
    """Dropping the loads that checks shared leaves none of their rows."""
    subject.shared(scripted())
    plans = subject.close()
    kept = [plan.name for plan in plans if subject.engine.rows(plan) is not None]
    assert not kept, f"rows of {', '.join(kept)} are left after drop"


def _ask_built_in(subject: Subject, dataset: datasets.Dataset, layout: str, kept: Events) -> None:
    """Notes what is supported on a layout; loads it and asks, unless none of what would be asked is supported."""
    apart = replace(dataset, name=f"verify {dataset.name}")  # so that the loads of a run are not dropped
    plan = subject.engine.plan(apart, dataset.layout(layout), kept.statistics)
    questions = {name: template.fill() for name, template in dataset.questions.items()}
    subject.built_in += [_built_in(subject.engine, plan, dataset.name, *one) for one in questions.items()]
    asked = {n: q for n, q in questions.items() if subject.whole or f"{dataset.name}/{n}" in SAMPLE}
    if not asked or not _supports_any(subject, plan, dataset.name, list(asked.values())):
        return
    with subject.loaded(kept, apart, layout) as plan, subject.engine.session(plan) as session:
        for name, question in asked.items():
            try:
                subject.check(session, plan, kept, question)
            except Exception as error:
                error.add_note(f"which is {dataset.name}/{name} on {layout}")
                raise


def _built_in(engine: Engine, plan: Plan, dataset: str, name: str, question: Question) -> BuiltIn:
    support, ruled = engine.support(question, plan), rule.unsupported_reason(question, plan.layout) is not None
    return BuiltIn(dataset, plan.layout.name, name, kind(question), support.where, support.reason, ruled)


def _supports_any(subject: Subject, plan: Plan, dataset: str, questions: Sequence[Question]) -> bool:
    """Whether the engine supports one of the questions on the plan; where it supports none, a note says so."""
    supports = [subject.engine.support(question, plan) for question in questions]
    if any(one.where for one in supports):
        return True
    reason = Counter(one.reason for one in supports).most_common(1)[0][0]
    subject.notes.append(
        f"{dataset}/{plan.layout.name} was not loaded: none of {len(questions)} questions is supported there ({reason})"
    )
    return False


def _beyond() -> Events:
    """Events whose values of `huge` add up to 2**63, the first integer beyond 64 bits; all of `level` is NULL."""
    return few([event(country=country, huge=huge) for country, huge in (("b", 0), ("a", 2**62), ("a", 2**62))])


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
        self.statistics = whole.statistics

    def batches(self, wanted: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._whole.batches(wanted):
            yield batch.slice(0, batch.num_rows // 2)
            raise FailureError("cut off on purpose")
