"""Searches the highest rate at which an arm meets an objective: a bound on the p95 of its response times.

The rates are the preferred numbers of the series R10 (1, 1.25, 1.6, 2, ...), the same for all arms, so that response
times of arms can be compared at equal rates. A rate has a number: 0 is one request per second, and 10 is ten.
"""

import math
from collections.abc import Callable, Mapping, Sequence

from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop
from rollup_bench.harness.run.loops import MISSED, read, responses
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.percentiles import BEYOND, episodes

SEARCH, CONFIRM = "search", "confirm"
PERCENTILE, _BEYOND = "p95", 0.05  # the percentile that the objective bounds, and the share of requests beyond it
_SERIES = (1.0, 1.25, 1.6, 2.0, 2.5, 3.15, 4.0, 5.0, 6.3, 8.0)
_STEP = 2  # the distance to the next rate until one that meets the objective and one that misses it are known
_NEEDED = 200  # fewer requests have no p95 with ten samples beyond it


def rate(number: int) -> float:
    """Returns the requests per second of the rate with this number."""
    return float(f"{_SERIES[number % len(_SERIES)] * 10.0 ** (number // len(_SERIES)):.3g}")


def number_below(requests: float) -> int:
    """Returns the number of the highest rate that is at most `requests` per second."""
    guess = math.ceil(len(_SERIES) * math.log10(requests)) + 1
    return next(number for number in range(guess, guess - 4, -1) if rate(number) <= requests)


def lowest(seconds: float) -> int:
    """Returns the number of the lowest rate that a schedule of at most `seconds` can judge."""
    return number_below(_NEEDED / seconds) + 1


def next_number(outcomes: Mapping[int, bool | None], first: int) -> int | None:
    """Returns the number of the next rate to try; None when the highest one that meets the objective is known.

    `outcomes` says of each tried number whether its rate met the objective. None (unknown) counts as a miss, unless a
    higher rate met it. The first number is `first`, and no number is known to be the highest until the next one missed.
    """
    if not outcomes:
        return first
    met = max((number for number, outcome in outcomes.items() if outcome), default=None)
    if met is None:
        return min(outcomes) - _STEP
    missed = min((number for number in outcomes if number > met), default=met + 2 * _STEP)
    return None if missed == met + 1 else (met + missed) // 2


def search(offer: Callable[[str, int], OpenLoop], first: int, lowest: int) -> None:
    """Offers rates, from number `first` on, until the highest that meets the objective is known and confirmed.

    `offer` returns an open loop, given its purpose and the number of its rate; an open loop that confirms a rate is
    longer. It also decides if the first one does not tell whether the rate meets the objective. If the highest rate is
    not confirmed, the next lower one is tried. No rate below number `lowest` is offered.
    """
    outcomes: dict[int, bool | None] = {}
    while (number := next_number(outcomes, first)) is not None and number >= lowest:
        outcomes[number] = meets(offer(SEARCH, number))
        if outcomes[number] is None:
            outcomes[number] = meets(offer(CONFIRM, number))
    highest_met = max((number for number, outcome in outcomes.items() if outcome), default=lowest - 1)
    for number in range(highest_met, lowest - 1, -1):
        if meets(offer(CONFIRM, number)):
            return


def meets(record: OpenLoop) -> bool | None:
    """Whether the rate was sustained, every request was answered right, and the p95 was within the objective.

    Returns None if this is not known: the open loop is undecided, the client was too slow, or too few separate
    responses exceed the p95 or the objective.
    """
    result = read(record)
    if result.outcome in MISSED:
        return False
    if result.outcome != "sustained":
        return None
    if PERCENTILE in result.response:
        return result.response[PERCENTILE] <= record.objective
    beyond = responses(record) > 1e6 * record.objective
    if not beyond.any():
        return True
    return False if beyond.mean() > _BEYOND and episodes(beyond) >= BEYOND else None


def slow_when_idle(loops: Sequence[ClosedLoop], objective: float) -> bool:
    """Whether the p95 of one client's service times exceeds `objective`, so that no rate can meet it."""
    return any(loop.clients == 1 and histograms.percentile(loop.service, 0.95) > objective for loop in loops)


def highest(records: Sequence[OpenLoop]) -> OpenLoop | None:
    """Returns the confirmation of the highest rate that met the objective in the longer schedule; None if none."""
    met = [record for record in records if record.load.startswith(CONFIRM) and meets(record)]
    return max(met, key=lambda record: record.rate, default=None)
