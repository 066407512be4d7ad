"""Measures how the processor time of a request grows with the number of events, by question, engine and layout.

`python -m experiments.growth --engines duckdb,druid,cassandra --layouts raw,day,tuned`. Games of nine sizes are loaded,
and questions are asked of all sizes in a mixed order, so that a change in the machine's speed affects every size. Then
every size is loaded and measured again. Questions are asked over all ten years and, for the fixed cost, over ten years
without events. Each cell is a line of the file `--out`, which is written when all sizes of a load are measured; the
same command, started again, measures the cells that the file lacks. `python -m experiments.growth_report FILE` prints
the file again and draws it.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
import numpy as np

from experiments.growth_questions import ALL_YEARS, NO_EVENTS, QUESTIONS, over
from rollup_bench.engines.contract import Engine, Plan, Session
from rollup_bench.engines.failures import quietly_closed, reason
from rollup_bench.errors import RequestError
from rollup_bench.harness.cli.options import engines_option, layouts_of, layouts_option, out_option, via_option
from rollup_bench.harness.records.growth import Asked, Cell, read
from rollup_bench.harness.records.kinds import RIGHT, Kind
from rollup_bench.harness.records.run_log import append, drop_incomplete_line
from rollup_bench.harness.report.growth import growth_tables
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run import loading
from rollup_bench.harness.run.admission import check
from rollup_bench.harness.run.arms import Arm, Say
from rollup_bench.harness.run.circuit_breaker import CircuitBreaker
from rollup_bench.harness.run.costs import gauge
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.machine import scope
from rollup_bench.harness.run.request import answers
from rollup_bench.harness.run.rounds import TimedQuestion, alone
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import Layout

ROWS = tuple(50_000 * 2**doublings for doublings in range(9))
LOADS = 2
SEED = 1
SECONDS = 1.0
PASSES = 4
"""A question is asked in so many parts of `--seconds`, because a machine changes its speed.

One more part warms up. If it takes `--seconds` or more, it is the measurement.
"""
SPANS = {"span": ALL_YEARS, "empty": NO_EVENTS}
"""The two spans by the field of a cell that holds their times."""


class Work(NamedTuple):
    """Cells of one arm at a size and a load: an engine, a layout, and names of questions."""

    engine: Engine
    layout: Layout
    names: Sequence[str]

    @property
    def arm(self) -> str:
        """The name of the arm."""
        return f"{self.engine.name}/{self.layout.name}"


class Opened(NamedTuple):
    """An arm with its missing cells; `session` is None if the arm supports none of their questions."""

    work: Work
    arm: Arm
    session: Session | None


@dataclass
class Timed:
    """A cell that an arm answers right, while it is timed; `asked` has what was asked so far, by span."""

    opened: Opened
    cell: Cell
    asked: dict[str, Asked] = field(default_factory=dict)
    failed: str = ""

    def ask(self, span: str, seconds: float) -> None:
        """Asks the question over a span for `seconds`, but at least once; after an error, it is not asked again."""
        (_, arm, session), name = self.opened, self.cell.question
        if self.failed or session is None:
            return
        question = over(name, SPANS[span])
        timed = TimedQuestion(name, (arm.name,), arm.name, lambda: question)
        try:
            cost = alone(timed, arm.name, session.ask, 0, seconds, gauge(arm.engine.server), least=1)
        except Exception as error:  # any error of an engine fails only this cell
            self.failed = reason(error)
        else:
            self.asked[span] = self.asked.get(span, Asked()).plus(cost.questions, cost.spent)

    def lacks(self, span: str, seconds: float) -> bool:
        """Whether the question must still be asked over a span, for `seconds` in total."""
        return not self.failed and self.asked.get(span, Asked()).wall < seconds

    def forget_warm_up(self, seconds: float) -> None:
        """Forgets the requests over each span whose warm-up took less than `seconds`."""
        self.asked = {span: asked for span, asked in self.asked.items() if asked.wall >= seconds}

    @property
    def done(self) -> Cell:
        """The cell with its times, or as failed."""
        if self.failed:
            return msgspec.structs.replace(self.cell, verdict=Kind.FAILED, reason=self.failed)
        return msgspec.structs.replace(self.cell, **self.asked)


@dataclass(frozen=True)
class Size:
    """One size and load: its arms are loaded, and their answers checked."""

    rows: int
    load: int
    out: Path
    say: Say

    def checked(self, stack: ExitStack, missing: Sequence[Work]) -> list[Timed]:
        """Loads arms until the stack closes; returns the right cells, and appends all others to the file."""
        game = msgspec.structs.replace(datasets.read("game").sized(self.rows, SEED), questions=dict(QUESTIONS))
        prepared = event_store.prepare(game, home(), self.say)
        opened = []
        for work in missing:
            try:
                plan = work.engine.plan(game, work.layout, prepared.statistics)
                opened.append(Opened(work, *self._open(stack, work, plan, prepared)))
            except RequestError:
                raise
            except Exception as error:  # any error of an engine fails only its arm
                for name in work.names:
                    append(self.out, self._cell(work, name, Kind.FAILED, reason(error)))
        return [timed for name in QUESTIONS for timed in self._right(name, opened, prepared)]

    def _open(self, stack: ExitStack, work: Work, plan: Plan, prepared: Events) -> tuple[Arm, Session | None]:
        """Loads a plan anew until the stack closes, unless the engine supports none of the questions."""
        unloaded = Arm(work.engine, plan)
        if not any(answers(unloaded, over(name, ALL_YEARS)) for name in work.names):
            return unloaded, None
        arm = stack.enter_context(_loaded(work.engine, plan, prepared, self._say))
        session = stack.enter_context(quietly_closed(work.engine.session(plan)))
        return arm, CircuitBreaker(session, work.engine.server)

    def _right(self, name: str, opened: Sequence[Opened], prepared: Events) -> Iterator[Timed]:
        """Compares the answers over both spans with the truth; yields cells to time, and appends the others."""
        asked = [one for one in opened if name in one.work.names]
        self._say(f"checking {name}")
        whole, empty = (
            [check(one.arm, one.session, over(name, span), prepared) for one in asked] for span in SPANS.values()
        )
        for one, first, second in zip(asked, whole, empty, strict=True):
            verdict = first.verdict
            if verdict.kind in RIGHT and second.verdict.kind not in RIGHT:
                verdict = replace(second.verdict, reason=f"without events, {second.verdict.reason}")
            cell = self._cell(one.work, name, verdict.kind, verdict.reason)
            cell = msgspec.structs.replace(cell, where=first.support.where or "", groups=first.rows or 0)
            if cell.verdict in RIGHT:
                yield Timed(one, cell)
            else:
                append(self.out, cell)

    def _cell(self, work: Work, name: str, verdict: Kind, why: str) -> Cell:
        return Cell(
            arm=work.arm,
            question=name,
            rows=self.rows,
            load=self.load,
            scope=scope([work.engine], budget()),
            verdict=verdict,
            reason=why,
        )

    def _say(self, text: str) -> None:
        self.say(f"{self.rows:,} events, load {self.load + 1} of {LOADS}: {text}")


@contextmanager
def _loaded(engine: Engine, plan: Plan, prepared: Events, say: Say) -> Iterator[Arm]:
    """Loads a plan anew, and drops the load after the block."""
    loading.drop(engine, plan, home())
    try:
        yield running.load(engine, plan, prepared, home(), say)
    finally:
        with suppress(Exception):  # if the engine is down, the load stays; the other arms are measured
            loading.drop(engine, plan, home())


def measure(
    engines: Sequence[Engine],
    layouts: Sequence[Layout],
    names: Sequence[str],
    sizes: Sequence[int],
    seconds: float,
    out: Path,
    say: Say,
) -> None:
    """Measures the cells that the file `out` lacks: those of all sizes, and then again with new loads."""
    _check_processor(engines)
    _check_file(engines, out)
    work = [Work(engine, layout, names) for engine in engines for layout in layouts]
    for load in range(LOADS):
        with ExitStack() as stack:
            right = list[Timed]()
            for rows in sorted(set(sizes)):
                if missing := _missing(work, rows, load, out):
                    right += Size(rows, load, out, say).checked(stack, missing)
            _time(right, seconds, np.random.default_rng([SEED, load]), say)
            for one in right:
                append(out, one.done)


def _missing(work: Sequence[Work], rows: int, load: int, out: Path) -> list[Work]:
    """The cells that the file lacks at a size and a load, or holds as failed."""
    cells = [one for one in read(out) if (one.rows, one.load) == (rows, load) and one.verdict != Kind.FAILED]
    held = {(one.arm, one.question) for one in cells}
    missing = [each._replace(names=[name for name in each.names if (each.arm, name) not in held]) for each in work]
    return [each for each in missing if each.names]


def _time(right: Sequence[Timed], seconds: float, rng: np.random.Generator, say: Say) -> None:
    """Asks all cells of all sizes over both spans in passes, each in a random order.

    The warm-up asks those of the smallest size first, since a server that has just been started is still slow.
    """
    say("warming up")
    for one, span in product(right, SPANS):
        one.ask(span, seconds / PASSES)
    for one in right:
        one.forget_warm_up(seconds)
    while lacking := [(one, span) for one, span in product(right, SPANS) if one.lacks(span, seconds)]:
        say(f"timing {len(lacking)} questions over a span")
        for place in rng.permutation(len(lacking)):
            one, span = lacking[place]
            one.ask(span, seconds / PASSES)


def _check_processor(engines: Sequence[Engine]) -> None:
    """Raises RequestError if the processor time of a server cannot be read."""
    for engine in engines:
        if engine.server is not None and gauge(engine.server).processor() is None:
            raise RequestError(f"--via: the processor time of {engine.name}'s server is unknown; use --via native")


def _check_file(engines: Sequence[Engine], out: Path) -> None:
    """Makes the file ready for more cells; RequestError if it has cells of another version or budget of an engine."""
    out.parent.mkdir(parents=True, exist_ok=True)
    out.touch()
    now = {engine.name: scope([engine], budget()) for engine in engines}
    for cell in read(out):
        engine = cell.arm.partition("/")[0]
        if now.get(engine, cell.scope) != cell.scope:
            differs = f"holds cells of `{cell.scope}`, but now it is `{now[engine]}`"
            raise RequestError(f"{out}: {differs}; name another file with --out")
    drop_incomplete_line(out, b'{"record":"growth"', "experiments.growth")


def _names(_context: click.Context, _option: click.Parameter, value: str) -> list[str]:
    names = list(dict.fromkeys(value.split(",")))
    if unknown := [name for name in names if name not in QUESTIONS]:
        raise click.BadParameter(f"`{unknown[0]}` is not a question; the questions are {', '.join(QUESTIONS)}")
    return names


@click.command(context_settings={"max_content_width": 110})
@engines_option
@layouts_option
@click.option(
    "--questions",
    "names",
    default=",".join(QUESTIONS),
    callback=_names,
    metavar="A,B",
    help="Questions; all if left out.",
)
@click.option(
    "--rows", multiple=True, type=click.IntRange(1), default=ROWS, show_default=True, help="Events of a game."
)
@click.option(
    "--seconds",
    type=click.FloatRange(0, min_open=True),
    default=SECONDS,
    show_default=True,
    help="How long a question is asked over a span.",
)
@via_option
@out_option(help="The file of the cells, as JSON lines; growth.jsonl under the home if not given.")
def growth(
    engines: list[str],
    layouts: list[str],
    names: list[str],
    rows: tuple[int, ...],
    seconds: float,
    via: str,
    out: Path | None,
) -> None:
    """Measures how processor time grows with events, and prints it; exits with 1 if the figures are not good enough."""
    out = out or home() / "growth.jsonl"
    chosen = layouts_of(datasets.read("game"), layouts)
    with progress() as say, running.opened(engines, via, home(), say) as opened:
        measure(opened, chosen, names, rows, seconds, out, say)
    sys.exit(not growth_tables(read(out), console()))


if __name__ == "__main__":
    ended(lambda: growth(standalone_mode=False))
