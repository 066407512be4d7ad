"""Lets arms follow streams one after the other, and records each stream as a line of a file."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import count
from pathlib import Path

import msgspec

from rollup_bench.engines.contract import UNANSWERED, Engine
from rollup_bench.engines.source import adapter_hash
from rollup_bench.errors import RequestError
from rollup_bench.harness.follow.arm import Say, follow
from rollup_bench.harness.follow.request import Request
from rollup_bench.harness.records.streams import Followed, Header, Record, Unsupported
from rollup_bench.harness.run.arms import opened
from rollup_bench.harness.run.machine import NOT_MEASURED, machine, scope
from rollup_bench.servers import UP, open_server
from rollup_bench.servers.budget import budget
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry
from rollup_bench.streams.contract import Broker
from rollup_bench.workloads.layouts import Layout


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
) -> tuple[Path, list[Record]]:
    """Measures each engine with each layout `launches` times; returns the file and its lines.

    An arm that fails is recorded with the reason, and the others go on.
    """
    path = _new(home, request.dataset.name, broker) if out is None else out
    if path.exists():
        raise RequestError(f"--out: {path} exists; give another file, or remove it")
    with ExitStack() as stack:
        server = open_server(registry.recipe(broker), via, home, budget())
        stack.enter_context(server.running(Watch(say, UP)))
        found = stack.enter_context(opened(engines, via, home, say))
        client = registry.broker(broker, server.connection)
        lines: list[Record] = [header(request, found, broker)]
        for launch in range(launches):
            for engine in found:
                for layout in layouts:
                    lines.append(_followed(request, engine, layout, client, launch, say))
                    _write(path, lines)
    return path, lines


def _followed(
    request: Request, engine: Engine, layout: Layout, broker: Broker, launch: int, say: Say
) -> Followed | Unsupported:
    arm = f"{engine.name}/{layout.name}"
    try:
        return follow(request, engine, layout, broker, launch, lambda text: say(f"{arm}: {text}"))
    except UNANSWERED as error:
        return Unsupported(arm=arm, launch=launch, reason=str(error))


def _write(path: Path, lines: Sequence[Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    part.replace(path)


def _new(home: Path, dataset: str, broker: str) -> Path:
    paths = (home / "streams" / f"{dataset}-{broker}-{number}.jsonl" for number in count(1))
    return next(path for path in paths if not path.exists())


def header(request: Request, engines: Sequence[Engine], broker: str) -> Header:
    """The first line of a file: what is followed, where and how."""
    limits = budget()
    return Header(
        dataset=request.dataset.name,
        events=request.table.num_rows,
        rate=request.rate,
        live=request.live,
        late=request.late,
        asked=request.asked,
        broker=broker,
        seed=request.seed,
        machine=machine(),
        versions={engine.name: engine.version for engine in engines} | {"rollup-bench": version("rollup-bench")},
        budget={"cores": limits.cores, "memory": limits.memory},
        scope=[scope(engines, limits), NOT_MEASURED],
        adapters={engine.name: adapter_hash(engine.name) for engine in engines},
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
