"""Prints what probes of a broker have seen."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from rollup_bench.streams.probes import Probed


def probe_table(outcomes: Sequence[Probed], console: Console) -> None:
    """Prints for each capability yes or no, and below it what was seen."""
    for one in outcomes:
        answer = Text("yes", style="bold green") if one.holds else Text("no", style="bold yellow")
        console.print(Text.assemble((one.question, "bold"), " ", answer))
        console.print(Text(f"  {one.seen}", style="dim"))
