"""What `export` writes for ClickHouse runs in its own client, here chDB, and is right, also for other parameters."""

from collections.abc import Callable, Iterator
from contextlib import chdir, closing, contextmanager
from pathlib import Path

import pytest

from rollup_bench.engines.clickhouse.connections import Connection
from rollup_bench.engines.clickhouse.engine import ClickHouse
from tests.conftest import BUDGET
from tests.support.exported import Values, check_other_seasons, check_other_values, exported_texts, set_to

ARMS = ["flights/raw", "flights/day", "flights/tuned", "cdnow/raw", "cdnow/tuned", "game/month", "game/tuned"]
"""Datasets with and without clock changes, on layouts that answer from events, roll-ups and stored activity."""
WRITTEN = {"days", "seconds", "dollars", "minutes", "small", "large", "first", "second", "third"}
"""Parameters that may be part of a statement: ages and windows, and what a table of `tuned` was made for."""
Rows = list[list[object]]


@contextmanager
def client(folder: Path) -> Iterator[Callable[[str, Values], Rows]]:
    """A function that runs a query file in the folder, with the exported tables."""
    connection = Connection({})

    def answered(text: str, values: Values) -> Rows:
        found = connection.arrow(set_to(text, values, 'SET "param_{}"'))
        return [list(row.values()) for row in found.to_pylist()]

    with chdir(folder), closing(connection):
        connection.run("DROP DATABASE IF EXISTS exported SYNC", "CREATE DATABASE exported")
        connection.use("exported")
        connection.run(Path("settings.sql").read_text("utf-8"), Path("schema.sql").read_text("utf-8"))
        yield answered


@pytest.mark.parametrize("arm", ARMS)
def test_clickhouse_answers_exported_questions_right(arm: str, home: Path, tmp_path: Path) -> None:
    engine = ClickHouse(None, tmp_path / "home", BUDGET)
    check_other_values(engine, arm, home, tmp_path / "out", client, WRITTEN)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo"])
def test_exported_questions_take_times_in_other_seasons(zone: str, home: Path, tmp_path: Path) -> None:
    check_other_seasons(ClickHouse(None, tmp_path / "home", BUDGET), zone, home, tmp_path, client)


def test_texts_and_lists_are_parameters(home: Path, tmp_path: Path) -> None:
    text = exported_texts(ClickHouse(None, tmp_path / "home", BUDGET), home, tmp_path)
    assert """SET "param_whom" = ['a\\\\', 'it\\'s'];""" in text
    assert "{whom:Array(String)}[2]" in text
