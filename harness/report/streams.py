"""The tables of followed streams in the terminal."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isinf

from rich.console import Console
from rich.text import Text

from rollup_bench.harness.follow.figures import Figures, figures
from rollup_bench.harness.records.streams import Followed, Header, Kind, Record, Unsupported, header_of
from rollup_bench.harness.report.grid import milliseconds, new_table, print_table
from rollup_bench.harness.report.stream_view import StreamView, view

_TABLE = re.compile(r"\brb_[0-9a-f]{16}")

SHOWN = (0.5, 0.05, 0.01)
"""The shares of events whose lags exceed the percentiles that are shown."""


def stream_tables(lines: Sequence[Record], console: Console) -> None:
    """Prints what streams were followed, how fresh answers were, and what asking took meanwhile."""
    header, arms = header_of(lines), view("", lines).arms
    console.print(Text(_scope(header, arms), style="dim"))
    _print_fresh(arms, console)
    _print_asked(arms, console)
    _print_processor(arms, console)
    _print_written(arms, console)
    streams = [(line, figures(header, line)) for line in lines if isinstance(line, Followed)]
    _print_kills(streams, console)
    if any(one.bridged for one in arms):
        console.print(
            "* bridge: the engine reads only Kafka, to which a process copies the stream; not for comparing brokers"
        )
    for line, found in streams:
        if found.void:
            console.print(Text(f"no freshness: {line.arm}: {found.void}"))
        for name in found.wrong:
            console.print(Text(f"at the end: {line.arm}: {name}: {line.final[name]}"))
    _print_failures(streams, console)
    for refused in [line for line in lines if isinstance(line, Unsupported)]:
        console.print(Text(f"not followed: {refused.arm}: {refused.reason}"))


def _print_fresh(arms: Sequence[StreamView], console: Console) -> None:
    table = new_table("arm", right=["p50 s", "p95 s", "p99 s", "lost", "doubled", "right at end"])
    for one in arms:
        lags = {curve.share: between(curve.low, curve.high) for curve in one.lags}
        right = f"{one.final - len(one.wrong)} of {one.final}"
        table.add_row(
            _name(one), *(lags.get(share, "") for share in SHOWN), _count(one.lost), _count(one.doubled), right
        )
    console.print("How long events take from when they were due until answers have them")
    print_table(table, console)


def _print_asked(arms: Sequence[StreamView], console: Console) -> None:
    asked = new_table("arm", right=["asked", "right", "torn", "went back", "wrong", "failed"])
    times = new_table("arm", right=["p50", "p50 afterwards", "p95", "p95 afterwards"])
    for one in arms:
        asked.add_row(_name(one), f"{sum(one.kinds.values())}", *(str(one.kinds.get(kind, 0)) for kind in Kind))
        responses = [each for pair in zip(one.writing, one.quiet, strict=True) for each in pair]
        times.add_row(_name(one), *map(milliseconds, responses))
    console.print("Answers while the stream is written")
    print_table(asked, console)
    console.print("Response times in ms while the stream is written, and afterwards, while nothing is written")
    print_table(times, console)


def _print_processor(arms: Sequence[StreamView], console: Console) -> None:
    """Prints what processes used while the stream was written; follower and asking clients are one process."""
    names = _processes(one.processor for one in arms)
    if not names:
        return
    console.print("Processor seconds for a million events, asking included, and memory of the follower")
    table = new_table("arm", right=[*names, "MiB middle", "MiB end"])
    for one in arms:
        memory = [f"{size / (1 << 20):.0f}" for size in one.resident or ()] or ["", ""]
        table.add_row(_name(one), *_cells(one.processor, names, ".3g"), *memory)
    print_table(table, console)


def _print_written(arms: Sequence[StreamView], console: Console) -> None:
    """Prints how large messages are, and what processes wrote to disk."""
    names = _processes(one.written for one in arms)
    if not names:
        return
    console.print("Bytes of an event: of its message, and written to disk by each process")
    table = new_table("arm", right=["message", *names])
    for one in arms:
        message = "" if one.message is None else f"{one.message:.0f}"
        table.add_row(_name(one), message, *_cells(one.written, names, ".0f"))
    print_table(table, console)


def _processes(figures: Iterable[Mapping[str, float]]) -> list[str]:
    """The names of all processes of which a figure is known, in the order in which they first come."""
    return list(dict.fromkeys(name for each in figures for name in each))


def _cells(figures: Mapping[str, float], names: Sequence[str], form: str) -> list[str]:
    """The figures of these processes as texts, empty where one is not known."""
    return [f"{figures[name]:{form}}" if name in figures else "" for name in names]


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


def _print_failures(streams: Sequence[tuple[Followed, Figures]], console: Console) -> None:
    """Prints why questions had no answer; the names of tables differ between launches."""
    counts: Counter[tuple[str, str]] = Counter()
    for line, _ in streams:
        for reason, number in line.failures.items():
            counts[line.arm, _TABLE.sub("rb_...", reason)] += number
    for (arm, reason), number in counts.items():
        console.print(Text(f"failed {'once' if number == 1 else f'{number} times'}: {arm}: {reason}"))


def _name(of: Followed | StreamView) -> str:
    return f"{of.arm}*" if of.bridged else of.arm


def _scope(header: Header, arms: Sequence[StreamView]) -> str:
    times = "events of now" if header.live else "times of their own"
    late = f", {header.late:.0%} late" if header.late else ""
    what = f"{header.events:,} events, {header.rate:g} a second, {times}{late}"
    most = max((one.launches for one in arms), default=0)
    launches = f"{most} launches of each arm; " if most > 1 else ""
    asked = f"{header.asked:g} questions a second"
    return f"{header.dataset} through {header.broker}: {what}; {asked}; {launches}{header.scope[0]}"


def between(low: float, high: float | None) -> str:
    """Bounds of seconds in words; the upper one may be infinite, and a much smaller lower one is left out."""
    if high is None or isinf(high):
        return f"above {low:.3g}"
    return f"{low:.3g} to {high:.3g}" if low > high / 20 else f"up to {high:.3g}"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
