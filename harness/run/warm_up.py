"""Warm-up: asking until the times no longer shift."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from rollup_bench.harness.records.lines import WarmUp

WINDOWS = 20
_WINDOW = 0.01  # seconds that a window lasts at least
_SHIFT = 0.05  # probability under which a shift is taken for real


def shift(windows: Sequence[float]) -> float:
    """How probable so large a shift is where there is none (Pettitt 1979: rank test for one change point)."""
    values = np.asarray(windows)
    n = len(values)
    signs = np.sign(values[:, None] - values[None, :])
    largest = max(abs(float(signs[:k, k:].sum())) for k in range(1, n))
    return min(1.0, 2 * math.exp(-6 * largest**2 / (n**3 + n**2)))


def steady(windows: Sequence[float]) -> bool:
    """Whether the last 20 windows show no shift; fewer windows cannot tell."""
    return len(windows) >= WINDOWS and shift(windows[-WINDOWS:]) > _SHIFT


def warm_up(ask: Callable[[], bool], seconds: float, clock: Callable[[], int] = time.perf_counter_ns) -> WarmUp:
    """Asks until steady, until `ask` is refused, or for these seconds: then there is no steady state."""
    windows: list[int] = []
    end, answering = clock() + int(seconds * 1e9), True
    while answering and not steady(windows) and clock() < end:
        times: list[int] = []
        while answering and sum(times) < _WINDOW * 1e9:  # one request, or as many as fill a window
            start = clock()
            answering = ask()
            times.append(max(clock() - start, 1))
        windows.append(int(np.median(times)))
    return WarmUp(windows, answering and steady(windows))
