"""What `export` writes for Spark is run by Spark, and is right, also for other parameters."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from rollup_bench.engines.spark.client import Client
from rollup_bench.engines.spark.engine import Spark
from rollup_bench.servers import Server
from tests.conftest import BUDGET
from tests.support.exported import Client as Opened
from tests.support.exported import Values, check_other_seasons, check_other_values, exported_texts, of_each_kind, set_to

ARMS = ["flights/tuned", "cdnow/raw"]
"""Datasets with and without clock changes, on layouts that answer from events, roll-ups and stored activity."""
WRITTEN = {"days", "seconds", "dollars", "minutes", "small", "large", "first", "second", "third"}
"""Parameters that may be part of a statement: ages and windows, and what a table of `tuned` was made for."""
Rows = list[list[object]]


@pytest.fixture
def client(spark_server: Server) -> Opened:
    """Runs the statements of files as `spark-sql` does in the folder, by a session of the server."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Callable[[str, Values], Rows]]:
        with closing(Client(spark_server.connection, {})) as session:

            def statements(text: str) -> list[str]:
                for part in ("data", "tables"):
                    text = text.replace(f"path '{part}", f"path '{folder}/{part}")
                    text = text.replace(f"DIRECTORY '{part}", f"DIRECTORY '{folder}/{part}")
                return text.removesuffix(";\n").split(";\n")

            def answered(text: str, values: Values) -> Rows:
                *before, question = statements(set_to(text, values, "DECLARE OR REPLACE VARIABLE `{}`"))
                for statement in before:
                    session.run(statement)
                return [list(row.values()) for row in session.table(question).to_pylist()]

            for name in ("settings.sql", "schema.sql"):
                for statement in statements((folder / name).read_text("utf-8")):
                    session.run(statement)
            yield answered

    return opened


@pytest.mark.parametrize("arm", ARMS)
def test_spark_answers_exported_questions_right(
    arm: str, spark_server: Server, client: Opened, home: Path, tmp_path: Path
) -> None:
    engine = Spark(spark_server, tmp_path / "home", BUDGET)
    check_other_values(engine, arm, home, tmp_path / "out", client, WRITTEN, of_each_kind)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe"])
def test_exported_questions_take_times_in_other_seasons(
    zone: str, spark_server: Server, client: Opened, home: Path, tmp_path: Path
) -> None:
    check_other_seasons(Spark(spark_server, tmp_path / "home", BUDGET), zone, home, tmp_path, client)


def test_texts_and_lists_are_parameters(spark_server: Server, home: Path, tmp_path: Path) -> None:
    text = exported_texts(Spark(spark_server, tmp_path / "home", BUDGET), home, tmp_path)
    assert """VARIABLE `whom` = array('a\\\\', 'it\\'s');""" in text
    assert "session.`whom`[1]" in text
