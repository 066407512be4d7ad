"""Clients that ask questions on a schedule of their own, however long the answers take."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from queue import SimpleQueue
from threading import Thread

import numpy as np

from rollup_bench.engines.contract import UNANSWERED, Session
from rollup_bench.engines.failures import quietly_closed
from rollup_bench.harness.follow.answers import Answer
from rollup_bench.workloads.questions import Question

Questions = Mapping[str, Question]
Open = Callable[[], AbstractContextManager[Session]]
_Queue = SimpleQueue[tuple[float, str] | None]


class Clients:
    """Clients with a session each; a question is asked by the first client that is free."""

    def __init__(self, sessions: Sequence[Session], questions: Questions) -> None:
        self._questions = questions
        self._queue: _Queue = SimpleQueue()
        self._answers = list[Answer]()
        self._threads = [Thread(target=self._run, args=(session,), daemon=True) for session in sessions]
        for thread in self._threads:
            thread.start()

    def put(self, due: float, question: str) -> None:
        """Lets a client ask a question, which is due at this instant."""
        self._queue.put((due, question))

    def end(self) -> list[Answer]:
        """All answers, as soon as all questions are answered."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        return self._answers

    def _run(self, session: Session) -> None:
        while request := self._queue.get():
            due, name = request
            asked = time.monotonic()
            try:
                table = session.ask(self._questions[name])
                self._answers.append(Answer(name, due, asked, time.monotonic(), table))
            except UNANSWERED as error:
                self._answers.append(Answer(name, due, asked, time.monotonic(), error=str(error)))


@contextmanager
def clients(number: int, opened: Open, questions: Questions) -> Iterator[Clients]:
    """Clients that have opened their sessions; they end with the block."""
    with ExitStack() as stack:
        found = Clients([stack.enter_context(quietly_closed(opened())) for _ in range(number)], questions)
        stack.callback(found.end)
        yield found


def asked(
    found: Clients, names: Sequence[str], start: float, gap: float, goes_on: Callable[[], bool], seed: int
) -> list[Answer]:
    """The answers to one question every `gap` seconds from `start`, in random orders of all, while `goes_on`."""
    for turn, name in enumerate(_in_turn(names, seed)):
        due = start + turn * gap
        time.sleep(max(due - time.monotonic(), 0.0))
        if not goes_on():
            break
        found.put(due, name)
    return found.end()


def _in_turn(names: Sequence[str], seed: int) -> Iterator[str]:
    rng = np.random.default_rng(seed)
    while True:
        yield from (names[place] for place in rng.permutation(len(names)))
