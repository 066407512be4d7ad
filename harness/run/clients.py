"""Runs the clients of a load test in several processes, because a single Python interpreter would limit their rate."""

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
from rollup_bench.harness.records.lines import Spent
from rollup_bench.harness.run import sender
from rollup_bench.harness.run.child import received
from rollup_bench.harness.run.costs import Gauge, Meter
from rollup_bench.harness.run.process_end import end_process

Factory = Callable[[], AbstractContextManager[Callable[[Any], object]]]
Check = Callable[[int, object], bool]
CLIENT = "a client process"
_SECOND = 10**9
_END = 10.0  # the most seconds in which a process that has reported ends
_CONNECT = 600.0  # the most seconds in which a process starts and connects all its clients


class Attempt(NamedTuple):
    """One attempt at a request: its number, when it was sent and when it ended (None if it never was), and its state.

    `sent` and `done` are nanoseconds of the monotonic clock. `state` is r right, w wrong, f failed, t timed out, or u
    never sent.
    """

    number: int
    sent: int | None
    done: int | None
    state: str


class Work(msgspec.Struct, frozen=True):
    """Requests that the clients send in turn: at the times in `intended`, or in a closed loop if `intended` is None.

    `intended` holds nanoseconds after the start. An open loop sends no request later than `seconds + limit` seconds
    after the start, and a closed loop sends no request later than `seconds` seconds after the start.
    """

    requests: Sequence[Any]
    seconds: float
    limit: float
    intended: Sequence[int] | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """What the clients connect to: `session` opens a connection, and `check` says whether an answer is right.

    Each client calls `session` once, in its thread; `check` gets an index of `Work.requests` and the answer. `session`
    and `check` are pickled and sent to the client processes. If `embedded` is true, all clients share one process.
    """

    name: str
    session: Factory
    check: Check | None = None
    embedded: bool = False


class Driven(NamedTuple):
    """What clients measured: the start and the hand-over of each request (in ns), the attempts, the resources used."""

    start: int
    attempts: list[Attempt]
    handed: list[int]
    spent: Spent


def drive(arm: Endpoint, work: Work, clients: int, gauge: Gauge, processes: int = 2) -> Driven:
    """Runs `clients` clients in at most `processes` processes from one start; FailureError if a process fails."""
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
            received(process, pipe, CLIENT, _CONNECT)
        inbox.close()
        meter, start = Meter(gauge), time.monotonic_ns() + _SECOND // 10
        for _, pipe in children:
            pipe.send(start)
        handed = sender.hand_over(work.intended or (), start, start + _send_limit(work), outbox)
        outbox.close()
        until = start / _SECOND + work.seconds + 2 * work.limit + 10
        reports = [received(process, pipe, CLIENT, max(until - time.monotonic(), 0)) for process, pipe in children]
        spent = meter.read(sum(processor for _, processor in reports))
        for process, _ in children:
            process.join(_END)
    finally:
        for process, _ in children:
            process.kill()
            process.join()
        inbox.close()
        outbox.close()
    attempts = sorted(attempt for log, _ in reports for attempt in log)
    return Driven(start, attempts, handed, spent)


class _Share(NamedTuple):
    """The part of the work that client process `number` of `processes` does, with `threads` clients."""

    arm: Endpoint
    work: Work
    inbox: Connection
    number: int
    processes: int
    threads: int

    def turns(self) -> Iterator[int]:
        """Returns the numbers of this process's attempts in a closed loop; no other process has the same numbers.

        Attempt n sends request n modulo the number of requests, so that every process sends all requests in turn.
        """
        return iter(range(self.number, sys.maxsize, self.processes * len(self.work.requests) + 1))


def _process(pipe: Connection, share: _Share) -> None:
    """The main function of a client process: connects its clients, waits for the start, and returns their attempts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which then ends this process
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
    end_process(0)


def _client(
    ask: Callable[[Any], object], share: _Share, turns: Iterator[int], start: int, log: list[list[Any]]
) -> None:
    """Runs one client: an open loop, or a closed loop that sends a request as soon as the last one is answered."""
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
    """Sends each request when `turns` yields its number; after the deadline, requests are logged as never sent."""
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
    """Sends a request and logs the attempt: first as timed out, in case no answer arrives, and then with its result."""
    index = number % len(work.requests)
    entry: list[Any] = [number, clock(), None, "t"]
    log.append(entry)
    try:
        answer, state = ask(work.requests[index]), "r"
    except TimeoutError:
        answer, state = None, "t"
    except Exception:  # any error but a timeout counts as a failed request
        answer, state = None, "f"
    entry[2] = clock()
    if entry[2] - entry[1] > work.limit * _SECOND:
        state = "t"
    if state == "r" and check and not check(index, answer):
        state = "w"
    entry[3] = state


def _send_limit(work: Work) -> int:
    """Returns the deadline for sending requests of an open loop, in nanoseconds after the start."""
    return int((work.seconds + work.limit) * _SECOND)
