"""The figures of a question or a mix on an arm under load: response times against the rate, and the highest rate."""

from collections.abc import Sequence

import msgspec

from rollup_bench.harness.records.findings import Run
from rollup_bench.harness.records.lines import ClosedLoop, OpenLoop, Spent
from rollup_bench.harness.run import loops, search
from rollup_bench.harness.run.profiles import OBJECTIVE


class Offered(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of requests that followed a schedule. Times are in seconds, and known only of a sustained rate."""

    rate: float  # requests per second
    load: str
    outcome: str
    cores: float  # that client and engine used on average
    response: dict[str, float] = {}  # percentiles of the response times
    maximum: float | None = None


class UnderLoadView(msgspec.Struct, frozen=True, omit_defaults=True):
    """The figures under load of one question or mix on one arm."""

    capacity: float | None  # the most answers per second of a closed loop whose answers were all right; None if none
    offered: list[Offered] = []  # in increasing order of rates
    objective: float | None = None  # the most seconds that p95 should take; None if no rate was offered
    highest: Offered | None = None  # at the highest rate that met the objective in the longer schedule
    note: str = ""  # why no rate is known that met the objective


def under_load(run: Run, question: str, arm: str) -> UnderLoadView | None:
    """Returns the figures of a question or a mix on an arm under load in the hot state; None if not measured."""
    closed, opened = loops.of_arm(run.lines, question, arm)
    if not closed:
        return None
    capacity, highest = loops.capacity(closed), search.highest(opened)
    return UnderLoadView(
        capacity,
        [_offered(line) for line in sorted(opened, key=lambda line: line.rate)],
        opened[0].objective if opened else None,
        _offered(highest) if highest else None,
        "" if highest else _missing(capacity, closed, opened),
    )


def _offered(line: OpenLoop) -> Offered:
    result = loops.read(line)
    return Offered(line.rate, line.load, result.outcome, _cores(line.spent), result.response, result.maximum)


def _cores(spent: Spent) -> float:
    """Returns how many cores client and engine used on average."""
    return spent.processor / spent.seconds


def _missing(capacity: float | None, closed: Sequence[ClosedLoop], opened: Sequence[OpenLoop]) -> str:
    """Says why no rate is known that meets the objective."""
    if capacity is None:
        return "wrong or no answers under load"
    if opened and not any(line.load.startswith((search.SEARCH, search.CONFIRM)) for line in opened):
        return "the highest rate was not searched"
    if opened:
        lowest = min(line.rate for line in opened)
        return f"p95 above {opened[0].objective * 1000:g} ms, or unknown, at {lowest:g} a second"
    idle = search.slow_when_idle(closed, OBJECTIVE)
    return "slower than the objective when idle" if idle else "no rate was offered"
