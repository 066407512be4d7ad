"""The tables of followed streams in the terminal."""

from collections.abc import Sequence
from math import isinf

from rich.console import Console
from rich.text import Text

from rollup_bench.harness.follow.figures import Figures, figures
from rollup_bench.harness.records.streams import Followed, Header, Kind, Record, Unsupported, header_of
from rollup_bench.harness.report.grid import milliseconds, new_table, print_table

SHOWN = (0.5, 0.95, 0.99)
"""The shares of events for which quantiles of the lags are shown."""


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
    _print_written(streams, console)
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


def _print_written(streams: Sequence[tuple[Followed, Figures]], console: Console) -> None:
    """Prints how large messages are, and what processes wrote to disk."""
    names = list(dict.fromkeys(name for _, found in streams for name in found.written))
    if not names:
        return
    console.print("Bytes of an event: of its message, and written to disk by each process")
    table = new_table("arm", right=["message", *names])
    for line, found in streams:
        message = "" if found.message is None else f"{found.message:.0f}"
        written = [f"{found.written[name]:.0f}" if name in found.written else "" for name in names]
        table.add_row(_name(line), message, *written)
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


def between(low: float, high: float) -> str:
    """Bounds of seconds in words; the upper one may be infinite."""
    return f"above {low:.3g}" if isinf(high) else f"{low:.3g} to {high:.3g}"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
