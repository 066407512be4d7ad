"""A process that publishes messages at instants fixed beforehand."""

import multiprocessing
import signal
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np

from rollup_bench.engines.failures import reason
from rollup_bench.harness.run.child import received
from rollup_bench.harness.stats.freshness import Seconds
from rollup_bench.servers.connection import Connection
from rollup_bench.servers.watch import Watch
from rollup_bench.streams import registry
from rollup_bench.streams.contract import PATIENCE

SENDER = "the sender"
STARTS = 60.0
"""Seconds in which the process must have reached the broker."""
BUFFER = 1 << 20
"""Bytes of the file of messages that are read and written at once."""


@dataclass(frozen=True)
class Outlet:
    """Where messages are published: a broker, how it is reached, and a topic."""

    broker: str
    connection: Connection
    topic: str


class Sending:
    """A process that has reached its broker and waits for the start; `size` is the bytes of all messages.

    `sent` and `acknowledged` have the instant of each message, in seconds of `time.monotonic`, or infinity.
    """

    def __init__(self, process: BaseProcess, pipe: Pipe, sent: Any, acknowledged: Any, size: int) -> None:
        self._process, self._pipe, self._arrays, self.size = process, pipe, (sent, acknowledged), size

    @property
    def sent(self) -> Seconds:
        """The instants at which messages were handed to the broker's client."""
        return np.array(self._arrays[0])

    @property
    def acknowledged(self) -> Seconds:
        """The instants at which the broker acknowledged messages."""
        return np.array(self._arrays[1])

    def start(self, instant: float) -> None:
        """Lets the process send the first message at an instant of `time.monotonic`."""
        self._pipe.send(instant)

    def wait(self, watch: Watch) -> None:
        """Waits until all messages are acknowledged; FailureError if the process fails, or at the deadline."""
        while not self._pipe.poll(0.1):
            watch.check()
        received(self._process, self._pipe, SENDER)


@contextmanager
def sending(outlet: Outlet, messages: Iterable[bytes], rate: float) -> Iterator[Sending]:
    """A process that sends message number n when n / `rate` seconds have passed since the start; ends with the block.

    No message has a line break: they wait in a file, a line each, since millions of them would fill the memory.
    FailureError if the process does not reach the broker.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "messages")
        count, size = _stored(messages, file)
        sent, acknowledged = (_instants(context.RawArray("d", count)) for _ in range(2))
        process = context.Process(target=_run, args=(theirs, outlet, file, rate, sent, acknowledged), daemon=True)
        process.start()
        theirs.close()
        try:
            received(process, ours, f"{SENDER} to {outlet.broker}", STARTS)
            yield Sending(process, ours, sent, acknowledged, size)
        finally:
            process.kill()
            process.join()
            ours.close()


def _stored(messages: Iterable[bytes], file: Path) -> tuple[int, int]:
    """Writes the messages into a file; returns their number and the bytes of all of them."""
    sizes = 0, 0
    with file.open("wb", BUFFER) as lines:
        for message in messages:
            lines.write(message + b"\n")
            sizes = sizes[0] + 1, sizes[1] + len(message)
    return sizes


def _instants(array: Any) -> Any:
    """The shared array, filled with infinity."""
    np.frombuffer(array).fill(np.inf)
    return array


def _run(pipe: Pipe, outlet: Outlet, file: Path, rate: float, sent: Any, acknowledged: Any) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which then ends this process
    try:
        broker = registry.broker(outlet.broker, outlet.connection)
        with broker.producer(outlet.topic, acknowledged.__setitem__) as producer, file.open("rb", BUFFER) as lines:
            pipe.send(None)
            start = pipe.recv()
            for number, line in enumerate(lines):
                due = start + number / rate
                now = time.monotonic()
                if now < due:
                    time.sleep(due - now)
                    now = time.monotonic()
                producer.send(line[:-1])
                sent[number] = now
            producer.flush(Watch(seconds=PATIENCE))
        pipe.send(None)
    except Exception as error:  # the other process reports it
        pipe.send(reason(error))
