"""Prints answers, lists of names, and layouts as tables in the terminal."""

import re
from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import TUNED
from rollup_bench.workloads.rule import unsupported_reason

ROWS = 40
"""The largest number of rows printed of an answer."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # characters that could control the terminal
MIDNIGHT = time()


def answer_table(answer: pa.Table, title: str, zone: str, console: Console) -> None:
    """Prints the first ROWS rows of an answer, with times in the time zone `zone`."""
    console.print(Text(title))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for field in answer.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        no_wrap = number or pa.types.is_timestamp(field.type)
        table.add_column(Text(field.name), justify="right" if number else "left", overflow="fold", no_wrap=no_wrap)
    for row in answer.slice(0, ROWS).to_pylist():
        table.add_row(*(_text(value, zone) for value in row.values()))
    console.print(table)
    if answer.num_rows > ROWS:
        console.print(
            f"[dim]the first {ROWS} of {answer.num_rows:,} rows; --format csv, json or arrow prints all[/dim]"
        )


def _text(value: object, zone: str) -> Text:
    match value:
        case None:
            return Text("NULL", style="dim")
        case datetime():
            local = value.astimezone(ZoneInfo(zone))
            return Text(f"{local:%Y-%m-%d}" if local.time() == MIDNIGHT else f"{local:%Y-%m-%d %H:%M %Z}")
        case float():
            return Text(f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}")
        case int():
            return Text(f"{value:,}")
        case _:
            return Text(CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", str(value)))


def listing(what: str, rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Prints pairs of a name and its description, one pair in a line."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(what, no_wrap=True, style="bold")
    table.add_column("about")
    for name, description in rows:
        table.add_row(name, Text(description))
    console.print(table)


def layouts_by_question(dataset: Dataset) -> Table:
    """Returns a table that says for each question whether each layout but `tuned` can answer it, or why not."""
    layouts = [layout for name, layout in dataset.layouts.items() if name != TUNED]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("question", no_wrap=True)
    for layout in layouts:
        table.add_column(layout.name)
    for name, template in dataset.questions.items():
        reasons = [unsupported_reason(template.fill(), layout) for layout in layouts]
        table.add_row(name, *(Text(r, style="dim") if r else Text("yes", style="green") for r in reasons))
    return table
