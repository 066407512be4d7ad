"""Events prepared once: reused while nothing changed, never trusted when cut off, damaged or half there."""

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet
import pytest

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.support.datasets import write

PREPARE = r"""
import re, sys
from pathlib import Path
from workloads import dataset, events
try:
    print(events.prepare(dataset.read(sys.argv[1]), Path(sys.argv[2])).statistics.rows)
except Exception as error:
    print(error)
print(int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1]) >> 10)
"""


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    fill(tmp_path, 1000)
    return describe(tmp_path)


def describe(folder: Path, path: str = "data.csv", form: str = "seconds", **more: object) -> Path:
    columns = {"time": {"name": "at", "format": form}, "measures": ["n"]} | more
    return write(folder, source={"path": path}, columns=columns)


def fill(folder: Path, rows: int) -> None:
    with (folder / "data.csv").open("w") as file:
        file.write("at,who,n\n")
        file.writelines(f"{i},u{i % 9973},{i}\n" for i in range(rows))


def kept(home: Path) -> list[Path]:
    return sorted(p for p in home.rglob("*") if p.is_file())


def prepare(toml: Path, said: list[str] | None = None) -> events.Events:
    return events.prepare(datasets.read(str(toml)), toml.parent / "home", (said or []).append)


def start(toml: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARE, toml, toml.parent / "home"], stdout=subprocess.PIPE, text=True
    )


def test_prepared_events_are_reused_while_nothing_changed(toml: Path) -> None:
    first = prepare(toml)
    before = [(p, p.stat().st_mtime_ns) for p in kept(toml.parent / "home")]
    assert prepare(toml).statistics == first.statistics
    assert [(p, p.stat().st_mtime_ns) for p in kept(toml.parent / "home")] == before
    fill(toml.parent, 1001)
    assert prepare(toml).statistics.rows == 1001
    describe(toml.parent, form="milliseconds")
    changed = prepare(toml)
    assert changed.statistics.last == 1000
    assert len({first.fingerprint, changed.fingerprint}) == 2


@pytest.mark.parametrize("ending", [".json", ".parquet"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "other"])
def test_damaged_events_are_prepared_anew(toml: Path, ending: str, damage: str) -> None:
    first = prepare(toml).statistics
    (path,) = (p for p in kept(toml.parent / "home") if p.suffix == ending)
    whole = path.read_bytes()
    match damage:
        case "missing":
            path.unlink()
        case "other" if ending == ".parquet":
            pa.parquet.write_table(pa.parquet.read_table(path).slice(1), path)
        case "other":
            path.write_text('{"rows": 1}')
        case _:
            path.write_bytes(whole[: len(whole) // 2 if damage == "cut" else 0])
    again = prepare(toml)
    assert again.statistics == first
    assert sum(batch.num_rows for batch in again.batches()) == 1000
    assert path.read_bytes() == whole


def test_a_killed_preparation_is_never_trusted(toml: Path) -> None:
    fill(toml.parent, 250_000)
    home = toml.parent / "home"
    running = start(toml)
    while not any(p.suffix == ".part" and p.stat().st_size > 50_000 for p in kept(home)):
        assert running.poll() is None
        time.sleep(0.01)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    assert [p.suffix for p in kept(home)] == [".part"]
    assert prepare(toml).statistics.rows == 250_000
    assert [p.suffix for p in kept(home)] == [".json", ".parquet"]


def test_two_processes_at_once_prepare_the_events_once(toml: Path) -> None:
    fill(toml.parent, 50_000)
    both = [start(toml), start(toml)]
    assert [one.communicate()[0].split()[0] for one in both] == ["50000", "50000"]
    assert [p.suffix for p in kept(toml.parent / "home")] == [".json", ".parquet"]


def test_one_bad_row_of_many_is_named_in_little_memory(toml: Path) -> None:
    small = int(start(toml).communicate()[0].split()[-1])
    describe(toml.parent, "long.csv.zst")
    block = f"1,{'x' * 25},1\n".encode() * 10_000
    with pa.CompressedOutputStream(str(toml.parent / "long.csv.zst"), "zstd") as file:
        file.write(b"at,who,n\n")
        for _ in range(1_000):  # ten million rows, 300 MB
            file.write(block)
        file.write(b"soon,x,1\n")
    said, mebibytes = start(toml).communicate()[0].splitlines()
    assert "long.csv.zst: row 10000001: column `at` is `soon`, not whole seconds" in said
    assert int(mebibytes) - small < 150
    assert [p.suffix for p in kept(toml.parent / "home")] == [".json", ".parquet"]  # of the small file


def test_statistics_are_those_of_all_rows(toml: Path) -> None:
    fill(toml.parent, 300_000)
    statistics = prepare(toml).statistics
    assert (statistics.rows, statistics.first, statistics.last) == (300_000, 0, 299_999_000)
    assert statistics.cardinality == {"who": 9973}
    assert statistics.magnitude == {"n": 299_999 * 150_000}
    assert statistics.types == {"at": "timestamp", "who": "string", "n": "int64"}


def test_until_needs_the_time_of_receipt(toml: Path) -> None:
    (toml.parent / "data.csv").write_text("at,who,n,came\n1,a,1,5\n2,b,2,\n3,c,3,9\n")
    describe(toml.parent, received={"name": "came", "format": "seconds"})
    found = prepare(toml)
    nine = datetime.fromtimestamp(9, UTC)
    assert [row["who"] for batch in found.until(nine).batches() for row in batch.to_pylist()] == ["a"]
    describe(toml.parent)
    with pytest.raises(RequestError, match=r"columns\.received"):
        prepare(toml).until(nine)
