"""The game: any split is the whole, rows are as many as asked for, files are whole or absent."""

import hashlib
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollup_bench.errors import RequestError
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from rollup_bench.workloads.game import files
from rollup_bench.workloads.game.blocks import LARGE, MOST, split
from rollup_bench.workloads.game.generator import LATEST, SCHEMA, batches, between
from rollup_bench.workloads.game.world import DAY, DAYS, START
from tests.support.datasets import write

SPLITS = settings().max_examples // 10  # each makes a game several times


@lru_cache(maxsize=8)
def whole(rows: int, seed: int, slots: int = 0) -> pa.Table:
    return pa.Table.from_batches(between(split(rows, seed, slots), 0, rows), SCHEMA)


@settings(max_examples=SPLITS)
@given(st.data(), st.integers(1, 20_000), st.integers(0, 2**63))
def test_shards_of_any_split_equal_the_whole(data: st.DataObject, rows: int, seed: int) -> None:
    shards = data.draw(st.integers(1, 40))
    parts = [batch for shard in range(shards) for batch in batches(rows, seed, shard, shards)]
    assert pa.Table.from_batches(parts, SCHEMA).equals(whole(rows, seed))


@settings(max_examples=SPLITS)
@given(st.data(), st.sampled_from([(1, 1), (700, 1), (60_000, 1), (20_000, 24)]))
def test_any_range_of_rows_is_that_of_the_whole(data: st.DataObject, game: tuple[int, int]) -> None:
    rows, slots = game
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, min(rows, start + 5_000)))
    part = pa.Table.from_batches(between(split(rows, 5, slots), start, stop), SCHEMA)
    assert part.equals(whole(rows, 5, slots).slice(start, stop - start))


@settings(max_examples=SPLITS)
@given(st.integers(1, 30_000), st.integers(0, 2**32))
def test_rows_are_in_order_and_ids_are_unique_but_for_what_is_received_twice(rows: int, seed: int) -> None:
    in_order(whole(rows, seed), rows)


def test_blocks_of_an_hour_keep_the_same_order() -> None:
    in_order(whole(20_000, 5, 24), 20_000)


def in_order(table: pa.Table, rows: int) -> None:
    assert table.num_rows == rows
    time, received, ids = (np.asarray(table[name].cast(pa.int64())) for name in ("time", "received", "id"))
    assert (np.diff(time) >= 0).all()
    assert time[0] >= START
    assert time[-1] < START + DAYS * DAY
    assert (received > time).all()
    assert (received <= time + LATEST).all()
    again = np.flatnonzero(np.diff(ids) == 0) + 1
    assert len(np.unique(ids)) == rows - len(again)
    assert len(np.unique(ids[again] // 1000)) == len(again)
    assert rows // 1001 <= len(again) <= rows // 1001 + 1
    assert (received[again] >= received[again - 1]).all()
    others = table.drop_columns(["received"])
    assert others.take(again).equals(others.take(again - 1))


def test_the_same_seed_is_the_same_game_everywhere() -> None:
    """A digest of the values; it changes only together with VERSION."""
    digest = hashlib.blake2b(digest_size=8)
    for name, column in zip(SCHEMA.names, whole(10_000, 7).columns, strict=True):
        text = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        digest.update(f"{name}{text.to_pylist()}".encode())
    assert digest.hexdigest() == "6b68a2fdd5c8f943"


def test_another_seed_is_another_game() -> None:
    assert pc.mean(pc.equal(whole(5000, 1)["time"], whole(5000, 2)["time"])).as_py() < 0.01


@pytest.mark.parametrize(("shard", "shards"), [(-1, 2), (2, 2), (0, 0)])
def test_a_shard_that_is_none_is_refused(shard: int, shards: int) -> None:
    with pytest.raises(RequestError, match=f"^shard {shard} of {shards} does not exist"):
        batches(100, 0, shard, shards)


@pytest.mark.parametrize("rows", [0, MOST + 1])
def test_rows_out_of_range_are_refused(rows: int) -> None:
    with pytest.raises(RequestError, match=f"^{rows} rows: a game has 1 to 8,589,934,592 rows"):
        batches(rows, 0)


def plain(table: pa.Table) -> pa.Table:
    """The same with text as text, as engines read it from a file."""
    dictionary = pa.types.is_dictionary
    return table.cast(pa.schema([f.with_type(pa.string()) if dictionary(f.type) else f for f in table.schema]))


def stored(paths: list[Path]) -> pa.Table:
    return pa.concat_tables(map(pq.read_table, paths)).combine_chunks()


def test_files_are_the_whole_and_those_there_already_are_left_alone(tmp_path: Path) -> None:
    paths = files.write(tmp_path, 20_000, seed=3, shards=4)
    before = [path.stat().st_mtime_ns for path in paths]
    (tmp_path / paths[2].name).unlink()
    said: list[int] = []
    assert files.write(tmp_path, 20_000, seed=3, shards=4, progress=said.append) == paths
    after = [path.stat().st_mtime_ns for path in paths]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, True, False, True]
    assert stored(paths).equals(plain(whole(20_000, 3)))
    assert sum(said) == 20_000


def test_a_file_that_was_cut_off_is_absent(tmp_path: Path) -> None:
    def stop(rows: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        files.write(tmp_path, 10_000, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_machines_that_take_other_shards_write_one_game(tmp_path: Path) -> None:
    one, two = (files.write(tmp_path, 9_000, shards=5, only=part) for part in (range(2), range(2, 5)))
    assert stored(one + two).equals(plain(whole(9_000, 0)))


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(RequestError, match=r"taken: "):
        files.write(tmp_path / "taken", 10)


@pytest.mark.parametrize("rows", [LARGE, MOST])
def test_memory_is_flat_in_rows(rows: int) -> None:
    """The largest day and the largest hour that are made at once, all of Python included.

    The process's own high-water mark: getrusage also remembers that of the process it was started from.
    """
    code = (
        "import pathlib, re; from rollup_bench.workloads.game.generator import batches;"
        f"shards = {rows} // 10**6; n = sum(b.num_rows for b in batches({rows}, 0, shards - 40, shards));"
        r"print(n, re.search(r'VmHWM:\s+(\d+)', pathlib.Path('/proc/self/status').read_text())[1])"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    made, peak = map(int, told.split())
    assert made >= 10**6
    assert peak * 1024 < 500e6


def test_a_dataset_made_to_order_is_made_once_in_the_columns_and_size_asked_for(tmp_path: Path) -> None:
    asked = datasets.read("game").sized(3000, 9)
    said: list[str] = []
    made = events.prepare(asked, tmp_path, said.append)
    assert any(text.startswith("making game: 3,000 of 3,000 rows") for text in said)
    assert made.statistics.rows == 3000
    kept = pa.Table.from_batches(made.batches())
    assert kept.column_names == asked.columns.all
    assert kept.schema == made.statistics.schema
    assert kept.equals(plain(whole(3000, 9)).select(kept.column_names).cast(kept.schema))
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert events.prepare(asked, tmp_path).fingerprint == made.fingerprint
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.*")}
    assert events.prepare(asked.sized(3000, 8), tmp_path).fingerprint != made.fingerprint


@pytest.mark.parametrize(
    ("source", "subject", "message"),
    [
        ({"generator": "chess"}, "player", "source.generator is `chess`; write game"),
        ({"generator": "game", "rows": 0}, "player", "rows"),
        ({"generator": "game", "rows": 9, "column": 1}, "player", "column"),
        ({"generator": "game", "rows": 9}, "user", r"^columns: generator game has no column `user`; write one of"),
    ],
)
def test_an_order_that_is_wrong_is_refused(
    tmp_path: Path, source: dict[str, object], subject: str, message: str
) -> None:
    file = write(tmp_path, source=source, columns={"time": {"name": "time"}, "subject": subject})
    with pytest.raises(RequestError, match=message):
        events.prepare(datasets.read(str(file)), tmp_path)


def test_rows_are_asked_only_of_what_is_made_to_order() -> None:
    with pytest.raises(RequestError, match=r"^--rows needs a generated dataset; flights has files: leave out --rows"):
        datasets.read("flights").sized(10, None)
