"""Judges answers that were given while a stream was written: how many of its events each of them contains."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from rollup_bench.harness.records.streams import Kind
from rollup_bench.harness.stats.freshness import Seconds
from rollup_bench.workloads.truth.prefixes import Prefixes


@dataclass(frozen=True)
class Answer:
    """An answer to a question, or the reason why there is none; instants are in seconds of `time.monotonic`."""

    question: str
    due: float
    asked: float
    done: float
    table: pa.Table | None = None
    error: str = ""


@dataclass(frozen=True)
class Judged:
    """An answer that is right, or has lost events again, contains the first `low` to `high` events of the stream."""

    answer: Answer
    kind: Kind
    low: int = 0
    high: int = 0


def judged(answers: Sequence[Answer], prefixes: Mapping[str, Prefixes], sent: Seconds) -> list[Judged]:
    """Judges answers in the order in which they were done; `sent` has the instants at which events were sent.

    An answer went back if it has fewer events than a right answer that was done before it was asked.
    """
    return list(_judged(sorted(answers, key=lambda one: one.done), prefixes, sent))


def _judged(answers: Sequence[Answer], prefixes: Mapping[str, Prefixes], sent: Seconds) -> Iterator[Judged]:
    ends, reached = [-np.inf], [0]
    for answer in answers:
        if answer.table is None:
            yield Judged(answer, Kind.FAILED)
            continue
        known, most = prefixes[answer.question], int(np.searchsorted(sent, answer.done, "right"))
        visible = reached[bisect_right(ends, answer.asked) - 1]
        match = known.find(answer.table, most, visible)
        if visible and not len(match.right):
            match = known.find(answer.table, most)
        if not len(match.right):
            yield Judged(answer, Kind.TORN if match.torn else Kind.WRONG)
            continue
        low, high = int(match.right[0]), int(match.right[-1])
        if low >= visible:
            ends.append(answer.done)
            reached.append(max(reached[-1], low))
        yield Judged(answer, Kind.RIGHT if low >= visible else Kind.WENT_BACK, low, high)
