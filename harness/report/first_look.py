"""What a person reads: tables in the terminal."""

import re
import statistics
from collections.abc import Sequence
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pyarrow as pa
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rollup_bench.harness.report.payoff import Payoff, payoff
from rollup_bench.harness.run.arms import Arm, Cell
from rollup_bench.harness.run.dashboard import Shown
from rollup_bench.harness.run.machine import NOT_MEASURED, scope
from rollup_bench.harness.run.verdicts import Kind
from rollup_bench.servers.budget import Budget
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.layouts import TUNED
from rollup_bench.workloads.rule import obstacle

STYLES = {Kind.RIGHT: "green", Kind.WITHIN: "green", Kind.WRONG: "bold red", Kind.FAILED: "bold red"}
ROWS = 40
WIDE = 100  # columns of a terminal, from which on a table of several arms has room for all of its own
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # a value must not steer the terminal
MIDNIGHT = time()


def run_table(dataset: Dataset, cells: Sequence[Cell], budget: Budget, console: Console) -> None:
    """The cells of a run, by question and arm, then what each load took."""
    arms = list({id(c.arm): c.arm for c in cells}.values())
    console.print(Text(dataset.title, style="bold"))
    console.print(Text(scope([arm.engine for arm in arms], budget), style="dim"))
    several, wide = len(arms) > 1, console.width >= WIDE or len(arms) == 1
    table = _table("question", *(["engine/layout"] if several else []), "verdict")
    for heading in ("median ms", "max ms", "rows"):
        table.add_column(heading, justify="right", no_wrap=True)
    if wide:
        table.add_column("aggregated", no_wrap=True)
    for cell, previous in zip(cells, [None, *cells], strict=False):
        new = previous is None or previous.question != cell.question
        if new and several:
            table.add_section()
        arm = [cell.arm.name] if several else []
        where = [cell.support.where or ""] if wide else []
        table.add_row(cell.question if new else "", *arm, _verdict(cell), *_figures(cell), *where)
    console.print(table)
    for reason, questions in _reasons(cells).items():
        console.print(Text(f"{reason} ({', '.join(questions)})"))
    console.print(load_table(arms, cells))
    console.print(f"[dim]{NOT_MEASURED}[/dim]")


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        table.add_column(Text(heading), overflow="fold")
    return table


def _reasons(cells: Sequence[Cell]) -> dict[str, list[str]]:
    """What verdicts say beside their kind, and each failure, with the names of the questions."""
    found: dict[str, list[str]] = {}
    for cell in cells:
        if cell.verdict.reason or cell.verdict.kind is Kind.FAILED:
            said = f"{cell.arm.name}: {cell.verdict.kind}: {cell.verdict.reason or 'it gives no reason'}"
            found.setdefault(said, []).append(cell.question)
    return found


def dashboard_line(found: Shown, console: Console) -> None:
    """How long a dashboard takes, or that it is not timed."""
    if not found.seconds:
        console.print("[bold]not timed:[/bold] not every answer is right")
        return
    median, longest = (f"{1000 * value:.1f} ms" for value in (statistics.median(found.seconds), max(found.seconds)))
    console.print(f"[bold]all {len(found.cells)} at once:[/bold] median {median}, maximum {longest}")


def load_table(arms: Sequence[Arm], cells: Sequence[Cell]) -> Table:
    """Rows, seconds and bytes of each load, and beside raw on the same engine what it saves."""
    found = {arm.name: payoff(arm, cells) for arm in arms}
    compared = any(found.values())
    table = _table("load")
    for heading in ("rows", "load s", "bytes", *(("events/row", "faster than raw", "pays after") if compared else ())):
        table.add_column(heading, justify="right")
    table.add_column("")
    for arm in arms:
        if arm.loaded is None:
            blank = [""] * (len(table.columns) - 2)
            table.add_row(arm.name, *blank, "not loaded, it supports none of the questions")
            continue
        size = "unknown" if arm.loaded.bytes is None else f"{arm.loaded.bytes:,}"
        note = "reused, nothing has changed" if arm.reused else "loaded now"
        figures = (f"{arm.loaded.rows:,}", f"{arm.loaded.seconds:.2f}", size)
        table.add_row(arm.name, *figures, *(_saved(found[arm.name]) if compared else ()), note)
    return table


def _saved(found: Payoff | None) -> tuple[str, str, str]:
    if found is None:
        return "", "", ""
    after = "never" if found.after is None else f"{found.after:,} questions"
    faster = f"{found.speedup:.1f}x over {found.questions}"
    return f"{found.ratio:.1f}", faster, "too close to say" if found.close else after


def answer_table(answer: pa.Table, title: str, zone: str, console: Console) -> None:
    """An answer, its first rows, times as the question's zone shows them."""
    console.print(Text(title))
    table = _table()
    for field in answer.schema:
        number = pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
        whole = number or pa.types.is_timestamp(field.type)
        table.add_column(Text(field.name), justify="right" if number else "left", overflow="fold", no_wrap=whole)
    for row in answer.slice(0, ROWS).to_pylist():
        table.add_row(*(_shown(value, zone) for value in row.values()))
    console.print(table)
    if answer.num_rows > ROWS:
        console.print(f"[dim]the first {ROWS} of {answer.num_rows:,} rows; --format csv, json or arrow gives all[/dim]")


def _shown(value: object, zone: str) -> Text:
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
            return Text(CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", str(value)))


def _verdict(cell: Cell) -> Text:
    verdict = cell.verdict
    text = Text(verdict.kind, style=STYLES.get(verdict.kind, "yellow"))
    if verdict.observed is not None:
        declared = f", {cell.support.error:.2%} declared" if cell.support.error else ""
        text.append(f" (off by {verdict.observed:.2%}, {verdict.tolerated:.2%} tolerated{declared})", style="dim")
    return text


def _figures(cell: Cell) -> tuple[str, str, str]:
    def milliseconds(seconds: float | None) -> str:
        return "" if seconds is None else f"{seconds * 1000:.1f}"

    return milliseconds(cell.median), milliseconds(cell.maximum), "" if cell.rows is None else f"{cell.rows:,}"


def listing(what: str, rows: Sequence[tuple[str, str]], console: Console) -> None:
    """Names, each with a line about it."""
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(what, no_wrap=True, style="bold")
    table.add_column("about")
    for name, line in rows:
        table.add_row(name, Text(line))
    console.print(table)


def layouts_by_question(dataset: Dataset) -> Table:
    """Which layout can answer which question, as it is by default, and why not."""
    kept = {name: layout for name, layout in dataset.layouts.items() if name != TUNED}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("question", no_wrap=True)
    for name in kept:
        table.add_column(name)
    for name, template in dataset.questions.items():
        reasons = [obstacle(template.fill(), layout) for layout in kept.values()]
        table.add_row(name, *(Text(r, style="dim") if r else Text("yes", style="green") for r in reasons))
    return table
