"""What a load of an embedded database took: first all events, then what is built in addition to them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rollup_bench.engines.contract import Built, Loaded, Plan
from rollup_bench.errors import FailureError


class Stage(NamedTuple):
    """What a step of a load took: its seconds, and the bytes of all tables after it."""

    seconds: float
    bytes: int


def loaded(
    plan: Plan, counts: Mapping[str, int], events: str | None, seconds: float, stages: Sequence[Stage]
) -> Loaded:
    """The result of a load; FailureError if the table `events` of all events has not as many rows as there are events.

    `counts` has the number of rows by table; `events` is None if the plan has no table of all events.
    """
    rows, built = sum(counts.values()), None
    stored = 0 if events is None else counts[events]
    if events is not None and stored != plan.statistics.rows:
        raise FailureError(f"{plan.engine} stored {stored} of {plan.statistics.rows} events")
    if 0 < stored < rows:
        built = Built(rows - stored, stages[1].seconds, stages[1].bytes - stages[0].bytes)
    return Loaded(rows, seconds, stages[-1].bytes, built)
