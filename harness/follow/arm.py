"""Lets one engine with one layout follow a stream while it is asked."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from rollup_bench.engines.contract import UNANSWERED, Engine, Plan
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.engines.following import Following, follower
from rollup_bench.errors import RequestError
from rollup_bench.harness.follow.answers import Answer, Judged, judged
from rollup_bench.harness.follow.asking import asked, clients
from rollup_bench.harness.follow.feeding import Feeding, feeding
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.follow.sending import Outlet, sending
from rollup_bench.harness.follow.stream import Stream, encoded
from rollup_bench.harness.records.streams import Asked, Followed
from rollup_bench.harness.run.verdicts import check
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.freshness import Seconds
from rollup_bench.servers.watch import Watch
from rollup_bench.streams.contract import Broker
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Question
from rollup_bench.workloads.truth.prefixes import Prefixes, numbered

CLIENTS = 4
"""How many questions are asked at the same time; further ones wait."""
PATIENCE = 120.0
"""Seconds after its end in which a stream must be stored."""
QUIET = 1 / 3
"""How long questions are asked while nothing is written, as a share of the length of the stream."""
AHEAD, ENCODED = 4.0, 50_000
"""Seconds that are needed before a stream starts, and the events that are made ready in each further one."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Asks:
    """The questions that a plan supports, and the right answers to those that are asked while a stream is written.

    `left_out` says why the others are only asked at the end.
    """

    questions: Mapping[str, Question]
    prefixes: Mapping[str, Prefixes]
    left_out: dict[str, str]


@dataclass(frozen=True)
class Seen:
    """What happened: the answers while a stream was written, and those after it, when nothing was written.

    `sent` and `acknowledged` have the instants of its messages, `start` is its own; all are of `time.monotonic`.
    `processor` is the processor seconds of this process while the stream was written.
    """

    start: float
    sent: Seconds
    acknowledged: Seconds
    processor: float
    answers: list[Answer]
    quiet: list[Answer]


def follow(request: Request, engine: Engine, layout: Layout, broker: Broker, launch: int, say: Say) -> Followed:
    """Sends a stream through a broker into an engine, asks meanwhile, and judges all answers.

    RequestError if the engine does not support it, FailureError if something fails. The tables are dropped.
    """
    plan = engine.plan(request.dataset, layout, request.declared(launch))
    outlet = Outlet(broker.name, broker.connection, plan.name)
    try:
        with (
            _topic(broker, outlet.topic),
            follower(engine).opened(plan) as tables,
            feeding(broker, outlet.topic, tables, plan.schema) as fed,
        ):
            say("making the stream ready")
            ahead = AHEAD + request.table.num_rows / ENCODED
            start, stream = time.monotonic() + ahead, request.stream(time.time() + ahead, launch)
            asks = _asks(request, engine, plan, stream)
            seen = _written(request, outlet, tables, fed, stream, asks, start, say)
            say("checking the answers")
            final = _final(tables, asks.questions, stream)
            stored = _stored(engine, plan, tables, stream)
    finally:
        engine.drop(plan)
    due = seen.start + stream.due
    return Followed(
        arm=f"{engine.name}/{layout.name}",
        launch=launch,
        answers=_lines(judged(seen.answers, asks.prefixes, seen.sent), start),
        quiet=_lines(judged(seen.quiet, asks.prefixes, seen.sent), start),
        final=final,
        stored=stored,
        left_out=asks.left_out,
        failures=Counter(answer.error for answer in seen.answers if answer.table is None),
        sent=_histogram(seen.sent - due),
        published=_histogram(seen.acknowledged - due),
        processor=seen.processor,
    )


@contextmanager
def _topic(broker: Broker, name: str) -> Iterator[None]:
    broker.create(name)
    try:
        yield
    finally:
        broker.drop(name)


def _asks(request: Request, engine: Engine, plan: Plan, stream: Stream) -> Asks:
    """The questions about a stream; RequestError if none can be asked while it is written."""
    supported = {
        name: question
        for name, question in request.asks(stream).items()
        if engine.support(question, plan).where is not None
    }
    events, prefixes, left_out = numbered(stream.events), dict[str, Prefixes](), dict[str, str]()
    for name, question in supported.items():
        try:
            prefixes[name] = Prefixes(question, events)
        except ValueError as refusal:
            left_out[name] = str(refusal)
    if not prefixes:
        raise RequestError(f"no question can be asked of layout {plan.layout.name} while its stream is written")
    return Asks(supported, prefixes, left_out)


def _written(
    request: Request,
    outlet: Outlet,
    tables: Following,
    fed: Feeding,
    stream: Stream,
    asks: Asks,
    start: float,
    say: Say,
) -> Seen:
    with sending(outlet, encoded(stream.events), stream.rate) as sender:
        say(f"following for {stream.seconds:.0f} s")
        sender.start(start)
        before = time.process_time()
        goes_on = _Until(fed, stream, start, len(asks.prefixes) / request.asked)
        answers = _asked(request, tables, asks, start, goes_on)
        processor = time.process_time() - before
        sender.wait(Watch(seconds=PATIENCE))
    say("asking while nothing is written")
    began, length = time.monotonic(), QUIET * stream.seconds
    quiet = _asked(request, tables, asks, began, lambda: time.monotonic() < began + length)
    return Seen(start, sender.sent, sender.acknowledged, processor, answers, quiet)


class _Until:
    """Whether to ask on: until the stream is stored, and all questions were asked once more, in `round` seconds."""

    def __init__(self, fed: Feeding, stream: Stream, start: float, round: float) -> None:
        self._fed, self._count, self._round = fed, stream.events.statistics.rows, round
        self._ends = start + stream.seconds + PATIENCE
        self._stored: float | None = None

    def __call__(self) -> bool:
        self._fed.check()
        now = time.monotonic()
        if self._fed.stored < self._count:
            return now < self._ends
        self._stored = self._stored or now
        return now < self._stored + self._round


def _asked(request: Request, tables: Following, asks: Asks, start: float, goes_on: Callable[[], bool]) -> list[Answer]:
    with clients(CLIENTS, tables.session, asks.questions) as found:
        return asked(found, list(asks.prefixes), start, 1 / request.asked, goes_on, request.seed)


def _final(tables: Following, questions: Mapping[str, Question], stream: Stream) -> dict[str, str]:
    """The verdict on the answer to each question about the whole stream, and its reason."""
    verdicts = {}
    with quietly_closed(tables.session()) as session:
        for name, question in questions.items():
            try:
                found = check(question, session.ask(question), stream.events)
                verdicts[name] = f"{found.kind}: {found.reason}" if found.reason else str(found.kind)
            except UNANSWERED as error:
                verdicts[name] = f"failed: {error}"
    return verdicts


def _stored(engine: Engine, plan: Plan, tables: Following, stream: Stream) -> int | None:
    """The number of events that the engine counts; None if it cannot count all events of the stream."""
    question = Aggregate(stream.days, (Measure(Function.COUNT),))
    if engine.support(question, plan).where is None:
        return None
    with quietly_closed(tables.session()) as session:
        return int(sum(session.ask(question)["count()"].to_pylist()))


def _lines(answers: Sequence[Judged], start: float) -> list[Asked]:
    return [
        Asked(
            a.question,
            round(a.due - start, 6),
            round(a.asked - start, 6),
            round(a.done - start, 6),
            one.kind,
            one.low,
            one.high,
        )
        for one in answers
        for a in [one.answer]
    ]


def _histogram(seconds: Seconds) -> str:
    """The finite ones of these times, encoded."""
    return histograms.encode((seconds[np.isfinite(seconds)] * 1e6).astype(np.int64).tolist())
