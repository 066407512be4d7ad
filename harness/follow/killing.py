"""Kills the broker, the engine or the follower of a stream at a random instant; servers are started again."""

import os
import signal
from threading import Thread
from typing import Literal

import numpy as np

from rollup_bench.engines.contract import Engine
from rollup_bench.errors import RequestError
from rollup_bench.servers import UP, Server
from rollup_bench.servers.watch import Watch

Victim = Literal["broker", "engine", "follower"]
SPAN = (0.2, 0.8)
"""Between which shares of its length a stream loses a part."""


class Killing:
    """A kill of the `victim` when so many seconds of the stream have passed; its server is None for the follower."""

    def __init__(self, victim: Victim, server: Server | None, seconds: float) -> None:
        self.victim, self.seconds = victim, seconds
        self._server, self._restart = server, Thread(target=self._restarted)
        self._failure: Exception | None = None

    def strike(self) -> None:
        """Kills all processes of the victim's server, which is started again meanwhile."""
        assert self._server is not None
        for pid in self._server.pids.values():
            os.kill(pid, signal.SIGKILL)
        self._restart.start()

    def finish(self) -> None:
        """Waits until the server runs again; raises its error if it does not."""
        if self._restart.ident is not None:
            self._restart.join()
        if self._failure:
            raise self._failure

    def _restarted(self) -> None:
        assert self._server is not None
        try:
            self._server.restart(Watch(seconds=UP))
        except Exception as error:  # `finish` raises it
            self._failure = error


def killing(victim: Victim, broker: Server, engine: Engine, seconds: float, rng: np.random.Generator) -> Killing:
    """The kill of a stream that lasts so many seconds; RequestError if the victim cannot be killed."""
    return Killing(victim, demand_server(victim, broker, engine), seconds * rng.uniform(*SPAN))


def demand_server(victim: Victim, broker: Server, engine: Engine) -> Server | None:
    """The server of a victim, None for the follower; RequestError if its processes cannot be killed."""
    server = {"broker": broker, "engine": engine.server, "follower": None}[victim]
    if victim == "engine" and server is None:
        raise RequestError(f"--kill engine: {engine.name} runs in the process that follows; give --kill follower")
    if server is not None and not server.pids:
        raise RequestError(
            f"--kill {victim}: the processes of {server.name} are not on this machine; give --via native"
        )
    return server
