"""What an engine is: plan, support, load, session. An adapter states how its engine does each, and no more."""

import hashlib
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from rollup_bench.errors import FailureError, RequestError
from rollup_bench.servers import Server
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.watch import Watch
from rollup_bench.workloads.dataset import Dataset
from rollup_bench.workloads.events import Events, Statistics
from rollup_bench.workloads.layouts import Layout
from rollup_bench.workloads.questions import Question


class Where(StrEnum):
    """Where the events of a question are aggregated."""

    INGEST = "at ingest"
    SERVER = "on the server"
    PROCESS = "in process"
    CLIENT = "in the client"


@dataclass(frozen=True)
class Support:
    """What an engine says of a question on a plan.

    Supported where `where` is set; else `reason` says why not. `error` bounds the error of the answer and holds with
    probability `confidence`; an exact answer has `error` 0, even where the question tolerates an error. `reason` of a
    supported question says what is worth knowing.
    """

    where: Where | None
    reason: str = ""
    error: float = 0.0
    confidence: float = 1.0


def unsupported(reason: str) -> Support:
    """The support of a question that the engine, by its own experts' word, should not be asked."""
    return Support(None, reason)


def demand(support: Support) -> None:
    """RequestError, with the reason, where a question is not supported."""
    if support.where is None:
        raise RequestError(support.reason)


@dataclass(frozen=True, eq=False)
class Plan:
    """What an engine makes of a dataset's events in a layout.

    `text` prints all that it creates; `tables` is the engine's own description of that. Plans with the same `key`
    create the same things, whose names start with `name`.
    """

    engine: str
    dataset: Dataset
    layout: Layout
    statistics: Statistics
    text: str
    tables: Any = None

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the events."""
        return self.statistics.schema

    @cached_property
    def key(self) -> str:
        """A hash of the events and of all that is made of them."""
        parts = (self.engine, self.dataset.name, self.layout.name, self.statistics.fingerprint, self.text)
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    @cached_property
    def name(self) -> str:
        """A name of lower-case letters, digits and underscores that no other plan has."""
        return f"rb_{self.key}"


@dataclass(frozen=True)
class Loaded:
    """What a load took: rows kept, seconds until settled, bytes at rest (None where unknowable)."""

    rows: int
    seconds: float
    bytes: int | None


UNANSWERED = (RequestError, OverflowError, FailureError)
"""What a session raises that gives no answer."""
GROUP = "rollup_bench.engines"
"""The group of entry points by which other packages declare their engines."""


class Session(ABC):
    """One client's connection to a plan's tables."""

    @abstractmethod
    def ask(self, question: Question) -> pa.Table:
        """The answer, in the question's own schema and row order.

        RequestError where the question is not supported, OverflowError where an integer of the answer exceeds 64 bits,
        FailureError where the engine does not answer; its own client decides how long to wait. After a RequestError or
        an OverflowError the session answers on, with nothing left of the request that failed. After a FailureError it
        may be closed.
        """


class Engine(ABC):
    """One engine, reached through its server (None where it is embedded).

    `home` is the folder of all engines' data on this machine: touch only what begins with a plan's name. Several
    processes may share it: one at a time loads a plan, any number ask it.
    """

    name: ClassVar[str]
    version: str
    scope: str
    resumes: ClassVar[bool] = False
    """Whether `load` goes on with what a load that was cut off has left; else that is dropped first."""

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        self.server = server
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.budget = budget

    @property
    def served_by(self) -> Server:
        """The server, of an engine that is never without one."""
        assert self.server is not None
        return self.server

    @abstractmethod
    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        """What would be created for the layout, and for `tuned` for the dataset's own questions.

        An engine that tunes nothing returns a plan for `tuned` too, and refuses every question on it.
        """

    @abstractmethod
    def support(self, question: Question, plan: Plan) -> Support:
        """Whether, how well and where the question is answered on the plan."""

    @abstractmethod
    def explain(self, question: Question, plan: Plan) -> str:
        """What is sent for the question, and what the client still has to finish."""

    @abstractmethod
    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        """Creates and fills the plan's tables; returns when they have settled.

        Only an engine with `resumes` finds a part of an earlier load; for others it was dropped before.
        """

    @abstractmethod
    def rows(self, plan: Plan) -> int | None:
        """The rows kept under the plan, asked of the engine; None where there is no such table."""

    @abstractmethod
    def drop(self, plan: Plan) -> None:
        """Removes what a load of the plan made, whole or cut off, and nothing else."""

    @abstractmethod
    def session(self, plan: Plan) -> AbstractContextManager[Session]:
        """A session, one for each concurrent client."""

    def cached_session(self, plan: Plan) -> AbstractContextManager[Session] | None:
        """A session whose answers may come from a cache of results; None where the engine has none."""
        return None

    def close(self) -> None:  # noqa: B027
        """Lets go of connections, where there are any; the server is not the engine's to stop."""
