"""Computes what terminal and pages show of followed streams, over all launches of an arm."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from statistics import median

import msgspec

from rollup_bench.harness.follow.figures import SHARES, Figures, figures
from rollup_bench.harness.records.streams import FOLDER, Delays, Followed, Header, Record, Unsupported, header_of, read
from rollup_bench.harness.stats import histograms


class Curve(msgspec.Struct, frozen=True):
    """Between which seconds the lag lies that a `share` of the events exceeds; `high` is None if it is infinite."""

    share: float
    low: float
    high: float | None


class StreamView(msgspec.Struct, frozen=True):
    """The figures of an arm over its launches: the widest bounds of lags, medians of times, and sums of counts.

    Times are in seconds: of responses p50 and p95, of publishing p50 and p99. `void` says why a launch has no lags.
    """

    arm: str
    bridged: bool
    launches: int
    lags: list[Curve]
    void: str
    kinds: dict[str, int]
    writing: tuple[float, float]
    quiet: tuple[float, float]
    published: tuple[float, float]
    lost: int | None
    doubled: int | None
    final: int  # how many questions were asked at the end
    wrong: list[str]
    processor: dict[str, float]
    written: dict[str, float]
    message: float | None
    resident: tuple[float, float] | None
    killed: str  # what was killed in each stream; empty for nothing
    caught_up: float | None  # the most seconds from a kill until an answer had all events sent before; None if none had


class StreamsView(msgspec.Struct, frozen=True):
    """A file of streams; `refused` has the arms that did not follow, with the reason."""

    name: str
    header: Header
    arms: list[StreamView]
    refused: list[Unsupported]


class DelayView(msgspec.Struct, frozen=True):
    """How long messages take through a broker by itself: p50 and p99 in seconds, medians over a file's launches."""

    name: str
    broker: str
    rate: float
    launches: int
    sent: tuple[float, float]
    published: tuple[float, float]
    received: tuple[float, float]


def stored(results: Path) -> dict[str, list[Record]]:
    """Returns the lines of all files of streams below the folders of machines, by `machine/file`."""
    paths = sorted(results.glob(f"*/{FOLDER}/*.jsonl"))
    return {f"{path.parents[1].name}/{path.stem}": list(read(path)) for path in paths}


def stream_views(files: Mapping[str, Sequence[Record]]) -> list[StreamsView]:
    """Returns the views of streams in files, the newest first, and those in which something was killed last."""
    found = [view(name, lines) for name, lines in files.items() if any(isinstance(line, Header) for line in lines)]
    newest = sorted(found, key=lambda one: one.header.started, reverse=True)
    return sorted(newest, key=lambda one: any(arm.killed for arm in one.arms))


def delay_views(files: Mapping[str, Sequence[Record]]) -> list[DelayView]:
    """Returns the delays of brokers, by file, rate and broker."""
    by: dict[tuple[str, float, str], list[Delays]] = {}
    for name, lines in files.items():
        for line in (line for line in lines if isinstance(line, Delays)):
            by.setdefault((name, line.rate, line.broker), []).append(line)
    return [
        DelayView(
            name=name,
            broker=broker,
            rate=rate,
            launches=len(launches),
            sent=_medians([_percentiles(one.sent) for one in launches]),
            published=_medians([_percentiles(one.published) for one in launches]),
            received=_medians([_percentiles(one.received) for one in launches]),
        )
        for (name, rate, broker), launches in sorted(by.items())
    ]


def view(name: str, lines: Sequence[Record]) -> StreamsView:
    """Returns the view of the streams in a file."""
    header = header_of(lines)
    launches: dict[str, list[Followed]] = {}
    for line in lines:
        if isinstance(line, Followed):
            launches.setdefault(line.arm, []).append(line)
    refused = [line for line in lines if isinstance(line, Unsupported)]
    return StreamsView(name, header, [_arm(header, streams) for streams in launches.values()], refused)


def _arm(header: Header, streams: Sequence[Followed]) -> StreamView:
    found = [figures(header, stream) for stream in streams]
    voids = [one.void for one in found if one.void]
    caught_up = [one.caught_up for one in found if one.caught_up is not None]
    return StreamView(
        arm=streams[0].arm,
        bridged=streams[0].bridged,
        launches=len(streams),
        lags=[] if voids else _curves(found),
        void=voids[0] if voids else "",
        kinds=dict(sum((Counter(one.kinds) for one in found), Counter())),
        writing=_medians([one.writing for one in found]),
        quiet=_medians([one.quiet for one in found]),
        published=_medians([_percentiles(stream.published) for stream in streams]),
        lost=_total([one.lost for one in found]),
        doubled=_total([one.doubled for one in found]),
        final=len(streams[0].final),
        wrong=sorted({name for one in found for name in one.wrong}),
        processor=_in_all([one.processor for one in found]),
        written=_in_all([one.written for one in found]),
        message=found[0].message,
        resident=_medians([one.resident for one in found if one.resident]) if found[0].resident else None,
        killed=", ".join(dict.fromkeys(stream.kill.victim for stream in streams if stream.kill)),
        caught_up=max(caught_up) if len(caught_up) == len(found) else None,
    )


def _curves(found: Sequence[Figures]) -> list[Curve]:
    """The widest bounds of all launches, since each launch has its own lags."""
    curves = []
    for share in SHARES:
        lows, highs = zip(*(one.fresh[share] for one in found), strict=True)
        curves.append(Curve(round(1 - share, 9), min(lows), max(highs) if isfinite(max(highs)) else None))
    return curves


def _in_all(launches: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The medians of processes whose figure is known in all launches."""
    names = [name for name in launches[0] if all(name in one for one in launches)]
    return {name: median(one[name] for one in launches) for name in names}


def _percentiles(histogram: str) -> tuple[float, float]:
    return histograms.percentile(histogram, 0.5), histograms.percentile(histogram, 0.99)


def _medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    first, second = zip(*pairs, strict=True)
    return median(first), median(second)


def _total(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
