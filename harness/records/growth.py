"""The file of `experiments.growth`: a line of JSON for each question, arm, size and load."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError
from rollup_bench.harness.records.kinds import Kind
from rollup_bench.harness.records.lines import Spent


class Asked(msgspec.Struct, frozen=True):
    """How often a question was asked over a span, and the seconds that all these requests took together."""

    requests: int = 0
    wall: float = 0.0
    processor: float = 0.0  # of client and engine

    @property
    def seconds(self) -> float:
        """The processor seconds of one request."""
        return self.processor / self.requests

    def plus(self, requests: int, spent: Spent) -> "Asked":
        """Returns the sum with further requests."""
        return Asked(self.requests + requests, self.wall + spent.seconds, self.processor + spent.processor)


class Cell(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record", tag="growth"):
    """A question that was asked of an arm about a game of `rows` events, after the load with the number `load`.

    `scope` says which version of the engine ran and how. `where` is the place where the engine aggregates the events,
    and `groups` the number of rows of the answer. `span` and `empty` hold what was asked over the span of all events
    and over a span without events; both are None if the question was not timed, for the reason `reason`.
    """

    arm: str
    question: str
    rows: int
    load: int
    scope: str
    verdict: Kind
    where: str = ""
    reason: str = ""
    groups: int = 0
    span: Asked | None = None
    empty: Asked | None = None


def read(path: Path) -> list[Cell]:
    """Returns the newest line of each cell; RequestError if the file cannot be read or has another kind of line.

    An incomplete last line, as a killed program leaves it, is ignored.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; give a file that experiments.growth has written") from None
    return newest(_cell(path, number, line) for number, line in enumerate(lines, 1))


def newest(cells: Iterable[Cell]) -> list[Cell]:
    """Returns the last of the cells with the same arm, question, rows and load."""
    return list({(cell.arm, cell.question, cell.rows, cell.load): cell for cell in cells}.values())


def _cell(path: Path, number: int, line: bytes) -> Cell:
    try:
        return msgspec.json.decode(line, type=Cell)
    except (UnicodeError, msgspec.DecodeError) as error:
        wanted = "give a file that experiments.growth has written"
        raise RequestError(f"{path}: line {number} is not a cell of experiments.growth ({error}); {wanted}") from None
