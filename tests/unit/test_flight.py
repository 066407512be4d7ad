"""What the DuckDB server needs besides DuckDB: turns, bound values and errors as bytes."""

import time
from datetime import datetime
from threading import Thread

import pytest

from rollup_bench.engines.duckdb_served import protocol
from rollup_bench.engines.duckdb_served.flight_server import cursors
from rollup_bench.engines.duckdb_served.turns import Turns
from rollup_bench.errors import FailureError
from rollup_bench.servers.budget import Budget

VALUES = [
    0,
    -(2**63),
    2**63 - 1,
    0.1,
    float("inf"),
    "",
    "it's ü",
    datetime(1, 1, 1),
    datetime(1969, 12, 31, 23, 59, 59, 999_999),
]


def test_who_waits_longest_gets_the_next_turn() -> None:
    turns, served = Turns(["cursor"]), list[int]()

    def ask(number: int) -> None:
        with turns.turn():
            served.append(number)

    with turns.turn():
        threads = [Thread(target=ask, args=(number,)) for number in range(5)]
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            while len(turns._waiting) < waiting:
                time.sleep(0.001)
    for thread in threads:
        thread.join()
    assert served == [0, 1, 2, 3, 4]


def test_a_turn_ends_with_an_error_too() -> None:
    turns = Turns(["cursor"])
    for _ in range(2):
        with pytest.raises(ValueError, match="failed"), turns.turn():
            raise ValueError("failed")


def test_values_arrive_as_they_were_bound() -> None:
    sent = protocol.Query("rb_1", "SELECT $1", VALUES)
    received = protocol.query(protocol.query_bytes(sent))
    assert received == sent
    assert list(map(type, received.values)) == list(map(type, VALUES))


def test_errors_arrive_as_those_of_the_contract() -> None:
    overflow = protocol.error(protocol.error_bytes(OverflowError("too large")))
    failure = protocol.error(protocol.error_bytes(FailureError("ü" * 1000)))
    assert (type(overflow), str(overflow)) == (OverflowError, "too large")
    assert (type(failure), str(failure)) == (protocol.StatementError, "ü" * 300)


@pytest.mark.parametrize(("cores", "expected"), [(1, 2), (2, 2), (3, 3), (4, 4), (64, 4)])
def test_cursors_follow_from_the_cores(cores: int, expected: int) -> None:
    assert cursors(Budget(cores, 1 << 30)) == expected
