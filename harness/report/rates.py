"""Prints which rates of requests arms answer: a table for each mix, and one of the questions under load."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape

from rollup_bench.harness.records.lines import MixedQuestions
from rollup_bench.harness.report.cell_table import Cells
from rollup_bench.harness.report.grid import add_question, interval, milliseconds, new_table, number, print_table
from rollup_bench.harness.report.mixes import Figure, MixView
from rollup_bench.harness.report.notes import Note, print_notes
from rollup_bench.harness.report.under_load import UnderLoadView

_UNDER_LOAD = ("highest/s", "p50 ms", "p95 ms", "p99 ms", "cores", "most/s")


def print_mix(mix: MixedQuestions, views: Sequence[MixView], console: Console) -> None:
    """Prints a mix: its questions, and the figures of each arm."""
    counts = ", ".join(f"{count} {question}" for question, count in mix.counts.items())
    console.print(f"\n[bold]mix {mix.question}[/bold]: {escape(mix.story)}")
    console.print(f"[dim]of {sum(mix.counts.values())} requests: {counts}[/dim]")
    table = new_table("engine/layout", right=(*_UNDER_LOAD, "alone/s", "CPU ms"))
    for view in views:
        table.add_row(view.arm, *_under_load(view.load), figure_text(view.alone), figure_text(view.processor, 1000))
    print_table(table, console)
    _explain([view.load for view in views], console)
    refused = {view.arm: f"not asked: {view.refused}" for view in views if view.refused}
    print_notes([Note(mix.question, view.arm, refused.get(view.arm, _note(view.load))) for view in views], console)


def print_under_load(cells: Cells, console: Console) -> None:
    """Prints the highest rate of each question on each arm that was asked under load, and why some are not known."""
    table = new_table("engine/layout", right=_UNDER_LOAD)
    loaded = {question: [view for view in views if view.load] for question, views in cells.items()}
    for question, views in loaded.items():
        if views:
            add_question(table, question)
        for view in views:
            table.add_row(view.arm, *_under_load(view.load))
    if not table.row_count:
        return
    print_table(table, console)
    found = [view for views in loaded.values() for view in views]
    _explain([view.load for view in found], console)
    print_notes([Note(view.question, view.arm, _note(view.load)) for view in found], console)


def _under_load(load: UnderLoadView | None) -> tuple[str, ...]:
    """Returns the highest rate within the objective, the figures there, and the most answers a second."""
    most = number(load.capacity) if load and load.capacity is not None else ""
    if load is None or load.highest is None:
        return ("", "", "", "", "", most)
    best = load.highest
    times = [milliseconds(best.response.get(name)) for name in ("p50", "p95", "p99")]
    return (number(best.rate), *times, f"{best.cores:.2f}", most)


def _note(load: UnderLoadView | None) -> str:
    return load.note if load else ""


def _explain(loads: Sequence[UnderLoadView | None], console: Console) -> None:
    """Prints what the highest rates mean, if one is known."""
    if known := next((load for load in loads if load and load.highest and load.objective), None):
        within = milliseconds(known.objective)
        console.print(f"[dim]highest/s: requests a second, confirmed to have p95 within {within} ms[/dim]")


def figure_text(figure: Figure | None, factor: float = 1.0) -> str:
    """Returns a figure times `factor`, with its interval if it is known."""
    if figure is None:
        return ""
    between = interval(*figure.interval, factor) if figure.interval else ""
    return number(figure.value * factor) + (f" ({between})" if between else "")
