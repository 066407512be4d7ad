"""Counts how often rates around the capacity of a simulated queue are called sustained.

`python -m experiments.sustained [RUNS]`. The queues have one or two servers, and service times of a known mean, which
gives their capacity; their clock is simulated. Open loops are scheduled and judged as in the profile `standard`. At
1.25 times the capacity, at most 5% of RUNS (default: 1000) may be sustained. Then the highest rate within the objective
is searched as in a run, and compared with the one that long schedules give.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from heapq import heapreplace
from typing import get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.records.lines import OpenLoop, Spent
from rollup_bench.harness.run import search
from rollup_bench.harness.run.clients import Attempt, Driven, Endpoint, Work
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.loops import TOLD_APART, Outcome, Target, offer, read
from rollup_bench.harness.run.null import NullEngine
from rollup_bench.harness.run.profiles import PROFILES, UnderLoad

CAPACITIES = (1.6, 170.0)
FACTORS = (0.5, 0.8, 1.0, TOLD_APART, 1.5)
LIMIT = 0.05
SESSIONS = 64
SEARCHES = 50
TARGET = Target(Endpoint("simulated", NullEngine([])), "queue", [0])
Draw = Callable[[np.random.Generator, float, int], NDArray[np.float64]]
SERVICES: dict[str, Draw] = {
    "exponential": lambda rng, mean, size: rng.exponential(mean, size),
    "constant": lambda rng, mean, size: np.full(size, mean),
    "one in ten is eleven times as long": lambda rng, mean, size: mean * np.where(rng.random(size) < 0.1, 5.5, 0.5),
}


class Queue(msgspec.Struct, frozen=True):
    """A queue that serves `capacity` requests per second with `servers` servers; it stands for clients and engine."""

    capacity: float
    servers: int
    services: str
    seed: int

    def __call__(self, arm: Endpoint, work: Work, clients: int, gauge: Gauge) -> Driven:
        """Returns what clients would measure: each sends the next request that is due, and waits for its answer."""
        intended = work.intended or ()
        rng = np.random.default_rng([self.seed, len(intended)])
        drawn = SERVICES[self.services](rng, self.servers / self.capacity, len(intended))
        sessions, servers, end = [0] * clients, [0] * self.servers, int((work.seconds + work.limit) * 1e9)
        attempts = []
        for number, (at, service) in enumerate(zip(intended, drawn, strict=True)):
            sent = max(at, sessions[0])
            if sent > end:
                attempts.append(Attempt(number, None, None, "u"))
                continue
            done = max(sent, servers[0]) + int(service * 1e9)
            heapreplace(sessions, done)
            heapreplace(servers, done)
            attempts.append(Attempt(number, sent, done, "r"))
        return Driven(0, attempts, list(intended), Spent(seconds=work.seconds, client=0.0))


def queues(capacity: float) -> Iterator[Queue]:
    """Yields queues of this capacity: each kind of service times on one server and on two."""
    yield from (Queue(capacity, servers, services, 0) for services in SERVICES for servers in (1, 2))


def outcomes(queue: Queue, rate: float, runs: int, load: UnderLoad) -> Counter[str]:
    """Returns how often each outcome results from open loops at `rate`, each with its own schedule and services."""
    counts: Counter[str] = Counter()
    for run in range(runs):
        drive = msgspec.structs.replace(queue, seed=run)
        line = offer(TARGET, rate, load.seconds(rate), "", run, Gauge(), SESSIONS, drive)
        counts[read(line).outcome] += 1
    return counts


def found(queue: Queue, load: UnderLoad, seed: int) -> float:
    """Returns the highest rate within the objective that a search finds; 0 if it finds none."""
    lines: list[OpenLoop] = []

    def offered(purpose: str, number: int) -> OpenLoop:
        confirms, rate = purpose == search.CONFIRM, search.rate(number)
        drive = msgspec.structs.replace(queue, seed=2 * seed + confirms)
        seconds = load.seconds(rate, confirms)
        line = offer(TARGET, rate, seconds, purpose, 2 * seed + confirms, Gauge(), SESSIONS, drive)
        lines.append(msgspec.structs.replace(line, objective=load.objective))
        return lines[-1]

    search.search(offered, search.number_below(queue.capacity) - 1, search.lowest(load.most))
    best = search.highest(lines)
    return best.rate if best else 0.0


def print_outcomes(load: UnderLoad, runs: int) -> float:
    """Prints the share of each outcome; returns the largest share of sustained ones at 1.25 times the capacity."""
    worst = 0.0
    for queue in (queue for capacity in CAPACITIES for queue in queues(capacity)):
        print(f"capacity {queue.capacity:g} a second, {queue.servers} servers, service times: {queue.services}")
        for factor in FACTORS:
            counts = outcomes(queue, factor * queue.capacity, runs if factor == TOLD_APART else runs // 10, load)
            shares = {name: counts[name] / counts.total() for name in get_args(Outcome) if counts[name]}
            print(f"  {factor:4g} times: " + ", ".join(f"{name} {share:.1%}" for name, share in shares.items()))
            worst = max(worst, shares.get("sustained", 0.0) if factor == TOLD_APART else 0.0)
    return worst


def print_searches(load: UnderLoad) -> None:
    """Prints which rates searches find, and which rate is the highest within the objective in schedules of an hour."""
    long = msgspec.structs.replace(load, least=3600.0, most=3600.0)
    for queue in queues(CAPACITIES[-1]):
        rates = Counter(map(partial(found, queue, load), range(SEARCHES)))
        listed = ", ".join(f"{rate:g} in {count}" for rate, count in sorted(rates.items()))
        print(f"search, {queue.servers} servers, service times: {queue.services}")
        print(f"  truly {found(queue, long, 0):g} a second; found {listed} of {SEARCHES}")


def main() -> None:
    """Prints all shares and rates; exits with 1 if 1.25 times the capacity is sustained too often."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    load = PROFILES["standard"].load
    assert load is not None
    worst = print_outcomes(load, runs)
    print(f"at most {worst:.1%} of the open loops at 1.25 times the capacity are sustained; the limit is {LIMIT:.0%}")
    print_searches(load)
    sys.exit(worst > LIMIT)


if __name__ == "__main__":
    main()
