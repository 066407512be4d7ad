"""Measures capacity in closed loops and response times in open loops, and interprets the lines of both."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.records.lines import Cache, ClosedLoop, OpenLoop, Route
from rollup_bench.harness.run.clients import Attempt, Endpoint, Work, drive
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.routes import RouteOf, counted, unknown
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.percentiles import queue_percentiles

CLIENTS = (1, 2, 4, 8)  # the numbers of clients of the closed loops
_GROWTH, _REQUESTS = (0.05, 20)  # a backlog grows if it gains more than both: a share of all requests, a number
_ANSWERED = "rw"  # the states of requests that got an answer: right or wrong
_LATE, _LATE_SHARE = 0.001, 0.05  # the tolerated p99 of lateness: the larger of seconds and a share of response p99
Outcome = Literal["sustained", "not sustained", "client too slow", "wrong answers"]


class Target(msgspec.Struct, frozen=True):
    """The requests of one question, and the endpoint of the arm to which clients send the requests."""

    arm: Endpoint
    question: str
    requests: Sequence[Any]
    cache: Cache = "hot"
    limit: float = 30.0  # seconds until a request times out
    route: RouteOf = unknown

    def routes(self, attempts: Sequence[Attempt]) -> list[Route]:
        """Returns the routes of the requests that were sent."""
        sent = (attempt.number for attempt in attempts if attempt.sent is not None)
        return counted(self.route, (self.requests[number % len(self.requests)] for number in sent))


class OpenLoopResult(msgspec.Struct, frozen=True):
    """The result of an open loop, with times in seconds.

    `response` and `service` hold percentiles with enough samples, and only if the rate was sustained.
    """

    outcome: Outcome
    rate: float  # requests per second
    requests: int
    failed: int
    maximum: float | None = None
    response: dict[str, float] = {}
    service: dict[str, float] = {}
    lateness: float | None = None  # its 99th percentile


def schedule(rate: float, seconds: float, rng: np.random.Generator) -> list[int]:
    """Draws Poisson arrivals at `rate` requests per second for `seconds`; returns nanoseconds after the start."""
    gaps = rng.exponential(1 / rate, size=int(rate * seconds + 10 * (rate * seconds) ** 0.5 + 10))
    times = np.cumsum(gaps)
    return [int(time * 1e9) for time in times[times < seconds]]


def sweep(target: Target, clients: int, seconds: float, gauge: Gauge) -> ClosedLoop:
    """Runs a closed loop with `clients` clients for `seconds`; returns its line for the run's file."""
    start, attempts, _, spent = drive(target.arm, Work(target.requests, seconds, target.limit), clients, gauge)
    states = [each.state for each in attempts]
    answered = [(each.sent, each.done) for each in attempts if each.done and each.sent and each.state in _ANSWERED]
    return ClosedLoop(
        arm=target.arm.name,
        question=target.question,
        cache=target.cache,
        clients=clients,
        seconds=(max((each.done for each in attempts if each.done), default=start) - start) / 1e9,
        right=states.count("r"),
        wrong=states.count("w"),
        failed=len(states) - states.count("r") - states.count("w"),
        service=histograms.encode((done - sent) // 1000 for sent, done in answered),
        spent=spent,
        routes=target.routes(attempts),
    )


def capacity(sweeps: Sequence[ClosedLoop]) -> float | None:
    """Returns the most right answers per second of a closed loop without a wrong or failed request; None if none."""
    sound = [loop for loop in sweeps if loop.right and not loop.wrong + loop.failed]
    return max((loop.right / loop.seconds for loop in sound), default=None)


def offer(target: Target, rate: float, seconds: float, load: str, seed: int, gauge: Gauge, clients: int) -> OpenLoop:
    """Runs an open loop at `rate` requests per second, at most `clients` at a time; returns its line of the file."""
    intended = schedule(rate, seconds, np.random.default_rng(seed))
    work = Work(target.requests, seconds, target.limit, intended)
    start, attempts, handed, spent = drive(target.arm, work, clients, gauge, processes=2)
    by_number = {attempt.number: attempt for attempt in attempts}
    requests = [by_number.get(number) for number in range(len(intended))]
    record = OpenLoop(
        arm=target.arm.name,
        question=target.question,
        cache=target.cache,
        rate=rate,
        load=load,
        limit=target.limit,
        clients=clients,
        intended=[time // 1000 for time in intended],
        sent=[(each.sent - start) // 1000 if each and each.sent else None for each in requests],
        done=[(each.done - start) // 1000 if each and each.done else None for each in requests],
        waited=[(each.sent - handed[each.number]) // 1000 if each and each.sent else 0 for each in requests],
        state="".join(each.state if each else "u" for each in requests),
        response="",
        service="",
        lateness="",
        spent=spent,
        routes=target.routes(attempts),
    )
    times = {"response": responses(record), "service": services(record), "lateness": lateness(record)}
    encoded = {name: histograms.encode(int(time) for time in values) for name, values in times.items()}
    return msgspec.structs.replace(record, **encoded)


def responses(record: OpenLoop) -> NDArray[np.float64]:
    """Returns each request's response time in microseconds; without an answer, it counts as at least the time limit."""
    end = _array(record.done) - np.asarray(record.intended)
    limit = record.limit * 1e6
    answered = [state in _ANSWERED for state in record.state]
    return np.asarray(np.where(answered, end, np.fmax(end, limit)))


def services(record: OpenLoop) -> NDArray[np.float64]:
    """Returns, for each answered request, the microseconds from when the request was sent to the end of its answer."""
    times = _array(record.done) - _array(record.sent)
    return np.asarray(times[[state in _ANSWERED for state in record.state]])


def lateness(record: OpenLoop) -> NDArray[np.float64]:
    """Returns, for each request that was sent, the microseconds from its intended time to its hand-over to clients."""
    times = _array(record.sent) - np.asarray(record.intended) - np.asarray(record.waited)
    return np.asarray(times[~np.isnan(times)])


def growth(record: OpenLoop) -> float:
    """Returns how many requests the backlog gains during the schedule, by a line fitted to its size at each arrival."""
    intended = np.asarray(record.intended)
    if len(set(record.intended)) < 2:
        return 0.0
    done = np.sort(intended + responses(record))
    backlog = np.arange(1, len(intended) + 1) - np.searchsorted(done, intended)
    elapsed = intended - intended.mean()
    steepness = float(elapsed @ backlog) / float(elapsed @ elapsed)
    return steepness * float(intended[-1] - intended[0])


def read(record: OpenLoop) -> OpenLoopResult:
    """Returns the outcome and the percentiles of an open loop, computed from its line of the run's file."""
    failed = sum(state not in _ANSWERED for state in record.state)
    result = OpenLoopResult("sustained", record.rate, len(record.state), failed)
    if "w" in record.state:
        return msgspec.structs.replace(result, outcome="wrong answers")
    if "u" in record.state or growth(record) > max(_REQUESTS, _GROWTH * len(record.state)):
        return msgspec.structs.replace(result, outcome="not sustained")
    response, late = responses(record), lateness(record)
    late_p99 = _p99(late)
    if late_p99 > max(_LATE, _LATE_SHARE * _p99(response)):
        return msgspec.structs.replace(result, outcome="client too slow", lateness=late_p99)
    return msgspec.structs.replace(
        result,
        maximum=float(response.max()) / 1e6 if len(response) else None,
        response=_seconds(queue_percentiles(response)),
        service=_seconds(queue_percentiles(services(record))),
        lateness=late_p99,
    )


def meets(record: OpenLoop, percentile: str, seconds: float) -> bool | None:
    """Whether the rate was sustained, every request was answered right, and the percentile was at most `seconds`.

    Returns None if the open loop had too few requests for the percentile, or if the client was too slow.
    """
    result = read(record)
    if result.failed or result.outcome in ("not sustained", "wrong answers"):
        return False
    return result.response[percentile] <= seconds if percentile in result.response else None


def next_rate(records: Sequence[OpenLoop], highest: float, meets: Callable[[OpenLoop], bool | None]) -> float | None:
    """Returns the next rate to try in a bisection for the highest rate, up to `highest`, that meets an objective.

    Returns None when that highest rate is known to a tenth of `highest`. A rate for which `meets` returned None counts
    as one that misses the objective, unless a higher rate met it.
    """
    results = {record.rate: meets(record) for record in records}
    met = max((rate for rate, result in results.items() if result), default=0.0)
    failing = [rate for rate, result in results.items() if result is False or (result is None and rate > met)]
    missed = min(failing, default=highest)
    return None if missed - met <= 0.1 * highest else (met + missed) / 2


def _array(values: Sequence[int | None]) -> NDArray[np.float64]:
    """Converts a list to an array in which None becomes NaN."""
    return np.array(values, dtype=np.float64)


def _p99(microseconds: NDArray[np.float64]) -> float:
    """Returns, in seconds, the 99th percentile of times in microseconds; 0 if there are no times."""
    return float(np.quantile(microseconds, 0.99, method="inverted_cdf")) / 1e6 if len(microseconds) else 0.0


def _seconds(microseconds: dict[str, float]) -> dict[str, float]:
    return {name: value / 1e6 for name, value in microseconds.items()}
