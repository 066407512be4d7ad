"""Clocks and pressure files of known content, in place of the machine's."""

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path


class Clocks:
    """Stands for the module `time`: each call takes the next of two clocks; the processor's may be left at 0.

    The clock of the process is that of the thread.
    """

    def __init__(self, wall: Iterator[float], processor: Iterator[float] | None = None) -> None:
        self.perf_counter, self.process_time = wall.__next__, (processor or repeat(0.0)).__next__
        self.thread_time = self.process_time


def stall(folder: Path, **microseconds: int) -> None:
    """Write pressure files that say for how long some task has waited in all; `full` lines say something else."""
    for what, total in microseconds.items():
        some = f"some avg10=1.00 avg60=2.00 avg300=3.00 total={total}"
        (folder / what).write_text(f"{some}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=99\n")
