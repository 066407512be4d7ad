"""The lines of the file of followed streams: a header, and then a line for each stream with its raw samples."""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError

SCHEMA = 1
FOLDER = "streams"
"""The folder with the files of streams, in the folder of a machine and in the home folder."""


class Kind(StrEnum):
    """What an answer during a stream is: only right ones tell what has become visible."""

    RIGHT = "right"
    TORN = "torn"
    WENT_BACK = "went back"
    WRONG = "wrong"
    FAILED = "failed"


class _Record(msgspec.Struct, frozen=True, tag_field="record", omit_defaults=True, kw_only=True):
    """A line of the file."""


class Header(_Record, frozen=True, tag="streams"):
    """The first line: which streams are followed, where and how."""

    dataset: str
    events: int
    rate: float  # events a second
    live: bool  # whether events happen when they are sent; else they have times of their own
    late: float  # the share of late events
    asked: float  # questions a second
    broker: str
    seed: int
    machine: dict[str, str | int]
    versions: dict[str, str]
    budget: dict[str, int]
    scope: list[str]
    adapters: dict[str, str]
    nodes: dict[str, int] = {}  # by engine, the machines that store events; empty in older files, of one machine
    schema: int = SCHEMA
    started: str = ""  # ISO 8601 in UTC
    questions: list[str] = []  # that were asked; empty for all


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """A question that was asked; instants are seconds after the start of the stream.

    An answer that is right, or that went back, has the first `low` to `high` events of the stream.
    """

    question: str
    due: float
    asked: float
    done: float
    kind: Kind
    low: int = 0
    high: int = 0


class Kill(msgspec.Struct, frozen=True):
    """A kill `at` so many seconds after the start, when so many events had been sent, and were stored."""

    victim: str
    at: float
    sent: int
    stored: int


class Followed(_Record, frozen=True, tag="followed"):
    """A stream that an arm followed."""

    arm: str
    launch: int
    answers: list[Asked]  # while the stream was written, and as many questions again once it was stored
    quiet: list[Asked]  # afterwards, while nothing was written
    final: dict[str, str]  # the verdict on each supported question about the whole stream, with its reason
    stored: int | None  # the number of events that the engine counts at the end; None if the layout has no count
    left_out: dict[str, str]  # why a question was not asked while the stream was written
    failures: dict[str, int]  # how often questions had no answer while the stream was written, by reason
    sent: str  # HdrHistogram of the microseconds from when a message was due until it was sent, base64
    published: str  # HdrHistogram of the microseconds from when a message was due until it was acknowledged, base64
    processor: dict[str, float]  # processor seconds of follower, engine, broker and bridge until the stream was stored
    resident: list[int]  # bytes of the process that follows and asks, once a second
    written: dict[str, int] = {}  # bytes that these processes wrote to disk until then
    message_bytes: int = 0  # of all messages; 0 if unknown
    bridged: bool = False  # whether the engine reads only Kafka, to which the stream was copied from its broker
    kill: Kill | None = None
    whole: float | None = None  # seconds after the start when it was stored; None if it was not, and in older files


class Unsupported(_Record, frozen=True, tag="unsupported"):
    """An arm that cannot follow a stream, or whose stream failed."""

    arm: str
    launch: int
    reason: str
    failed: bool = False  # whether something failed, so that the arm may follow another such stream


class Delays(_Record, frozen=True, tag="delays"):
    """How long messages took through a broker by itself, in HdrHistograms of microseconds since they were due, base64.

    Messages are `sent`, then `published`, that is acknowledged by the broker, and `received` by one consumer.
    """

    broker: str
    launch: int
    rate: float  # messages a second
    messages: int
    bytes: int  # of all messages
    sent: str
    published: str
    received: str


Record = Header | Followed | Unsupported | Delays
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def header_of(lines: Sequence[Record]) -> Header:
    """The header among the lines of a file of followed streams; RequestError if there is none, as for probes."""
    found = next((line for line in lines if isinstance(line, Header)), None)
    if found is None:
        raise RequestError("no stream was followed in this file; give a file that `follow` wrote")
    return found


def stored(folders: Iterable[Path]) -> list[list[Record]]:
    """Returns the lines of each file of streams in these folders; folders that do not exist have none."""
    return [list(read(path)) for folder in dict.fromkeys(folders) for path in sorted(folder.glob("*.jsonl"))]


def read(path: Path) -> Iterator[Record]:
    """Reads the lines of a file; RequestError names the first invalid line or an unreadable file."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; give a file that `follow` wrote") from None
    for number, line in enumerate(lines, 1):
        try:
            yield _decoder.decode(line)
        except (UnicodeError, msgspec.DecodeError) as error:
            raise RequestError(f"{path}, line {number}: {error}; give a file that `follow` wrote") from None
