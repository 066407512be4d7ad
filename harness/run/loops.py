"""Under load: capacity in closed loop, response in open loop, and what of it may be published."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from rollup_bench.harness.records.lines import Cache, ClosedLoop, OpenLoop
from rollup_bench.harness.run.clients import Endpoint, Work, drive
from rollup_bench.harness.run.costs import Gauge
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.percentiles import queue_percentiles

CLIENTS = (1, 2, 4, 8)
SESSIONS = 64
_GROWTH, _REQUESTS = 0.05, 20  # a backlog grows if it gains this share of all requests, and so many
_ANSWERED = "rw"  # the states of a request that has an answer, right or wrong
_LATE, _LATE_SHARE = 0.001, 0.05  # seconds, and share of the response, that requests may be handed over late
Outcome = Literal["sustained", "not sustained", "client too slow", "wrong answers"]


class Target(msgspec.Struct, frozen=True):
    """What is asked of whom."""

    arm: Endpoint
    question: str
    requests: Sequence[Any]
    cache: Cache = "hot"
    limit: float = 30.0


class OpenLoopResult(msgspec.Struct, frozen=True):
    """An open loop read: seconds; percentiles only where sustained, and only those that the samples carry."""

    outcome: Outcome
    rate: float
    requests: int
    failed: int
    maximum: float | None = None
    response: dict[str, float] = {}
    service: dict[str, float] = {}
    lateness: float | None = None  # its 99th percentile


def schedule(rate: float, seconds: float, rng: np.random.Generator) -> list[int]:
    """Intended nanoseconds of Poisson arrivals at `rate` a second, fixed before anything is sent."""
    gaps = rng.exponential(1 / rate, size=int(rate * seconds + 10 * (rate * seconds) ** 0.5 + 10))
    times = np.cumsum(gaps)
    return [int(time * 1e9) for time in times[times < seconds]]


def sweep(target: Target, clients: int, seconds: float, gauge: Gauge) -> ClosedLoop:
    """Closed loop with so many clients."""
    start, asked, _, spent = drive(target.arm, Work(target.requests, seconds, target.limit), clients, gauge)
    states = [one.state for one in asked]
    services = [(one.done - one.sent) // 1000 for one in asked if one.done and one.sent and one.state in _ANSWERED]
    return ClosedLoop(
        arm=target.arm.name,
        question=target.question,
        cache=target.cache,
        clients=clients,
        seconds=(max((one.done for one in asked if one.done), default=start) - start) / 1e9,
        right=states.count("r"),
        wrong=states.count("w"),
        failed=len(states) - states.count("r") - states.count("w"),
        service=histograms.encode(services),
        spent=spent,
    )


def capacity(sweeps: Sequence[ClosedLoop]) -> float | None:
    """The most right answers a second of any number of clients, where every answer was right."""
    return max((one.right / one.seconds for one in sweeps if one.right and not one.wrong + one.failed), default=None)


def offer(
    target: Target, rate: float, seconds: float, load: str, seed: int, gauge: Gauge, clients: int = SESSIONS
) -> OpenLoop:
    """OpenLoop loop at this rate, never more than `clients` requests under way at once."""
    intended = schedule(rate, seconds, np.random.default_rng(seed))
    work = Work(target.requests, seconds, target.limit, intended)
    start, asked, handed, spent = drive(target.arm, work, clients, gauge, processes=2)
    by_number = {one.number: one for one in asked}
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
        sent=[(one.sent - start) // 1000 if one and one.sent else None for one in requests],
        done=[(one.done - start) // 1000 if one and one.done else None for one in requests],
        waited=[(one.sent - handed[one.number]) // 1000 if one and one.sent else 0 for one in requests],
        state="".join(one.state if one else "u" for one in requests),
        response="",
        service="",
        lateness="",
        spent=spent,
    )
    times = {"response": responses(record), "service": services(record), "lateness": lateness(record)}
    kept = {name: histograms.encode(int(time) for time in values) for name, values in times.items()}
    return msgspec.structs.replace(record, **kept)


def responses(record: OpenLoop) -> NDArray[np.float64]:
    """Microseconds from intended to done; a request without an answer counts as the limit at least."""
    end = _array(record.done) - np.asarray(record.intended)
    limit = record.limit * 1e6
    answered = [state in _ANSWERED for state in record.state]
    return np.asarray(np.where(answered, end, np.fmax(end, limit)))


def services(record: OpenLoop) -> NDArray[np.float64]:
    """Microseconds from sent to done, of the requests that were answered."""
    times = _array(record.done) - _array(record.sent)
    return np.asarray(times[[state in _ANSWERED for state in record.state]])


def lateness(record: OpenLoop) -> NDArray[np.float64]:
    """Microseconds by which requests were handed to the clients late; of those that were sent."""
    times = _array(record.sent) - np.asarray(record.intended) - np.asarray(record.waited)
    return np.asarray(times[~np.isnan(times)])


def growth(record: OpenLoop) -> float:
    """How many requests the backlog gains over the run: the line fitted to what is under way at each arrival."""
    intended = np.asarray(record.intended)
    if len(set(record.intended)) < 2:
        return 0.0
    done = np.sort(intended + responses(record))
    backlog = np.arange(1, len(intended) + 1) - np.searchsorted(done, intended)
    elapsed = intended - intended.mean()
    steepness = float(elapsed @ backlog) / float(elapsed @ elapsed)
    return steepness * float(intended[-1] - intended[0])


def read(record: OpenLoop) -> OpenLoopResult:
    """What an open loop says, from its line alone."""
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
    """Whether a rate was sustained with every answer right and this percentile within these seconds; None if unknown.

    It is unknown where the requests are too few for the percentile, or the client was too slow.
    """
    result = read(record)
    if result.failed or result.outcome in ("not sustained", "wrong answers"):
        return False
    return result.response[percentile] <= seconds if percentile in result.response else None


def capacity_at(records: Sequence[OpenLoop], percentile: str, seconds: float) -> float | None:
    """The highest rate offered that met this objective, with no lower one that missed it."""
    missed = min((one.rate for one in records if meets(one, percentile, seconds) is False), default=np.inf)
    met = [one.rate for one in records if one.rate < missed and meets(one, percentile, seconds)]
    return max(met, default=None)


def next_rate(records: Sequence[OpenLoop], highest: float, meets: Callable[[OpenLoop], bool | None]) -> float | None:
    """Which rate to offer next to find the highest that meets an objective to a tenth; None when it is found.

    One of which it is unknown counts as missed, unless a higher one is met.
    """
    found = {one.rate: meets(one) for one in records}
    met = max((rate for rate, known in found.items() if known), default=0.0)
    failing = [rate for rate, known in found.items() if known is False or (known is None and rate > met)]
    missed = min(failing, default=highest)
    return None if missed - met <= 0.1 * highest else (met + missed) / 2


def _array(values: Sequence[int | None]) -> NDArray[np.float64]:
    """Absent values as NaN."""
    return np.array(values, dtype=np.float64)


def _p99(microseconds: NDArray[np.float64]) -> float:
    """Seconds within which 99% of the times lie; 0 where there are none."""
    return float(np.quantile(microseconds, 0.99, method="inverted_cdf")) / 1e6 if len(microseconds) else 0.0


def _seconds(microseconds: dict[str, float]) -> dict[str, float]:
    return {name: value / 1e6 for name, value in microseconds.items()}
