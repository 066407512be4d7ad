"""Asks an engine random questions by calendar parts, by derived columns and in an order of events.

`python -m experiments.random_columns duckdb clickhouse --questions 5000`. The events are those of the conformance kit
at whole hours, so that many are in one millisecond; they are read from a CSV file with derived columns. A fifth of the
questions is asked of a roll-up by calendar parts. The program ends at the first answer that differs from the truth.
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click
import msgspec
import pyarrow.csv
from hypothesis import strategies as st

from rollup_bench.engines.contract import Engine
from rollup_bench.errors import FailureError
from rollup_bench.harness.conformance import strategies
from rollup_bench.harness.conformance.random_questions import ask_random
from rollup_bench.harness.conformance.tested_engine import EngineUnderTest
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.filters import Filter
from rollup_bench.workloads.questions import Question

TEXTS = ["country", "gold_range", "first_letter", "before_quote", "known_country"]
PARTS = ["level", "hour_of_day", "day_of_week", "day_of_month", "week_of_year", "month_of_year", "quarter", "kathmandu"]
DATASET = """
title = "Random events"
zone = "America/New_York"
[source]
path = "events.csv"
[columns]
time = { name = "when" }
subject = "user"
action = "did"
order = "place"
dimensions = ["country", "level", "case", "gold_range", "first_letter", "before_quote", "known_country", "quarter",
  "kathmandu"]
measures = ["gold", "huge", "score"]
[derived]
gold_range = { of = "gold", edges = [-1, 0, 2.5], default = "none" }
first_letter = { of = "country", prefix = 1 }
before_quote = { of = "country", split = "'", take = 1 }
known_country = { of = "country", default = "nowhere" }
quarter = { of = "when", part = "quarter", zone = "UTC" }
kathmandu = { of = "when", part = "hour", zone = "Asia/Kathmandu" }
[layouts.parts]
grain = "hour"
by = ["case", "hour_of_day", "day_of_week", "day_of_month", "week_of_year", "month_of_year", "gold_range"]
measures = ["count()", "mean(gold)", "max(huge)", "min(gold)", "max(score)", "sum(score)"]
"""


def prepared(folder: Path) -> tuple[Dataset, Events]:
    """The dataset with its events, from a CSV file that is written to the folder."""
    pyarrow.csv.write_csv(strategies.ordered(), folder / "events.csv")
    (folder / "random-columns.toml").write_text(DATASET, "utf-8")
    dataset = datasets.parse(folder / "random-columns.toml")
    return dataset, event_store.prepare(dataset, folder)


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Draws any question, in which a derived column or a calendar part may stand for a dimension."""
    names = {"country": draw(st.sampled_from(TEXTS)), "level": draw(st.sampled_from(PARTS))}
    renamed: Question = _renamed(draw(strategies.questions()), names)
    return renamed


def _renamed(part: Any, names: dict[str, str]) -> Any:
    """A part of a question with other names of columns; values of filters are unchanged."""
    match part:
        case Filter():
            return msgspec.structs.replace(part, column=names.get(part.column, part.column))
        case msgspec.Struct():
            fields = {name: _renamed(getattr(part, name), names) for name in part.__struct_fields__}
            return msgspec.structs.replace(part, **fields)
        case tuple():
            return tuple(_renamed(each, names) for each in part)
        case str():
            return names.get(part, part)
    return part


def differences(engine: Engine, dataset: Dataset, events: Events, wanted: int) -> tuple[int, int, list[str]]:
    """Asks an engine `wanted` questions; the numbers of right answers and of refusals, and notes.

    AssertionError at the first wrong answer.
    """
    tested = EngineUnderTest(engine, home(), wanted)
    by_parts = strategies.rolled_up(dataset.layouts["parts"])
    for layout, drawn, number in (("raw", questions(), wanted - wanted // 5), ("parts", by_parts, wanted // 5)):
        with tested.loaded(events, dataset, layout) as plan, engine.session(plan) as session:
            ask_random(tested, session, plan, events, drawn, number)
    return len(tested.answered), len(tested.refused), tested.notes


@click.command()
@click.argument("engines", nargs=-1, required=True)
@click.option("--questions", "wanted", type=click.IntRange(5), default=5000, show_default=True)
@click.option("--via", default="native", show_default=True)
def main(engines: tuple[str, ...], wanted: int, via: str) -> None:
    """Prints for each of ENGINES how many random questions were answered right and how many were refused."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        dataset, events = prepared(Path(folder))
        for engine in stack.enter_context(running.opened(list(engines), via, home(), click.echo)):
            try:
                right, refused, notes = differences(engine, dataset, events, wanted)
            except AssertionError as error:
                raise FailureError("; ".join([f"{engine.name}: {error}", *getattr(error, "__notes__", [])])) from None
            click.echo("; ".join([f"{engine.name}: {right:,} answers right, {refused:,} questions refused", *notes]))


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
