"""Routes: the tables that an engine names for a question are those of its statements."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rollup_bench.engines.registry import engine_type
from rollup_bench.workloads import dataset as datasets
from rollup_bench.workloads import events as event_store
from tests.conftest import BUDGET

TABLES: dict[str, Callable[[Any], list[str]]] = {
    "duckdb": lambda tables: list(tables.names),
    "druid": lambda tables: [datasource.name for datasource in tables],
    "cassandra": lambda tables: [table.name for table in tables.tables],
}
"""The names of all tables of a plan."""


@pytest.mark.parametrize("dataset", [datasets.read(name) for name in datasets.built_in()], ids=lambda read: read.name)
@pytest.mark.parametrize("name", TABLES)
def test_support_names_every_table_of_the_statements_and_no_other(
    name: str, dataset: datasets.Dataset, home: Path
) -> None:
    sized = dataset.sized(5_000, 1) if dataset.source.generator else dataset
    statistics = event_store.prepare(sized, home).statistics
    answered = 0
    with closing(engine_type(name)(None, home, BUDGET)) as engine:
        for layout in sized.layouts:
            plan = engine.plan(sized, sized.layout(layout), statistics)
            for template in sized.questions.values():
                support = engine.support(template.fill(), plan)
                if support.where is not None:
                    query = engine.explain(template.fill(), plan).replace(plan.name, "")
                    shown = [t for t in TABLES[name](plan.tables) if re.search(rf'FROM (""\.)?"?_?{t}(?!\w)', query)]
                    assert sorted(support.tables) == sorted(shown)
                    answered += 1
    assert answered
