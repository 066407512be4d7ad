"""Prints how long messages took through each broker by itself, from a file of `experiments.broker_delays`."""

from collections import defaultdict
from collections.abc import Sequence
from statistics import median

from rich.console import Console

from rollup_bench.harness.records.streams import Delays
from rollup_bench.harness.report.grid import new_table, print_table
from rollup_bench.harness.stats import histograms


def delays_table(lines: Sequence[Delays], console: Console) -> None:
    """Prints the p50 and the p99 of the delays until messages are sent, published and received, by rate and broker."""
    by: dict[tuple[float, str], list[Delays]] = defaultdict(list)
    for line in lines:
        by[line.rate, line.broker].append(line)
    table = new_table("broker", "until", right=["p50", "p99"])
    table.padding = (0, 1, 0, 0)
    for (rate, broker), launches in sorted(by.items()):
        table.add_section()
        for what in ("sent", "published", "received"):
            logs = [getattr(one, what) for one in launches]
            shown = [_over([histograms.percentile(log, share) for log in logs]) for share in (0.5, 0.99)]
            table.add_row(f"{broker}, {rate:,.0f}/s" if what == "sent" else "", what, *shown)
    console.print("Milliseconds since a message was due: medians of launches (least to most)")
    print_table(table, console)


def _over(seconds: Sequence[float]) -> str:
    low, middle, high = (1000 * value for value in (min(seconds), median(seconds), max(seconds)))
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
