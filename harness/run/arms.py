"""Starts servers, connects engines to the servers, and loads layouts; an arm is one engine with one layout."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rollup_bench.engines.contract import UNANSWERED, Engine, Loaded, Plan, Support
from rollup_bench.engines.failures import described, quietly_closed
from rollup_bench.engines.registry import engine_type, recipe
from rollup_bench.engines.tested import newer
from rollup_bench.errors import FailureError, RequestError
from rollup_bench.harness.run import loading
from rollup_bench.servers import UP, Connection, Server, open_server
from rollup_bench.servers.budget import Budget, budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads import answers
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question

Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Arm:
    """An engine and its plan of a layout; `loaded` is None if nothing was loaded, because no question is supported."""

    engine: Engine
    plan: Plan
    loaded: Loaded | None = None
    reused: bool = False

    @property
    def name(self) -> str:
        """The arm's name in tables and in the run's file: `engine/layout`."""
        return f"{self.engine.name}/{self.plan.layout.name}"


@contextmanager
def opened(names: Sequence[str], via: str, home: Path, say: Say) -> Iterator[list[Engine]]:
    """Yields connected engines in the order of `names`; starts servers that are down and stops those at the end."""
    with served(names, via, home, say) as servers, connected(servers, home) as engines:
        warn_untested(engines)
        yield engines


def warn_untested(engines: Iterable[Engine]) -> None:
    """Prints a warning on standard error for each engine newer than its tested version; skips engines that are down."""
    for engine in engines:
        with suppress(FailureError):
            if line := newer(engine):
                print(f"rollup-bench: {line}", file=sys.stderr)


@contextmanager
def served(names: Sequence[str], via: str, home: Path, say: Say) -> Iterator[dict[str, Server | None]]:
    """Yields, by engine, servers that run inside the block; None for an embedded engine, which needs no server."""
    for name in names:
        engine_type(name)
    with ExitStack() as stack:
        servers: dict[str, Server | None] = {}
        for name in names:
            servers[name] = server(name, via, home, budget())
        for opened_server in filter(None, servers.values()):
            stack.enter_context(opened_server.running(Watch(say, UP)))
        yield servers


def server(engine: str, via: str, home: Path, limits: Budget) -> Server | None:
    """Returns the engine's server without starting it; None for an embedded engine, which needs no server."""
    declared = recipe(engine)
    return open_server(declared, via, home, limits) if declared else None


@contextmanager
def connected(servers: Mapping[str, Server | None], home: Path) -> Iterator[list[Engine]]:
    """Yields an engine for each server and closes them after the block; an unexpected error becomes a FailureError."""
    with ExitStack() as stack:
        try:
            yield [
                stack.enter_context(quietly_closed(closing(engine_type(name)(server, home, budget()))))
                for name, server in servers.items()
            ]
        except (*UNANSWERED, OSError):
            raise
        except Exception as error:
            raise FailureError(described(error)) from error


def arm(engine: Engine, layout: Layout, dataset: Dataset, events: Events, home: Path, say: Say) -> Arm:
    """Returns the arm of an engine and a layout; loads the layout unless the engine still stores an earlier load."""
    return load(engine, engine.plan(dataset, layout, events.statistics), events, home, say)


def load(engine: Engine, plan: Plan, events: Events, home: Path, say: Say, spark: Connection | None = None) -> Arm:
    """Returns the arm of an engine and a plan; loads the plan unless the engine still stores an earlier load.

    With `spark`, tasks of Spark load the parts of an engine that divides loads.
    """
    limit = loading.time_limit(events.statistics.rows)
    watch = Watch(lambda text: say(f"{engine.name}: loading {text}"), limit)
    loaded, reused = loading.ensure(engine, plan, events, home, watch, spark)
    return Arm(engine, plan, loaded, reused)


def ask(
    dataset: Dataset, events: Events, engine: str, layout: Layout, question: Question, via: str, home: Path, say: Say
) -> tuple[pa.Table, Arm]:
    """Returns an engine's answer and the arm; loads the layout if needed; RequestError if the question is refused."""
    answers.schema(question, events.statistics.schema)
    with opened([engine], via, home, say) as (opened_engine,):
        plan, _ = supported(opened_engine, dataset, events, layout, question)
        loaded = load(opened_engine, plan, events, home, say)
        with quietly_closed(opened_engine.session(plan)) as session:
            return session.ask(question), loaded


def supported(
    engine: Engine, dataset: Dataset, events: Events, layout: Layout, question: Question
) -> tuple[Plan, Support]:
    """Returns the engine's plan of the layout and its support; raises RequestError if the question is not supported."""
    plan = engine.plan(dataset, layout, events.statistics)
    support = engine.support(question, plan)
    if support.where is None:
        raise RequestError(f"{engine.name} does not support this question on layout {layout.name}: {support.reason}")
    return plan, support
