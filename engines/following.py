"""The interface of engines that follow a stream: `following.py` in an engine's folder defines `FOLLOWER`."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from typing import ClassVar, Generic, NamedTuple, TypeVar

import pyarrow as pa

from rollup_bench.engines import registry
from rollup_bench.engines.contract import Engine, Plan, Session, Support
from rollup_bench.errors import RequestError
from rollup_bench.servers import Connection

E = TypeVar("E", bound=Engine)


class Mark(NamedTuple):
    """How far a stream is stored: how many of its first events are, and where its topic continues, as a text.

    The text is empty before the first event; only the client of the broker knows what it means.
    """

    events: int = 0
    place: str = ""


class Following(ABC):
    """Tables of a plan that a stream of events fills, while they are asked by sessions of their own."""

    @abstractmethod
    def mark(self) -> Mark:
        """How far the stream is stored, read from the tables; they still say it after a kill.

        Events from there on are written next.
        """

    @abstractmethod
    def session(self) -> AbstractContextManager[Session]:
        """A session for one client, as `Engine.session` gives it; it may not outlive this object."""


class Written(Following):
    """Tables that are filled by writes, all by one thread."""

    @abstractmethod
    def write(self, events: pa.Table, mark: Mark) -> None:
        """Stores the next events of the stream; `mark` is how far the stream is stored then.

        If a kill has interrupted an earlier call, some of the events may be stored already; they are not stored twice.
        FailureError if the engine fails.
        """


class Subscribed(Following):
    """Tables that the engine fills by itself, from a topic of Kafka."""

    @abstractmethod
    def subscribed(self, kafka: Connection, topic: str, position: str) -> AbstractContextManager[None]:
        """Lets the engine read a topic, from where it had stopped, inside the block.

        Messages are JSON objects with the columns of the events, times in milliseconds since 1970, and with the field
        `position`, which is none of them. FailureError if the engine cannot read it.
        """


class Follower(ABC, Generic[E]):
    """How an engine follows streams. The statistics of a plan describe the events of the whole stream."""

    subscribes: ClassVar[bool] = False
    """Whether the engine reads topics of Kafka by itself, so that its tables are `Subscribed`."""

    def __init__(self, engine: E) -> None:
        self.engine = engine

    @abstractmethod
    def support(self, plan: Plan) -> Support:
        """Whether a stream can fill the plan's tables, and where its events are aggregated."""

    @abstractmethod
    def opened(self, plan: Plan) -> AbstractContextManager[Following]:
        """The plan's tables; creates them, empty, if they do not exist. RequestError if they are not supported."""

    def stop(self, plan: Plan) -> None:
        """Ends what still fills the tables after the process that followed was killed."""


def follower(engine: E) -> Follower[E]:
    """How an engine follows streams; RequestError if its adapter does not."""
    where = f"{registry.module(engine.name).rpartition('.')[0]}.following"
    if find_spec(where) is None:
        raise RequestError(f"the adapter of {engine.name} does not follow streams")
    made: Follower[E] = import_module(where).FOLLOWER(engine)
    return made
