"""What streams are followed: the events, how they are sent and through which broker, and what is asked meanwhile."""

import time
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa

from rollup_bench.harness.follow.questions import questions
from rollup_bench.harness.follow.stream import Stream, live, replayed
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Statistics
from rollup_bench.workloads.questions import Question

SPARE = 600_000
"""The milliseconds by which a stream may start later than planned without leaving the declared times of its events."""


@dataclass(frozen=True)
class Request:
    """Events by time, sent at a rate, in events a second, and `asked` questions a second."""

    dataset: Dataset
    table: pa.Table
    rate: float
    live: bool
    late: float
    asked: float
    questions: list[str]
    seed: int

    def stream(self, start: float, launch: int) -> Stream:
        """The stream of a launch, which starts at an instant in seconds since 1970."""
        rng = np.random.default_rng([self.seed, launch])
        if self.live:
            return live(self.dataset, self.table, self.rate, round(start * 1000), self.late, rng)
        return replayed(self.dataset, self.table, self.rate, self.late, rng)

    def declared(self, launch: int) -> Statistics:
        """Statistics that the stream of a launch will fit, whenever it starts in the next minutes."""
        found = self.stream(time.time(), launch).events.statistics
        last = found.last + SPARE if self.live else found.last
        return msgspec.structs.replace(found, last=last, fingerprint=f"stream {found.fingerprint} {time.time_ns()}")

    def asks(self, stream: Stream) -> dict[str, Question]:
        """The questions about the events of a stream."""
        return questions(self.dataset, stream.events, self.live, self.questions)
