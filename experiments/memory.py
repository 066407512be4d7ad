"""Measures how much the memory of the harness varies while the harness asks engines for an hour.

`python -m experiments.memory [--seconds 3600] [--rate 20]`. The engines are asked in turn, each time with other
parameters, one request after the other, by sessions that stay open. The figure is the resident memory of the asking
process. DuckDB runs in that process and stores some hundred bytes for each query, so DuckDB is asked only
if `--engines` names it. Huge pages are switched off, since Linux makes them at any time from memory that Arrow's pool
has freed. Caches fill in the first sixth of the time; afterwards, the memory may vary by 5%.
"""

import ctypes
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from itertools import cycle, product

import click
import msgspec
import numpy as np
import psutil

from rollup_bench.engines.contract import Session
from rollup_bench.harness.cli.options import engines_default
from rollup_bench.harness.report.terminal import ended
from rollup_bench.harness.run import arms as running
from rollup_bench.harness.run.home import home
from rollup_bench.harness.run.replay import domain, replay
from rollup_bench.workloads import dataset, events, layouts
from rollup_bench.workloads.questions import Question
from tests.support.victims import QUESTIONS, ROWS

SAMPLES = 120
THP_DISABLE = 41
"""The value of PR_SET_THP_DISABLE in <linux/prctl.h>."""
MOST = 0.05
"""The share by which the largest sample of memory may exceed the smallest sample."""


class Replayed(msgspec.Struct, frozen=True):
    """The number of answered requests, and samples of the resident bytes at equal intervals of time."""

    requests: int
    memory: list[int]

    @property
    def settled(self) -> list[int]:
        """The samples of memory after the first sixth."""
        return self.memory[len(self.memory) // 6 :]

    @property
    def spread(self) -> float:
        """The share by which the largest sample after the first sixth exceeds the smallest one."""
        return max(self.settled) / min(self.settled) - 1


def replayed(engines: list[str], seconds: float, rate: float) -> Replayed:
    """Asks the engines for `seconds`, at most `rate` requests a second, and returns the memory of this process."""
    game = dataset.read("game").sized(ROWS, 1)
    rows = events.prepare(game, home())
    with running.opened(engines, "native", home(), _told) as opened, ExitStack() as stack:
        arms = [running.arm(engine, layouts.raw, game, rows, home(), _told) for engine in opened]
        sessions = [stack.enter_context(arm.engine.session(arm.plan)) for arm in arms]
        drawn = [
            replay(game.question(name), domain(rows), lambda _: True, np.random.default_rng(1)) for name in QUESTIONS
        ]
        return _asked(cycle(product(drawn, sessions)), seconds, rate)


def _asked(turns: Iterator[tuple[Iterator[Question], Session]], seconds: float, rate: float) -> Replayed:
    _without_huge_pages()
    began, memory, requests, process = time.monotonic(), list[int](), 0, psutil.Process()
    while (passed := time.monotonic() - began) < seconds:
        if passed >= len(memory) * seconds / SAMPLES:
            memory.append(process.memory_info().rss)
        time.sleep(max(0.0, requests / rate - passed))
        questions, session = next(turns)
        session.ask(next(questions))
        requests += 1
    return Replayed(requests, memory)


def _without_huge_pages() -> None:
    """Switches huge pages off for this process on Linux; has no effect elsewhere."""
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(THP_DISABLE, 1, 0, 0, 0)


def _told(text: str) -> None:
    click.echo(text, err=True)


@click.command()
@engines_default("druid,cassandra")
@click.option("--seconds", type=click.FloatRange(1), default=3600.0, show_default=True, help="How long to ask.")
@click.option("--rate", type=click.FloatRange(0.1), default=20.0, show_default=True, help="Requests a second at most.")
def main(engines: list[str], seconds: float, rate: float) -> None:
    """Prints how much memory the harness used and by how much the memory varied; exits with 1 if by more than MOST."""
    result = replayed(engines, seconds, rate)
    sizes = result.settled
    first, last, least, most = (f"{size / 1e6:.1f}" for size in (sizes[0], sizes[-1], min(sizes), max(sizes)))
    click.echo(
        f"{', '.join(engines)}: {result.requests:,} requests in {seconds:,.0f} s; {first} MB of memory after the first"
        f" sixth and {last} at the end, {least} to {most} between, {result.spread:.1%} apart; the limit is {MOST:.0%}"
    )
    sys.exit(result.spread > MOST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
