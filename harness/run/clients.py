"""Clients in processes of their own, so that one interpreter does not limit them; a sender keeps the schedule."""

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
_CONNECT = 600.0  # seconds to connect, interpreter and client library started


class Attempt(NamedTuple):
    """One request: when a client sent it and was done, how it went.

    Nanoseconds of the monotonic clock; states: r right, w wrong, f failed, t timed out, u never sent.
    """

    number: int
    sent: int | None
    done: int | None
    state: str


class Work(msgspec.Struct, frozen=True):
    """What the clients are to ask: requests in turn, at intended nanoseconds or (None) each as soon as it can.

    `intended` is counted from the start; nothing is sent later than `seconds` + `limit` after it.
    """

    requests: Sequence[Any]
    seconds: float
    limit: float
    intended: Sequence[int] | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """Who is asked. Both are sent to the clients' processes, so they are picklable and connect only when called.

    `session` is entered once for each client, in the client's own thread; `check` says whether the answer to the
    request of this number is right. An engine that lives in the client must have one process.
    """

    name: str
    session: Factory
    check: Check | None = None
    embedded: bool = False


class Driven(NamedTuple):
    """What the clients did: when they started, every request, when each was handed to them, and what it cost."""

    start: int
    asked: list[Attempt]
    handed: list[int]
    spent: Spent


def drive(arm: Endpoint, work: Work, clients: int, gauge: Gauge, processes: int = 8) -> Driven:
    """Spreads the clients over processes, lets them connect, starts them together; FailureError if one cannot."""
    context = multiprocessing.get_context("spawn")
    count = 1 if arm.embedded else min(clients, processes)
    inbox, outbox = context.Pipe(duplex=False)
    crew: list[tuple[BaseProcess, Connection]] = []
    try:
        for number in range(count):
            ours, theirs = context.Pipe()
            share = _Share(arm, work, inbox, number, count, len(range(number, clients, count)))
            child = context.Process(target=_process, args=(theirs, share), daemon=True)
            child.start()
            theirs.close()
            crew.append((child, ours))
        for process, pipe in crew:
            _expect(process, pipe, _CONNECT)
        inbox.close()
        meter, start = Meter(gauge), time.monotonic_ns() + _SECOND // 10
        for _, pipe in crew:
            pipe.send(start)
        handed = sender.hand_over(work.intended or (), start, start + _last(work), outbox)
        outbox.close()
        until = start / _SECOND + work.seconds + 2 * work.limit + 10
        reports = [_expect(process, pipe, max(until - time.monotonic(), 0)) for process, pipe in crew]
        spent = meter.read(sum(processor for _, processor in reports))
    finally:
        for process, _ in crew:
            process.kill()
            process.join()
        inbox.close()
        outbox.close()
    asked = sorted((one for log, _ in reports for one in log), key=lambda one: one.number)
    return Driven(start, asked, handed, spent)


class _Share(NamedTuple):
    """The part of the work that falls to one process."""

    arm: Endpoint
    work: Work
    inbox: Connection
    number: int
    of: int
    threads: int

    def turns(self) -> Iterator[int]:
        """Numbers of its own for a closed loop, which its clients share; one after the other they name all requests."""
        return iter(range(self.number, sys.maxsize, self.of * len(self.work.requests) + 1))


def _expect(process: BaseProcess, pipe: Connection, seconds: float) -> Any:
    """What a client's process says next, if it is not that it failed."""
    try:
        said = pipe.recv() if pipe.poll(seconds) else f"said nothing for {seconds:g} s"
    except EOFError:
        process.join(1)
        said = f"ended with status {process.exitcode}"
    if isinstance(said, str):
        raise FailureError(f"a client's process {said}")
    return said


def _process(pipe: Connection, share: _Share) -> None:
    """A process of clients: connects, says so, waits for the start, reports."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    sys.setswitchinterval(0.0005)  # a client that wakes up is not to wait for another's long computation
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
    work, check = share.work, share.arm.check
    if work.intended is None:
        sender.sleep_until(start)
        closed_loop(ask, work, turns, start, log, check)
    else:
        open_loop(ask, work, sender.received(share.inbox), start, log, check)


def open_loop(
    ask: Callable[[Any], object],
    work: Work,
    turns: Iterator[int],
    start: int,
    log: list[list[Any]],
    check: Check | None = None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Sends each request as it comes; none once all hope is gone."""
    end = start + _last(work)
    for number in turns:
        if clock() > end:
            log.append([number, None, None, "u"])
        else:
            _ask(ask, work, number, log, check, clock)


def closed_loop(
    ask: Callable[[Any], object],
    work: Work,
    turns: Iterator[int],
    start: int,
    log: list[list[Any]],
    check: Check | None = None,
    clock: Callable[[], int] = time.monotonic_ns,
) -> None:
    """Asks again as soon as it is answered, until the time is up; once at least."""
    end = start + int(work.seconds * _SECOND)
    for number in turns:
        _ask(ask, work, number, log, check, clock)
        if clock() > end:
            return


def _ask(
    ask: Callable[[Any], object],
    work: Work,
    number: int,
    log: list[list[Any]],
    check: Check | None,
    clock: Callable[[], int],
) -> None:
    """Logs the request before it is sent, so that one that never comes back is there too, as timed out."""
    turn = number % len(work.requests)
    entry: list[Any] = [number, clock(), None, "t"]
    log.append(entry)
    try:
        answer, state = ask(work.requests[turn]), "r"
    except TimeoutError:
        answer, state = None, "t"
    except Exception:  # whatever a client raises is the arm's failure, and is counted
        answer, state = None, "f"
    entry[2] = clock()
    if entry[2] - entry[1] > work.limit * _SECOND:
        state = "t"
    if state == "r" and check and not check(turn, answer):
        state = "w"
    entry[3] = state


def _last(work: Work) -> int:
    """Nanoseconds after the start in which a request may still be sent."""
    return int((work.seconds + work.limit) * _SECOND)
