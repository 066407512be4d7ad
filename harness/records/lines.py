"""The lines of a run's file: a header, and then a line for each measurement with its raw samples.

The format is JSON lines. The key `record` of a line says what the line is. All published figures are computed
from the lines of runs' files alone.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from rollup_bench.engines.contract import Built
from rollup_bench.errors import RequestError
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.workloads.events import Statistics

SCHEMA = 1
Cache = Literal["cold", "lukewarm", "hot", "cached"]
Pairs = list[tuple[int, int] | None]
"""By round, an arm's forward and backward time in nanoseconds; None for a round in which it was not asked."""


class _Record(msgspec.Struct, frozen=True, tag_field="record", omit_defaults=True, kw_only=True):
    """A line of a run's file."""


class Header(_Record, frozen=True, tag="run"):
    """The first line of a file: what is measured, where and how. A resumed run's header differs only in `started`."""

    dataset: str
    rows: Annotated[int, msgspec.Meta(ge=1)]
    seed: int
    profile: str
    machine: dict[str, str | int]
    versions: dict[str, str]  # version by engine; the key "rollup-bench" is this program
    budget: dict[str, int]  # "cores" and bytes of "memory" that each engine may use
    scope: list[str]  # sentences: how each engine runs, and what is not measured
    adapters: dict[str, str] = {}  # by engine, a hash of the adapter's source; empty in older files
    nodes: dict[str, int] = {}  # by engine, the machines that store events; empty in older files, of one machine
    events: str = ""  # a hash of the events; empty in older files
    asked: str = ""  # a hash of the layouts, and of the questions with their parameters; empty in older files
    schema: int = SCHEMA
    started: str = ""  # when the run started, ISO 8601 in UTC

    @property
    def machine_in_gib(self) -> dict[str, str | int]:
        """The machine with its memory in whole GiB, since a kernel keeps a few pages more or fewer at each start."""
        return self.machine | {"memory": round(int(self.machine.get("memory", 0)) / 2**30)}


class LoadCost(_Record, frozen=True, tag="load"):
    """The cost of a load: `seconds` ends when the whole layout is loaded and the engine has settled."""

    arm: str
    seconds: float
    rows: int
    bytes: int | None  # bytes on disk; None if the engine cannot report them
    reused: bool = False  # true if an earlier load was still valid, so that nothing was loaded
    start_up: float | None = None  # seconds from the start of the server to its first answer
    launch: int = 0  # the launch before which the layout was loaded
    built: Built | None = None  # None if the layout does not store the events, or nothing else
    processor: float | None = None  # processor seconds of client and engine; None if not measured
    loaded_by: str = ""  # the engine whose tasks loaded parts of the events; empty if the arm's own engine did


class Verdict(_Record, frozen=True, tag="verdict"):
    """The verdict on an arm's answer to a question, and where the engine aggregates the events."""

    arm: str
    question: str
    verdict: Kind
    where: str = ""
    reason: str = ""
    query: str = msgspec.field(name="asked", default="")  # the exact query that is sent to the engine
    rows: int | None = None  # number of rows of the answer; None without an answer
    plan: str = ""  # a hash of the events and of all that the layout's load creates
    refused: int = 0  # how many of 100 requests drawn from the question's domain the arm does not support
    refusal: str = ""  # the most frequent reason


class Route(msgspec.Struct, frozen=True):
    """How many requests were answered from these tables, and where their events were aggregated."""

    tables: tuple[str, ...]
    where: str
    requests: int = 1


class WarmUp(msgspec.Struct, frozen=True):
    """The nanoseconds of each request of a question to an arm in the warm-up of a launch.

    `steady` says whether the arm's times, over all questions, fell no more at its end. In files of earlier versions,
    `windows` has medians of several requests.
    """

    windows: list[int]
    steady: bool


class Spent(msgspec.Struct, frozen=True):
    """Resources used in a period of `seconds`; None for a resource that cannot be measured."""

    seconds: float
    client: float  # processor seconds of the clients, without those in which they draw requests
    engine: float | None = None  # processor seconds of the engine's own processes
    resident: int | None = None  # the engine's resident bytes at the end of the period
    pressure: dict[str, float] | None = (
        None  # by resource: share of the period in which some task waited for the resource
    )
    others: float | msgspec.UnsetType = msgspec.UNSET
    """Processor seconds of all other programs; left out if unknown, as in older files, whose digests stay the same."""

    @property
    def processor(self) -> float:
        """The processor seconds of clients and engine together."""
        return self.client + (self.engine or 0.0)


class Rounds(_Record, frozen=True, tag="rounds"):
    """The rounds of one question in one launch; each round asks its arms twice, in ABBA order.

    A slow arm may be asked only in every second, fourth, eighth, ... round, starting with the first.
    """

    question: str
    cache: Cache
    launch: int
    control: tuple[str, str] = msgspec.field(name="twin")  # the A/A control: an arm and its second name
    times: dict[str, Pairs]
    warm: dict[str, WarmUp]
    failed: dict[str, str]  # by arm, the error after which the launch stopped asking the arm
    pressure: dict[str, float] | None = (
        None  # by resource: share of the rounds in which some task waited for the resource
    )
    routes: dict[str, list[Route]] = {}  # by arm, without second names; empty in older files


class First(_Record, frozen=True, tag="first"):
    """The time of the first request of one question to one arm in a launch.

    `cold` means that the engine was restarted and the page cache was emptied before the launch; `lukewarm` means that
    at least one of the two was not done. In the same launch, first requests of other questions may come earlier.
    """

    arm: str
    question: str
    cache: Cache
    launch: int
    time: int  # nanoseconds
    route: Route | None = None


class Cost(_Record, frozen=True, tag="cost"):
    """One question asked of one arm alone: the resources that one client and the engine used, and each time."""

    arm: str
    question: str
    cache: Cache
    launch: int
    questions: int  # the number of requests
    spent: Spent
    times: list[int] = []  # nanoseconds of each request, in order; empty in older files
    routes: list[Route] = []


class MixedQuestions(_Record, frozen=True, tag="mix"):
    """A mix; the lines of other types that name it as their question measure the mix as a whole.

    In a line `cost`, a request is a block, which contains each question as often as `counts` says.
    """

    question: str  # the name of the mix
    counts: dict[str, int]
    story: str = ""
    refused: dict[str, str] = {}  # why arms are not asked, by arm


class ClosedLoop(_Record, frozen=True, tag="sweep"):
    """A closed loop: each client sends its next request as soon as it has the last answer."""

    arm: str
    question: str
    cache: Cache
    clients: int
    seconds: float  # from the start to the last answer
    # The numbers of requests that were answered right, answered wrong, and failed:
    right: int
    wrong: int
    failed: int
    service: str  # HdrHistogram of service times in microseconds, base64
    spent: Spent
    routes: list[Route] = []


class OpenLoop(_Record, frozen=True, tag="open"):
    """An open loop: requests follow a fixed schedule. Lists hold microseconds since the schedule's start by request."""

    arm: str
    question: str
    cache: Cache
    rate: float  # requests per second
    load: str  # `search` or `confirm` with the rate; in older files 50%, 80%, common, or objective with the rate
    clients: int  # the most requests that can run at the same time
    limit: float  # seconds until a timeout; also the least response time of a request without an answer
    intended: list[int]
    sent: list[int | None]  # None if the request was never sent
    done: list[int | None]  # when an answer or an error arrived; None if neither did
    waited: list[int]  # from handing a request to the clients until one sent it; 0 if none did
    state: str  # a letter per request: r right, w wrong, f failed, t timed out, u never sent
    # HdrHistograms of response times, service times and lateness in microseconds, base64:
    response: str
    service: str
    lateness: str
    spent: Spent
    objective: float = 0.1  # the most seconds that the 95th percentile of the response times should take
    routes: list[Route] = []


class Operations(_Record, frozen=True, tag="operations"):
    """What an engine demands of the people who run it."""

    engine: str
    settings: list[str]  # the settings that differ from the defaults
    steps: list[str]  # what is done by other means than SQL, in sentences
    tables: dict[str, list[str]]  # by layout: the tables that questions read, which are filled from the events
    memory: dict[str, int]  # by process: resident bytes after a restart, when each layout was asked once
    recovery: float | None  # seconds after a kill until each layout answers right; None if no process can be killed
    added: int | None = None  # resident bytes that an embedded engine adds to a program that asks each layout once


class Fault(_Record, frozen=True, tag="fault"):
    """An arm that dropped out while `doing` something; the other arms continued. A later line `end` cancels faults."""

    arm: str
    doing: str
    reason: str
    launch: int | None = None


class Submission(_Record, frozen=True, tag="submission"):
    """What `submit` adds to the file of a run, so that others can check it without the machine and the events."""

    dataset: str  # the text of the dataset's file
    statistics: Statistics  # of the events
    launches: dict[str, list[int]]  # by question and cache state, the numbers of the launches that timed it
    samples: dict[str, str]  # by question or mix, a hash of all lines about it; of other lines, by their kind
    jars: dict[str, str]  # by engine with a Java server, a hash of the list of its jars
    settings: dict[str, list[str]]  # by engine, the settings that differ from the defaults
    noise: str  # the noise floor
    figures: dict[str, dict[str, float]]  # by question and arm, each published figure by its name


class Ended(_Record, frozen=True, tag="end"):
    """The last line of a run that measured everything that its profile asks for."""

    at: str = ""  # when the run ended, ISO 8601 in UTC; empty in older files


Record = (
    Header
    | LoadCost
    | Verdict
    | Rounds
    | First
    | Cost
    | MixedQuestions
    | ClosedLoop
    | OpenLoop
    | Operations
    | Submission
    | Fault
    | Ended
)
T = TypeVar("T", bound=_Record)
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_TAILORED = re.compile(rb'/tailored((?: \(again\))?")')  # the name of the layout `tuned` in older files


def parts(arm: str) -> tuple[str, str]:
    """Splits the name of an arm, `engine/layout`, into its engine and its layout."""
    engine, _, layout = arm.partition("/")
    return engine, layout


def read(path: Path) -> Iterator[Record]:
    """Reads the complete lines of a run's file; RequestError names the first invalid line or an unreadable file."""
    return parse(_lines(path), str(path))


def parse(lines: Iterable[bytes], name: str) -> Iterator[Record]:
    """Decodes lines of a run's file; RequestError gives the number of an invalid line in the file `name`."""
    for number, line in enumerate(lines, 1):
        try:
            yield _decoder.decode(_TAILORED.sub(rb"/tuned\1", line))
        except (UnicodeError, msgspec.DecodeError) as error:
            raise RequestError(f"{name}{_fault(number, line, str(error))}; give a file that `run` wrote") from None


def _fault(number: int, line: bytes, error: str) -> str:
    """Returns why a line cannot be decoded; if the first line is of another kind, that the file holds no run."""
    if number > 1 or not error.endswith(("`$.record`", "field `record`")):
        return f", line {number}: {error}"
    return " was written by `follow`" if b'"record":"streams"' in line else " holds no run"


def of_type(records: Iterable[Record], kind: type[T]) -> list[T]:
    """Returns the records that have the type `kind`, in their order."""
    return [record for record in records if isinstance(record, kind)]


def of_cell(records: Iterable[Record], kind: type[T], question: str, arm: str) -> list[T]:
    """Returns the records of type `kind` about one question or mix on one arm, in their order."""
    cell = (question, arm)
    return [one for one in of_type(records, kind) if (getattr(one, "question", ""), getattr(one, "arm", "")) == cell]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; give the file of a run") from None
