"""Measures what a question costs for which no layout was designed.

`python -m experiments.new_question --engines duckdb,druid,cassandra --rows 1000000`. An aggregate and a cohort that
are not among the game's questions are asked on `raw`, which needs no other load, and on a `tuned` layout for this
question alone, whose load is the cost of the question. Answers are compared with the truth, and right ones are timed.
The program also prints whether each engine supports the question on the layout tuned to the game's own questions.
"""

import sys
from datetime import date

import click
import msgspec
from rich.text import Text

from rollup_bench.engines.contract import Engine
from rollup_bench.harness.cli.options import engines_option, rows_option, seed_option, via_option
from rollup_bench.harness.records.lines import Ended, Verdict, of_type
from rollup_bench.harness.report import tables
from rollup_bench.harness.report.terminal import console, ended, progress
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.measure import measure
from rollup_bench.harness.run.profiles import PROFILES
from rollup_bench.harness.run.request import Request
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads import layouts
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
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


def elsewhere(engine: Engine, game: Dataset, events: Events, new: Template) -> str:
    """Returns a text of the question's support on the layout tuned to the game's questions, without asking it."""
    support = engine.support(new.fill(), engine.plan(game, layouts.tuned, events.statistics))
    reason = f", {support.reason}" if support.reason else ""
    return f"{engine.name}, tuned to the other questions: {support.where or 'unsupported'}{reason}"


@click.command()
@engines_option
@rows_option
@seed_option
@via_option
def new_question(engines: list[str], rows: int | None, seed: int | None, via: str) -> None:
    """Prints what a question costs for which no layout was designed; exits with 1 if an answer was wrong or missing."""
    game, right = datasets.read("game").sized(rows, seed), True
    for new in (template(raw, "UTC") for raw in NEW):
        only = msgspec.structs.replace(game, questions={new.name: new})
        chosen, both = PROFILES["look"], [layouts.raw, layouts.tuned]
        with progress() as say, running.opened(engines, via, home(), say) as opened:
            events = event_store.prepare(game, home(), say)
            request = Request(only, events, engines, both, only.questions, via, home(), game.source.seed, chosen)
            _, run = measure(request, None, say)
            others = [elsewhere(engine, game, events, new) for engine in opened]
        console().print(Text(f"{new.name}: {new.story}"))
        tables.run_table(run, console())
        console().print(Text("\n".join(others)))
        verdicts = [line.verdict for line in of_type(run.lines, Verdict)]
        right = right and "wrong" not in verdicts and bool(of_type(run.lines, Ended))
    sys.exit(not right)


if __name__ == "__main__":
    ended(lambda: new_question(standalone_mode=False))
