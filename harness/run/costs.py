"""Measures processor seconds, resident memory, and how long tasks of the machine waited for cpu, io or memory."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil

from rollup_bench.harness.records.lines import Spent
from rollup_bench.servers import Server

_PRESSURE = Path("/proc/pressure")


class Gauge(NamedTuple):
    """Reads an engine's processor seconds so far and the resident bytes of its processes; None if unknown."""

    processor: Callable[[], float | None] = lambda: None
    resident: Callable[[], int | None] = lambda: None
    served: bool = False  # whether the engine has processes of its own


def gauge(server: Server | None) -> Gauge:
    """Returns a gauge of a server's processor seconds and memory; for None (embedded), of this process's memory."""
    if server is None:
        return Gauge(resident=lambda: int(psutil.Process().memory_info().rss))
    return Gauge(server.cpu_seconds, server.resident_bytes, served=True)


class Meter:
    """Measures the resources used from its creation until `read`; only one engine may be asked in that period."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._start, self._client, self._engine = time.perf_counter(), time.process_time(), gauge.processor()
        self._stall_seconds, self._busy = stall_seconds(), busy_seconds()

    def read(self, clients: float = 0.0, apart: float = 0.0) -> Spent:
        """Returns the resources used since the meter was created.

        `clients` is the processor seconds of client processes, which are added to those of this process. `apart` is
        those in which this process did not ask, but drew requests, which no application does; they are left out.
        """
        engine = self._gauge.processor()
        seconds, busy = time.perf_counter() - self._start, busy_seconds() - self._busy
        used = time.process_time() - self._client + clients
        spent = None if engine is None or self._engine is None else engine - self._engine
        hidden = self._gauge.served and spent is None
        return Spent(
            seconds=seconds,
            client=used - apart,
            engine=spent,
            resident=self._gauge.resident(),
            pressure=pressure(self._stall_seconds, seconds),
            others=msgspec.UNSET if hidden else round(max(busy - used - (spent or 0.0), 0.0), 4),
        )


def busy_seconds() -> float:
    """Returns the seconds since boot that processors were not idle, or worked for other virtual machines."""
    times = psutil.cpu_times()
    waiting = times.idle + getattr(times, "iowait", 0.0)
    counted_twice = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)  # in user and nice, too
    return float(sum(times) - waiting - counted_twice)


def stall_seconds() -> dict[str, float] | None:
    """Returns the seconds since boot in which a task waited, for each of `cpu`, `io` and `memory`; None if unknown."""
    try:
        return {resource: _total((_PRESSURE / resource).read_text()) for resource in ("cpu", "io", "memory")}
    except OSError:
        return None


def pressure(since: dict[str, float] | None, seconds: float) -> dict[str, float] | None:
    """Returns, by resource, the share of the last `seconds` in which a task waited for the resource; None if unknown.

    `since` is what `stall_seconds()` returned `seconds` seconds ago.
    """
    now = stall_seconds()
    if now is None or since is None:
        return None
    return {resource: round((now[resource] - since[resource]) / seconds, 4) for resource in now}


def _total(text: str) -> float:
    """Returns, in seconds, the total of the first line: `some avg10=0.00 avg60=0.00 avg300=0.00 total=MICROSECONDS`."""
    some = text.splitlines()[0]
    return int(some.rpartition("total=")[2]) / 1e6
