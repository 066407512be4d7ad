"""A replay: requests for one question with new parameters each time, so that few requests repeat an earlier request."""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from rollup_bench.workloads.draws import STEPS, Domain
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template

Accepts = Callable[[Question], bool]
SAMPLE = 100
"""The number of drawn requests by which it is decided what an arm answers; also those to try until one is answered."""


def domain(events: Events) -> Domain:
    """What requests about these events are drawn from; all rows are read once for each column that is drawn from."""

    @cache
    def values(column: str) -> list[Any]:
        parts = [batch.column(0).unique() for batch in events.batches([column])]
        distinct = pa.chunked_array(parts, events.statistics.schema.field(column).type).unique()
        return sorted(distinct.drop_null().to_pylist())

    return Domain(events.statistics.first, events.statistics.last, values)


def replay(template: Template, domain: Domain, accepts: Accepts, rng: np.random.Generator) -> Iterator[Question]:
    """Yields the question with its default parameters, and then without end with parameters drawn from the domain.

    Requests that `accepts` refuses are drawn again. If it refuses more than half of a sample, dates are drawn by weeks
    or by months; if it refuses most of these too, the default request is repeated.
    """
    default, seed = template.fill(), int(rng.integers(2**32))
    yield default
    for step in STEPS:
        sample = list(islice(template.drawn(domain, seed, step), SAMPLE))
        if 2 * sum(map(accepts, sample)) > len(sample):
            drawn = template.drawn(domain, seed, step)
            while True:
                yield next(filter(accepts, islice(drawn, SAMPLE)), default)
    while True:
        yield default


def refusals(template: Template, domain: Domain, support: Callable[[Question], str | None]) -> list[str]:
    """The reasons for which requests of a sample are refused; `support` returns None for a request that is not."""
    return [reason for reason in map(support, islice(template.drawn(domain, 0), SAMPLE)) if reason is not None]
