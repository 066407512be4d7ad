"""The lines of a run's file: one says what was run, then one for each thing measured, with its raw samples.

JSON lines; each is an object whose `record` names one of the classes below. Everything published is computed from these
lines alone.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from rollup_bench.errors import RequestError

SCHEMA = 1
Cache = Literal["cold", "lukewarm", "hot", "cached"]


class _Record(msgspec.Struct, frozen=True, tag_field="record", omit_defaults=True, kw_only=True):
    """A line of the file."""


class Header(_Record, frozen=True, tag="run"):
    """The first line: what was run, where, and under which limits; it decides whether a run may go on."""

    dataset: str
    rows: int
    seed: int
    profile: str
    machine: dict[str, str | int]
    versions: dict[str, str]  # of each engine, and of this program under "rollup-bench"
    budget: dict[str, int]  # cores and bytes of memory, for each engine
    scope: list[str]  # in words: one node, replication 1, not enforced, embedded, what was not measured
    schema: int = SCHEMA
    started: str = ""  # ISO 8601, UTC


class LoadCost(_Record, frozen=True, tag="load"):
    """What a layout costs an arm before it answers. Seconds are for the whole layout and until it is settled."""

    arm: str
    seconds: float
    rows: int
    bytes: int | None  # None where it cannot be told
    reused: bool = False  # loaded before, and unchanged since
    start_up: float | None = None  # seconds until the engine answers


class Verdict(_Record, frozen=True, tag="verdict"):
    """Whether an arm answers a question, by which text, and where the aggregation runs."""

    arm: str
    question: str
    verdict: Literal["right", "within bound", "wrong", "unsupported", "failed"]
    where: str = ""
    reason: str = ""
    asked: str = ""  # exactly what was sent
    rows: int | None = None


class WarmUp(msgspec.Struct, frozen=True):
    """Medians of the windows of a warm-up in nanoseconds, and whether it reached a steady state."""

    windows: list[int]
    steady: bool


class Spent(msgspec.Struct, frozen=True):
    """Over a stretch of `seconds`: processor seconds, bytes resident at its end; absent where it cannot be told."""

    seconds: float
    client: float
    engine: float | None = None
    resident: int | None = None
    pressure: dict[str, float] | None = None  # share of the time in which some task waited, by resource


class Rounds(_Record, frozen=True, tag="rounds"):
    """One question in one launch: each round asked every arm in a seeded order and then in its mirror."""

    question: str
    cache: Cache
    launch: int
    control: tuple[str, str] = msgspec.field(name="twin")  # the A/A control: an arm, and its second name
    times: dict[str, list[tuple[int, int]]]  # nanoseconds by arm: a pair for each round, order and mirror
    warm: dict[str, WarmUp]
    failed: dict[str, str]  # arms that stopped answering, and how
    pressure: dict[str, float] | None = None  # as in Spent, over this launch


class First(_Record, frozen=True, tag="first"):
    """The first time that a question was asked of an arm in a launch, after those before it in the file.

    `cold`: the engine was just restarted and the page cache dropped; `lukewarm`: not all of that could be done.
    """

    arm: str
    question: str
    cache: Cache
    launch: int
    time: int  # nanoseconds


class Cost(_Record, frozen=True, tag="cost"):
    """What some questions cost an arm that was asked nothing else, one client, nothing interleaved."""

    arm: str
    question: str
    cache: Cache
    launch: int
    questions: int
    spent: Spent


class ClosedLoop(_Record, frozen=True, tag="sweep"):
    """Closed loop: some clients, each asking again as soon as it is answered."""

    arm: str
    question: str
    cache: Cache
    clients: int
    seconds: float  # until the last answer
    right: int
    wrong: int
    failed: int
    service: str  # HdrHistogram of microseconds, base64
    spent: Spent


class OpenLoop(_Record, frozen=True, tag="open"):
    """OpenLoop loop: a schedule fixed beforehand. Microseconds in order of intent, from the start of the schedule."""

    arm: str
    question: str
    cache: Cache
    rate: float  # requests a second
    load: str  # which rate this is: 50%, 80%, common
    clients: int  # how many requests may be under way at once
    limit: float  # seconds after which a request counts as failed, and for at least which it then counts
    intended: list[int]
    sent: list[int | None]  # None: given up before it was sent
    done: list[int | None]
    waited: list[int]  # from handed to the clients, to sent by the first that was free and got a processor
    state: str  # a letter for each: r right, w wrong, f failed, t timed out, u never sent
    response: str  # HdrHistograms of microseconds, base64
    service: str
    lateness: str
    spent: Spent


class Fault(_Record, frozen=True, tag="fault"):
    """An arm that dropped out while something was done; the others went on without it. History once the run ended."""

    arm: str
    doing: str
    reason: str
    launch: int | None = None


class Ended(_Record, frozen=True, tag="end"):
    """The last line: everything that the profile wants is there."""


Record = Header | LoadCost | Verdict | Rounds | First | Cost | ClosedLoop | OpenLoop | Fault | Ended
T = TypeVar("T", bound=_Record)
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def parts(arm: str) -> tuple[str, str]:
    """The engine and the layout of an arm's name."""
    engine, _, layout = arm.partition("/")
    return engine, layout


def read(path: Path) -> Iterator[Record]:
    """The lines of a run's file; RequestError names the line that is not one."""
    return parse(_lines(path), str(path))


def parse(lines: Iterable[bytes], name: str) -> Iterator[Record]:
    """Records of lines, which come from what is called `name`."""
    for number, line in enumerate(lines, 1):
        try:
            yield _decoder.decode(line.replace(b'/tailored"', b'/tuned"'))  # the name of `tuned` in older files
        except msgspec.DecodeError as error:
            raise RequestError(f"{name}, line {number}: {error}; expected a run written by rollup-bench") from None


def of_type(records: Iterable[Record], kind: type[T]) -> list[T]:
    """Only the records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; expected the file of a run") from None
