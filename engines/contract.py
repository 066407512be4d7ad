"""The interface that an adapter implements: plan, support, explain, load, session."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
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
from rollup_bench.workloads.templates import Template


class Where(StrEnum):
    """Where the events of a question are aggregated."""

    INGEST = "at ingest"
    SERVER = "on the server"
    PROCESS = "in process"
    CLIENT = "in the client"


@dataclass(frozen=True)
class Support:
    """Whether an engine supports a question on a plan.

    If `where` is None, the engine does not support the question, and `reason` says why. If `where` is given, `reason`
    may describe how the engine answers; the answer's error is at most `error` with probability `confidence`, and 0 if
    it is exact. `tables` names the tables that `Session.ask` reads for this question, without the plan's name.
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

    `text` shows people all statements or schemas; `tables` describes the tables for the adapter. Plans with the same
    `key` create the same tables. The names of the tables, or of the keyspace, start with the plan's `name`.
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
        """A hash of the names of engine, dataset and layout, the events, and the tables that the engine creates."""
        parts = (self.engine, self.dataset.name, self.layout.name, self.statistics.fingerprint, self.text)
        return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()

    @cached_property
    def name(self) -> str:
        """A name of lower-case letters, digits and underscores, which no plan with another `key` has."""
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

    `processor` is the processor seconds of client and engine; engines leave it None, and the harness measures it.
    `loaded_by` names the engine whose tasks loaded parts of the events; it is empty if this engine loaded all of them.
    `built` is the part of these figures for what a layout stores in addition to the events; None if the layout does not
    store the events, or stores nothing else.
    """

    rows: int
    seconds: float
    bytes: int | None
    built: Built | None = None
    processor: float | None = None
    loaded_by: str = ""


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
        FailureError if the engine fails or exceeds the adapter's timeout. After a RequestError or an OverflowError the
        session must answer the next question correctly; after a FailureError the session may be closed.
        """


class Engine(ABC):
    """A database that answers questions; `server` is None if it runs in this process.

    `home` is the folder for the data of all engines on this machine: change only files whose
    names begin with a plan's name. Processes may share `home`: one at a time loads a plan, any number read the plan.
    """

    name: ClassVar[str]
    version: str
    scope: str
    nodes: int = 1
    """How many machines, or processes in their place, store and scan events."""
    sessions: int = 64
    """The most sessions at once that the engine's documents recommend; further requests wait in the client."""
    resumes: ClassVar[bool] = False
    """Whether `load` resumes an interrupted load; otherwise the plan is dropped before it is loaded again."""
    divides: ClassVar[bool] = False
    """Whether `parts` divides loads into parts that several processes load at the same time."""
    steps: ClassVar[tuple[str, ...]] = ()
    """What is done by other means than SQL, to load a plan or to answer a question; a sentence for each step."""

    def __init__(self, server: Server | None, home: Path, budget: Budget) -> None:
        self.server = server
        self.home = home
        home.mkdir(parents=True, exist_ok=True)
        self.budget = budget

    @property
    def served_by(self) -> Server:
        """The engine's server; RequestError if the engine was created without a server."""
        if self.server is None:
            raise RequestError(f"{self.name} is reached through a server: give --via native, compose or external")
        return self.server

    @abstractmethod
    def plan(self, dataset: Dataset, layout: Layout, statistics: Statistics) -> Plan:
        """The plan of the tables to create for a layout; those of `tuned` are made for the dataset's questions.

        An engine without tuning must return a plan for `tuned` too, and support no question on it.
        """

    @abstractmethod
    def support(self, question: Question, plan: Plan) -> Support:
        """Whether the engine answers the question on the plan, where it aggregates, and how large the error may be."""

    @abstractmethod
    def explain(self, question: Question, plan: Plan) -> str:
        """The statements that are sent for the question, and what the client does with the results."""

    @abstractmethod
    def load(self, plan: Plan, events: Events, watch: Watch) -> Loaded:
        """Creates and fills the plan's tables; returns when the engine has no background work left.

        If the engine's `resumes` is true, an interrupted load may have left some of the tables; if it is false,
        there are none.
        """

    def parts(self, plan: Plan, events: Events) -> list[Callable[[], int]]:
        """The parts of a load that other processes do, at the same time and before `load`, which then does the rest.

        Each function loads a shard of the events whole, records this in the engine or in `home`, and returns the number
        of rows. It is pickled, may run on any machine of the executors of Spark, and may run twice. Shards that are
        recorded, also by an interrupted load, are left out. RequestError if the engine does not divide loads.
        """
        raise RequestError(f"--load-on: {self.name} loads all events by one process; leave {self.name} out")

    @abstractmethod
    def rows(self, plan: Plan) -> int | None:
        """The number of rows stored for the plan, counted by the engine; None if the plan is not completely loaded."""

    @abstractmethod
    def drop(self, plan: Plan) -> None:
        """Deletes everything that a complete or interrupted load of the plan created, and nothing else."""

    @abstractmethod
    def session(self, plan: Plan) -> AbstractContextManager[Session]:
        """A session for one client, as a context manager; each of several concurrent clients opens its own."""

    def cached_session(self, plan: Plan) -> AbstractContextManager[Session] | None:
        """A session that may answer from a cache of results; None if the engine has no such cache."""
        return None

    def export(self, plan: Plan, questions: Sequence[Template], events: Events, folder: Path) -> str:
        """Writes tables, settings, events and questions as files for the engine's own client.

        `questions` are supported by the plan with their defaults. Returns how to use the files, as text for people.
        RequestError if the engine has no such files.
        """
        raise RequestError(f"{self.name} has no client of its own that reads files")

    def close(self) -> None:  # noqa: B027
        """Closes all connections of the engine, but does not stop the server."""
