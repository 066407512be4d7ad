"""Prints a file of results of any kind: a run, followed streams, and what experiments have measured."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
from rich.console import Console

from rollup_bench.harness.records import clusters, growth, history, streams
from rollup_bench.harness.report.clusters import cluster_tables
from rollup_bench.harness.report.delays import delays_table
from rollup_bench.harness.report.growth import growth_tables
from rollup_bench.harness.report.streams import stream_tables
from rollup_bench.harness.report.tables import run_table


class _Line(msgspec.Struct):
    record: str = ""


def show_file(name: str, console: Console) -> None:
    """Prints a file, or a run that `history.find` finds by its name; RequestError if it is neither."""
    shown = _PRINTED.get(_kind(Path(name)))
    if shown:
        shown(Path(name), console)
    else:
        run_table(history.find(name), console)


def _kind(path: Path) -> str:
    """Returns the kind of the first line of a file; empty if it has none or cannot be read."""
    with suppress(OSError, UnicodeError, msgspec.DecodeError), path.open("rb") as file:
        return msgspec.json.decode(file.readline(), type=_Line).record
    return ""


def _delays(path: Path, console: Console) -> None:
    delays_table([line for line in streams.read(path) if isinstance(line, streams.Delays)], console)


_PRINTED: dict[str, Callable[[Path, Console], object]] = {
    "streams": lambda path, console: stream_tables(list(streams.read(path)), console),
    "delays": _delays,
    "cluster": lambda path, console: cluster_tables(clusters.read(path), console),
    "growth": lambda path, console: growth_tables(growth.read(path), console),
}
"""How a file is printed, by the kind of its first line; a file of another kind may be a run."""
