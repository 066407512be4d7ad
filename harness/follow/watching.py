"""Watches a stream: collects the answers, samples what is used, kills the victim, and starts the follower again."""

import multiprocessing
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np

from rollup_bench.errors import FailureError
from rollup_bench.harness.follow.answers import Answer
from rollup_bench.harness.follow.killing import Killing
from rollup_bench.harness.follow.sending import Sending
from rollup_bench.harness.follow.store import Begin, Phase, Store, Task
from rollup_bench.harness.follow.usage import Usage
from rollup_bench.harness.records.streams import Kill
from rollup_bench.workloads.pace import Pace

POLL, PAUSE = 0.05, 1.0
"""Seconds for which an answer is awaited, and after which a follower that could not start is started again."""


class Watching:
    """The follower of one stream, and what is seen: the `answers` by phase, the `kill`, and when it is `whole`."""

    def __init__(self, task: Task, killing: Killing | None) -> None:
        self._task, self._killing = task, killing
        self._stored = multiprocessing.get_context("spawn").RawValue("q", 0)
        self._store = Store(task, self._stored)
        self.answers: dict[Phase, list[Answer]] = defaultdict(list)
        self.kill: Kill | None = None
        self.whole: float | None = None  # when the stream was stored, by `time.monotonic`

    def run(self, begin: Begin, sender: Sending, usage: Usage, say: Callable[[str], None]) -> None:
        """Watches until all questions are asked; tells `say` how many events are stored.

        FailureError if the follower fails, but not for the kill.
        """
        self._store.start(begin)
        pace, sampled, written = Pace(say, "following: ", self._task.events), False, True
        while not self._store.ended:
            try:
                if found := self._store.next(POLL):
                    self.answers[found[0]].append(found[1])
                    written = written and found[0] is Phase.WRITTEN
            except FailureError:
                if self.kill is None or time.monotonic() > self._task.deadline(begin.schedule.start):
                    raise
                self._again(begin)
            stored = self._stored.value
            pace.at(stored)
            whole = stored >= self._task.events
            if whole and self.whole is None:
                self.whole = time.monotonic()
                say("asking all questions at the end")
            if written and not sampled and time.monotonic() >= begin.schedule.start:
                usage.sample(self._store.process, now=whole)  # the last one is taken when all is stored
            sampled = whole
            if self._killing and self.kill is None:
                self._strike(self._killing, begin, sender, usage)

    def close(self) -> None:
        """Ends the follower, and waits until a server that was killed runs again; FailureError if it does not."""
        self._store.kill()
        if self._killing:
            self._killing.finish()

    def _strike(self, killing: Killing, begin: Begin, sender: Sending, usage: Usage) -> None:
        if time.monotonic() < begin.schedule.start + killing.seconds:
            return
        usage.sample(self._store.process, now=True)
        stored, now = self._stored.value, time.monotonic()
        sent = int(np.count_nonzero(sender.sent <= now))
        self.kill = Kill(killing.victim, now - begin.schedule.start, sent, stored)
        if killing.victim == "follower":
            self._again(begin)
        else:
            killing.strike()

    def _again(self, begin: Begin) -> None:
        self._store.kill()
        while True:
            try:
                self._store = Store(self._task, self._stored)
                self._store.start(begin)
                return
            except FailureError:
                if time.monotonic() > self._task.deadline(begin.schedule.start):
                    raise
                time.sleep(PAUSE)
