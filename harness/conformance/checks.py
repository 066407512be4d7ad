"""The checks of the conformance kit. A check that fails raises AssertionError; its docstring says what it demands."""

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
GENERATED_ROWS = 5_000
"""Rows of each generated dataset on which the built-in questions are asked."""
HUGE = Measure(Function.SUM, "huge")


class DoesNotApply(Exception):  # noqa: N818 (not an error)
    """Raised by a check that proves nothing about the engine; its text gives the reason."""


def _check(function: Check) -> Check:
    """Adds a check to ALL. The check raises DoesNotApply if the engine answered none of its questions."""

    @wraps(function)
    def check(subject: Subject) -> None:
        answered, refused = len(subject.answered), len(subject.refused)
        subject.notes.clear()
        function(subject)
        reasons = Counter(subject.refused[refused:])
        if len(subject.answered) == answered and (reasons or subject.notes):
            commonest = [
                f"every question was refused, {number} of {reasons.total()} because: {reason}"
                for reason, number in reasons.most_common(1)
            ]
            raise DoesNotApply("; ".join([*commonest, *subject.notes]))

    ALL.append(check)
    return check


def _scripted(script: scripted_events.Script) -> Check:
    """Turns a script into a check that asks the script's questions and demands what the script's docstring says."""

    @wraps(script)
    def check(subject: Subject) -> None:
        scenes = scripted_events.numbered()[script]
        subject.ask(scripted(), *(question for scene in scenes for question in scene.questions))

    return _check(check)


@_check
def signatures(subject: Subject) -> None:
    """The engine's methods have the parameters that the contract names."""
    for name in Engine.__abstractmethods__ - {"__init__"}:
        wanted = list(inspect.signature(getattr(Engine, name)).parameters)
        got = list(inspect.signature(getattr(type(subject.engine), name)).parameters)
        assert got == wanted, f"{name} takes {', '.join(got)}; the contract says {', '.join(wanted)}"
    for name in ("name", "version", "scope"):
        assert isinstance(getattr(subject.engine, name), str), f"`{name}` is not a string"
    assert subject.engine.version, "the engine reports no version"


@_check
def counts(subject: Subject) -> None:
    """The engine counts raw events; every engine must answer this question."""
    question = Aggregate(JUNE, (COUNT,))
    support = subject.engine.support(question, subject.shared(scripted()))
    assert support.where is not None, f"the engine refuses to count raw events: {support.reason}"
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
    """An integer beyond 64 bits raises an error and never becomes another integer."""
    total = Aggregate(JUNE, (HUGE,))
    subject.ask(_overflowing(), total)
    subject.ask(few([event(huge=2**62), event(huge=2**62 - 1)]), total)
    subject.ask(few([event(huge=-(2**63)), event(huge=2**63 - 1)]), total)


@_check
def after_errors(subject: Subject) -> None:
    """After a question that overflows or is refused, the same session answers the next questions right."""
    median = Aggregate(JUNE, (Measure(Function.QUANTILE, "huge", 0.5),))
    too_large: list[Question] = [Aggregate(JUNE, (HUGE,), by=by) for by in ((), ("country",), ("user", "country"))]
    hard: list[Question] = [median, Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), by="country"), Funnel(JUNE, ((),), 60)]
    plain: list[Question] = [
        Aggregate(JUNE, (COUNT,), by=("country",)),
        Aggregate(JUNE, (COUNT,), by=("level",), subtotals="cube"),
    ]
    subject.ask(_overflowing(), *(question for first in too_large + hard for question in [first, *plain]))


@_check
def random_questions(subject: Subject) -> None:
    """Random questions about random events get the answer of the truth, or a refusal with a reason."""
    events = packed()
    plan = subject.shared(events)
    with subject.engine.session(plan) as session:
        ask_random(subject, session, plan, events, strategies.questions(), subject.examples)


@_check
def random_roll_ups(subject: Subject) -> None:
    """Roll-ups answer random questions right, from stored measures and whole buckets, or refuse them."""
    events = packed()
    for layout in (strategies.HOURS, strategies.DAYS):
        plan = subject.engine.plan(RANDOM, layout, events.statistics)
        if _supports_any(subject, plan, RANDOM.name, strategies.stored(layout)):
            with subject.loaded(events, layout=layout.name) as plan, subject.engine.session(plan) as session:
                ask_random(subject, session, plan, events, strategies.rolled_up(layout), (subject.examples + 1) // 2)


@_check
def clients(subject: Subject) -> None:
    """Four clients at the same time all get right answers."""
    events = packed()
    subject.shared(events)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: subject.ask(events, *islice(_questions(), 20)), range(4)))


@_check
def cached_answers(subject: Subject) -> None:
    """Answers of a session with a result cache are right, the first time and when repeated."""
    events = packed()
    plan = subject.shared(events)
    opened = subject.engine.cached_session(plan)
    if opened is None:
        raise DoesNotApply("the engine has no result cache")
    with opened as session:
        for question in islice(_questions(), 20):
            subject.check(session, plan, events, question)
            subject.check(session, plan, events, question)


@_check
def cut_off(subject: Subject) -> None:
    """An interrupted load is not used; the next load stores all events, and is not repeated once complete."""
    events = packed(2)
    plan = subject.engine.plan(RANDOM, RANDOM.layout("raw"), events.statistics)
    subject.engine.drop(plan)
    with _fails("a load succeeded although reading its events failed"):
        loading.ensure(subject.engine, plan, _Interrupted(events), subject.home, subject.watch())
    try:
        loaded, reused = loading.ensure(subject.engine, plan, events, subject.home, subject.watch())
        assert not reused, "the interrupted load was taken for a complete one"
        assert loaded.rows == events.statistics.rows == subject.engine.rows(plan), (
            f"{loaded.rows} of {events.statistics.rows} rows"
        )
        _, reused = loading.ensure(subject.engine, plan, events, subject.home, subject.watch())
        assert reused, "a complete load was loaded again"
    finally:
        subject.engine.drop(plan)


@_check
def dropped(subject: Subject) -> None:
    """Dropping a plan removes all its rows and none of another plan; dropping it twice is not an error."""
    mine, other = few([event()]), few([event(), event()])
    with subject.loaded(other) as other_plan:
        with subject.loaded(mine) as plan:
            rows = subject.engine.rows(plan)
            assert rows == 1, f"the plan stores {rows} rows, not 1"
        assert subject.engine.rows(plan) is None, "rows are left after drop"
        subject.engine.drop(plan)
        assert subject.engine.rows(other_plan) == 2, "the rows of another plan are gone"


@_check
def server_gone(subject: Subject) -> None:
    """While its server is stopped, the engine raises FailureError; after a restart, it answers right again."""
    server = subject.engine.server
    if server is None or not server.restartable:
        raise DoesNotApply("the engine has no server that the kit may stop")
    events = few([event(gold=n) for n in range(5)])
    question = Aggregate(JUNE, (COUNT, Measure(Function.SUM, "gold")))
    with subject.loaded(events) as plan:
        with subject.engine.session(plan) as session:
            subject.check(session, plan, events, question)
            server.stop()
            with _fails("the engine answered while its server was stopped"):
                session.ask(question)
        server.start(subject.watch())
        _check_restarted(subject, plan, events, question)


@contextmanager
def _fails(message: str) -> Iterator[None]:
    """Expects a FailureError inside the block; raises AssertionError with the message if none is raised."""
    try:
        yield
    except FailureError:
        return
    raise AssertionError(message)


def _check_restarted(subject: Subject, plan: Plan, events: Events, question: Question) -> None:
    """Repeats the question until the engine answers, and demands a right answer."""
    watch = subject.watch()
    while True:
        try:
            with subject.engine.session(plan) as session:
                subject.check(session, plan, events, question)
                return
        except FailureError:
            watch.pause(0.5)


@_check
def built_in_questions(subject: Subject) -> None:
    """Every built-in question on installed data is answered right or refused, on every layout."""
    for dataset in map(datasets.read, datasets.built_in()):
        if dataset.source.generator is None and not sources.installed(dataset.source):
            subject.notes.append(f"{dataset.name} was not asked: its data is not installed; `make all` installs it")
            continue
        sized = dataset.sized(GENERATED_ROWS, 1) if dataset.source.generator is not None else dataset
        events = event_store.prepare(sized, subject.home)
        for layout in sized.layouts:
            _ask_built_in(subject, sized, layout, events)


@_check
def left_over(subject: Subject) -> None:
    """Dropping the loads that the checks shared leaves no rows of them."""
    subject.shared(scripted())
    plans = subject.close()
    remaining = [plan.name for plan in plans if subject.engine.rows(plan) is not None]
    assert not remaining, f"rows of {', '.join(remaining)} are left after drop"


def _ask_built_in(subject: Subject, dataset: datasets.Dataset, layout: str, events: Events) -> None:
    """Records the support of a dataset's questions on a layout, then loads and asks them unless none is supported."""
    renamed = replace(dataset, name=f"verify {dataset.name}")  # another name, so that no run's load is dropped
    plan = subject.engine.plan(renamed, dataset.layout(layout), events.statistics)
    questions = {name: template.fill() for name, template in dataset.questions.items()}
    subject.built_in += [
        _built_in(subject.engine, plan, dataset.name, name, question) for name, question in questions.items()
    ]
    asked = {n: q for n, q in questions.items() if subject.whole or f"{dataset.name}/{n}" in SAMPLE}
    if not asked or not _supports_any(subject, plan, dataset.name, list(asked.values())):
        return
    with subject.loaded(events, renamed, layout) as plan, subject.engine.session(plan) as session:
        for name, question in asked.items():
            try:
                subject.check(session, plan, events, question)
            except Exception as error:
                error.add_note(f"the question is {dataset.name}/{name} on {layout}")
                raise


def _built_in(engine: Engine, plan: Plan, dataset: str, name: str, question: Question) -> BuiltIn:
    support, ruled = engine.support(question, plan), rule.unsupported_reason(question, plan.layout) is not None
    return BuiltIn(dataset, plan.layout.name, name, kind(question), support.where, support.reason, ruled)


def _supports_any(subject: Subject, plan: Plan, dataset: str, questions: Sequence[Question]) -> bool:
    """Returns whether the engine supports at least one question on the plan; if none, adds a note."""
    supports = [subject.engine.support(question, plan) for question in questions]
    if any(support.where for support in supports):
        return True
    ((reason, _),) = Counter(support.reason for support in supports).most_common(1)
    refused = f"the engine supports none of {len(questions)} questions ({reason})"
    subject.notes.append(f"{dataset}/{plan.layout.name} was not loaded: {refused}")
    return False


def _overflowing() -> Events:
    """Returns events whose `huge` values sum to 2**63, one more than 64 bits hold, and whose `level` is always NULL."""
    return few([event(country=country, huge=huge) for country, huge in (("b", 0), ("a", 2**62), ("a", 2**62))])


def _questions() -> Iterator[Question]:
    for grain in (Grain.ALL, Grain.DAY, Grain.MONTH, Grain.YEAR):
        for by in ((), ("country",), ("level",), ("country", "level"), ("did",)):
            span = Span(datetime(1950, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))
            yield Aggregate(span, (COUNT, Measure(Function.SUM, "gold")), grain, by=by)


class _Interrupted(Events):
    """Events whose reading fails after half of the first batch."""

    def __init__(self, whole: Events) -> None:
        self._whole = whole
        self.columns = whole.columns
        self.statistics = whole.statistics

    def batches(self, wanted: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._whole.batches(wanted):
            yield batch.slice(0, batch.num_rows // 2)
            raise FailureError("interrupted on purpose")
