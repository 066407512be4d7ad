"""Builds open loops from times that a test chooses."""

from collections.abc import Sequence

import msgspec

from rollup_bench.harness.records.lines import OpenLoop, Spent


def record(intended: list[int], done: Sequence[int | None], rate: float = 100.0, **changes: object) -> OpenLoop:
    """An open loop whose times are in microseconds: each request was sent on time and answered right."""
    line = OpenLoop(
        arm="null",
        question="q",
        cache="hot",
        rate=rate,
        load="search 100",
        clients=64,
        limit=30.0,
        intended=intended,
        sent=list(intended),
        done=list(done),
        waited=[0] * len(intended),
        state="r" * len(intended),
        response="",
        service="",
        lateness="",
        spent=Spent(seconds=1.0, client=0.1),
    )
    return msgspec.structs.replace(line, **changes)
