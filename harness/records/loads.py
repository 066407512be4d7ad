"""The loads of a run: a layout may be loaded again before each launch."""

import dataclasses
import math
from collections.abc import Sequence
from statistics import mean, stdev

import msgspec

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import LoadCost, of_type
from rollup_bench.harness.stats import student
from rollup_bench.harness.stats.estimate import LEVEL


class MeanLoad(msgspec.Struct, frozen=True):
    """An arm's first load, with the mean seconds and processor seconds of all its loads.

    `interval` is the 99% interval of the mean seconds; None for a single load.
    """

    cost: LoadCost
    loads: int
    interval: tuple[float, float] | None


def mean_loads(run: Run) -> list[MeanLoad]:
    """Returns the mean of the loads of each arm, in the order of the first loads."""
    by_arm: dict[str, list[LoadCost]] = {}
    for line in of_type(run.lines, LoadCost):
        by_arm.setdefault(line.arm, []).append(line)
    return [_mean(own_loads(costs)) for costs in by_arm.values()]


def own_loads(costs: Sequence[LoadCost]) -> Sequence[LoadCost]:
    """Returns those loads of an arm that its run made itself; if there are none, the one that it reused."""
    return [cost for cost in costs if not cost.reused] or costs


def _mean(costs: Sequence[LoadCost]) -> MeanLoad:
    seconds = [cost.seconds for cost in costs]
    processor = [cost.processor for cost in costs if cost.processor is not None]
    means = {"seconds": mean(seconds), "processor": mean(processor) if processor else None}
    first = msgspec.structs.replace(costs[0], **means)
    if first.built:
        built = dataclasses.replace(first.built, seconds=mean(cost.built.seconds for cost in costs if cost.built))
        first = msgspec.structs.replace(first, built=built)
    if len(costs) == 1:
        return MeanLoad(first, 1, None)
    reach = student.quantile((1 + LEVEL) / 2, len(costs) - 1) * stdev(seconds) / math.sqrt(len(costs))
    return MeanLoad(first, len(costs), (max(first.seconds - reach, 0.0), first.seconds + reach))
