"""Computes buckets of time for engines and layouts; the package `truth` computes its buckets by separate code."""

from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rollup_bench.workloads.questions import Aggregate, Grain

CLOCK = {Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000}
"""The length in milliseconds of the grains minute and hour."""
DAY = 86_400_000
Instants: TypeAlias = "pa.Array | pa.ChunkedArray"
"""Milliseconds since 1970, UTC."""


def starts(instants: Instants, grain: Grain, zone: str) -> Instants:
    """The start of the bucket of `grain` in time zone `zone` in which each instant lies.

    Instants and starts are milliseconds since 1970, UTC.

    A bucket of a minute or an hour begins when the local clock shows a full minute or hour, so an hour that a clock
    change repeats is two buckets. A longer bucket begins with the first instant of its first local day.
    """
    wall = local(instants, zone)
    if grain in CLOCK:
        return pc.subtract(instants, pa.array(np.asarray(wall.cast(pa.int64())) % CLOCK[grain]))
    floors = pc.floor_temporal(wall, unit=str(grain)).dictionary_encode()
    if isinstance(floors, pa.ChunkedArray):
        floors = floors.combine_chunks()
    begins = pc.assume_timezone(floors.dictionary, zone, ambiguous="earliest", nonexistent="latest")
    return begins.cast(pa.int64()).take(floors.indices)


def of(question: Aggregate, instants: Instants) -> Instants:
    """The start, in milliseconds since 1970, UTC, of each instant's bucket; instants lie in the question's span."""
    if question.grain is Grain.ALL:
        return pa.array(np.full(len(instants), question.span.milliseconds[0]))
    return starts(instants, question.grain, question.zone)


@lru_cache(maxsize=4096)
def begins(instant: int, grain: Grain, zone: str) -> bool:
    """True if a bucket of `grain` in time zone `zone` begins at `instant`, in milliseconds since 1970, UTC."""
    return bool(starts(pa.array([instant]), grain, zone)[0].as_py() == instant)


def local(instants: Instants, zone: str) -> Instants:
    """The date and time that a local clock shows at each instant, as Arrow timestamps without a zone."""
    return pc.local_timestamp(instants.cast(pa.timestamp("ms", zone)))


def offsets(instants: npt.NDArray[np.int64], zone: str) -> npt.NDArray[np.int64]:
    """How many milliseconds the local clock of `zone` is ahead of UTC at each instant; negative if it is behind."""
    return np.asarray(local(pa.array(instants), zone).cast(pa.int64())) - instants
