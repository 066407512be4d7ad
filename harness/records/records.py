"""A run as a file: a line says what was run, then a line for each thing measured, with its raw samples.

JSON lines, appended as they come, each line an object whose `record` says which of the classes below it is.
Everything published is computed from these lines alone. A run that was cut off, or lost an arm, goes on with the same
file: what it holds is not measured again, and a half-written last line is dropped. What an arm did not answer is asked
again, its rounds beside all the others; of two lines that measure the same the last stands.
"""

import os
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


class Loaded(_Record, frozen=True, tag="load"):
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
    twin: tuple[str, str]  # the A/A pair: an arm and the second name under which it was entered
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


class Sweep(_Record, frozen=True, tag="sweep"):
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


class Open(_Record, frozen=True, tag="open"):
    """Open loop: a schedule fixed beforehand. Microseconds in order of intent, from the start of the schedule."""

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


Record = Header | Loaded | Verdict | Rounds | First | Cost | Sweep | Open | Fault | Ended
T = TypeVar("T", bound=_Record)
_decoder: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


_NAMED = ("arm", "question", "cache", "launch", "clients", "load", "doing")
Key = tuple[object, ...]


def key(record: Record) -> Key:
    """What a line measures, whatever came out: of a run's lines with one key the last stands."""
    return (type(record), *(getattr(record, name, None) for name in _NAMED))


def parts(arm: str) -> tuple[str, str]:
    """The engine and the layout of an arm's name."""
    engine, _, layout = arm.partition("/")
    return engine, layout


def spoilt(record: Record) -> bool:
    """Whether an arm gave no answer, so that it is to be asked again."""
    match record:
        case Verdict():
            return record.verdict == "failed"
        case Rounds():
            return bool(record.failed)
    return isinstance(record, Fault)


def standing(lines: Iterable[Record]) -> list[Record]:
    """The lines that count, see `_put`."""
    kept: dict[Key, Record] = {}
    for line in lines:
        _put(kept, line)
    return list(kept.values())


def _put(kept: dict[Key, Record], record: Record) -> None:
    """Takes the place of a line that measured the same; an end makes faults good, a fault undoes an end."""
    undone = {Ended: Fault, Fault: Ended}.get(type(record))
    if undone is not None:
        for one in [one for one in kept if one[0] is undone]:
            del kept[one]
    kept[key(record)] = record


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


class Book:
    """A run's file, open to be added to."""

    def __init__(self, path: Path, header: Header) -> None:
        """Starts the file, or goes on with it; RequestError if it holds a run of something else."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        known = list(read(path))
        if known:
            self._same_run(known[0], header)
        self._standing: dict[Key, Record] = {}
        for one in standing(known):
            if not isinstance(one, Fault):  # what it hit is tried again
                self._standing[key(one)] = one
        _drop_half_a_line(path)
        if not known:
            self.add(header)

    @property
    def records(self) -> list[Record]:
        """The lines that stand; of faults, those since it was opened."""
        return list(self._standing.values())

    def has(self, kind: type[Record], **named: object) -> bool:
        """Whether it holds what a line of this kind measures, named by its fields, and nothing of it is spoilt."""
        found = self.get(kind, **named)
        return found is not None and not spoilt(found)

    def get(self, kind: type[T], **named: object) -> T | None:
        """The line of this kind that stands, named by its fields."""
        found = self._standing.get((kind, *(named.get(name) for name in _NAMED)))
        return found if isinstance(found, kind) else None

    def add(self, record: Record) -> None:
        """Writes the line through to the disk before it returns."""
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        _put(self._standing, record)

    def _same_run(self, first: Record, header: Header) -> None:
        if not isinstance(first, Header):
            raise RequestError(f"{self.path}: its first line is not the header of a run; name another file with --out")
        for field in header.__struct_fields__:
            was, now = getattr(first, field), getattr(header, field)
            if field != "started" and was != now:
                what = f"{field} {was!r}, asked is {now!r}"
                raise RequestError(f"{self.path}: holds a run of {what}; name another file with --out")


def of_type(records: Iterable[Record], kind: type[T]) -> list[T]:
    """Only the records of one kind."""
    return [record for record in records if isinstance(record, kind)]


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            yield from (line for line in file if line.endswith(b"\n"))
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; expected the file of a run") from None


def _drop_half_a_line(path: Path) -> None:
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
