"""Lets arms follow streams one after the other, and records each stream as a line of a file."""

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path

from rollup_bench.engines.contract import UNANSWERED, Engine
from rollup_bench.engines.following import follower
from rollup_bench.errors import RequestError
from rollup_bench.harness.follow.arm import Place, Say, UnaskableError, follow, supported
from rollup_bench.harness.follow.killing import Victim, demand_server
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.records.run_log import write
from rollup_bench.harness.records.streams import FOLDER, Followed, Header, Record, Unsupported
from rollup_bench.harness.run.arms import opened
from rollup_bench.harness.run.machine import setting
from rollup_bench.streams import registry
from rollup_bench.workloads.layouts import Layout

KAFKA = "kafka"
"""The broker whose topics some engines read by themselves."""


def run(
    request: Request,
    engines: Sequence[str],
    layouts: Sequence[Layout],
    broker: str,
    via: str,
    home: Path,
    launches: int,
    out: Path | None,
    say: Say,
    victim: Victim | None = None,
) -> tuple[Path, list[Record]]:
    """Measures each engine with each layout `launches` times; returns the file and its lines.

    An arm that fails is recorded with the reason, and the others go on. In each stream, a `victim` is killed;
    RequestError if it cannot be.
    """
    path = _new(home, request.dataset.name, broker) if out is None else out
    if path.exists():
        raise RequestError(f"--out: {path} exists; give another file, or remove it")
    with ExitStack() as stack:
        through = stack.enter_context(registry.running(broker, via, home, say))
        found = stack.enter_context(opened(engines, via, home, say))
        if victim:
            for engine in found:
                demand_server(victim, through, engine)
        bridge = None
        if broker != KAFKA and any(map(_subscribes, found)):
            bridge = stack.enter_context(registry.running(KAFKA, via, home, say))
        place = Place(via, home, through, bridge)
        lines: list[Record] = [header(request, found, broker)]
        for launch in range(launches):
            for engine in found:
                for layout in layouts:
                    lines.append(followed(request, engine, layout, place, launch, say, victim))
                    write(path, lines)
    return path, lines


def _subscribes(engine: Engine) -> bool:
    with suppress(RequestError):  # which is recorded for each of its streams
        return follower(engine).subscribes
    return False


def followed(
    request: Request, engine: Engine, layout: Layout, place: Place, launch: int, say: Say, victim: Victim | None = None
) -> Followed | Unsupported:
    """Lets an arm follow a stream; if it does not support the stream, or fails, the line says why."""
    arm = f"{engine.name}/{layout.name}"
    try:
        plan = supported(request, engine, layout, launch)
    except RequestError as refusal:
        return Unsupported(arm=arm, launch=launch, reason=str(refusal))
    try:
        return follow(request, engine, plan, place, launch, lambda text: say(f"{arm}: {text}"), victim)
    except UNANSWERED as error:
        failed = not isinstance(error, UnaskableError)
        return Unsupported(arm=arm, launch=launch, reason=str(error), failed=failed)


def _new(home: Path, dataset: str, broker: str) -> Path:
    paths = (home / FOLDER / f"{dataset}-{broker}-{number}.jsonl" for number in count(1))
    return next(path for path in paths if not path.exists())


def header(request: Request, engines: Sequence[Engine], broker: str) -> Header:
    """The first line of a file: what is followed, where and how."""
    return Header(
        dataset=request.dataset.name,
        events=request.table.num_rows,
        rate=request.rate,
        live=request.live,
        late=request.late,
        asked=request.asked,
        broker=broker,
        seed=request.seed,
        questions=request.questions,
        **setting(engines),
    )
