"""Layouts: how events are stored."""

import msgspec

from rollup_bench.workloads.measures import Measure
from rollup_bench.workloads.questions import Grain

RAW = "raw"
TUNED = "tuned"
STORED = {
    RAW: "each event, nothing aggregated",
    TUNED: "the tables that an expert of the engine would make for these questions",
}
"""What the layouts store that no dataset file declares."""


class Layout(msgspec.Struct, frozen=True, cache_hash=True):
    """A named way to store events.

    `raw` stores each event. A roll-up stores `measures` of groups by bucket of `grain` in `zone` and by the dimensions
    `by`. `tuned` stores the tables that an expert of the engine would make for the dataset's own questions.
    """

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
