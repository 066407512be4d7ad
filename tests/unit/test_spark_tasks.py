"""The functions that tasks of Spark run."""

import gc
from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyspark import cloudpickle

from rollup_bench.engines.spark.tasks import task_rows


def numbered(task: int) -> Iterator[pa.RecordBatch]:
    for batch in range(task):
        yield pa.record_batch({"task": [task], "batch": [batch]})


def test_a_task_runs_the_function_for_each_of_its_numbers(request: pytest.FixtureRequest) -> None:
    """As a process of Spark does it, which gets the numbers in batches."""
    relation = task_rows(numbered, 3, "task BIGINT, batch BIGINT").map_partitions
    numbers = relation.input.range
    assert (numbers.start, numbers.end, numbers.num_partitions) == (0, 3, 3)
    assert [each.unresolved_attribute.unparsed_identifier for each in relation.func.arguments] == ["id"]
    function, _ = cloudpickle.loads(relation.func.python_udf.command)
    request.addfinalizer(gc.unfreeze)  # the function freezes the objects of its process
    found = pa.Table.from_batches(function([pa.record_batch({"id": [0, 1]}), pa.record_batch({"id": [2]})]))
    assert found.to_pydict() == {"task": [1, 2, 2], "batch": [0, 0, 1]}
