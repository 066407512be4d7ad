"""Prints runs as tables in the terminal."""

from collections.abc import Sequence
from math import isfinite
from statistics import median

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from rollup_bench.engines.contract import Built
from rollup_bench.harness.records.findings import Run, noise_floor
from rollup_bench.harness.records.lines import (
    ClosedLoop,
    Ended,
    Fault,
    LoadCost,
    MixedQuestions,
    OpenLoop,
    Rounds,
    Verdict,
    of_type,
)
from rollup_bench.harness.records.routes import percent, shares
from rollup_bench.harness.report.break_even import BreakEven
from rollup_bench.harness.report.cells import CellView, by_question
from rollup_bench.harness.report.grid import STYLES, claim_cells, milliseconds, new_table, print_table
from rollup_bench.harness.report.loads import load_views
from rollup_bench.harness.report.mixes import Figure, MixView, mixes
from rollup_bench.harness.report.operations import operations_tables
from rollup_bench.harness.report.under_load import Offered, under_load
from rollup_bench.harness.run import loops
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.percentiles import Percentiles

_ROOM_FOR_REASONS = 110
"""The terminal width, in characters, from which the table of a run contains the reasons of verdicts."""
_VERDICTS = {"right": "green", "within bound": "green", "wrong": "bold red", "failed": "bold red"}


def run_table(run: Run, console: Console) -> None:
    """Prints a run: its mixes, each question on each arm, the noise floor, the faults, and the figures under load."""
    _print_scope(run, console)
    for mix, views in mixes(run):
        _print_mix(mix, views, console)
    _print_cells(run, console)
    console.print(f"[dim]{noise(run)}[/dim]")
    if (timed := of_type(run.lines, Rounds)) and not any(rounds.routes for rounds in timed):
        console.print("[dim]this file does not record which tables answered the requests[/dim]")
    for fault in of_type(run.lines, Fault):
        when = "" if fault.launch is None else f" for launch {fault.launch + 1}"
        console.print(f"[red]{fault.arm} dropped out while {fault.doing}{when}: {escape(fault.reason)}[/red]")
    if of_type(run.lines, ClosedLoop):
        print_table(_under_load(run), console)
    if any(line.load in loops.OWN_SHARES for line in of_type(run.lines, OpenLoop)):
        console.print("[dim]left out: open loops at shares of an arm's own capacity, which cannot be compared[/dim]")
    operations_tables(run, console)
    if not of_type(run.lines, Ended):
        console.print(
            "[red]not complete: the run was interrupted or lost an arm; `run --out` with its file resumes it[/red]"
        )


def loads_table(run: Run, console: Console) -> None:
    """Prints the rows, mean seconds and bytes of each layout's loads, and its break-even against raw of its engine."""
    loads = load_views(run)
    compared = any(load.break_even for load in loads)
    against_raw = ("events/row", "faster than raw", "pays after") if compared else ()
    built = ("built rows", "built s", "built bytes")
    table = new_table("load", right=("rows", "load s", "bytes", *built, "loads", "load s 99%", *against_raw))
    table.add_column("", no_wrap=True)
    for load in loads:
        cost = load.cost
        figures = (*_cost_cells(cost), *(_cost_cells(cost.built) if cost.built else ("", "", "")))
        between = (str(load.loads), "{:.2f} to {:.2f}".format(*load.interval)) if load.interval else ("", "")
        note = "reused" if cost.reused else ""
        table.add_row(cost.arm, *figures, *between, *(_break_even_cells(load.break_even) if compared else ()), note)
    print_table(table, console)


def _cost_cells(cost: LoadCost | Built) -> tuple[str, str, str]:
    return f"{cost.rows:,}", f"{cost.seconds:.2f}", "unknown" if cost.bytes is None else f"{cost.bytes:,}"


def _break_even_cells(paid: BreakEven | None) -> tuple[str, str, str]:
    if paid is None:
        return "", "", ""
    after = "never" if paid.after is None else f"{paid.after:,} questions"
    faster = f"{paid.speedup:.1f}x over {paid.questions}"
    return f"{paid.events_per_row:.1f}", faster, "too close to say" if paid.too_close else after


def dashboard_table(run: Run, seconds: Sequence[float], console: Console) -> None:
    """Prints the questions of a dashboard and how many seconds all took together; no seconds mean not timed."""
    _print_scope(run, console)
    _print_cells(run, console)
    if not seconds:
        console.print("[bold]not timed:[/bold] not every answer is right")
        return
    middle, longest = (f"{1000 * value:.1f} ms" for value in (median(seconds), max(seconds)))
    count = len(of_type(run.lines, Verdict))
    console.print(f"[bold]all {count} at once:[/bold] median {middle}, maximum {longest}")


def _print_scope(run: Run, console: Console) -> None:
    """Prints what was measured, and on which machine."""
    header = run.header
    machine = f"{header.machine.get('processor', '')}, {header.machine.get('cores', '?')} cores"
    console.print(f"[bold]{header.dataset}, {header.rows:,} rows[/bold]")
    console.print(f"[dim]{machine}; {'; '.join(header.scope)}[/dim]")


def _print_mix(mix: MixedQuestions, views: Sequence[MixView], console: Console) -> None:
    """Prints a mix: its questions, and the figures of each arm."""
    parts = ", ".join(f"{count} {question}" for question, count in mix.counts.items())
    console.print(f"[bold]mix {mix.question}[/bold]: {escape(mix.story)}")
    console.print(f"[dim]of {sum(mix.counts.values())} requests: {parts}[/dim]")
    right = ("alone a second", "CPU ms", "most a second", "within objective", "p50 ms", "p95 ms", "p99 ms", "cores")
    table = new_table("engine/layout", right=right)
    table.add_column("note")
    for view in views:
        load, best = view.load, view.load.highest if view.load else None
        table.add_row(
            view.arm,
            _figure_cell(view.alone),
            _figure_cell(view.processor, 1000),
            "" if load is None or load.capacity is None else f"{load.capacity:.3g}",
            f"{best.rate:g}" if best else "",
            *_response_cells(best),
            f"{best.cores:.2f}" if best else "",
            f"not asked: {view.refused}" if view.refused else load.note if load else "",
        )
    print_table(table, console)


def _figure_cell(figure: Figure | None, factor: float = 1.0) -> str:
    """Returns a figure times `factor`, with its interval if it is known."""
    if figure is None:
        return ""
    between = " ({:.3g} to {:.3g})".format(*(factor * bound for bound in figure.interval)) if figure.interval else ""
    return f"{factor * figure.value:.3g}{between}"


def _response_cells(offered: Offered | None) -> tuple[str, str, str]:
    times = offered.response if offered else {}
    p50, p95, p99 = (milliseconds(times.get(name)) for name in ("p50", "p95", "p99"))
    return p50, p95, p99


def _print_cells(run: Run, console: Console) -> None:
    """Prints the questions of a run on all arms, and, on a narrow terminal, the verdicts' reasons below."""
    room = console.width >= _ROOM_FOR_REASONS
    print_table(_cells(run, reasons=room), console)
    if not room:
        _print_reasons(of_type(run.lines, Verdict), console)


def _print_reasons(verdicts: Sequence[Verdict], console: Console) -> None:
    """Prints the reasons of verdicts with their questions; arms with the same reason and questions share a line."""
    questions: dict[tuple[str, str], list[str]] = {}
    for line in verdicts:
        if line.reason:
            questions.setdefault((line.arm, f"{line.verdict}: {line.reason}"), []).append(line.question)
    arms: dict[tuple[str, str], list[str]] = {}
    for (arm, reason), names in questions.items():
        arms.setdefault((reason, ", ".join(names)), []).append(arm)
    for (reason, together), sharing in arms.items():
        console.print(Text(f"{', '.join(sharing)}: {reason} ({together})"))


def noise(run: Run) -> str:
    """Describes the noise floor of a run, and counts the warm-ups of questions on arms that ended while times fell."""
    floor = noise_floor(run)
    if floor is None:
        return "nothing was timed"
    if floor.median_half_width > 1:
        return f"noise floor: unknown, since the {floor.pairs} A/A pairs have too few launches or rounds"
    differing = f"{floor.differing or 'no'} {'pair differs' if floor.differing < 2 else 'pairs differ'} significantly"
    words = (
        f"noise floor: {floor.pairs} A/A pairs; the 99% intervals of their ratios lie within {floor.low:.2f} to "
        f"{floor.high:.2f}, with a median half-width of {floor.median_half_width:.1%}; {differing}"
    )
    steady = [warm.steady for one in of_type(run.lines, Rounds) for warm in one.warm.values()]
    return words if all(steady) else f"{words}; {steady.count(False)} of {len(steady)} warm-ups ended while times fell"


def _cells(run: Run, reasons: bool) -> Table:
    times = ("median ms", "99% interval", "max ms", "first ms", "cached ms", "alone ms", "client")
    right = (*times, "CPU ms", "CPU 99%", "CPU against lowest", "against lowest", "detects")
    table = new_table("question", "engine/layout", "verdict", right=right)
    table.add_column("outcome")
    table.add_column("routes")
    table.add_column("adapter", no_wrap=True)
    for question, rows in by_question(run).items():
        for number, cell in enumerate(rows):
            claim = cell.against
            ratio, _, detects = claim_cells(claim)
            outcome = claim.outcome if claim else "lowest median" if cell.lowest else cell.reason if reasons else ""
            outcome = "drifts" if cell.drifts else outcome
            table.add_row(
                "" if number else question,
                cell.arm,
                Text(cell.verdict, style=_VERDICTS.get(cell.verdict, "yellow")),
                *_time_cells(cell.time),
                f"{milliseconds(cell.first[0])} {cell.first[1]}" if cell.first else "",
                milliseconds(cell.cached.median if cell.cached else None),
                milliseconds(cell.alone.median if cell.alone else None),
                _client_cell(cell),
                milliseconds(cell.processor),
                _interval(*cell.processor_interval) if cell.processor_interval else "",
                _processor_claim(cell.processor_against),
                ratio,
                detects,
                Text(outcome, style=STYLES.get(outcome, "dim")),
                shares(cell.routes) if len(cell.routes) > 1 else "",
                "changed since" if cell.changed else "",
                end_section=len(rows) > 1 and cell is rows[-1],
            )
    return table


def _time_cells(time: Percentiles | None) -> tuple[str, str, str]:
    if time is None:
        return "", "", ""
    interval = _interval(time.low, time.high) if isfinite(time.high) else "unknown"
    return milliseconds(time.median), interval, milliseconds(time.maximum)


def _interval(low: float, high: float) -> str:
    return f"{milliseconds(low)} to {milliseconds(high)}"


def _client_cell(cell: CellView) -> str:
    """Returns the client's processor time as a share of the median times alone and interleaved."""
    if cell.client is None or cell.alone is None or cell.time is None:
        return ""
    return f"{percent(cell.client / cell.alone.median)}, {percent(cell.client / cell.time.median)}"


def _processor_claim(claim: Claim | None) -> str:
    return "" if claim is None else f"{claim.ratio:.3f} {claim.outcome}"


def _under_load(run: Run) -> Table:
    """Returns the table of all rates that were offered to each arm, in increasing order."""
    right = ("rate a second", "p50 ms", "p95 ms", "p99 ms", "max ms", "cores", "capacity")
    table = new_table("question", "engine/layout", "load", "outcome", right=right)
    above = ""
    for question, arm in dict.fromkeys((loop.question, loop.arm) for loop in of_type(run.lines, ClosedLoop)):
        if (load := under_load(run, question, arm)) is None:
            continue
        most = "wrong or no answers" if load.capacity is None else f"{load.capacity:.3g}"
        for one in load.offered:
            figures = f"{one.rate:.3g}", *_response_cells(one), milliseconds(one.maximum), f"{one.cores:.2f}", most
            table.add_row("" if question == above else question, arm, one.load, one.outcome, *figures)
            above, arm, most = question, "", ""
        if not load.offered:
            table.add_row("" if question == above else question, arm, "", "slower than the objective", *[""] * 6, most)
            above = question
    return table
