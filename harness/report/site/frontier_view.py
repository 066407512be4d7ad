"""Computes what the pages show of searches for the highest event rate that a store keeps up with."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from rollup_bench.harness.follow.figures import figures, kept_up
from rollup_bench.harness.records.streams import FOLDER, Followed, Record, Unsupported, header_of, read

FRONTIER = "frontier"
"""The folder, in the folder of streams, with the files of `experiments.frontier`."""


class Reach(msgspec.Struct, frozen=True):
    """The highest rate of events, a second, at which an arm kept up while so many questions a second were `asked`.

    `missed` is the lowest rate above it at which the arm did not keep up. Both are None if there is no such stream.
    """

    machine: str
    dataset: str
    broker: str
    arm: str
    asked: float
    met: float | None
    missed: float | None


def stored(results: Path) -> dict[str, list[list[Record]]]:
    """Returns the lines of the files of all searches, by machine."""
    found: dict[str, list[list[Record]]] = {}
    for path in sorted(results.glob(f"*/{FOLDER}/{FRONTIER}/*.jsonl")):
        found.setdefault(path.parents[2].name, []).append(list(read(path)))
    return found


def reaches(files: Mapping[str, Sequence[Sequence[Record]]]) -> list[Reach]:
    """Returns the highest rates of all arms, from the lines of files by machine."""
    tried: dict[tuple[str, str, str, str, float], list[tuple[float, bool]]] = {}
    for machine, each in files.items():
        for lines in each:
            header = header_of(lines)
            for line in lines:
                if isinstance(line, (Followed, Unsupported)):
                    key = (machine, header.dataset, header.broker, line.arm, header.asked)
                    kept = isinstance(line, Followed) and kept_up(figures(header, line))
                    tried.setdefault(key, []).append((header.rate, kept))
    return [Reach(*key, *_bounds(rates)) for key, rates in sorted(tried.items())]


def _bounds(rates: Sequence[tuple[float, bool]]) -> tuple[float | None, float | None]:
    """The highest rate that was kept up with below all that were not, and the lowest one that was not."""
    missed = min((rate for rate, kept in rates if not kept), default=None)
    met = max((rate for rate, kept in rates if kept and (missed is None or rate < missed)), default=None)
    return met, missed
