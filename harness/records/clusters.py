"""The file of clusters of several processes on one machine: a line for each question that a cluster answered right."""

from pathlib import Path

import msgspec

from rollup_bench.errors import RequestError


class OnCluster(msgspec.Struct, frozen=True, tag_field="record", tag="cluster"):
    """A question on a cluster: processor seconds of client and engine for one request, and seconds of a response.

    `load` and `load_processor` are the seconds, and the processor seconds, of the load of all tables.
    """

    engine: str
    processes: int
    rows: int
    question: str
    requests: int
    client: float
    server: float
    response: float
    load: float
    load_processor: float


def read(path: Path) -> list[OnCluster]:
    """Returns the lines of a file; RequestError if it cannot be read or has another kind of line."""
    try:
        return [msgspec.json.decode(line, type=OnCluster) for line in path.read_bytes().splitlines()]
    except OSError as error:
        raise RequestError(f"{path}: {error.strerror}; give a file that experiments.scale has written") from None
    except (UnicodeError, msgspec.DecodeError) as error:
        raise RequestError(f"{path}: {error}; give a file that experiments.scale has written") from None
