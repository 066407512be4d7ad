"""Compares stored runs of the same events on the same machine, each with the next one, for the page of the history."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.comparable import check, same_machine
from rollup_bench.harness.records.compare import Comparison, compare, compare_processor
from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.stats.claims import Claim


class ChangeView(msgspec.Struct, frozen=True):
    """A change that `compare` claims. Times are in seconds; `cache` is the cache state."""

    question: str
    arm: str
    cache: str
    before: float | None
    after: float | None
    claim: Claim


class ChangesView(msgspec.Struct, frozen=True):
    """The claimed changes of times or processor times; `common` is the median ratio that is taken out before."""

    common: float
    compared: int
    claimed: list[ChangeView]


class ComparisonView(msgspec.Struct, frozen=True):
    """The claimed changes from one run to the next, named by their names."""

    before: str
    after: str
    dataset: str
    rows: int
    times: ChangesView
    processor: ChangesView


def comparisons(runs: Mapping[str, Run]) -> list[ComparisonView]:
    """Returns what changed from each run to the next one that can be compared with it, in the order of their starts."""
    ordered = sorted(runs, key=lambda name: runs[name].header.started)
    return [_comparison(runs, *names) for group in _groups(runs, ordered) for names in pairwise(group)]


def _groups(runs: Mapping[str, Run], names: Sequence[str]) -> list[list[str]]:
    """Groups runs so that each run of a group can be compared with the run before it."""
    groups: list[list[str]] = []
    for name in names:
        fitting = next((group for group in groups if _can_be_compared(runs[group[-1]], runs[name])), None)
        if fitting is None:
            groups.append([name])
        else:
            fitting.append(name)
    return groups


def _can_be_compared(before: Run, after: Run) -> bool:
    try:
        check(before, after, ("", ""))
    except RequestError:
        return False
    return same_machine(before, after)


def _comparison(runs: Mapping[str, Run], before: str, after: str) -> ComparisonView:
    pair = runs[before], runs[after]
    return ComparisonView(
        before,
        after,
        pair[0].header.dataset,
        pair[0].header.rows,
        _changes(compare(*pair)),
        _changes(compare_processor(*pair)),
    )


def _changes(found: Comparison) -> ChangesView:
    claims = [(change, change.claim) for change in found.changes if change.claim]
    claimed = [
        ChangeView(change.cell.question, change.cell.arm, change.cell.cache, change.before, change.after, claim)
        for change, claim in claims
        if claim.told_apart
    ]
    return ChangesView(found.common, len(claims), claimed)
