"""Tells whether two runs can be compared, and whether they ran on the same machine."""

import math
from collections.abc import Mapping

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.findings import Run, timings


def check(before: Run, after: Run, names: tuple[str, str]) -> None:
    """Raises RequestError, with `names`, if a run timed nothing, or if the runs share no events or no timed cells."""
    timed = [timings(run).keys() for run in (before, after)]
    for cells, name in zip(timed, names, strict=True):
        if not cells:
            raise RequestError(
                f"{name}: nothing was timed in this run; give a run of --profile quick, standard or full"
            )
    both = " and ".join(names)
    if not _same_events(before, after):
        events = " and ".join(f"{run.header.dataset} with {run.header.rows:,} rows" for run in (before, after))
        raise RequestError(f"{both}: these runs are about different events ({events}); give runs about the same events")
    if timed[0].isdisjoint(timed[1]):
        raise RequestError(f"{both}: no question was timed on the same arm in both; give runs with a common arm")


def check_machines(runs: Mapping[str, Run]) -> None:
    """Raises RequestError, with two of their names, if runs differ in machine, budget or number of nodes."""
    (first, one), *others = runs.items()
    differ = "these runs are of different machines, budgets or numbers of nodes"
    for name, other in others:
        if not same_machine(one, other):
            raise RequestError(f"{first} and {name}: {differ}; give runs of one machine")


def same_machine(before: Run, after: Run) -> bool:
    """Returns whether machines and budgets are the same, and stores on as many machines.

    The memory of machines counts to the GiB, that of budgets to 2%.
    """
    memory = [run.header.budget.get("memory", 0) for run in (before, after)]
    return _machine(before) == _machine(after) and math.isclose(*memory, rel_tol=0.02)


def _same_events(before: Run, after: Run) -> bool:
    """Compares datasets and rows, and the hashes of the events; older files have no hash, but the generator's seed."""
    one, other = before.header, after.header
    if (one.dataset, one.rows) != (other.dataset, other.rows):
        return False
    return one.events == other.events if one.events and other.events else one.seed == other.seed


def _machine(run: Run) -> tuple[object, ...]:
    described, budget = run.header.machine_in_gib, run.header.budget
    several = {engine: nodes for engine, nodes in run.header.nodes.items() if nodes > 1}
    return *map(described.get, ("processor", "cores", "memory")), budget.get("cores"), several
