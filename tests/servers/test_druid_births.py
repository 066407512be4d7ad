"""Births of many subjects, which Druid joins to their events as the rows of a subquery."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rollup_bench.engines.druid.server import heap, subquery_bytes
from tests.conftest import BUDGET
from tests.support.datasets import cohort, write

SUBJECTS, ROW = 200_000, 40
"""How many subjects are born, and the least bytes of a birth: a text, two times and a cohort."""
THREADS = 20
"""The threads among which Druid would divide half of the heap, as in conf/broker/runtime.properties."""


@pytest.mark.parametrize("engine", ["druid"], indirect=True)
def test_births_may_exceed_an_equal_share_of_the_heap(ask: Callable[..., list[dict[str, Any]]], tmp_path: Path) -> None:
    assert heap("broker", BUDGET) / 2 / THREADS < SUBJECTS * ROW < subquery_bytes(BUDGET)
    rows = (f"2013-0{1 + i % 6}-1{i % 5}T00:00:00Z,subject {i:09},{'ab'[i % 2]}\n" for i in range(SUBJECTS))
    (tmp_path / "data.csv").write_text("at,who,what\n" + "".join(rows))
    file = write(tmp_path, cohort("born-as", "month", 2, by="what"), columns={"dimensions": ["what"]})
    found = ask(file, "born-as")
    assert {row["cohort"]: row["size"] for row in found} == {"a": SUBJECTS // 2, "b": SUBJECTS // 2}
