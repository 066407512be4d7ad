"""What a run measures: its dataset, engines, layouts, questions and profile."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from rollup_bench.harness.run.arms import Arm
from rollup_bench.harness.run.profiles import Profile
from rollup_bench.harness.run.replay import domain, refusals, replay
from rollup_bench.servers import Connection
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.draws import Domain
from rollup_bench.workloads.events import Events
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question
from rollup_bench.workloads.templates import Template


@dataclass(frozen=True)
class Request:
    """The dataset, events, engines, layouts, questions and profile of a run, and how its servers are started.

    If `spark` is given, its tasks load the events.
    """

    dataset: Dataset
    events: Events
    engines: Sequence[str]
    layouts: Sequence[Layout]
    questions: Mapping[str, Template]
    via: str
    home: Path
    seed: int
    profile: Profile
    spark: Connection | None = None

    @cached_property
    def defaults(self) -> dict[str, Question]:
        """The questions with their default parameters, by name."""
        return {name: template.fill() for name, template in self.questions.items()}

    @cached_property
    def digest(self) -> str:
        """A hash of the layouts, and of the questions with their parameters."""
        asked = msgspec.json.encode([[layout.summary for layout in self.layouts], list(self.questions.values())])
        return hashlib.blake2b(asked, digest_size=8).hexdigest()

    @cached_property
    def domain(self) -> Domain:
        """What the parameters of all questions are drawn from."""
        return domain(self.events)

    def replay(self, name: str, arms: Sequence[Arm], launch: int = 0) -> Iterator[Question]:
        """Yields requests of the question `name`, without end, that all `arms` support; launches get different ones."""
        rng = np.random.default_rng([self.seed, list(self.questions).index(name), launch])

        def accepts(question: Question) -> bool:
            return all(answers(arm, question) for arm in arms)

        return replay(self.questions[name], self.domain, accepts, rng)

    def refusals(self, name: str, arm: Arm) -> list[str]:
        """The reasons for which the arm refuses requests of a sample of the question's domain."""
        return refusals(self.questions[name], self.domain, lambda question: refusal(arm, question))


def answers(arm: Arm, question: Question) -> bool:
    """Whether the arm's engine supports the question; also True if `support` raises an error, which `check` reports."""
    return refusal(arm, question) is None


def refusal(arm: Arm, question: Question) -> str | None:
    """Why the arm's engine does not support the question; None if it does, or if its `support` raises an error."""
    with suppress(Exception):
        support = arm.engine.support(question, arm.plan)
        return support.reason if support.where is None else None
    return None
