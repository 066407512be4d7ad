"""Layouts: how events are kept."""

import msgspec

from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Grain

RAW = "raw"
TUNED = "tuned"


class Layout(msgspec.Struct, frozen=True, cache_hash=True):
    """A named way to keep events: `raw` keeps each one, a roll-up keeps measures of buckets by dimensions,
    `tuned` is whatever people who know the engine would build for the dataset's own questions."""

    name: str
    grain: Grain | None = None
    zone: str = "UTC"
    by: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()


raw = Layout(RAW)
tuned = Layout(TUNED)
