"""Computes what the pages show of searches for the highest event rate that a store keeps up with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from rollup_bench.harness.follow.figures import figures, kept_up
from rollup_bench.harness.records.streams import FOLDER, Followed, Header, Record, Unsupported, header_of, read

FRONTIER = "frontier"
"""The folder, in the folder of streams, with the files of `experiments.frontier`."""


class Reach(msgspec.Struct, frozen=True):
    """The highest rate of events, a second, at which an arm kept up while so many questions a second were `asked`.

    `missed` is the lowest rate above it at which the arm did not keep up. `met` is None if it kept up with no rate that
    was tried, and `missed` if it kept up with all.
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
                if (kept := _kept(header, line)) is not None:
                    key = (machine, header.dataset, header.broker, kept.arm, header.asked)
                    tried.setdefault(key, []).append((header.rate, kept.up))
    return [Reach(*key, *_bounds(rates)) for key, rates in sorted(tried.items())]


class _Kept(NamedTuple):
    arm: str
    up: bool


def _kept(header: Header, line: Record) -> _Kept | None:
    """Whether an arm kept up with a stream; None if nothing was tried, or if messages were sent late."""
    if isinstance(line, Unsupported):
        return _Kept(line.arm, False) if line.failed else None
    if not isinstance(line, Followed) or (found := figures(header, line)).late:
        return None
    return _Kept(line.arm, kept_up(found))


def _bounds(rates: Sequence[tuple[float, bool]]) -> tuple[float | None, float | None]:
    """The highest rate that was kept up with below all that were not, and the lowest one that was not."""
    missed = min((rate for rate, kept in rates if not kept), default=None)
    met = max((rate for rate, kept in rates if kept and (missed is None or rate < missed)), default=None)
    return met, missed
