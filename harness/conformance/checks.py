"""The checks of the conformance kit. The docstring of a check says what it demands; a failed check raises an error."""

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
from rollup_bench.harness.conformance.tested_engine import RANDOM, EngineUnderTest, few, ordered, packed, scripted
from rollup_bench.harness.run import loading
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import rule, sources
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Age, Aggregate, Cohort, Funnel, Grain, Question, Span

Check = Callable[[EngineUnderTest], None]
ALL: list[Check] = []
GENERATED_ROWS = 5_000
"""The number of events of a generated dataset when its built-in questions are asked."""
HUGE = Measure(Function.SUM, "huge")


class DoesNotApply(Exception):  # noqa: N818 (not an error)
    """Raised by a check that proves nothing about the engine; the text of the exception gives the reason."""


def _check(function: Check) -> Check:
    """Adds a check to ALL. A check that has questions raises DoesNotApply if the engine answered none of them."""

    @wraps(function)
    def check(tested: EngineUnderTest) -> None:
        answered, refused = len(tested.answered), len(tested.refused)
        tested.notes.clear()
        function(tested)
        reasons = Counter(tested.refused[refused:])
        if len(tested.answered) == answered and (reasons or tested.notes):
            commonest = [
                f"every question was refused, {number} of {reasons.total()} because: {reason}"
                for reason, number in reasons.most_common(1)
            ]
            raise DoesNotApply("; ".join([*commonest, *tested.notes]))

    ALL.append(check)
    return check


def _scripted(script: scripted_events.Script) -> Check:
    """Returns a check that asks all questions of a script of `scripted_events` and has the script's docstring."""

    @wraps(script)
    def check(tested: EngineUnderTest) -> None:
        scenes = scripted_events.numbered()[script]
        tested.ask(scripted(), *(question for scene in scenes for question in scene.questions))

    return _check(check)


@_check
def signatures(tested: EngineUnderTest) -> None:
    """The engine's methods have the contract's parameters; its name, version and scope are texts."""
    for name in Engine.__abstractmethods__ - {"__init__"}:
        wanted = list(inspect.signature(getattr(Engine, name)).parameters)
        got = list(inspect.signature(getattr(type(tested.engine), name)).parameters)
        assert got == wanted, f"{name} takes {', '.join(got)}; the contract says {', '.join(wanted)}"
    for name in ("name", "version", "scope"):
        assert isinstance(getattr(tested.engine, name), str), f"the engine's `{name}` is not a text"
    assert tested.engine.version, "the engine reports no version"


@_check
def counts(tested: EngineUnderTest) -> None:
    """The engine counts raw events right; no engine may refuse this question."""
    question = Aggregate(JUNE, (COUNT,))
    support = tested.engine.support(question, tested.shared(scripted()))
    assert support.where is not None, f"the engine refuses to count raw events: {support.reason}"
    tested.ask(scripted(), question)


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
def overflow(tested: EngineUnderTest) -> None:
    """A sum that exceeds 64 bits raises an error; the largest sum that fits is right."""
    total = Aggregate(JUNE, (HUGE,))
    tested.ask(_overflowing(), total)
    tested.ask(few([event(huge=2**62), event(huge=2**62 - 1)]), total)
    tested.ask(few([event(huge=-(2**63)), event(huge=2**63 - 1)]), total)


@_check
def after_errors(tested: EngineUnderTest) -> None:
    """After a question that overflows or is refused, the same session answers the next questions right."""
    median = Aggregate(JUNE, (Measure(Function.QUANTILE, "huge", 0.5),))
    too_large: list[Question] = [Aggregate(JUNE, (HUGE,), by=by) for by in ((), ("country",), ("user", "country"))]
    hard: list[Question] = [median, Cohort(JUNE, JUNE.end, Age(Grain.DAY, 2), by="country"), Funnel(JUNE, ((),), 60)]
    plain: list[Question] = [
        Aggregate(JUNE, (COUNT,), by=("country",)),
        Aggregate(JUNE, (COUNT,), by=("level",), subtotals="cube"),
    ]
    tested.ask(_overflowing(), *(question for first in too_large + hard for question in [first, *plain]))


@_check
def random_questions(tested: EngineUnderTest) -> None:
    """Random questions about random raw events get right answers, or are refused with a reason."""
    events = packed()
    plan = tested.shared(events)
    with tested.engine.session(plan) as session:
        ask_random(tested, session, plan, events, strategies.questions(), tested.examples)


@_check
def random_orders(tested: EngineUnderTest) -> None:
    """Random cohorts and funnels follow the column that orders events of one millisecond, or are refused."""
    events = ordered()
    plan = tested.shared(events)
    with tested.engine.session(plan) as session:
        ask_random(tested, session, plan, events, strategies.followed(), (tested.examples + 1) // 2)


@_check
def random_roll_ups(tested: EngineUnderTest) -> None:
    """Random questions on two roll-ups of random events get right answers, or are refused with a reason."""
    events = packed()
    for layout in (strategies.HOURS, strategies.DAYS):
        plan = tested.engine.plan(RANDOM, layout, events.statistics)
        if _supports_any(tested, plan, RANDOM.name, strategies.stored(layout)):
            with tested.loaded(events, layout=layout.name) as plan, tested.engine.session(plan) as session:
                ask_random(tested, session, plan, events, strategies.rolled_up(layout), (tested.examples + 1) // 2)


@_check
def clients(tested: EngineUnderTest) -> None:
    """Four sessions that ask at the same time all get right answers."""
    events, count = packed(), min(20, max(5, tested.examples // 4))
    tested.shared(events)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: tested.ask(events, *islice(_questions(), count)), range(4)))


@_check
def cached_answers(tested: EngineUnderTest) -> None:
    """In a session with a result cache, the first and the repeated answer to a question are both right."""
    events = packed()
    plan = tested.shared(events)
    opened = tested.engine.cached_session(plan)
    if opened is None:
        raise DoesNotApply("the engine has no result cache")
    with opened as session:
        for question in islice(_questions(), 20):
            tested.check(session, plan, events, question)
            tested.check(session, plan, events, question)


@_check
def cut_off(tested: EngineUnderTest) -> None:
    """After an interrupted load, the next load stores all events; a complete load is reused, not repeated."""
    events = packed(2)
    plan = tested.engine.plan(RANDOM, RANDOM.layout("raw"), events.statistics)
    tested.engine.drop(plan)
    with _fails("a load succeeded although reading its events failed"):
        loading.ensure(tested.engine, plan, _Interrupted(events), tested.home, tested.watch())
    try:
        loaded, reused = loading.ensure(tested.engine, plan, events, tested.home, tested.watch())
        assert not reused, "the interrupted load was reused as if it were complete"
        assert loaded.rows == events.statistics.rows == tested.engine.rows(plan), (
            f"{loaded.rows} of {events.statistics.rows} rows were loaded"
        )
        _, reused = loading.ensure(tested.engine, plan, events, tested.home, tested.watch())
        assert reused, "the events were loaded again after a complete load"
    finally:
        tested.engine.drop(plan)


@_check
def dropped(tested: EngineUnderTest) -> None:
    """Dropping a plan removes all its rows and none of another plan's; dropping a plan twice is not an error."""
    mine, other = few([event()]), few([event(), event()])
    with tested.loaded(other) as other_plan:
        with tested.loaded(mine) as plan:
            rows = tested.engine.rows(plan)
            assert rows == 1, f"the plan stores {rows} rows, not 1"
        assert tested.engine.rows(plan) is None, "rows are left after drop"
        tested.engine.drop(plan)
        assert tested.engine.rows(other_plan) == 2, "the rows of another plan are gone"


@_check
def server_gone(tested: EngineUnderTest) -> None:
    """While its server is stopped, the engine raises FailureError; after a restart, the engine answers right again."""
    server = tested.engine.server
    if server is None or not server.restartable:
        raise DoesNotApply("the engine has no server that the kit may stop")
    events = few([event(gold=n) for n in range(5)])
    question = Aggregate(JUNE, (COUNT, Measure(Function.SUM, "gold")))
    with tested.loaded(events) as plan:
        with tested.engine.session(plan) as session:
            tested.check(session, plan, events, question)
            server.stop()
            with _fails("the engine answered while its server was stopped"):
                session.ask(question)
        server.start(tested.watch())
        _check_restarted(tested, plan, events, question)


@contextmanager
def _fails(message: str) -> Iterator[None]:
    """Suppresses a FailureError of the `with` block; raises AssertionError with the message if the block succeeds."""
    try:
        yield
    except FailureError:
        return
    raise AssertionError(message)


def _check_restarted(tested: EngineUnderTest, plan: Plan, events: Events, question: Question) -> None:
    """Repeats the question while it raises FailureError, for at most LOAD_SECONDS, and demands a right answer."""
    watch = tested.watch()
    while True:
        try:
            with tested.engine.session(plan) as session:
                tested.check(session, plan, events, question)
                return
        except FailureError:
            watch.pause(0.5)


@_check
def built_in_questions(tested: EngineUnderTest) -> None:
    """The built-in questions of datasets whose events are installed are answered right or refused on every layout."""
    for dataset in map(datasets.read, datasets.offline()):
        if dataset.source.generator is None and not sources.installed(dataset.source):
            tested.notes.append(f"{dataset.name} was not asked: its data is not installed; `make all` installs it")
            continue
        sized = dataset.sized(GENERATED_ROWS, 1) if dataset.source.generator is not None else dataset
        events = event_store.prepare(sized, tested.home)
        for layout in sized.layouts:
            _ask_built_in(tested, sized, layout, events)


@_check
def left_over(tested: EngineUnderTest) -> None:
    """The engine stores no rows of the loads that several checks shared, once these loads are dropped."""
    tested.shared(scripted())
    plans = tested.close()
    remaining = [plan.name for plan in plans if tested.engine.rows(plan) is not None]
    assert not remaining, f"rows of {', '.join(remaining)} are left after drop"


def _ask_built_in(tested: EngineUnderTest, dataset: datasets.Dataset, layout: str, events: Events) -> None:
    """Adds the support of a dataset's questions to `built_in`; loads the events and asks if any is supported."""
    renamed = replace(dataset, name=f"verify {dataset.name}")  # a name of its own, so that no load of a run is dropped
    plan = tested.engine.plan(renamed, dataset.layout(layout), events.statistics)
    questions = {name: template.fill() for name, template in dataset.questions.items()}
    tested.built_in += [
        _built_in(tested.engine, plan, dataset.name, name, question) for name, question in questions.items()
    ]
    asked = {n: q for n, q in questions.items() if tested.whole or f"{dataset.name}/{n}" in SAMPLE}
    if not asked or not _supports_any(tested, plan, dataset.name, list(asked.values())):
        return
    loaded = replace(renamed, questions={name: dataset.questions[name] for name in asked})  # without tables for others
    with tested.loaded(events, loaded, layout) as plan, tested.engine.session(plan) as session:
        for name, question in asked.items():
            try:
                tested.check(session, plan, events, question)
            except Exception as error:
                error.add_note(f"the question is {dataset.name}/{name} on {layout}")
                raise


def _built_in(engine: Engine, plan: Plan, dataset: str, name: str, question: Question) -> BuiltIn:
    support, ruled = engine.support(question, plan), rule.unsupported_reason(question, plan.layout) is not None
    return BuiltIn(dataset, plan.layout.name, name, kind(question), support.where, support.reason, ruled)


def _supports_any(tested: EngineUnderTest, plan: Plan, dataset: str, questions: Sequence[Question]) -> bool:
    """Returns whether the engine supports any of the questions on the plan; if none, adds a note with a reason."""
    supports = [tested.engine.support(question, plan) for question in questions]
    if any(support.where for support in supports):
        return True
    ((reason, _),) = Counter(support.reason for support in supports).most_common(1)
    refused = f"the engine supports none of {len(questions)} questions ({reason})"
    tested.notes.append(f"{dataset}/{plan.layout.name} was not loaded: {refused}")
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
    """Events that raise FailureError after half of their first batch was read."""

    def __init__(self, whole: Events) -> None:
        self._whole = whole
        self.columns = whole.columns
        self.statistics = whole.statistics

    def batches(self, wanted: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        for batch in self._whole.batches(wanted):
            yield batch.slice(0, batch.num_rows // 2)
            raise FailureError("interrupted on purpose")
