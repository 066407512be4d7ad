"""What an adapter adds to its bare client: processor seconds of the thread that asks, in abba pairs.

Every request is over other days, as in a replay, so that an adapter knows nothing of a question beforehand.
"""

import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import cycle, islice

import click
import msgspec
import numpy as np

from rollup_bench.harness.stats.percentiles import percentiles
from rollup_bench.workloads.questions import Aggregate, Span

WARM_UP = 200
DAYS = 30
MOST = {"question": 300e-6, "row": 1e-6}  # seconds
Bare = Callable[[], int]
"""Sends what the adapter sends for a question, and reads the rows; how many these are."""


class Overhead(msgspec.Struct, frozen=True):
    """Seconds that the adapter adds, one sample a abba pair: to a question, and to each row of an answer."""

    question: list[float]
    row: list[float]

    def told(self) -> bool:
        """Prints each beside what it may be; whether neither is above that."""
        rng = np.random.default_rng(1)
        for what, most in MOST.items():
            found = percentiles([getattr(self, what)], rng)
            low, median, high = (f"{1e6 * value:.3f}" for value in (found.low, found.median, found.high))
            click.echo(
                f"the adapter adds {median} µs to a {what} (99%: {low} to {high}); at most {1e6 * most:g} allowed"
            )
        return all(np.median(getattr(self, what)) <= most for what, most in MOST.items())


def overhead(
    ask: Callable[[Aggregate], object], bare: Callable[[Aggregate], Bare], one: Aggregate, many: Aggregate, pairs: int
) -> Overhead:
    """Of a question with an answer of one row, and of one with many, asked a twentieth as often."""
    once, few = _added(ask, bare, one, pairs)
    more, count = _added(ask, bare, many, max(pairs // 20, 5))
    return Overhead(once, [(seconds - float(np.median(once))) / (count - few) for seconds in more])


def _added(
    ask: Callable[[Aggregate], object], bare: Callable[[Aggregate], Bare], question: Aggregate, pairs: int
) -> tuple[list[float], float]:
    """Seconds more that the adapter takes, each from adapter, bare, bare, adapter in a row; and the rows it reads."""
    asked = [_moved(question, days) for days in range(DAYS)]
    known = [bare(one) for one in asked]
    turns = cycle(zip(asked, known, strict=True))
    taken = (_pair(ask, [next(turns), next(turns)]) for _ in range(pairs + WARM_UP))
    return list(islice(taken, WARM_UP, None)), float(np.mean([read() for read in known]))


def _pair(ask: Callable[[Aggregate], object], both: Sequence[tuple[Aggregate, Bare]]) -> float:
    (first, read), (second, read_again) = both
    order = (lambda: ask(first), read, read_again, lambda: ask(second))
    a, b, c, d = map(_time, order)
    return (a - b - c + d) / 2


def _time(call: Callable[[], object]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


def _moved(question: Aggregate, days: int) -> Aggregate:
    later = timedelta(days=days)
    return msgspec.structs.replace(question, span=Span(question.span.start + later, question.span.end + later))
