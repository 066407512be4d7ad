"""Memory of the harness in a replay of an hour: the engines asked in turn, each time with other parameters.

By hand: `python -m experiments.replay [--seconds 3600] [--rate 20]`. Requests are sent at so many a second at most, one
after the other, to sessions that stay open. Resident memory is that of the one process that asks; so DuckDB, which is
in it and keeps some hundred bytes of every query, is asked only where it is named. Huge pages are off in it, for Linux
makes them at any time of memory that Arrow's pool has freed. The first sixth fills what is kept on purpose; after that
the most may not be a twentieth above the least. Ends with 1 where it is.
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
from rollup_bench.harness.run.replay import replay
from rollup_bench.workloads import dataset, events, layouts
from rollup_bench.workloads.questions import Question
from tests.support.victims import QUESTIONS, ROWS

SAMPLES = 120
THP_DISABLE = 41
"""PR_SET_THP_DISABLE of <linux/prctl.h>."""
MOST = 0.05
"""How far above the least the most may be."""


class Replayed(msgspec.Struct, frozen=True):
    """Requests answered, and resident bytes at equal distances of time."""

    requests: int
    memory: list[int]

    @property
    def settled(self) -> list[int]:
        """Those after the first sixth."""
        return self.memory[len(self.memory) // 6 :]

    @property
    def spread(self) -> float:
        """How far the most of them is above the least, as a share of that."""
        return max(self.settled) / min(self.settled) - 1


def replayed(engines: list[str], seconds: float, rate: float) -> Replayed:
    """Asks for so long, at most so often."""
    game = dataset.read("game").sized(ROWS, 1)
    rows = events.prepare(game, home())
    with running.opened(engines, "native", home(), _told) as opened, ExitStack() as stack:
        arms = [running.arm(engine, layouts.raw, game, rows, home(), _told) for engine in opened]
        sessions = [stack.enter_context(arm.engine.session(arm.plan)) for arm in arms]
        drawn = [replay(game.question(name), lambda _: True, np.random.default_rng(1)) for name in QUESTIONS]
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
    """Of Linux; elsewhere the answer is an error, which changes nothing."""
    with suppress(AttributeError):
        ctypes.CDLL(None).prctl(THP_DISABLE, 1, 0, 0, 0)


def _told(text: str) -> None:
    click.echo(text, err=True)


@click.command()
@engines_default("druid,cassandra")
@click.option("--seconds", type=click.FloatRange(1), default=3600.0, show_default=True, help="How long to ask.")
@click.option("--rate", type=click.FloatRange(0.1), default=20.0, show_default=True, help="Requests a second at most.")
def main(engines: list[str], seconds: float, rate: float) -> None:
    """Prints how much memory the harness held, and how flat that was."""
    found = replayed(engines, seconds, rate)
    kept = found.settled
    first, last, least, most = (f"{size / 1e6:.1f}" for size in (kept[0], kept[-1], min(kept), max(kept)))
    click.echo(
        f"{', '.join(engines)}: {found.requests:,} requests in {seconds:,.0f} s; {first} MB of memory after the first"
        f" sixth and {last} at the end, {least} to {most} between, {found.spread:.1%} apart; {MOST:.0%} are allowed"
    )
    sys.exit(found.spread > MOST)


if __name__ == "__main__":
    ended(lambda: main(standalone_mode=False))
