"""Prints what engines demand of the people who run them, from the file of a run."""

from rich.console import Console
from rich.text import Text

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Operations, of_type
from rollup_bench.harness.records.loads import MeanLoad, mean_loads
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.workloads.layouts import RAW


def operations_tables(run: Run, console: Console) -> None:
    """Prints the operations of each engine, what its steps are, and what each layout stores for a question."""
    recorded = of_type(run.lines, Operations)
    if not recorded:
        return
    _print_engines(recorded, console)
    for one in recorded:
        for step in one.steps:
            console.print(Text(f"{one.engine}: {step}"))
    _print_tables(recorded, {load.cost.arm: load for load in mean_loads(run)}, console)


def _print_engines(recorded: list[Operations], console: Console) -> None:
    right = ("processes", "idle MiB", "settings", "not SQL", "right again s")
    table = new_table("engine", right=right)
    for one in recorded:
        memory = f"{sum(one.memory.values()) / 2**20:,.0f}" if one.memory else ""
        recovery = "" if one.recovery is None else f"{one.recovery:.1f}"
        counts = (str(len(one.settings)), str(len(one.steps)))
        table.add_row(one.engine, str(len(one.memory)), memory, *counts, recovery)
    print_table(table, console)


def _print_tables(recorded: list[Operations], loads: dict[str, MeanLoad], console: Console) -> None:
    """Prints how many tables besides those of raw each layout has, and what one of them costs on average."""
    table = new_table("engine/layout", right=("tables", "s a table", "rows a table", "bytes a table"))
    for one in recorded:
        for layout, names in one.tables.items():
            arm, kept = f"{one.engine}/{layout}", len(set(names) - set(one.tables.get(RAW, ())))
            built = loads[arm].cost.built or loads[arm].cost if arm in loads else None
            figures = (f"{built.seconds / kept:.2f}", f"{built.rows / kept:,.0f}") if built and kept else ("", "")
            size = f"{built.bytes / kept:,.0f}" if built and kept and built.bytes else ""
            table.add_row(arm, str(kept), *figures, size)
    print_table(table, console)
