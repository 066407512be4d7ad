"""What answering costs beside time: processor seconds, memory, and pressure on the machine."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from rollup_bench.harness.records.lines import Spent

_PRESSURE = Path("/proc/pressure")


def _untold() -> None:
    return None


class Gauge(NamedTuple):
    """Reads an engine's own processes: processor seconds since they started, bytes resident now; None: untold."""

    processor: Callable[[], float | None] = _untold
    resident: Callable[[], int | None] = _untold


class Meter:
    """What a stretch of time costs, one engine being asked in it and no other."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._start, self._client, self._engine = time.perf_counter(), time.process_time(), gauge.processor()
        self._stalled = stalled()

    def read(self, clients: float = 0.0) -> Spent:
        """Since the meter was made; `clients` adds processor seconds of clients in processes of their own."""
        engine = self._gauge.processor()
        seconds = time.perf_counter() - self._start
        return Spent(
            seconds=seconds,
            client=time.process_time() - self._client + clients,
            engine=None if engine is None or self._engine is None else engine - self._engine,
            resident=self._gauge.resident(),
            pressure=pressure(self._stalled, seconds),
        )


def stalled() -> dict[str, float] | None:
    """Seconds since boot in which some task waited for `cpu`, `io` or `memory`; None where the kernel is silent."""
    try:
        return {what: _total((_PRESSURE / what).read_text()) for what in ("cpu", "io", "memory")}
    except OSError:
        return None


def pressure(since: dict[str, float] | None, seconds: float) -> dict[str, float] | None:
    """The share of these last seconds in which some task waited, by resource."""
    now = stalled()
    if now is None or since is None:
        return None
    return {what: round((now[what] - since[what]) / seconds, 4) for what in now}


def _total(text: str) -> float:
    """Seconds, of `some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS`."""
    some = text.splitlines()[0]
    return int(some.rpartition("total=")[2]) / 1e6
