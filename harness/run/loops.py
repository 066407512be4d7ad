"""Runs closed and open loops, and interprets the lines of both."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.records.lines import Cache, ClosedLoop, OpenLoop, Record, Route, of_cell
from rollup_bench.harness.run.clients import Attempt, Driven, Endpoint, Work, drive
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.run.routes import RouteOf, counted, unknown
from rollup_bench.harness.stats import histograms, student
from rollup_bench.harness.stats.percentiles import queue_percentiles

CLIENTS = (1, 8)  # the numbers of clients of the closed loops
TOLD_APART = 1.25  # a rate is only called sustained if it is shown to be below so many times the capacity
_PARTS, _CONFIDENCE = 10, 0.95  # the parts of a schedule whose gains give the interval of the backlog's gain, its level
_ANSWERED = "rw"  # the states of requests that got an answer: right or wrong
_LATE, _LATE_SHARE = 0.001, 0.05  # the tolerated p99 of lateness: the larger of seconds and a share of response p99
OWN_SHARES = ("50%", "80%")
"""The loads of older runs whose rates were shares of each arm's own capacity."""
Drive = Callable[[Endpoint, Work, int, Gauge], Driven]
"""Runs clients as `clients.drive` does; a simulation replaces it."""
Outcome = Literal["sustained", "not sustained", "undecided", "client too slow", "wrong answers", "failed requests"]
MISSED = ("not sustained", "wrong answers", "failed requests")
"""The outcomes with which a rate is known to be too high."""


class Target(msgspec.Struct, frozen=True):
    """The requests of one question or mix, and the endpoint of the arm to which clients send the requests."""

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
    """Draws Poisson arrivals at `rate` requests per second for `seconds`; returns nanoseconds after the start.

    The number of arrivals is the expected one, so that a schedule never offers more or less than its rate.
    """
    return [int(time * 1e9) for time in np.sort(rng.uniform(0.0, seconds, round(rate * seconds)))]


def sweep(target: Target, clients: int, seconds: float, gauge: Gauge, drive: Drive = drive) -> ClosedLoop:
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


def of_arm(records: Iterable[Record], name: str, arm: str) -> tuple[list[ClosedLoop], list[OpenLoop]]:
    """Returns the closed and the open loops of a question or a mix on an arm, in the hot state."""
    closed = [line for line in of_cell(records, ClosedLoop, name, arm) if line.cache == "hot"]
    return closed, [line for line in of_cell(records, OpenLoop, name, arm) if line.load not in OWN_SHARES]


def capacity(sweeps: Sequence[ClosedLoop]) -> float | None:
    """Returns the most right answers per second of a closed loop without a wrong or failed request; None if none."""
    sound = [loop for loop in sweeps if loop.right and not loop.wrong + loop.failed]
    return max((loop.right / loop.seconds for loop in sound), default=None)


def most(sweeps: Sequence[ClosedLoop]) -> float | None:
    """Returns the most right answers per second of any closed loop; None if there is none."""
    return max((loop.right / loop.seconds for loop in sweeps if loop.right), default=None)


def offer(
    target: Target, rate: float, seconds: float, load: str, seed: int, gauge: Gauge, clients: int, drive: Drive = drive
) -> OpenLoop:
    """Runs an open loop at `rate` requests per second, at most `clients` at a time; returns its line of the file."""
    intended = schedule(rate, seconds, np.random.default_rng(seed))
    work = Work(target.requests, seconds, target.limit, intended)
    start, attempts, handed, spent = drive(target.arm, work, clients, gauge)
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


def growth(record: OpenLoop) -> tuple[float, float]:
    """Returns how many requests the backlog gains from the first to the last arrival, with its 95% interval.

    The interval is that of the mean gain of ten equal parts of the schedule, given as the half of its width. In fewer
    than 20 requests, this is infinite.
    """
    intended = np.asarray(record.intended)
    if len(intended) < 2 * _PARTS:
        return 0.0, np.inf
    done = np.sort(intended + responses(record))
    backlog = np.arange(1, len(intended) + 1) - np.searchsorted(done, intended)
    gains = np.diff(backlog[np.linspace(0, len(intended) - 1, _PARTS + 1).round().astype(int)])
    t = student.quantile((1 + _CONFIDENCE) / 2, _PARTS - 1)
    return float(gains.sum()), t * float(gains.std(ddof=1)) * _PARTS**0.5


def read(record: OpenLoop) -> OpenLoopResult:
    """Returns the outcome and the percentiles of an open loop, computed from its line of the run's file."""
    failed = sum(state not in _ANSWERED for state in record.state)
    result = OpenLoopResult("sustained", record.rate, len(record.state), failed)
    if "w" in record.state:
        return msgspec.structs.replace(result, outcome="wrong answers")
    gained, reach = growth(record)
    if "u" in record.state or gained - reach > 0:
        return msgspec.structs.replace(result, outcome="not sustained")
    if failed:
        return msgspec.structs.replace(result, outcome="failed requests")
    response, late = responses(record), lateness(record)
    late_p99 = _p99(late)
    if late_p99 > max(_LATE, _LATE_SHARE * _p99(response)):
        return msgspec.structs.replace(result, outcome="client too slow", lateness=late_p99)
    if gained + reach > (1 - 1 / TOLD_APART) * len(record.state):
        return msgspec.structs.replace(result, outcome="undecided", lateness=late_p99)
    return msgspec.structs.replace(
        result,
        maximum=float(response.max()) / 1e6 if len(response) else None,
        response=_seconds(queue_percentiles(response)),
        service=_seconds(queue_percentiles(services(record))),
        lateness=late_p99,
    )


def _array(values: Sequence[int | None]) -> NDArray[np.float64]:
    """Converts a list to an array in which None becomes NaN."""
    return np.array(values, dtype=np.float64)


def _p99(microseconds: NDArray[np.float64]) -> float:
    """Returns, in seconds, the 99th percentile of times in microseconds; 0 if there are no times."""
    return float(np.quantile(microseconds, 0.99, method="inverted_cdf")) / 1e6 if len(microseconds) else 0.0


def _seconds(microseconds: dict[str, float]) -> dict[str, float]:
    return {name: value / 1e6 for name, value in microseconds.items()}
