"""Prints what loads cost and after how many questions a layout has repaid its load."""

from rich.console import Console

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import LoadCost
from rollup_bench.harness.report.break_even import BreakEven
from rollup_bench.harness.report.grid import interval, new_table, number, print_table
from rollup_bench.harness.report.loads import load_views


def print_loads(run: Run, console: Console) -> None:
    """Prints a row for each arm: the mean cost of its loads, its bytes, and its break-even against raw."""
    right = ("load s", "load s 99%", "built s", "CPU s", "events/s", "MiB", "faster than raw", "pays after")
    table = new_table("engine/layout", right=right)
    loads = load_views(run)
    for load in loads:
        cost = load.cost
        between = interval(*load.interval) if load.interval else ""
        paid = _break_even_cells(load.break_even)
        table.add_row(cost.arm, *costs(cost, between, run.header.rows), *paid)
    print_table(table, console)
    if reused := [load.cost.arm for load in loads if load.cost.reused]:
        console.print(f"[dim]loads reused from earlier: {', '.join(reused)}[/dim]")
    if divided := [f"{load.cost.arm} by tasks of {load.cost.loaded_by}" for load in loads if load.cost.loaded_by]:
        console.print(f"[dim]loaded in parts: {', '.join(divided)}[/dim]")


def costs(cost: LoadCost, between: str, events: int) -> tuple[str, ...]:
    """Returns texts: seconds, their interval, seconds of building, processor seconds, events a second, and MiB."""
    built = "" if cost.built is None else number(cost.built.seconds)
    processor = "" if cost.processor is None else number(cost.processor)
    rate = f"{events / cost.seconds:,.0f}" if cost.seconds else ""  # the truth loads nothing
    size = "unknown" if cost.bytes is None else number(cost.bytes / 2**20)
    return number(cost.seconds), between, built, processor, rate, size


def _break_even_cells(paid: BreakEven | None) -> tuple[str, str]:
    if paid is None:
        return "", ""
    after = "never" if paid.after is None else f"{paid.after:,} questions"
    return f"{paid.speedup:.1f}x over {paid.questions}", "too close to say" if paid.too_close else after
