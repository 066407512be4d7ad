"""Measures what the harness adds to a question, with an engine that waits for a known time.

`python -m experiments.clocks` prints the time added to a question, up to which rate the clients keep a schedule, and
how close response times are to Lindley's recursion when one answer takes a second. The clients have real-time priority
if the system allows it; without real-time priority, a busy machine makes some responses longer.
"""

import sys
import time
from collections.abc import Iterator

import msgspec
import numpy as np

from rollup_bench.harness.run.clients import Endpoint
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.loops import CLIENTS, Target, offer, read, responses, sweep
from rollup_bench.harness.run.null import NullEngine, lindley
from rollup_bench.harness.run.rounds import Effort, TimedQuestion, launch

MOST = 50e-6  # the limit in seconds of the time added to a question
RATES = (500, 1000, 2000, 4000, 8000)


class Added(msgspec.Struct, frozen=True):
    """Seconds that the harness adds to a question: to its measured time (`inside`), and altogether (`around`)."""

    inside: float
    around: float


def added(rounds: int = 2000) -> Added:
    """Returns the seconds added to a question in rounds over two arms and an A/A control that answer at once."""
    cell = TimedQuestion("nothing", ("a", "b"), "a", object)
    effort = Effort(launches=1, least=rounds, most=rounds, warm=0.0)
    asks = {"a": id, "b": id}
    began = time.perf_counter()
    (line,) = launch(0, [cell], asks, effort, seed=1)
    elapsed = time.perf_counter() - began
    times = [value for pairs in line.times.values() for pair in pairs if pair for value in pair]
    return Added(float(np.median(times)) / 1e9, elapsed / len(times))


def near_lindley(requests: int = 300, service: float = 0.01) -> tuple[float, float]:
    """Returns the share of responses within 1 ms or 2% of Lindley's recursion, and the largest difference in seconds.

    Eight clients together ask at half the rate that one queue can serve. Service times are exponential, but one is 1 s.
    """
    served = np.random.default_rng(5).exponential(service, requests)
    served[requests // 4] = 1.0
    target = Target(Endpoint("null", NullEngine(served.tolist(), queue=True)), "nothing", range(requests))
    record = offer(target, 0.5 / service, requests * 2 * service, "50%", 1, Gauge(), clients=8)
    theory = np.array(lindley(record.intended, [int(served[i % requests] * 1e6) for i in range(len(record.intended))]))
    error = np.abs(responses(record) - theory)
    return float(np.mean(error <= np.maximum(1000, 0.02 * theory))), float(error.max()) / 1e6


def ceilings(service: float = 0.001) -> Iterator[tuple[int, float]]:
    """Yields numbers of clients, and the answers a second that an engine without a queue gives these clients."""
    target = Target(Endpoint("null", NullEngine([service])), "nothing", [0])
    for clients in CLIENTS:
        line = sweep(target, clients, 2.0, Gauge())
        yield clients, line.right / line.seconds


def kept_to_schedule(service: float = 0.001) -> Iterator[tuple[int, str, float]]:
    """Yields rates of requests a second, each with its outcome and the 99th percentile of lateness in seconds."""
    target = Target(Endpoint("null", NullEngine([service])), "nothing", [0])
    for rate in RATES:
        result = read(offer(target, rate, 3.0, "common", 1, Gauge(), clients=64))
        yield rate, result.outcome, result.lateness or float("nan")


def main() -> None:
    """Prints all figures; exits with 1 if the harness adds too much or measures a response time wrong."""
    figures = added()
    for name, value in msgspec.structs.asdict(figures).items():
        print(f"added to a question, {name} its measured time: {value * 1e6:.2f} µs; the limit is {MOST * 1e6:.0f}")
    share, worst = near_lindley()
    print(f"responses within 1 ms or 2% of Lindley's, in spite of a stall of 1 s: {share:.1%}; worst {worst:.4f} s")
    for clients, rate in ceilings():
        print(f"closed loop, 1 ms of service, {clients} clients: {rate:,.0f} answers a second of {1000 * clients:,}")
    for offered, outcome, late in kept_to_schedule():
        print(f"open loop, 1 ms of service, {offered:,} requests a second: {outcome}, p99 lateness {late * 1e3:.2f} ms")
    sys.exit(max(figures.inside, figures.around) > MOST or share < 1)


if __name__ == "__main__":
    main()
