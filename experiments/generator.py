"""Compares the generator of the game's events with tpchgen-cli: both write Parquet with the same codec on one core.

`python -m experiments.generator` runs each generator in a process of its own, in ABBA order. The figures are rows and
bytes for each processor second of the process, including its start and end. Rows of TPC-H's lineitem have 16 columns
and rows of the game 11, so the figures show that a load does not wait for the generator, not which generator is better.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import DEVNULL, Popen

import msgspec
import numpy as np
import pyarrow.parquet as pq

ROWS = 2_000_000
SCALE = ROWS / 6_000_000  # the scale of TPC-H; its table lineitem has six million rows at scale 1
CODEC = "SNAPPY"
LEAST = 0.5  # the least share of lineitem's rows a second that the game must write
MEMORY = 500e6
SIZES = (10**5, 10**6, 10**7, 10**8, 10**9, 2**33)
TPCHGEN = shutil.which("tpchgen-cli", path=str(Path(sys.executable).parent))
WRITE = """
import sys
from pathlib import Path
from rollup_bench.workloads.game.files import write
folder, rows, codec, last = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
shards = max(1, rows // 2**20)
write(folder, rows, only=range(max(0, shards - last), shards), compression=codec)
"""


class Cost(msgspec.Struct, frozen=True):
    """The rows and bytes that one process wrote, its processor seconds, and the peak of its memory in bytes."""

    rows: int
    bytes: int
    seconds: float
    memory: int


def measure(pairs: int = 5) -> dict[str, list[float]]:
    """Returns the rows and bytes that each generator writes in a processor second, one sample for each ABBA pair."""
    writers = {"game": game, "lineitem": lineitem}
    rates: dict[str, list[float]] = {f"{name} {what}": [] for name in writers for what in ("rows", "bytes")}
    for number in range(pairs):
        order = list(writers) if number % 2 else list(reversed(writers))
        costs = [(name, writers[name]()) for name in [*order, *reversed(order)]]
        for name in writers:
            own = [cost for writer, cost in costs if writer == name]
            seconds = sum(cost.seconds for cost in own)
            rates[f"{name} rows"].append(sum(cost.rows for cost in own) / seconds)
            rates[f"{name} bytes"].append(sum(cost.bytes for cost in own) / seconds)
    return rates


def game(rows: int = ROWS, last: int = 10**6) -> Cost:
    """Writes the last `last` files of a game of `rows` events in a new process; returns the cost of the process."""
    return _written(lambda folder: [sys.executable, "-c", WRITE, folder, str(rows), CODEC.lower(), str(last)])


def lineitem() -> Cost:
    """Writes the table lineitem with one thread of tpchgen-cli; returns the cost of the process."""
    options = ["-s", str(SCALE), "--tables=lineitem", "--num-threads=1", "--quiet", "-c", CODEC]
    assert TPCHGEN is not None
    command = [TPCHGEN, "parquet", *options]
    return _written(lambda folder: [*command, "--output-dir", folder])


def _written(command: Callable[[str], list[str]]) -> Cost:
    with tempfile.TemporaryDirectory() as folder:
        process = Popen(command(folder), stdout=DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        files = list(Path(folder).glob("*.parquet"))
        return Cost(
            rows=sum(pq.read_metadata(file).num_rows for file in files),
            bytes=sum(file.stat().st_size for file in files),
            seconds=used.ru_utime + used.ru_stime,
            memory=used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        )


def main() -> None:
    """Prints all figures; exits with 1 if the generator is too slow or needs too much memory."""
    if TPCHGEN is None:
        sys.exit("tpchgen-cli is not installed: run `make .venv/dev.stamp`")
    rates = measure()
    for what, samples in rates.items():
        median = float(np.median(samples))
        print(f"{what:15}{median:13,.0f} a processor second (the least of {len(samples)}: {min(samples):,.0f})")
    ratio = float(np.median(np.array(rates["game rows"]) / np.array(rates["lineitem rows"])))
    print(f"the game writes {ratio:.2f} times the rows of lineitem in a processor second; the limit is {LEAST}")
    peaks = {rows: game(rows, 2).memory for rows in SIZES}
    for rows, peak in peaks.items():
        print(f"peak memory for {rows:13,} rows (last files): {peak / 1e6:4.0f} MB; the limit is {MEMORY / 1e6:.0f} MB")
    sys.exit(ratio < LEAST or max(peaks.values()) > MEMORY)


if __name__ == "__main__":
    main()
