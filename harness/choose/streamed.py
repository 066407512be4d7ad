"""Collects from files of followed streams how fresh the answers of each store were."""

from collections.abc import Sequence
from math import isfinite

import msgspec

from rollup_bench.harness.follow.figures import SHARES, Figures, figures
from rollup_bench.harness.records.streams import Followed, Header, Kind, Record, Unsupported

FRESH = SHARES[-1]
"""The share of the events that must be in answers within the seconds that are needed."""


class Streamed(msgspec.Struct, frozen=True):
    """What all streams of one rate through one broker showed of a store.

    `low` and `high` bound the seconds within which 99 of 100 events were in answers, in every launch; without an upper
    bound, `high` is None. `fails` says why the store does not keep up; it is empty if it does.
    """

    broker: str
    rate: float  # events a second
    asked: float  # questions a second, meanwhile
    launches: int = 0
    low: float = 0.0
    high: float | None = None
    right: float = 0.0  # the share of answers that were right while the stream was written
    fails: str = ""


def streamed(files: Sequence[Sequence[Record]], dataset: str) -> dict[str, list[Streamed]]:
    """Returns what the streams of a dataset showed, by arm. Streams in which something was killed are left out."""
    found: dict[tuple[str, str, float, float], list[Figures | str]] = {}
    for lines in files:
        headers = [line for line in lines if isinstance(line, Header) and line.dataset == dataset]
        for header in headers:
            for line in lines:
                if isinstance(line, (Followed, Unsupported)) and (seen := _seen(header, line)):
                    found.setdefault((line.arm, header.broker, header.rate, header.asked), []).append(seen)
    by_arm: dict[str, list[Streamed]] = {}
    for (arm, broker, rate, asked), launches in sorted(found.items()):
        by_arm.setdefault(arm, []).append(_streamed(Streamed(broker, rate, asked), launches))
    return by_arm


def _seen(header: Header, line: Followed | Unsupported) -> Figures | str | None:
    """The figures of a stream, or why it was not followed; None if it shows nothing of the store's freshness."""
    if isinstance(line, Unsupported):
        return line.reason
    if line.bridged:
        return f"it reads only Kafka, so that {header.broker} would need a Kafka beside it"
    found = figures(header, line)
    return None if line.kill or found.late else found


def _streamed(stream: Streamed, launches: Sequence[Figures | str]) -> Streamed:
    reasons = [one if isinstance(one, str) else _failing(one) for one in launches]
    if fails := next(filter(None, reasons), ""):
        return msgspec.structs.replace(stream, launches=len(launches), fails=fails)
    found = [one for one in launches if isinstance(one, Figures)]
    lows, highs = zip(*(one.fresh[FRESH] for one in found), strict=True)
    right = sum(one.kinds.get(Kind.RIGHT, 0) for one in found) / sum(sum(one.kinds.values()) for one in found)
    high = float(f"{max(highs):.4g}") if isfinite(max(highs)) else None
    low = float(f"{min(lows):.4g}")
    return msgspec.structs.replace(stream, launches=len(found), low=low, high=high, right=round(right, 4))


def _failing(found: Figures) -> str:
    """Why a store does not keep up with a stream; empty if it does."""
    if found.void:
        return found.void
    counts = {
        f"it lost {found.lost} events": found.lost or 0,
        f"it stored {found.doubled} events twice": found.doubled or 0,
        f"{', '.join(found.wrong)}: not right at the end": len(found.wrong),
    }
    return next((text for text, number in counts.items() if number), "")
