"""Buckets of time in the client."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from workloads.questions import Aggregate, Grain

CLOCK = {Grain.MINUTE: 60_000, Grain.HOUR: 3_600_000}


def starts(instants: pa.Array | pa.ChunkedArray, grain: Grain, zone: str) -> pa.Array | pa.ChunkedArray:
    """The instants at which each instant's bucket began, in milliseconds since 1970, UTC, as they are.

    Minutes and hours are cut off the instant itself, so the two hours of a clock change stay apart; longer ones are cut
    off what the calendar on the wall shows, and begin when that day first begins.
    """
    wall = pc.local_timestamp(instants.cast(pa.timestamp("ms", zone)))
    if grain in CLOCK:
        return pc.subtract(instants, _modulo(wall.cast(pa.int64()), CLOCK[grain]))
    floors = pc.floor_temporal(wall, unit=str(grain)).dictionary_encode()
    if isinstance(floors, pa.ChunkedArray):
        floors = floors.combine_chunks()
    begins = pc.assume_timezone(floors.dictionary, zone, ambiguous="earliest", nonexistent="latest")
    return begins.cast(pa.int64()).take(floors.indices)


def begins(instant: int, grain: Grain, zone: str) -> bool:
    """Whether a bucket begins at an instant."""
    return bool(starts(pa.array([instant]), grain, zone)[0].as_py() == instant)


def of(question: Aggregate, instants: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """The buckets of a question, of instants in its span."""
    if question.grain is Grain.ALL:
        return pa.array(np.full(len(instants), question.span.milliseconds[0]))
    return starts(instants, question.grain, question.zone)


def _modulo(values: pa.Array | pa.ChunkedArray, length: int) -> pa.Array:
    return pa.array(np.asarray(values) % length)
