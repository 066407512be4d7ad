"""Samples what the follower, the engine and the broker use while a stream is written."""

import time
from collections.abc import Mapping

import psutil

from rollup_bench.servers import Server

EVERY = 1.0
"""Seconds between two samples."""


class Usage:
    """Processor seconds since its creation, and the `resident` bytes of the follower in each sample."""

    def __init__(self, servers: Mapping[str, Server]) -> None:
        self._servers = servers
        self._first = self._last = self._seconds()
        self._followers: dict[int, tuple[float, float]] = {}
        self._due = 0.0
        self.resident: list[int] = []

    @property
    def spent(self) -> dict[str, float]:
        """The processor seconds of the `follower` and, by name, of the servers for which they are known."""
        known = {name: last - self._first[name] for name, last in self._last.items() if name in self._first}
        return {"follower": sum(last - first for first, last in self._followers.values()), **known}

    def sample(self, follower: psutil.Process, now: bool = False) -> None:
        """Takes a sample `now`, or if the last one is old enough; of a follower that has ended, nothing is sampled."""
        if time.monotonic() < self._due and not now:
            return
        self._due = time.monotonic() + EVERY
        self._last = self._seconds()
        try:
            times, resident = follower.cpu_times(), follower.memory_info().rss
        except psutil.Error:
            return
        used = times.user + times.system
        first = 0.0 if self._followers else used  # what the first follower used before the stream does not count
        self._followers[follower.pid] = (self._followers.get(follower.pid, (first, used))[0], used)
        self.resident.append(resident)

    def _seconds(self) -> dict[str, float]:
        found = {name: server.cpu_seconds() for name, server in self._servers.items()}
        return {name: seconds for name, seconds in found.items() if seconds is not None}
