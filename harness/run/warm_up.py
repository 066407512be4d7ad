"""Warm-up: asks a question until its times no longer shift."""

import math
import time
from collections.abc import Callable, Sequence

import numpy as np

from rollup_bench.harness.records.lines import WarmUp

WINDOWS = 20
_WINDOW = 0.01  # the seconds of requests after which a window ends
_SHIFT = 0.05  # the significance level of the test for a shift


def shift(windows: Sequence[float]) -> float:
    """Returns the p-value of Pettitt's rank test (1979) for one change point in a sequence of windows' times."""
    values = np.asarray(windows)
    n = len(values)
    signs = np.sign(values[:, None] - values[None, :])
    largest = max(abs(float(signs[:k, k:].sum())) for k in range(1, n))
    return min(1.0, 2 * math.exp(-6 * largest**2 / (n**3 + n**2)))


def steady(windows: Sequence[float]) -> bool:
    """Whether the times of the last 20 windows show no significant shift; False for fewer than 20 windows."""
    return len(windows) >= WINDOWS and shift(windows[-WINDOWS:]) > _SHIFT


def warm_up(ask: Callable[[], bool], seconds: float, clock: Callable[[], int] = time.perf_counter_ns) -> WarmUp:
    """Asks until the times are steady, until `ask` returns False, or until `seconds` have passed.

    Each window holds one request, or as many requests as take 10 ms together, and is stored as their median time.
    """
    windows: list[int] = []
    end, answering = clock() + int(seconds * 1e9), True
    while answering and not steady(windows) and clock() < end:
        times: list[int] = []
        while answering and sum(times) < _WINDOW * 1e9:
            start = clock()
            answering = ask()
            times.append(max(clock() - start, 1))
        windows.append(int(np.median(times)))
    return WarmUp(windows, answering and steady(windows))
