"""What tasks of Spark read from Cassandra: ranges of tokens, the columns of a question, and its conditions."""

from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from rollup_bench.engines.cassandra.event_scans import EventScan
from rollup_bench.engines.cassandra.tables import MAX_ROWS
from rollup_bench.engines.spark_cassandra.engine import SparkCassandra
from rollup_bench.engines.spark_cassandra.token_ranges import FIRST, LAST, Scan, scan
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events
from tests.conftest import BUDGET

GAME = datasets.read("game").sized(5_000, 1)


def hourly(home: Path, rows: int) -> Scan:
    """The scan for the revenue by hour of so many events."""
    known = msgspec.structs.replace(events.prepare(GAME, home).statistics, rows=rows)
    plan = SparkCassandra(None, home, BUDGET).plan(GAME, GAME.layout("raw"), known)
    return scan(EventScan(GAME.question("revenue-by-hour").fill(), plan))


@pytest.mark.parametrize("ranges", [1, 3, 8, 1000])
def test_ranges_meet_and_cover_all_tokens(ranges: int) -> None:
    read = Scan("", (), pa.schema([]), ranges)
    ends = [read.ends(number) for number in range(ranges)]
    assert [first for first, _ in ends] == [FIRST, *(last for _, last in ends[:-1])]
    assert ends[-1][1] == LAST
    assert all(first < last for first, last in ends)


def test_more_events_are_read_by_more_ranges(home: Path) -> None:
    """What a task holds in memory does not grow with the events."""
    assert [hourly(home, rows).ranges for rows in (0, 1, MAX_ROWS + 1, 1000 * MAX_ROWS)] == [1, 1, 2, 1000]


def test_only_the_columns_and_the_conditions_of_a_question_are_read(home: Path) -> None:
    read = hourly(home, 5_000)
    columns, _, rest = read.text.partition(" FROM ")
    assert columns == 'SELECT to_unix_timestamp("time"), "platform", "action", "gold"'
    assert rest.partition(" WHERE ")[2] == (
        'token("bucket", "shard") > ? AND token("bucket", "shard") <= ? AND "time" >= ? AND "time" < ?'
        ' AND "action" = ? ALLOW FILTERING'
    )
    assert read.values == (1702684800000, 1702771200000, "shop")
