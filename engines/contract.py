"""The interface that an adapter implements: plan, support, explain, load, session."""

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
    """Whether an engine supports a question on a plan.

    If `where` is None, the engine does not support the question, and `reason` says why. Else `reason` may describe how
    the engine answers; the answer's error is at most `error` with probability `confidence`, and 0 if it is exact.
    `tables` names the tables that `Session.ask` reads for this very question as `explain` shows them, but without the
    plan's name.
    """

    where: Where | None
    reason: str = ""
    error: float = 0.0
    confidence: float = 1.0
    tables: tuple[str, ...] = ()


def unsupported(reason: str) -> Support:
    """Returns a Support that says that a question is not supported, with the reason."""
    return Support(None, reason)


def demand(support: Support) -> None:
    """Raises RequestError with the reason if a question is not supported."""
    if support.where is None:
        raise RequestError(support.reason)


@dataclass(frozen=True, eq=False)
class Plan:
    """What an engine creates to store a dataset's events in a layout.

    `text` shows all statements or schemas for people; `tables` holds the same for the adapter. Plans with the same
    `key` create the same tables. Names of what is created start with `name`.
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
        """A hash of the events and of all tables that the engine creates."""
        parts = (self.engine, self.dataset.name, self.layout.name, self.statistics.fingerprint, self.text)
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    @cached_property
    def name(self) -> str:
        """A name of lower-case letters, digits and underscores that no other plan has."""
        return f"rb_{self.key}"


@dataclass(frozen=True)
class Built:
    """What a load built in addition to the events: rows stored, seconds, bytes on disk (None if unknown)."""

    rows: int
    seconds: float
    bytes: int | None


@dataclass(frozen=True)
class Loaded:
    """The result of a load: rows stored, seconds until background work ended, bytes on disk (None if unknown).

    `built` is the part of these that a layout adds to the events; None if the layout does not store the events, or
    nothing else.
    """

    rows: int
    seconds: float
    bytes: int | None
    built: Built | None = None


UNANSWERED = (RequestError, OverflowError, FailureError)
"""The errors that a session may raise."""
GROUP = "rollup_bench.engines"
"""The group of entry points in which other packages declare their engines."""


class Session(ABC):
    """One client's connection to a plan's tables."""

    @abstractmethod
    def ask(self, question: Question) -> pa.Table:
        """The answer, in the question's schema and row order.

        RequestError if the question is not supported, OverflowError if an integer of the answer exceeds 64 bits,
        FailureError if the engine does not answer; the adapter sets the timeout. After a RequestError or an
        OverflowError the session must answer the next request right; after a FailureError it may be closed.
        """


class Engine(ABC):
    """An engine; `server` is None if it is embedded.

    `home` is the folder for the data of all engines on this machine: change only files that begin with a plan's name.
    Several processes may share it: one at a time loads a plan, any number ask it.
    """

    name: ClassVar[str]
    version: str
    scope: str
    sessions: int = 64
    """The most sessions at once that the engine's documents recommend; further requests wait in the client."""
    resumes: ClassVar[bool] = False
    """Whether `load` resumes an interrupted load; otherwise the plan is dropped before it is loaded again."""

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        self.server = server
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.budget = budget

    @property
    def served_by(self) -> Server:
        """The server of an engine that needs one; RequestError if there is none."""
        if self.server is None:
            raise RequestError(f"{self.name} is reached through a server: give --via native, compose or external")
        return self.server

    @abstractmethod
    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        """What to create for the layout; for `tuned`, for the dataset's questions.

        An engine without tuning must return a plan for `tuned` too, and support no question on it.
        """

    @abstractmethod
    def support(self, question: Question, plan: Plan) -> Support:
        """Whether, where and with which error the plan answers the question."""

    @abstractmethod
    def explain(self, question: Question, plan: Plan) -> str:
        """The statements that are sent for the question, and what the client does with the results."""

    @abstractmethod
    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        """Creates and fills the plan's tables; returns when the engine has no background work left.

        If the engine's `resumes` is true, an interrupted load may have left a part of the tables; else there is none.
        """

    @abstractmethod
    def rows(self, plan: Plan) -> int | None:
        """The stored rows, counted by the engine; None if the plan is not loaded."""

    @abstractmethod
    def drop(self, plan: Plan) -> None:
        """Deletes everything that a complete or interrupted load of the plan created, and nothing else."""

    @abstractmethod
    def session(self, plan: Plan) -> AbstractContextManager[Session]:
        """A session for one client; concurrent clients have one each."""

    def cached_session(self, plan: Plan) -> AbstractContextManager[Session] | None:
        """A session that may answer from a cache of results; None if the engine has no such cache."""
        return None

    def close(self) -> None:  # noqa: B027
        """Closes all connections; it must not stop the server."""
