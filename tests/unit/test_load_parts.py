"""Shards of events, and the parts of a load that write them."""

import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rollup_bench.engines.cassandra import parts, planning
from rollup_bench.engines.cassandra.driver import connect
from rollup_bench.engines.cassandra.loading import numbered
from rollup_bench.engines.cassandra.partitioning import assign_partitions
from rollup_bench.engines.cassandra.tables import Table
from rollup_bench.engines.contract import Plan
from rollup_bench.engines.druid import loading
from rollup_bench.servers import Connection
from rollup_bench.workloads import layouts
from rollup_bench.workloads.events import Events
from tests.support.shards import GAME, SHARDS, four_files

CONNECT = partial(connect, Connection(("127.0.0.1",), 9042))


@pytest.fixture
def events(tmp_path: Path) -> Events:
    return four_files(tmp_path / "game")


def test_shards_have_the_events_in_order(events: Events) -> None:
    shards = [pickle.loads(pickle.dumps(shard)) for shard in events.shards()]
    assert [(one.number, one.before, one.rows) for one in shards] == [(n, 20_000 * n, 20_000) for n in range(SHARDS)]
    together = [batch for one in shards for batch in one.events.batches()]
    assert pa.Table.from_batches(together) == pa.Table.from_batches(events.batches())


def assigned(table: Table, batches: list[pa.RecordBatch], before: int, bucket_rows: dict[int, int]) -> list[list[int]]:
    """The bucket and the shard of each row, in the order of the rows, and its number."""
    (rows,) = pa.Table.from_batches(batches).combine_chunks().to_batches()
    return [part.tolist() for part in assign_partitions(table, numbered(table, rows, before), bucket_rows)]


@pytest.mark.parametrize("wider", [1, 1 << 20])
def test_parts_write_the_partitions_of_a_load_by_one_process(events: Events, wider: int) -> None:
    """Also if the rows of a bucket need new shards, which begin after a number of rows."""
    plan = planning.plan("cassandra", GAME, layouts.raw, events.statistics, 1)
    table = replace(plan.tables.events, bucket_width=plan.tables.events.bucket_width * wider, shards=1)
    plan = Plan(plan.engine, GAME, layouts.raw, events.statistics, plan.text, planning.Design(table))
    alone = assigned(table, list(events.batches()), 0, {})
    found: list[list[int]] = [[], []]
    for part in parts.missing(plan, events, {}, CONNECT):
        _, _, shard, bucket_rows, _ = part.args  # type: ignore[attr-defined]
        buckets, shards = assigned(table, list(shard.events.batches()), shard.before, bucket_rows)
        found = [found[0] + buckets, found[1] + shards]
    assert found == alone
    assert (wider == 1) == (max(found[1]) == 0)
    assert len(np.unique(found[0])) > 1 or wider > 1


def test_shards_that_have_arrived_are_left_out(events: Events) -> None:
    plan = planning.plan("cassandra", GAME, layouts.raw, events.statistics, 1)
    left = parts.missing(plan, events, {"events/0": 20_000, "events/1": 19_999, "events": 5}, CONNECT)
    assert [part.args[2].number for part in left] == [1, 2, 3]  # type: ignore[attr-defined]


def test_files_of_druid_are_those_that_are_missing(events: Events, tmp_path: Path) -> None:
    """Files of other loads are deleted."""
    folder = tmp_path / "druid"
    (folder / "events").mkdir(parents=True)
    (folder / "events" / "000000.json").touch()
    first, *_ = loading.missing_parts(events, folder)
    assert not loading.has_all_parts(folder)
    assert first() == 20_000
    rest = loading.missing_parts(events, folder)
    assert [part() for part in rest] == [20_000] * 3
    assert loading.missing_parts(events, folder) == []
    assert loading.has_all_parts(folder)
    written = sorted((folder / "events").iterdir())
    assert [len(path.read_bytes().splitlines()) for path in written] == [20_000] * SHARDS
