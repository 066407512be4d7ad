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
"""What the layouts `raw` and `tuned` store, which no dataset file declares."""


class Layout(msgspec.Struct, frozen=True, cache_hash=True):
    """A named way to store events.

    Layout `raw` stores each event. A roll-up stores the states of `measures` for each group of events with the same
    bucket of `grain` in time zone `zone` and the same values of the dimensions `by`. Layout `tuned` stores the tables
    that an expert of the engine would make for the dataset's own questions. `raw` and `tuned` have no `grain`.
    """

    name: str
    grain: Grain | None = None
    zone: str = "UTC"
    by: tuple[str, ...] = ()
    measures: tuple[Measure, ...] = ()

    @property
    def summary(self) -> str:
        """A phrase that says what the layout stores, such as `count() by day (UTC) and shop`."""
        if self.grain is None:
            return STORED[self.name]
        return f"{', '.join(map(str, self.measures))} by {' and '.join([f'{self.grain} ({self.zone})', *self.by])}"


raw = Layout(RAW)
tuned = Layout(TUNED)
