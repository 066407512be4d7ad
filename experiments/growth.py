"""Measures how the time of each core question grows with the number of events, by engine and layout.

`python -m experiments.growth --engines duckdb,druid,cassandra --layouts raw,day,tuned`. Games of several sizes are
loaded, and each question is asked over the last four weeks, the last year and all ten years. Every answer is compared
with the truth first. Then all questions over all spans and sizes are asked of all arms in ABBA order, each of them for
half a second, but at least twice and at most 20 times.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path

import click
import msgspec
import numpy as np

from experiments import growth_report
from rollup_bench.engines.contract import Engine, Session
from rollup_bench.errors import FailureError
from rollup_bench.harness.cli.options import engines_option, layouts_of, layouts_option, out_option, via_option
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.admission import check
from rollup_bench.harness.run.arms import Say
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.machine import NOT_MEASURED, scope
from rollup_bench.harness.run.verdicts import RIGHT, Judgement, Kind
from rollup_bench.harness.stats.abba import abba
from rollup_bench.servers.budget import budget
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question, Span
from rollup_bench.workloads.templates import Template
from rollup_bench.workloads.truth.selection import within

ROWS = (250_000, 1_000_000, 3_000_000)
END = date(2024, 1, 1)
SPANS = {"a month": date(2023, 12, 4), "a year": date(2023, 1, 2), "ten years": date(2014, 1, 6)}
"""The first day of each span. Spans consist of whole weeks, so that tables by day or by week can answer."""
GRAINS = {"ten-years": "day", "prices-paid": "week"}
"""The grain that replaces the grain of a question whose buckets do not divide four weeks."""
CORE = {
    "ten-years": "counts and sums by day and action",
    "rollup-of-a-day": "subtotals over three dimensions",
    "top-spenders": "the top hundred of all players",
    "daily-players": "exact distinct players by day",
    "prices-paid": "exact quantiles by week",
    "one-item": "one item's weeks",
    "first-two-weeks": "retention of each week's newcomers",
    "first-day-purchase": "a funnel within a day",
}
SEED = 1
SECONDS = 0.5
"""How many seconds a question is asked of an arm over a span."""
REQUESTS = (2, 20)
"""The smallest and the largest number of times that a question is asked of an arm over a span."""


@dataclass
class Timed:
    """A question over a span that an arm answered right, while its requests are timed."""

    cell: growth_report.Cell
    session: Session
    question: Question
    most: float  # seconds
    failed: str = ""
    seconds: list[float] = field(default_factory=list)

    def ask(self) -> None:
        """Asks the question once and records the seconds, or the failure, after which the arm is not asked again."""
        began = time.perf_counter()
        try:
            self.session.ask(self.question)
            self.seconds.append(time.perf_counter() - began)
        except FailureError as error:
            self.failed = str(error)

    @property
    def enough(self) -> bool:
        """True after a failure, after 20 requests, or after `most` seconds and 2 requests."""
        least, most = REQUESTS
        requests = len(self.seconds)
        return bool(self.failed) or requests >= most or (requests >= least and sum(self.seconds) >= self.most)

    @property
    def done(self) -> growth_report.Cell:
        """The result of the question on the arm: the seconds of its requests, or the verdict `failed`."""
        if self.failed:
            return msgspec.structs.replace(self.cell, verdict=Kind.FAILED.value, reason=self.failed)
        return msgspec.structs.replace(self.cell, seconds=self.seconds)


def measure(
    engines: Sequence[Engine],
    layouts: Sequence[Layout],
    names: Sequence[str],
    sizes: Sequence[int],
    seconds: float,
    say: Say,
) -> list[growth_report.Cell]:
    """Checks each question over each span on each arm, times those answered right together, and returns all results."""
    game = datasets.read("game")
    game = msgspec.structs.replace(game, questions={name: _grained(game.question(name)) for name in names})
    with ExitStack() as stack:
        cells: list[growth_report.Cell | Timed] = []
        for rows in sizes:
            sized = game.sized(rows, SEED)
            prepared = events.prepare(sized, home(), say)
            checked = _checked(stack, engines, layouts, sized, prepared, say)
            cells += [one if isinstance(one, growth_report.Cell) else Timed(*one, seconds) for one in checked]
        _time([one for one in cells if isinstance(one, Timed)], say)
    return [one.done if isinstance(one, Timed) else one for one in cells]


def _checked(
    stack: ExitStack, engines: Sequence[Engine], layouts: Sequence[Layout], game: Dataset, prepared: Events, say: Say
) -> Iterator[growth_report.Cell | tuple[growth_report.Cell, Session, Question]]:
    """Loads one game and checks each question over each span on each arm; yields right results with sessions."""
    compared, lost = [], {}
    for engine, layout in product(engines, layouts):
        try:
            arm = running.arm(engine, layout, game, prepared, home(), say)
            compared.append((arm, stack.enter_context(engine.session(arm.plan))))
        except FailureError as error:
            lost[f"{engine.name}/{layout.name}"] = str(error)
    counts = _counts(prepared)
    for (name, template), span in product(game.questions.items(), SPANS):
        say(f"{prepared.statistics.rows:,} rows: checking {name} over {span}")
        question = over(template, SPANS[span])
        about = (name, CORE.get(name, ""), prepared.statistics.rows, span, counts[span])
        for failed, reason in lost.items():
            yield _cell(about, failed, Judgement(Kind.FAILED, reason))
        for arm, session in compared:
            one = check(arm, session, question, prepared)
            cell = _cell(about, arm.name, one.verdict, one.support.where or "")
            yield (cell, session, question) if one.verdict.kind in RIGHT else cell


def _cell(about: tuple[str, str, int, str, int], arm: str, verdict: Judgement, where: str = "") -> growth_report.Cell:
    question, asks, rows, span, count = about
    return growth_report.Cell(
        question=question,
        asks=asks,
        arm=arm,
        rows=rows,
        span=span,
        events=count,
        verdict=verdict.kind.value,
        where=where,
        reason=verdict.reason,
        seconds=[],
    )


def over(template: Template, start: date) -> Question:
    """Returns a question from a day to the end of the game; a cohort also observes its subjects until that end."""
    values = {"start": start, "end": END, "until": END}
    return template.fill({name: value for name, value in values.items() if name in template.parameters})


def _grained(template: Template) -> Template:
    grain = {"grain": GRAINS[template.name]} if template.name in GRAINS else {}
    return msgspec.structs.replace(template, body=template.body | grain)


def _counts(prepared: Events) -> dict[str, int]:
    """Returns the number of events in each span."""
    time = prepared.columns.time.name
    spans = {
        name: Span(*(datetime(d.year, d.month, d.day, tzinfo=UTC) for d in (start, END)))
        for name, start in SPANS.items()
    }
    counts = dict.fromkeys(SPANS, 0)
    for batch in prepared.batches([time]):
        for name, span in spans.items():
            counts[name] += within(batch, time, span).num_rows
    return counts


def _time(cells: Sequence[Timed], say: Say) -> None:
    """Asks all questions of their arms in rounds of ABBA order, until each was asked often or long enough."""
    rng, going, rounds = np.random.default_rng(SEED), list(cells), 0
    while going:
        rounds += 1
        for place in abba([str(number) for number in range(len(going))], rng):
            say(f"round {rounds}: {len(going)} of {len(cells)} questions on arms")
            if not going[int(place)].enough:
                going[int(place)].ask()
        going = [one for one in going if not one.enough]


@click.command(context_settings={"max_content_width": 110})
@engines_option
@layouts_option
@click.option("--questions", default=",".join(CORE), metavar="A,B", show_default=True, help="Questions of the game.")
@click.option(
    "--rows", multiple=True, type=click.IntRange(1), default=ROWS, show_default=True, help="Events of a game."
)
@click.option("--seconds", type=float, default=SECONDS, show_default=True, help="How long a cell is asked, at most.")
@via_option
@out_option(help="The drawing: .svg, .png or .pdf; growth.svg under the home if not given.")
def growth(
    engines: list[str],
    layouts: list[str],
    questions: str,
    rows: tuple[int, ...],
    seconds: float,
    via: str,
    out: Path | None,
) -> None:
    """Prints and draws how seconds grow with events; exits with 1 if an answer was wrong or an arm failed."""
    out = out or home() / "growth.svg"
    out.parent.mkdir(parents=True, exist_ok=True)
    with progress() as say, running.opened(engines, via, home(), say) as opened:
        measured_on = f"{scope(opened, budget())}; {NOT_MEASURED}"
        chosen = layouts_of(datasets.read("game"), layouts)
        cells = measure(opened, chosen, questions.split(","), sorted(rows), seconds, say)
    growth_report.table(measured_on, cells, console())
    growth_report.draw(out, measured_on, cells)
    print(f"the drawing is in {out.name}")
    sys.exit(any(cell.verdict in (Kind.WRONG, Kind.FAILED) for cell in cells))


if __name__ == "__main__":
    ended(lambda: growth(standalone_mode=False))
