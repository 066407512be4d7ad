"""Clients in separate processes, so that no single Python interpreter limits them; a sender keeps the schedule."""

import multiprocessing
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import msgspec

from rollup_bench.engines.failures import reason
from rollup_bench.errors import FailureError
from rollup_bench.harness.records.lines import Spent
from rollup_bench.harness.run import sender
from rollup_bench.harness.run.costs import Gauge, Meter

Factory = Callable[[], AbstractContextManager[Callable[[Any], object]]]
Check = Callable[[int, object], bool]
_SECOND = 10**9
_CONNECT = 600.0  # seconds until all clients of a process are connected, with the start of the interpreter


class Attempt(NamedTuple):
    """One attempt at a request: its number, when it was sent and done, and its state.

    Times are nanoseconds of the monotonic clock. States are r right, w wrong, f failed, t timed out, u never sent.
    """

    number: int
    sent: int | None
    done: int | None
    state: str


class Work(msgspec.Struct, frozen=True):
    """The requests that the clients send in turn: at the nanoseconds of `intended`, or in a closed loop if it is None.

    `intended` is relative to the start. No request is sent later than `seconds + limit` seconds after the start.
    """

    requests: Sequence[Any]
    seconds: float
    limit: float
    intended: Sequence[int] | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """What the clients connect to: `session` opens a connection, and `check` says whether an answer is right.

    `session` is called once per client, in the thread of the client; `check` gets the request's number and its answer.
    Both are pickled and sent to the client processes. The clients of an embedded engine share one process.
    """

    name: str
    session: Factory
    check: Check | None = None
    embedded: bool = False


class Driven(NamedTuple):
    """The result of the clients: the start, all attempts, when the sender sent each request, and the resources used."""

    start: int
    attempts: list[Attempt]
    handed: list[int]
    spent: Spent


def drive(arm: Endpoint, work: Work, clients: int, gauge: Gauge, processes: int = 8) -> Driven:
    """Runs the clients in processes and starts all at the same time; raises FailureError if one fails to connect."""
    context = multiprocessing.get_context("spawn")
    count = 1 if arm.embedded else min(clients, processes)
    inbox, outbox = context.Pipe(duplex=False)
    children: list[tuple[BaseProcess, Connection]] = []
    try:
        for number in range(count):
            ours, theirs = context.Pipe()
            share = _Share(arm, work, inbox, number, count, len(range(number, clients, count)))
            child = context.Process(target=_process, args=(theirs, share), daemon=True)
            child.start()
            theirs.close()
            children.append((child, ours))
        for process, pipe in children:
            _expect(process, pipe, _CONNECT)
        inbox.close()
        meter, start = Meter(gauge), time.monotonic_ns() + _SECOND // 10
        for _, pipe in children:
            pipe.send(start)
        handed = sender.hand_over(work.intended or (), start, start + _send_limit(work), outbox)
        outbox.close()
        until = start / _SECOND + work.seconds + 2 * work.limit + 10
        reports = [_expect(process, pipe, max(until - time.monotonic(), 0)) for process, pipe in children]
        spent = meter.read(sum(processor for _, processor in reports))
    finally:
        for process, _ in children:
            process.kill()
            process.join()
        inbox.close()
        outbox.close()
    attempts = sorted(attempt for log, _ in reports for attempt in log)
    return Driven(start, attempts, handed, spent)


class _Share(NamedTuple):
    """The part of the work that one client process does."""

    arm: Endpoint
    work: Work
    inbox: Connection
    number: int
    processes: int
    threads: int

    def turns(self) -> Iterator[int]:
        """Numbers the attempts of a closed loop; numbers differ between processes, and threads share the iterator.

        The step is one more than a multiple of the number of requests, so every process sends all of them in turn.
        """
        return iter(range(self.number, sys.maxsize, self.processes * len(self.work.requests) + 1))


def _expect(process: BaseProcess, pipe: Connection, seconds: float) -> Any:
    """Returns the next message of a client process; raises FailureError if it fails or sends none in time."""
    try:
        message = pipe.recv() if pipe.poll(seconds) else f"did not report within {seconds:g} s"
    except EOFError:
        process.join(1)
        message = f"ended with status {process.exitcode}"
    if isinstance(message, str):
        raise FailureError(f"a client process {message}")
    return message


def _process(pipe: Connection, share: _Share) -> None:
    """The main function of a client process: it connects, tells the parent, waits for the start, and reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # only the parent ends this process
    sys.setswitchinterval(0.0005)  # seconds that a thread may compute before another runs
    ready, go = threading.Barrier(share.threads + 1), threading.Event()
    start: list[int] = []
    log: list[list[Any]] = []
    turns = share.turns()

    def client() -> None:
        try:
            with share.arm.session() as ask:
                ready.wait()
                go.wait()
                _client(ask, share, turns, start[0], log)
        except Exception as error:
            doing = "failed" if go.is_set() else "could not connect"
            pipe.send(f"{doing}: {reason(error)}")
            ready.abort()

    threads = [threading.Thread(target=client, daemon=True) for _ in range(share.threads)]
    for thread in threads:
        thread.start()
    try:
        ready.wait()
    except threading.BrokenBarrierError:
        return
    pipe.send(True)
    start.append(pipe.recv())
    before = time.process_time()
    go.set()
    end = start[0] + int((share.work.seconds + 2 * share.work.limit) * _SECOND)
    for thread in threads:
        thread.join(max((end - time.monotonic_ns()) / _SECOND, 0))
    pipe.send(([Attempt(*entry) for entry in log], time.process_time() - before))


def _client(
    ask: Callable[[Any], object], share: _Share, turns: Iterator[int], start: int, log: list[list[Any]]
) -> None:
    """Runs one client: an open loop, or a closed loop that sends each request when the last is answered."""
    work, check = share.work, share.arm.check
    if work.intended is not None:
        open_loop(ask, work, sender.received(share.inbox), start, log, check)
        return
    sender.sleep_until(start)
    for number in turns:
        _ask(ask, work, number, log, check)
        if time.monotonic_ns() > start + int(work.seconds * _SECOND):
            return


def open_loop(
    ask: Callable[[Any], object],
    work: Work,
    turns: Iterator[int],
    start: int,
    log: list[list[Any]],
    check: Check | None = None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Sends each request when the sender hands it over; requests after the deadline are logged as never sent."""
    end = start + _send_limit(work)
    for number in turns:
        if clock() > end:
            log.append([number, None, None, "u"])
        else:
            _ask(ask, work, number, log, check, clock)


def _ask(
    ask: Callable[[Any], object],
    work: Work,
    number: int,
    log: list[list[Any]],
    check: Check | None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Sends a request; it is logged first, as timed out, so that a request without an answer is logged too."""
    index = number % len(work.requests)
    entry: list[Any] = [number, clock(), None, "t"]
    log.append(entry)
    try:
        answer, state = ask(work.requests[index]), "r"
    except TimeoutError:
        answer, state = None, "t"
    except Exception:  # every error of an engine counts as a failed request
        answer, state = None, "f"
    entry[2] = clock()
    if entry[2] - entry[1] > work.limit * _SECOND:
        state = "t"
    if state == "r" and check and not check(index, answer):
        state = "w"
    entry[3] = state


def _send_limit(work: Work) -> int:
    """Returns how long requests may be sent, in nanoseconds after the start."""
    return int((work.seconds + work.limit) * _SECOND)
