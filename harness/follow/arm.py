"""Lets one engine with one layout follow a stream while it is asked."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np

from rollup_bench.engines.contract import UNANSWERED, Engine, Plan, demand
from rollup_bench.engines.following import Follower, follower
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.follow.answers import Answer, Judged, judged
from rollup_bench.harness.follow.asking import Schedule
from rollup_bench.harness.follow.killing import Victim, killing
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.follow.sending import Outlet, Sending, sending
from rollup_bench.harness.follow.store import Begin, Phase, Task
from rollup_bench.harness.follow.stream import Stream, encoded
from rollup_bench.harness.follow.usage import Usage
from rollup_bench.harness.follow.watching import Watching
from rollup_bench.harness.records.streams import Asked, Followed, Kill
from rollup_bench.harness.run.verdicts import check
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.freshness import Seconds
from rollup_bench.servers import Server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry
from rollup_bench.streams.contract import PATIENCE
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.measures import Function, Measure
from rollup_bench.workloads.questions import Aggregate, Question
from rollup_bench.workloads.truth.prefixes import Prefixes, numbered

AHEAD, ENCODED = 4.0, 50_000
"""Seconds that are needed before a stream starts, and the events that are made ready in each further one."""


class UnaskableError(RequestError):
    """No question about a plan can be asked while its stream is written, however often it is tried."""


ALL = "all events"
"""The name of the question that counts the events at the end."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Place:
    """Where streams go: how engines are reached, the broker and, for engines that read only Kafka, a Kafka."""

    via: str
    home: Path
    broker: Server
    bridge: Server | None = None


@dataclass(frozen=True)
class Asks:
    """The questions that a plan supports, and the right answers to those that are asked while a stream is written.

    `left_out` says why the others are only asked at the end. `count` counts all events, if the plan supports that.
    """

    questions: Mapping[str, Question]
    prefixes: Mapping[str, Prefixes]
    left_out: dict[str, str]
    count: Question | None


@dataclass(frozen=True)
class Ready:
    """A stream that can start, at an instant of `time.monotonic`, what is asked about it, and its sender."""

    start: float
    stream: Stream
    asks: Asks
    sender: Sending


@dataclass(frozen=True)
class Seen:
    """What happened: when messages were sent and acknowledged, by `time.monotonic`, what was used, and the answers."""

    sent: Seconds
    acknowledged: Seconds
    message_bytes: int
    usage: Usage
    kill: Kill | None
    whole: float | None  # when the stream was stored whole
    answers: Mapping[Phase, list[Answer]]


def supported(request: Request, engine: Engine, layout: Layout, launch: int) -> Plan:
    """The plan whose tables a stream can fill; RequestError if the engine or the layout follows no stream."""
    plan = engine.plan(request.dataset, layout, request.declared(launch))
    demand(follower(engine).support(plan))
    return plan


def follow(
    request: Request, engine: Engine, plan: Plan, place: Place, launch: int, say: Say, victim: Victim | None = None
) -> Followed:
    """Sends a stream through a broker into a plan that supports it, asks meanwhile, and judges all answers.

    A `victim` is killed at a random instant and started again. RequestError or FailureError if something fails. The
    tables are dropped.
    """
    follows, arm = follower(engine), f"{engine.name}/{plan.layout.name}"
    bridge = place.bridge if follows.subscribes else None
    kill = None
    if victim:
        rng = np.random.default_rng([request.seed, launch, crc32(arm.encode())])
        kill = killing(victim, place.broker, engine, request.table.num_rows / request.rate, rng)
    outlet = Outlet(place.broker.name, place.broker.connection, plan.name)
    rows = request.table.num_rows
    task = Task(
        engine.name,
        place.via,
        place.home,
        budget(),
        plan,
        outlet,
        bridge.connection if bridge else None,
        rows,
        rows / request.rate,
    )
    try:
        with ExitStack() as stack:
            for server in filter(None, (place.broker, bridge)):
                stack.enter_context(registry.broker(server.name, server.connection).created(outlet.topic))
            say("starting the follower")
            watching = stack.enter_context(closing(Watching(task, kill)))
            say("making the stream ready")
            ready = stack.enter_context(_ready(request, engine, plan, outlet, launch, AHEAD + rows / ENCODED))
            seen = _seen(request, watching, ready, _servers(engine, place, bridge, victim), say)
    except BaseException:
        with suppress(*UNANSWERED):  # the first error is the reason
            _clean(follows, engine, plan)
        raise
    _clean(follows, engine, plan)
    say("checking the answers")
    return _line(arm, launch, bridge is not None, ready, seen)


def _clean(follows: Follower[Engine], engine: Engine, plan: Plan) -> None:
    follows.stop(plan)
    engine.drop(plan)


@contextmanager
def _ready(request: Request, engine: Engine, plan: Plan, outlet: Outlet, launch: int, ahead: float) -> Iterator[Ready]:
    """A stream that starts in at most `ahead` seconds; if it is not ready then, it is made again for a later start.

    FailureError if it is not ready in four times as many seconds.
    """
    for longer in (1, 2, 4):
        start, stream = time.monotonic() + longer * ahead, request.stream(time.time() + longer * ahead, launch)
        asks = _asks(request, engine, plan, stream)
        with sending(outlet, encoded(stream.events), stream.rate) as sender:
            if time.monotonic() < start:
                yield Ready(start, stream, asks, sender)
                return
    raise FailureError("the stream was not ready in time; ask fewer questions, or send fewer events")


def _asks(request: Request, engine: Engine, plan: Plan, stream: Stream) -> Asks:
    """The questions about a stream; UnaskableError if none can be asked while it is written."""
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
        raise UnaskableError(f"no question can be asked of layout {plan.layout.name} while its stream is written")
    count = Aggregate(stream.days, (Measure(Function.COUNT),))
    return Asks(supported, prefixes, left_out, count if engine.support(count, plan).where is not None else None)


def _servers(engine: Engine, place: Place, bridge: Server | None, victim: Victim | None) -> dict[str, Server]:
    """The servers whose processor time is sampled: all but a victim's, which loses its time."""
    found = {"engine": engine.server, "broker": place.broker, "bridge": bridge}
    return {name: server for name, server in found.items() if server and name != victim}


def _seen(request: Request, watching: Watching, ready: Ready, servers: Mapping[str, Server], say: Say) -> Seen:
    asks, sender = ready.asks, ready.sender
    questions = {**asks.questions, **({ALL: asks.count} if asks.count else {})}
    schedule = Schedule(ready.start, 1 / request.asked, list(asks.prefixes), request.seed)
    say(f"following for {ready.stream.seconds:.0f} s")
    sender.start(ready.start)
    usage = Usage(servers)
    watching.run(Begin(schedule, questions), sender, usage, say)
    sender.wait(Watch(seconds=PATIENCE))
    return Seen(sender.sent, sender.acknowledged, sender.size, usage, watching.kill, watching.whole, watching.answers)


def _line(arm: str, launch: int, bridged: bool, ready: Ready, seen: Seen) -> Followed:
    start, stream, asks = ready.start, ready.stream, ready.asks
    due = start + stream.due
    final = {answer.question: answer for answer in seen.answers[Phase.FINAL]}
    verdicts = {name: _verdict(question, final[name], stream) for name, question in asks.questions.items()}
    if ALL in final and final[ALL].table is None:
        verdicts[ALL] = f"failed: {final[ALL].error}"
    whole = np.inf if seen.whole is None else seen.whole
    failed = [one for one in seen.answers[Phase.WRITTEN] if one.table is None and one.asked < whole]
    return Followed(
        arm=arm,
        launch=launch,
        answers=_asked(judged(seen.answers[Phase.WRITTEN], asks.prefixes, seen.sent), start),
        quiet=_asked(judged(seen.answers[Phase.QUIET], asks.prefixes, seen.sent), start),
        final=verdicts,
        stored=_count(final[ALL]) if ALL in final else None,
        left_out=asks.left_out,
        failures=Counter(answer.error for answer in failed),
        sent=histogram(seen.sent - due),
        published=histogram(seen.acknowledged - due),
        processor=seen.usage.processor,
        written=seen.usage.written,
        message_bytes=seen.message_bytes,
        resident=seen.usage.resident,
        bridged=bridged,
        kill=seen.kill,
        whole=None if seen.whole is None else round(seen.whole - start, 6),
    )


def _verdict(question: Question, answer: Answer, stream: Stream) -> str:
    """The verdict on the answer to a question about the whole stream, and its reason."""
    if answer.table is None:
        return f"failed: {answer.error}"
    found = check(question, answer.table, stream.events)
    return f"{found.kind}: {found.reason}" if found.reason else str(found.kind)


def _count(answer: Answer) -> int | None:
    return None if answer.table is None else int(sum(answer.table["count()"].to_pylist()))


def _asked(answers: Sequence[Judged], start: float) -> list[Asked]:
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


def histogram(seconds: Seconds) -> str:
    """The finite ones of these times, encoded."""
    return histograms.encode((seconds[np.isfinite(seconds)] * 1e6).astype(np.int64).tolist())
