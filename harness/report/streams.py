"""The figures of followed streams, and their tables in the terminal."""

from collections import Counter
from collections.abc import Sequence
from math import isinf
from statistics import median

import msgspec
import numpy as np
from rich.console import Console
from rich.text import Text

from rollup_bench.harness.records.streams import Asked, Followed, Header, Kind, Record, Unsupported, header_of
from rollup_bench.harness.report.grid import milliseconds, new_table, print_table
from rollup_bench.harness.run.verdicts import RIGHT
from rollup_bench.harness.stats import histograms
from rollup_bench.harness.stats.freshness import Glance, lags

SHARES, SHOWN = (0.5, 0.75, 0.9, 0.95, 0.99), (0.5, 0.95, 0.99)
"""The shares of events for which quantiles of the lags are computed, and those that the terminal shows."""
PUNCTUAL, PUNCTUAL_SHARE = 0.05, 0.1
"""The p99 of how late messages are sent may be so many seconds, or such a share of the p99 of the freshness."""


class Figures(msgspec.Struct, frozen=True):
    """The figures of a stream that an arm followed; times are in seconds.

    `fresh` has for each of `SHARES` between which seconds the quantile of the lags of all events lies; it is empty with
    `void`, which says why there are none. `writing` and `quiet` have the p50 and the p95 of response times. `processor`
    has the processor seconds for a million events by process, `resident` the median bytes of the follower in the middle
    and in the last third of the stream. `caught_up` is the time from a kill until an answer has all events sent before.
    """

    fresh: dict[float, tuple[float, float]]
    void: str
    kinds: dict[str, int]
    writing: tuple[float, float]
    quiet: tuple[float, float]
    lost: int | None
    doubled: int | None
    wrong: list[str]
    processor: dict[str, float]
    resident: tuple[float, float] | None
    caught_up: float | None


def figures(header: Header, followed: Followed) -> Figures:
    """The figures of a stream, from its samples."""
    due = np.arange(header.events) / header.rate
    glances = [Glance(one.asked, one.done, one.low, one.high) for one in followed.answers if one.kind is Kind.RIGHT]
    found = lags(glances, due) if glances else None
    fresh = {share: found.quantile(share) for share in SHARES} if found else {}
    late = histograms.percentile(followed.sent, 0.99)
    void = "no answer was right"
    if found:
        void = "its lag grew until the end" if found.grow else ""
        if late > max(PUNCTUAL, PUNCTUAL_SHARE * fresh[SHARES[-1]][0]):
            void = f"messages were sent late, the p99 by {late:.3g} s"
    missing = None if followed.stored is None else header.events - followed.stored
    return Figures(
        fresh={} if void else fresh,
        void=void,
        kinds=Counter(one.kind for one in followed.answers),
        writing=_responses(followed.answers),
        quiet=_responses(followed.quiet),
        lost=None if missing is None else max(missing, 0),
        doubled=None if missing is None else max(-missing, 0),
        wrong=[name for name, verdict in followed.final.items() if verdict.partition(":")[0] not in RIGHT],
        processor={name: 1e6 * spent / header.events for name, spent in followed.processor.items()},
        resident=_thirds(followed.resident),
        caught_up=_caught_up(followed),
    )


def _thirds(samples: Sequence[int]) -> tuple[float, float] | None:
    """The medians of the middle and of the last third; None if they are empty."""
    third = len(samples) // 3
    return (median(samples[third:-third]), median(samples[-third:])) if third else None


def _caught_up(followed: Followed) -> float | None:
    """The seconds from a kill until an answer had all events that were sent before the kill.

    None without a kill, and if no answer had them.
    """
    kill, answers = followed.kill, [*followed.answers, *followed.quiet]
    if kill is None:
        return None
    right = (one for one in answers if one.kind is Kind.RIGHT and one.asked > kill.at and one.low >= kill.sent)
    return min((one.done - kill.at for one in right), default=None)


def are_sound(lines: Sequence[Record]) -> bool:
    """Whether all streams were followed and stored whole, and all answers about them were right at the end."""
    header = header_of(lines)
    found = [figures(header, line) for line in lines if isinstance(line, Followed)]
    failed = any(isinstance(line, Unsupported) for line in lines)
    return not failed and not any(one.lost or one.doubled or one.wrong for one in found)


def stream_tables(lines: Sequence[Record], console: Console) -> None:
    """Prints what streams were followed, how fresh answers were, and what asking took meanwhile."""
    header = header_of(lines)
    console.print(Text(_scope(header), style="dim"))
    streams = [(line, figures(header, line)) for line in lines if isinstance(line, Followed)]
    fresh = new_table("arm", right=["p50 s", "p95 s", "p99 s", "lost", "doubled", "right at the end"])
    asked = new_table(
        "arm", right=["asked", "right", "torn", "went back", "wrong", "failed", "p50 ms", "quiet", "p95 ms", "quiet"]
    )
    for line, found in streams:
        lags = [between(*found.fresh[share]) if found.fresh else "" for share in SHOWN]
        right = len(line.final) - len(found.wrong)
        fresh.add_row(_name(line), *lags, _count(found.lost), _count(found.doubled), f"{right} of {len(line.final)}")
        times = [milliseconds(each) for pair in zip(found.writing, found.quiet, strict=True) for each in pair]
        kinds = [str(found.kinds.get(kind, 0)) for kind in Kind]
        asked.add_row(_name(line), str(len(line.answers)), *kinds, *times)
    console.print("How long events take from when they were due until answers have them")
    print_table(fresh, console)
    console.print("Answers while the stream is written, and response times then and while nothing is written")
    print_table(asked, console)
    _print_processor(streams, console)
    _print_kills(streams, console)
    if any(line.bridged for line, _ in streams):
        console.print(
            "bridge: the engine reads only Kafka, to which a process copies the stream; not for comparing brokers"
        )
    for line, found in streams:
        if found.void:
            console.print(Text(f"no freshness: {line.arm}: {found.void}"))
        for reason, number in line.failures.items():
            console.print(Text(f"failed {number} times: {line.arm}: {reason}"))
        for name in found.wrong:
            console.print(Text(f"at the end: {line.arm}: {name}: {line.final[name]}"))
    for refused in [line for line in lines if isinstance(line, Unsupported)]:
        console.print(Text(f"not followed: {refused.arm}: {refused.reason}"))


def _print_processor(streams: Sequence[tuple[Followed, Figures]], console: Console) -> None:
    """Prints what processes used while the stream was written; follower and asking clients are one process."""
    names = list(dict.fromkeys(name for _, found in streams for name in found.processor))
    if not names:
        return
    console.print("Processor seconds for a million events, asking included, and memory of the follower in MiB")
    table = new_table("arm", right=[*names, "in the middle", "at the end"])
    for line, found in streams:
        used = [f"{found.processor[name]:.3g}" if name in found.processor else "" for name in names]
        memory = [f"{size / (1 << 20):.0f}" for size in found.resident or ()] or ["", ""]
        table.add_row(_name(line), *used, *memory)
    print_table(table, console)


def _print_kills(streams: Sequence[tuple[Followed, Figures]], console: Console) -> None:
    killed = [(line, line.kill, found) for line, found in streams if line.kill]
    if not killed:
        return
    console.print("Kills, and the seconds until an answer had all events that had been sent before")
    table = new_table("arm", right=["killed", "at s", "sent", "stored", "caught up s"])
    for line, kill, found in killed:
        caught_up = "never" if found.caught_up is None else f"{found.caught_up:.3g}"
        table.add_row(_name(line), kill.victim, f"{kill.at:.1f}", _count(kill.sent), _count(kill.stored), caught_up)
    print_table(table, console)


def _name(followed: Followed) -> str:
    return f"{followed.arm} (bridge)" if followed.bridged else followed.arm


def _scope(header: Header) -> str:
    times = "events of now" if header.live else "times of their own"
    late = f", {header.late:.0%} late" if header.late else ""
    what = f"{header.events:,} events, {header.rate:g} a second, {times}{late}"
    return f"{header.dataset} through {header.broker}: {what}; {header.asked:g} questions a second; {header.scope[0]}"


def _responses(asked: Sequence[Asked]) -> tuple[float, float]:
    """The p50 and the p95 of the seconds from when questions were due; not a number without answers."""
    times = [one.done - one.due for one in asked]
    p50, p95 = np.quantile(times, [0.5, 0.95]) if times else (np.nan, np.nan)
    return float(p50), float(p95)


def between(low: float, high: float) -> str:
    """Bounds of seconds in words; the upper one may be infinite."""
    return f"above {low:.3g}" if isinf(high) else f"{low:.3g} to {high:.3g}"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
