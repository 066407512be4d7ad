"""Layouts: how events are kept."""

import msgspec

from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Grain

RAW = "raw"
TUNED = "tuned"
STORED = {
    RAW: "each event, nothing aggregated",
    TUNED: "what people who know the engine would build for these very questions",
}


class Layout(msgspec.Struct, frozen=True, cache_hash=True):
    """A named way to keep events: `raw` keeps each one, a roll-up keeps measures of buckets by dimensions,
    `tuned` is whatever people who know the engine would build for the dataset's own questions."""

    name: str
    grain: Grain | None = None
    zone: str = "UTC"
    by: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()

    @property
    def summary(self) -> str:
        """What the layout stores, in words."""
        if self.grain is None:
            return STORED[self.name]
        return f"{', '.join(map(str, self.measures))} by {' and '.join([f'{self.grain} ({self.zone})', *self.by])}"


raw = Layout(RAW)
tuned = Layout(TUNED)
