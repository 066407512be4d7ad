"""Collects and prints what engines demand of the people who run them, from the file of a run."""

from collections.abc import Collection

import msgspec
from rich.console import Console

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Operations, of_type, parts
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.report.break_even import charged
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.report.terminal import print_item
from rollup_bench.workloads.layouts import RAW

EVENTS = ("events",)
"""The tables of raw, which are taken if the run did not measure raw."""


class ExtraTables(msgspec.Struct, frozen=True):
    """The tables that the questions read on an arm besides those of raw, and the means of one; None if not known."""

    arm: str
    tables: int
    seconds: float | None
    rows: float | None
    bytes: float | None


def extra_tables(run: Run) -> list[ExtraTables]:
    """Returns the tables of each arm whose operations were recorded."""
    loads = {load.cost.arm: load.cost for load in mean_loads(run)}
    found = []
    for one in of_type(run.lines, Operations):
        for layout, names in one.tables.items():
            arm, number = f"{one.engine}/{layout}", len(set(names) - set(one.tables.get(RAW, EVENTS)))
            cost = charged(loads[arm]) if arm in loads and number else None
            figures = (cost.seconds, cost.rows, cost.bytes) if cost else (None, None, None)
            found.append(ExtraTables(arm, number, *(None if value is None else value / number for value in figures)))
    return found


def operations_tables(run: Run, console: Console, engines: Collection[str] = ()) -> None:
    """Prints the operations of these engines, or of all, their steps, and what each layout stores for a question."""
    recorded = [one for one in of_type(run.lines, Operations) if not engines or one.engine in engines]
    if not recorded:
        return
    _print_engines(recorded, console)
    for one in recorded:
        for step in one.steps:
            print_item(f"{one.engine}: {step}", console)
    _print_tables(
        [one for one in extra_tables(run) if parts(one.arm)[0] in {each.engine for each in recorded}], console
    )


def _print_engines(recorded: list[Operations], console: Console) -> None:
    right = ("processes", "idle MiB", "settings", "not SQL", "right again s")
    table = new_table("engine", right=right)
    for one in recorded:
        idle = sum(one.memory.values()) or one.added
        memory = f"{idle / 2**20:,.0f}" if idle else ""
        recovery = "" if one.recovery is None else f"{one.recovery:.1f}"
        counts = (str(len(one.settings)), str(len(one.steps)))
        table.add_row(one.engine, str(len(one.memory)), memory, *counts, recovery)
    print_table(table, console)


def _print_tables(found: list[ExtraTables], console: Console) -> None:
    """Prints how many tables besides those of raw each layout has, and what one of them costs on average."""
    table = new_table("engine/layout", right=("tables", "s a table", "rows a table", "bytes a table"))
    for one in found:
        seconds = "" if one.seconds is None else f"{one.seconds:.2f}"
        table.add_row(one.arm, str(one.tables), seconds, _whole(one.rows), _whole(one.bytes))
    print_table(table, console)


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}"
