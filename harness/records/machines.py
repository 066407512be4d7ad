"""Compares runs of two machines: the ratios of arms and the fastest arms, because times depend on the machine."""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from msgspec.structs import replace

from rollup_bench.harness.records.compare import wider_floors
from rollup_bench.harness.records.findings import (
    Cell,
    Pair,
    Run,
    claimed,
    differences,
    drifting,
    processor_ratios,
    ratios,
    timings,
)
from rollup_bench.harness.stats import noise
from rollup_bench.harness.stats.claims import Claim
from rollup_bench.harness.stats.estimate import Estimate, difference

Agreement = Literal["same choice", "other choice", "undecided"]


class RatioChange(NamedTuple):
    """The ratio of two arms in each run, and a claim about the ratio in the second run over that in the first."""

    pair: Pair
    before: float
    after: float
    claim: Claim


class Choice(NamedTuple):
    """The fastest arms at a question in each run, of the arms that both runs timed.

    An arm is among the fastest if no other arm is claimed to be faster. The agreement is `same choice` if both runs
    have the same fastest arms, `other choice` if they have none in common, and else `undecided`.
    """

    question: str
    cache: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    agreement: Agreement


def compare_ratios(before: Run, after: Run) -> list[RatioChange]:
    """Compares the ratio of the times of every two arms; a pair with a cell that drifts supports no claim."""
    unsteady = drifting(before) | drifting(after)
    return _compare(ratios(before), ratios(after), wider_floors(before, after), unsteady)


def compare_processor_ratios(before: Run, after: Run) -> list[RatioChange]:
    """Compares the ratio of the processor seconds of every two arms, as `compare_ratios` does that of the times."""
    return _compare(processor_ratios(before), processor_ratios(after), {}, drifting(before) | drifting(after))


def choices(before: Run, after: Run) -> list[Choice]:
    """Returns the fastest arms in both runs, at each question that both timed on two arms or more."""
    timed, arms = timings(after), dict[noise.Key, list[str]]()
    for cell in (cell for cell in timings(before) if cell in timed):
        arms.setdefault((cell.question, cell.cache), []).append(cell.arm)
    slower = _slower(before), _slower(after)
    return [_choice(key, names, *slower) for key, names in arms.items() if len(names) > 1]


def _compare(
    before: Mapping[Pair, Estimate],
    after: Mapping[Pair, Estimate],
    held_against: Mapping[noise.Key, Estimate],
    unsteady: set[Cell],
) -> list[RatioChange]:
    old, new = _sorted(before), _sorted(after)
    pairs = [pair for pair in old if pair in new]
    changes = {pair: difference(new[pair], old[pair]) for pair in pairs}
    found = claimed(changes, held_against, unsteady)
    return [RatioChange(pair, old[pair].ratio, new[pair].ratio, claim) for pair, claim in found.items()]


def _sorted(found: Mapping[Pair, Estimate]) -> dict[Pair, Estimate]:
    """Returns the ratios with the arms of each pair in the order of their names."""
    swapped = {
        Pair(question, cache, versus, arm): replace(ratio, centre=-ratio.centre)
        for (question, cache, arm, versus), ratio in found.items()
    }
    return {pair: ratio for pair, ratio in [*found.items(), *swapped.items()] if pair.arm < pair.versus}


def _slower(run: Run) -> set[Pair]:
    """Returns the pairs of arms of which the first is claimed to be slower than the second."""
    found = differences(run)
    forward = {Pair(*one[:4]) for one in found if one.claim.outcome == "slower"}
    return forward | {Pair(*one[:2], one.versus, one.arm) for one in found if one.claim.outcome == "faster"}


def _choice(key: noise.Key, arms: Sequence[str], *slower: set[Pair]) -> Choice:
    before, after = (
        tuple(arm for arm in arms if not any(Pair(*key, arm, rival) in run for rival in arms)) for run in slower
    )
    agreement: Agreement = "undecided"
    if before == after:
        agreement = "same choice"
    elif not set(before) & set(after):
        agreement = "other choice"
    return Choice(*key, before, after, agreement)
