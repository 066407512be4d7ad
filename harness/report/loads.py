"""Collects the cost of each layout's loads and its break-even, for the table in the terminal and the pages."""

import msgspec

from rollup_bench.harness.records.findings import Run, medians
from rollup_bench.harness.records.lines import LoadCost
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.report.break_even import BreakEven, break_even


class LoadView(msgspec.Struct, frozen=True):
    """The mean cost of an arm's loads, as `MeanLoad` says, and its break-even against raw; None for raw."""

    cost: LoadCost
    loads: int
    interval: tuple[float, float] | None
    break_even: BreakEven | None


def load_views(run: Run) -> list[LoadView]:
    """Returns a view of each arm's loads, in the order of the first loads."""
    middle = medians(run)
    return [
        LoadView(load.cost, load.loads, load.interval, break_even(run, load.cost, middle)) for load in mean_loads(run)
    ]
