"""Clients that ask questions on a schedule of their own, however long the answers take."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple

import numpy as np

from rollup_bench.engines.contract import UNANSWERED, Session
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.harness.follow.answers import Answer
from rollup_bench.workloads.questions import Question

Questions = Mapping[str, Question]
Open = Callable[[], AbstractContextManager[Session]]
Answered = Callable[[Answer], None]
"""Takes an answer, in the thread of the client that has got it."""
_Queue = SimpleQueue[tuple[float, str] | None]


class Clients:
    """Clients with a session each; a question is asked by the first client that is free."""

    def __init__(self, sessions: Sequence[Session], questions: Questions, answered: Answered) -> None:
        self._questions, self._answered = questions, answered
        self._queue: _Queue = SimpleQueue()
        self._failure: Exception | None = None
        self._threads = [Thread(target=self._run, args=(session,), daemon=True) for session in sessions]
        for thread in self._threads:
            thread.start()

    def put(self, due: float, question: str) -> None:
        """Lets a client ask a question, which is due at this instant."""
        self._queue.put((due, question))

    def end(self) -> None:
        """Waits until all questions are answered; raises the error of a client that could not go on."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        if self._failure:
            raise self._failure

    def _run(self, session: Session) -> None:
        try:
            while request := self._queue.get():
                due, name = request
                self._answered(answer(session, self._questions, name, due))
        except Exception as error:  # `end` raises it
            self._failure = error


def answer(session: Session, questions: Questions, name: str, due: float) -> Answer:
    """Asks a question that is due at an instant, and returns the answer, or why there is none."""
    asked = time.monotonic()
    try:
        table = session.ask(questions[name])
        return Answer(name, due, asked, time.monotonic(), table)
    except UNANSWERED as error:
        return Answer(name, due, asked, time.monotonic(), error=str(error))


@contextmanager
def sessions(number: int, opened: Open) -> Iterator[list[Session]]:
    """Sessions, which are closed after the block."""
    with ExitStack() as stack:
        yield [stack.enter_context(quietly_closed(opened())) for _ in range(number)]


@contextmanager
def clients(of: Sequence[Session], questions: Questions, answered: Answered) -> Iterator[Clients]:
    """Clients with these sessions; at the end of the block, all questions are answered."""
    found = Clients(of, questions, answered)
    try:
        yield found
    finally:
        found.end()


class Schedule(NamedTuple):
    """When which question is asked: one every `gap` seconds from `start`, in random orders of all `names`."""

    start: float
    gap: float
    names: Sequence[str]
    seed: int

    def ask(self, found: Clients, goes_on: Callable[[], bool]) -> None:
        """Lets clients ask while `goes_on`; questions that were due before the call are left out."""
        began = time.monotonic() - self.gap
        for turn, name in enumerate(_in_turn(self.names, self.seed)):
            due = self.start + turn * self.gap
            if due < began:
                continue
            time.sleep(max(due - time.monotonic(), 0.0))
            if not goes_on():
                return
            found.put(due, name)


def _in_turn(names: Sequence[str], seed: int) -> Iterator[str]:
    rng = np.random.default_rng(seed)
    while True:
        yield from (names[place] for place in rng.permutation(len(names)))
