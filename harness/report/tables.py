"""Prints runs in the terminal: mixes and details first, and a pivot of questions by arms at the end."""

import math
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from statistics import median

import msgspec
from rich.console import Console
from rich.markup import escape

from rollup_bench.harness.records.findings import Run, noise_floor
from rollup_bench.harness.records.lines import Cost, Ended, Fault, Rounds, Verdict, of_type
from rollup_bench.harness.records.loads import mean_loads
from rollup_bench.harness.report.cell_table import print_cells
from rollup_bench.harness.report.cells import by_question, changed_adapters
from rollup_bench.harness.report.load_table import print_loads
from rollup_bench.harness.report.mixes import mixes
from rollup_bench.harness.report.operations import operations_tables
from rollup_bench.harness.report.pivot import print_pivot
from rollup_bench.harness.report.rates import print_mix, print_under_load

BUSY = 0.25
"""The cores that other programs may use. All servers of a run that are not asked use less."""


def run_table(run: Run, console: Console) -> None:
    """Prints a run: mixes, all figures, questions under load, operations, loads, noise and faults, and the pivot."""
    cells, mixed = by_question(run), mixes(run)
    _print_scope(run, console)
    for mix, views in mixed:
        print_mix(mix, views, console)
    print_cells(cells, console)
    print_under_load(cells, console)
    operations_tables(run, console)
    print_loads(run, console)
    for line in _remarks(run):
        console.print(line)
    print_pivot(cells, mixed, console)


def dashboard_table(run: Run, seconds: Sequence[float], console: Console) -> None:
    """Prints the questions of a dashboard and how many seconds all took together; no seconds mean not timed."""
    cells = by_question(run)
    _print_scope(run, console)
    print_cells(cells, console)
    print_pivot(cells, [], console)
    if not seconds:
        console.print("[bold]not timed:[/bold] not every answer is right")
        return
    middle, longest = (f"{1000 * value:.1f} ms" for value in (median(seconds), max(seconds)))
    count = len(of_type(run.lines, Verdict))
    console.print(f"[bold]all {count} at once:[/bold] median {middle}, maximum {longest}")


def _print_scope(run: Run, console: Console) -> None:
    """Prints what was measured, on which machine, and whether it was busy."""
    header = run.header
    machine = f"{header.machine.get('processor', '')}, {header.machine.get('cores', '?')} cores"
    console.print(f"[bold]{header.dataset}, {header.rows:,} rows[/bold]")
    console.print(f"[dim]{machine}; {'; '.join(header.scope)}[/dim]")
    if words := lasted(run):
        console.print(f"[dim]{words}[/dim]")
    if words := busy(run):
        console.print(f"[bold yellow]{words}[/bold yellow]")


def _remarks(run: Run) -> Iterator[str]:
    """Yields, as markup, the noise floor and what is missing in a run."""
    yield from (f"[dim]{words}[/dim]" for words in (noise(run), unsettled(run), loaded_once(run)) if words)
    if (timed := of_type(run.lines, Rounds)) and not any(rounds.routes for rounds in timed):
        yield "[dim]this file does not record which tables answered the requests[/dim]"
    for fault in of_type(run.lines, Fault):
        when = "" if fault.launch is None else f" for launch {fault.launch + 1}"
        yield f"[red]{fault.arm} dropped out while {fault.doing}{when}: {escape(fault.reason)}[/red]"
    if not of_type(run.lines, Ended):
        yield "[red]not complete: the run was interrupted or lost an arm; `run --out` with its file resumes it[/red]"


def doubts(run: Run, engines: Collection[str] = ()) -> Iterator[str]:
    """Yields why the figures of a run, of these engines or of all, may not be those of today."""
    if words := busy(run):
        yield words
    if not of_type(run.lines, Ended):
        yield "The run is not complete"
    if changed := [engine for engine in changed_adapters(run) if not engines or engine in engines]:
        yield f"These adapters have changed since the run: {', '.join(changed)}"


def lasted(run: Run) -> str:
    """Returns a text with the start of a run and its duration; empty if its file does not record when it ended."""
    ended = next((one.at for one in of_type(run.lines, Ended)), "")
    if not ended or not run.header.started:
        return ""
    start, end = map(datetime.fromisoformat, (run.header.started, ended))
    minutes = round((end - start).total_seconds() / 60)
    return f"started {start:%Y-%m-%d %H:%M} UTC, ended {minutes:,} min later, interruptions included"


def busy(run: Run) -> str:
    """Says that other programs kept the machine busy while questions were asked; empty if they did not."""
    spent = (one.spent for one in of_type(run.lines, Cost))
    cores = [one.others / one.seconds for one in spent if one.others is not msgspec.UNSET]
    middle = median(cores) if cores else 0.0
    if middle <= BUSY:
        return ""
    share = f"{middle:.1f} of {run.header.machine.get('cores', '?')} cores"
    return f"The machine was busy: other programs used {share} while questions were asked, so times may be too long"


def noise(run: Run) -> str:
    """Describes the noise floor of a run."""
    floor = noise_floor(run)
    if floor is None:
        return "nothing was timed"
    if floor.median_half_width > 1:
        return f"noise floor: unknown, since the {floor.pairs} A/A controls have too few launches or rounds"
    if not math.isfinite(floor.high):
        return f"noise floor: unknown, since all {floor.pairs} A/A controls differ significantly"
    differing = (
        f"{floor.differing or 'no'} {'control differs' if floor.differing < 2 else 'controls differ'} significantly"
    )
    return (
        f"noise floor: {floor.low:.3f} to {floor.high:.3f}, from {floor.pairs} A/A controls; {differing}; half of "
        f"their intervals are within ±{floor.median_half_width:.1%}"
    )


def loaded_once(run: Run) -> str:
    """Returns a text that names the arms that were loaded only once in several launches; empty if there are none."""
    launches = {one.launch for one in of_type(run.lines, Rounds)}
    arms = [load.cost.arm for load in mean_loads(run) if load.loads == 1]
    words = f"Loaded once, so that intervals do not include the variation between loads: {', '.join(arms)}"
    return words if arms and len(launches) > 1 else ""


def unsettled(run: Run) -> str:
    """Returns a text with the number of warm-ups that ended before times had settled; empty if there are none."""
    steady = [warm.steady for one in of_type(run.lines, Rounds) for warm in one.warm.values()]
    count = f"{steady.count(False)} of {len(steady)} warm-ups of a question on an arm"
    return "" if all(steady) else f"In {count}, the time limit came before the times of the arm had settled"
