"""Collects from files of followed streams how fresh the answers of each store were."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil, floor, isfinite, log10
from typing import NamedTuple

import msgspec

from rollup_bench.harness.follow.figures import SHARES, Figures, figures
from rollup_bench.harness.records.lines import Header as RunHeader
from rollup_bench.harness.records.lines import parts
from rollup_bench.harness.records.streams import Followed, Header, Kind, Record, Unsupported

SHARE = SHARES[-1]
"""The share of the events that must be in answers within the seconds that are needed."""


class Streamed(msgspec.Struct, frozen=True):
    """What all streams of one rate through one broker showed of a store.

    `low` and `high` bound the seconds within which 99 of 100 events were in answers, in every launch; without an upper
    bound, `high` is None. `fails` says why the store did not follow these streams whole, and `never` why it follows
    none through this broker; both are empty if it does.
    """

    broker: str
    rate: float  # events a second
    asked: float  # questions a second, meanwhile: the fewest of any launch, if the store follows
    launches: int = 0
    low: float = 0.0
    high: float | None = None
    right: float = 0.0  # the share of answers that were right while the stream was written
    fails: str = ""
    never: str = ""


class _Kind(NamedTuple):
    """What streams must have in common to be launches of the same measurement."""

    arm: str
    broker: str
    rate: float
    asked: float
    live: bool
    late: float


def streamed(files: Sequence[Sequence[Record]], run: RunHeader) -> dict[str, list[Streamed]]:
    """Returns what streams showed, by arm, if dataset, budget, processor and machines are those of a run.

    Streams in which something was killed, that failed, or about which only some questions were asked are left out.
    """
    found: dict[_Kind, list[Figures | str]] = {}
    for lines in files:
        header = next((line for line in lines if isinstance(line, Header)), None)
        if header and _is_comparable(header, run):
            for kind, seen in _seen(header, lines):
                engine = parts(kind.arm)[0]
                if header.nodes.get(engine, 1) == run.nodes.get(engine, 1):
                    found.setdefault(kind, []).append(seen)
    by_arm: dict[str, list[Streamed]] = {}
    for kind, launches in sorted(found.items(), key=lambda one: one[0]):
        by_arm.setdefault(kind.arm, []).append(_streamed(Streamed(kind.broker, kind.rate, kind.asked), launches))
    return by_arm


def _is_comparable(header: Header, run: RunHeader) -> bool:
    def machine(of: Header | RunHeader) -> tuple[Mapping[str, int], object, object]:
        return of.budget, of.machine.get("processor"), of.machine.get("cores")

    return header.dataset == run.dataset and machine(header) == machine(run) and not header.questions


def _seen(header: Header, lines: Sequence[Record]) -> Iterator[tuple[_Kind, Figures | str]]:
    """Yields the figures of each stream, or why it is never followed."""
    for line in lines:
        if isinstance(line, (Followed, Unsupported)):
            kind = _Kind(line.arm, header.broker, header.rate, header.asked, header.live, header.late)
            if isinstance(line, Unsupported):
                if not line.failed:
                    yield kind, line.reason
            elif line.bridged:
                yield kind, f"it reads only Kafka, so that {header.broker} would need a Kafka beside it"
            elif not line.kill and not (found := figures(header, line)).late:
                yield kind, found


def _streamed(stream: Streamed, launches: Sequence[Figures | str]) -> Streamed:
    stream = msgspec.structs.replace(stream, launches=len(launches))
    if never := next((one for one in launches if isinstance(one, str)), ""):
        return msgspec.structs.replace(stream, never=never)
    found = [one for one in launches if isinstance(one, Figures)]
    if fails := next(filter(None, map(_failing, found)), ""):
        return msgspec.structs.replace(stream, fails=fails)
    lows, highs = zip(*(one.fresh[SHARE] for one in found), strict=True)
    right = sum(one.kinds.get(Kind.RIGHT, 0) for one in found) / sum(sum(one.kinds.values()) for one in found)
    high = _rounded(max(highs), up=True) if isfinite(max(highs)) else None
    asked = round(min(stream.asked, *(one.asked for one in found)), 4)
    low = _rounded(min(lows), up=False)
    return msgspec.structs.replace(stream, asked=asked, low=low, high=high, right=round(right, 4))


def _rounded(seconds: float, up: bool) -> float:
    """Rounds a bound to four digits, so that it still is one."""
    if seconds <= 0:
        return 0.0
    factor = 10.0 ** (3 - floor(log10(seconds)))
    return (ceil if up else floor)(seconds * factor) / factor


def _failing(found: Figures) -> str:
    """Why a store did not follow a stream whole; empty if it did."""
    if found.void:
        return found.void
    counts = {
        f"it lost {found.lost} events": found.lost or 0,
        f"it stored {found.doubled} events twice": found.doubled or 0,
        f"{', '.join(found.wrong)}: not right at the end": len(found.wrong),
    }
    return next((text for text, number in counts.items() if number), "")
