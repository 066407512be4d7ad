"""Samples what the follower, the engine and the broker use while a stream is written."""

import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import psutil

from rollup_bench.servers import Server, processes

EVERY = 1.0
"""Seconds between two samples."""


class _Used(NamedTuple):
    """The processor seconds, and the bytes written to disk, of a process since its start; None if unknown."""

    processor: float | None
    written: int | None


class Usage:
    """What processes have used since the first sample, and the `resident` bytes of the follower in each sample."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        self._first = self._last = dict[str, _Used]()
        self._followers: dict[int, tuple[_Used, _Used]] = {}
        self._due = 0.0
        self.resident: list[int] = []

    @property
    def processor(self) -> dict[str, float]:
        """The processor seconds of the `follower` and, by name, of the servers for which they are known."""
        return self._sums(lambda used: used.processor)

    @property
    def written(self) -> dict[str, int]:
        """The bytes that the `follower` and, by name, the servers have written to disk, where they are known."""
        return {name: int(size) for name, size in self._sums(lambda used: used.written).items()}

    def sample(self, follower: psutil.Process, now: bool = False) -> None:
        """Takes a sample `now`, or if the last one is old enough; of a follower that has ended, nothing is sampled."""
        if time.monotonic() < self._due and not now:
            return
        self._due = time.monotonic() + EVERY
        self._last = self._serving()
        self._first = self._first or self._last
        try:
            times, resident = follower.cpu_times(), follower.memory_info().rss
            used = _Used(times.user + times.system, processes.written(follower))
        except psutil.Error:
            return
        first = _Used(0.0, 0) if self._followers else used  # what the first one used before the stream does not count
        self._followers[follower.pid] = (self._followers.get(follower.pid, (first, used))[0], used)
        self.resident.append(resident)

    def _serving(self) -> dict[str, _Used]:
        return {name: _Used(each.cpu_seconds(), each.written_bytes()) for name, each in self._servers.items()}

    def _sums(self, amount: Callable[[_Used], float | None]) -> dict[str, float]:
        served = {name: [(first, self._last[name])] for name, first in self._first.items()}
        sums = dict[str, float]()
        for name, spans in {"follower": list(self._followers.values()), **served}.items():
            ends = [(amount(first), amount(last)) for first, last in spans]
            known = [last - first for first, last in ends if first is not None and last is not None]
            if len(known) == len(spans):
                sums[name] = sum(known)
        return sums
