"""How requests share cursors: first come first served; statements whose clients have gone are interrupted."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")


class Turns(Generic[T]):
    """Lends things; who waits longest gets the next thing that is returned."""

    def __init__(self, things: Sequence[T]) -> None:
        self._free, self._waiting = list(things), deque[SimpleQueue[T]]()
        self._lock = Lock()

    @contextmanager
    def turn(self) -> Iterator[T]:
        """Waits for a thing and lends it to the block."""
        thing = self._take()
        try:
            yield thing
        finally:
            self._give(thing)

    def _take(self) -> T:
        with self._lock:
            if self._free:
                return self._free.pop()
            own: SimpleQueue[T] = SimpleQueue()
            self._waiting.append(own)
        return own.get()

    def _give(self, thing: T) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().put(thing)
            else:
                self._free.append(thing)


class Interrupter:
    """Looks once a second whether clients of running statements have gone or waited too long, and interrupts these."""

    def __init__(self) -> None:
        self._running: dict[Callable[[], object], Callable[[], bool]] = {}
        self._lock = Lock()
        Thread(target=self._check, daemon=True).start()

    @contextmanager
    def interrupting(self, interrupt: Callable[[], object], gone: Callable[[], bool]) -> Iterator[None]:
        """Calls `interrupt` while the block runs, if `gone` returns True."""
        with self._lock:
            self._running[interrupt] = gone
        try:
            yield
        finally:
            with self._lock:
                del self._running[interrupt]

    def _check(self) -> None:
        while True:
            time.sleep(1)
            with self._lock:
                for interrupt, gone in self._running.items():
                    if gone():
                        interrupt()
