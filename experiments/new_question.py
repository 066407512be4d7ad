"""A question that is added after the load: what each engine still needs until it answers it.

By hand: `python -m experiments.new_question --engines duckdb,druid,cassandra --rows 1000000`. The game is loaded `raw`;
then come an aggregate and a cohort that it does not have. Each is asked on `raw` as it is, which takes nothing more,
and on a plan of its own, `tuned` to it alone, made and filled from the events now: all that is created for it and
nothing else. Where that would be `raw` again, nothing is made. Every answer is held against the truth; the right
ones are timed in mirrored rounds. Printed too is what an engine says of the plan tuned to the other questions.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import date

import click
import msgspec
from rich import box
from rich.table import Table
from rich.text import Text

from rollup_bench.engines.contract import Engine
from rollup_bench.harness.cli.options import engines_option, rows_option, seed_option, via_option
from rollup_bench.harness.report.payoff import payoff
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.arms import Cell, Say
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.machine import NOT_MEASURED, scope
from rollup_bench.harness.run.verdicts import Kind
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import RAW, TUNED
from rollup_bench.workloads.templates import Template, template

NEW = (
    {
        "name": "long-fights",
        "story": "A designer asks, after years of play, in which role and country fights take longest, week by week.",
        "kind": "aggregate",
        "grain": "week",
        "by": ["role", "country"],
        "measures": ["count()", "sum(seconds)", "max(seconds)"],
        "where": {"action": "fight"},
        "parameters": {"start": date(2023, 1, 2), "end": date(2024, 1, 1)},
    },
    {
        "name": "faithful-questers",
        "story": "A writer asks how many who took a first quest take another in each of the eight weeks after.",
        "kind": "cohort",
        "grain": "month",
        "age": {"unit": "week", "count": 8},
        "birth": {"action": "quest"},
        "returns": {"action": "quest"},
        "until": "$until",
        "parameters": {"start": date(2023, 1, 1), "end": date(2023, 10, 1), "until": date(2024, 1, 1)},
    },
)


def added(engines: Sequence[Engine], game: Dataset, kept: Events, new: Template, say: Say) -> list[Cell]:
    """The question on raw, which is there, and on tables of its own, filled now; of each engine in turn."""
    only = msgspec.structs.replace(game, questions={new.name: new})
    question = new.fill()
    arms = running.arms(engines, [RAW], kept, only, home(), say)
    for engine in [arm.engine for arm in arms]:
        plan = engine.plan(only, only.layout(TUNED), kept.shape)
        if plan.text != engine.plan(only, only.layout(RAW), kept.shape).text:
            engine.drop(plan)
            arms += running.arms([engine], [TUNED], kept, only, home(), say)
    arms.sort(key=lambda arm: engines.index(arm.engine))
    with ExitStack() as stack:
        sessions = {arm.name: stack.enter_context(arm.engine.session(arm.plan)) for arm in arms}
        say(f"checking {new.name}")
        cells = [running.asked(arm, sessions[arm.name], new.name, question, kept) for arm in arms]
        running.timed(cells, sessions, {new.name: question}, say)
    return cells


def elsewhere(engines: Sequence[Engine], game: Dataset, kept: Events, new: Template) -> Iterator[str]:
    """What engines say of the question on the plan tuned to the game's other questions; nothing is asked."""
    for engine in engines:
        said = engine.support(new.fill(), engine.plan(game, game.layout(TUNED), kept.shape))
        yield f"{engine.name}, tuned to others: {said.where or 'unsupported'}{said.reason and f', {said.reason}'}"


def _rows(cells: Sequence[Cell]) -> Iterator[tuple[str, ...]]:
    for cell in cells:
        arm, loaded = cell.arm, cell.arm.loaded
        as_it_is = arm.plan.layout.name == RAW
        needs = ("none", "none") if as_it_is or loaded is None else (f"{loaded.seconds:.1f}", _bytes(loaded.bytes))
        median = "" if cell.median is None else f"{cell.median * 1000:.1f}"
        paid = payoff(arm, cells)
        after = "" if paid is None else "never" if paid.after is None else f"{paid.after:,}"
        place = "raw, as it is" if as_it_is else "a plan of its own"
        yield arm.engine.name, place, *needs, cell.verdict.kind.value, median, cell.support.where or "", after


def _bytes(size: int | None) -> str:
    return "unknown" if size is None else f"{size:,}"


def _table(cells: Sequence[Cell]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in ("engine", "where"):
        table.add_column(heading, no_wrap=True)
    for heading in ("seconds more", "bytes more"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    table.add_column("median ms", justify="right", no_wrap=True)
    table.add_column("aggregated", no_wrap=True)
    table.add_column("pays after", justify="right", no_wrap=True)
    for row in _rows(cells):
        table.add_row(*row)
    return table


@click.command()
@engines_option
@rows_option
@seed_option
@via_option
def new_question(engines: list[str], rows: int | None, seed: int | None, via: str) -> None:
    """Shows what a question costs that nobody foresaw; ends with 1 where an answer was not right."""
    game = datasets.read("game").sized(rows, seed)
    with progress() as say, running.opened(engines, via, home(), say) as there:
        kept = events.prepare(game, home(), say)
        asked = [template(raw, "UTC") for raw in NEW]
        found = [(new, added(there, game, kept, new, say), list(elsewhere(there, game, kept, new))) for new in asked]
        line = scope(there, running.budget())
    screen = console()
    screen.print(f"[bold]A question added after the load of {kept.shape.rows:,} events[/bold]")
    screen.print(Text(f"{line}; {NOT_MEASURED}", style="dim"))
    for new, cells, others in found:
        screen.print(Text(f"{new.name}: {new.story}"))
        screen.print(_table(cells))
        screen.print(Text("\n".join(others)))
        for cell in cells:
            if cell.verdict.reason:
                screen.print(Text(f"{cell.arm.name}: {cell.verdict.kind}: {cell.verdict.reason}"))
    sys.exit(any(cell.verdict.kind in (Kind.WRONG, Kind.FAILED) for _, cells, _ in found for cell in cells))


if __name__ == "__main__":
    ended(lambda: new_question(standalone_mode=False))
