"""The events of a load in batches, with the progress of the load."""

from collections.abc import Iterator

import pyarrow as pa

from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.pace import Pace


def batches(events: Events, watch: Watch, then: str) -> Iterator[pa.RecordBatch]:
    """The events in batches; reports the progress, at last what is done `then`; FailureError at the deadline."""
    pace = Pace(watch.say, "", events.statistics.rows)
    for batch in events.batches():
        watch.check()
        yield batch
        pace(batch.num_rows)
    watch.say(then)
