"""Prints comparisons of two runs as tables in the terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from rollup_bench.harness.records.comparable import same_machine
from rollup_bench.harness.records.compare import Comparison, compare, compare_processor
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import Header
from rollup_bench.harness.records.machines import Choice, RatioChange, choices, compare_processor_ratios, compare_ratios
from rollup_bench.harness.report.grid import STYLES, claim_cells, milliseconds, new_table, print_table
from rollup_bench.harness.stats.claims import Claim

_AGREEMENTS = {"other choice": "red", "same choice": "green"}


def comparison(before: Run, after: Run, console: Console) -> None:
    """Prints what changed between two runs; of runs on different machines, only ratios and choices of arms."""
    if same_machine(before, after):
        _print_setting(before, after, console)
        _print_changes("", compare(before, after), console)
        _print_changes("CPU ", compare_processor(before, after), console)
        return
    console.print(
        "[dim]Machines, budgets or numbers of nodes differ: only ratios and choices of arms are compared.[/dim]"
    )
    agreement(before, after, console)


def agreement(before: Run, after: Run, console: Console) -> bool:
    """Prints the fastest arms of two runs and the ratios of arms that changed; returns whether the runs agree."""
    _print_setting(before, after, console)
    chosen = choices(before, after)
    ratios = {"times": compare_ratios(before, after), "processor times": compare_processor_ratios(before, after)}
    _print_choices(chosen, console)
    for what, found in ratios.items():
        _print_ratios(what, found, console)
    differing = any(one.claim.told_apart for found in ratios.values() for one in found)
    return not differing and all(one.agreement != "other choice" for one in chosen)


def _print_setting(before: Run, after: Run, console: Console) -> None:
    """Prints what else differs between two runs and may be why their figures differ."""
    for words in _differing(before.header, after.header):
        console.print(f"[dim]{words}[/dim]")


def _differing(before: Header, after: Header) -> Iterator[str]:
    """Yields sentences about machines, budgets, versions, adapters and nodes that are not the same in two runs."""
    one, other = (_machine(header) for header in (before, after))
    if one != other:
        yield f"The first run was on {one}, the second on {other}."
    for name in sorted(before.versions.keys() & after.versions.keys()):
        old, new = before.versions[name], after.versions[name]
        if old != new:
            yield f"{name} was version {old} in the first run, and version {new} in the second."
    for name in sorted(before.nodes.keys() & after.nodes.keys()):
        nodes = before.nodes[name], after.nodes[name]
        if nodes[0] != nodes[1]:
            yield f"The nodes of {name} were {nodes[0]} in the first run, and {nodes[1]} in the second."
    common = before.adapters.keys() & after.adapters.keys()
    if changed := sorted(name for name in common if before.adapters[name] != after.adapters[name]):
        yield f"The source of these adapters differs: {', '.join(changed)}."


def _machine(header: Header) -> str:
    described, budget = header.machine, header.budget
    words = f"{described.get('processor', 'an unknown processor')} with {described.get('cores', '?')} cores"
    memory = f"{int(described.get('memory', 0)) / 2**30:.0f} GiB"
    limits = f"{budget.get('cores', '?')} cores and {budget.get('memory', 0) / 2**30:.2f} GiB for each engine"
    return f"{words} and {memory}, {limits}"


def _print_changes(kind: str, found: Comparison, console: Console) -> None:
    """Prints each question on each arm with the claim about its ratio; claimed changes come first."""
    if not found.changes:
        return
    console.print(
        f"[dim]The median {kind}ratio over the cells of both runs is {found.common:.3f} (1.000 for fewer than 4 "
        "cells); the ratios below are divided by it, since the machine may cause it.[/dim]"
    )
    right = (f"{kind}before ms", f"{kind}after ms", "ratio", "interval", "detects")
    table = new_table("question", "engine/layout", "caches", right=right)
    table.add_column("outcome", no_wrap=True)
    for change in sorted(found.changes, key=lambda change: (_rank(change.claim), change.cell)):
        figures = (milliseconds(change.before), milliseconds(change.after), *claim_cells(change.claim))
        outcome = change.claim.outcome if change.claim else "only in one run"
        cell = change.cell
        table.add_row(cell.question, cell.arm, cell.cache, *figures, Text(outcome, style=STYLES.get(outcome, "dim")))
    print_table(table, console)


def _print_choices(found: Sequence[Choice], console: Console) -> None:
    table = new_table("question", "caches", "fastest in\nfirst run", "fastest in\nsecond run", "outcome", right=())
    for one in sorted(found, key=lambda one: one.agreement):
        arms = ("\n".join(arms) for arms in (one.before, one.after))
        choice = Text(one.agreement, style=_AGREEMENTS.get(one.agreement, "dim"))
        table.add_row(one.question, one.cache, *arms, choice)
    print_table(table, console)


def _print_ratios(what: str, found: Sequence[RatioChange], console: Console) -> None:
    """Prints the ratios of arms that changed, and how many did not."""
    changed = [one for one in found if one.claim.told_apart]
    console.print(f"[dim]Of {len(found)} ratios of {what} of two arms, {len(changed)} are claimed to differ.[/dim]")
    if not changed:
        return
    right = ("first ratio", "second ratio", "change", "interval", "detects")
    table = new_table("question", "engine/layout", "against", "caches", right=right)
    table.add_column("outcome")
    for pair, before, after, claim in changed:
        figures = (f"{before:.3f}", f"{after:.3f}", *claim_cells(claim))
        outcome = Text(claim.outcome, style=STYLES[claim.outcome])
        table.add_row(pair.question, pair.arm, pair.versus, pair.cache, *figures, outcome)
    print_table(table, console)


def _rank(claim: Claim | None) -> int:
    return 2 if claim is None else 0 if claim.told_apart else 1
