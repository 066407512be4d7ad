"""Lines of a run about the mix `m`, of which a block is four requests."""

import msgspec

from rollup_bench.harness.records.lines import ClosedLoop, Cost, OpenLoop, Spent
from rollup_bench.harness.stats import histograms
from tests.support.open_loops import record

SECOND = 10**9


def alone(launch: int, times: list[int], client: float = 0.5, engine: float | None = 1.5, arm: str = "a") -> Cost:
    """The times of blocks of the mix, asked alone in a launch."""
    spent = Spent(seconds=2.0, client=client, engine=engine)
    fields = {"arm": arm, "question": "m", "cache": "hot"}
    return Cost(launch=launch, questions=len(times), times=times, spent=spent, **fields)  # type: ignore[arg-type]


def closed(clients: int, right: int, milliseconds: int, wrong: int = 0, arm: str = "a") -> ClosedLoop:
    """A closed loop of two seconds whose service times are all the same."""
    return ClosedLoop(
        arm=arm,
        question="m",
        cache="hot",
        clients=clients,
        seconds=2.0,
        right=right,
        wrong=wrong,
        failed=0,
        service=histograms.encode([milliseconds * 1000] * 100),
        spent=Spent(seconds=2.0, client=0.1),
    )


def opened(load: str, rate: float, response: int, arm: str = "a") -> OpenLoop:
    """An open loop of 400 requests, of which every fifteenth takes this many microseconds, and all others ten."""
    intended = [i * 10_000_000 for i in range(400)]
    done = [at + (response + i if i % 15 == 0 else 10) for i, at in enumerate(intended)]
    spent = Spent(seconds=4.0, client=1.0, engine=2.0)
    return msgspec.structs.replace(record(intended, done, rate, arm=arm, question="m", load=load), spent=spent)
