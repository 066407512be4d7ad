"""Runs a Python function in tasks of Spark, on the machines of its executors."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing

import pyarrow as pa
from pyspark import cloudpickle

from rollup_bench.engines.spark.client import ONE_LINE, Client
from rollup_bench.engines.spark.protocol import expressions, relations, types
from rollup_bench.servers.connection import Connection

MAP_IN_ARROW = 207
"""PySpark's number of functions that take and return Arrow batches."""
Rows = Iterable[pa.RecordBatch]


def task_rows(run: Callable[[int], Rows], count: int, schema: str) -> relations.Relation:
    """The rows that `run` returns for each number from 0 to `count` - 1; each number is a task of its own.

    `schema` has the columns of the rows as CREATE TABLE lists them; times are microseconds, UTC. The server sends
    `run` to Python processes of its executors, with the values that it holds. They need this version of Python, and
    the modules that `run` uses. An exception in `run` ends the statement with a StatementError.
    """

    def each(numbers: Rows) -> Iterator[pa.RecordBatch]:
        gc.freeze()  # PySpark searches a process for garbage after each task; modules need not be searched
        for batch in numbers:
            for number in batch.column(0).to_pylist():
                yield from run(number)

    function = expressions.PythonUDF(
        output_type=types.DataType(unparsed=types.DataType.Unparsed(data_type_string=schema)),
        eval_type=MAP_IN_ARROW,
        command=cloudpickle.dumps((each, None)),  # type: ignore[no-untyped-call]
        python_ver=f"{sys.version_info.major}.{sys.version_info.minor}",
    )
    number = expressions.Expression.UnresolvedAttribute(unparsed_identifier="id")
    named = expressions.CommonInlineUserDefinedFunction(
        function_name="task_rows",
        deterministic=True,
        arguments=[expressions.Expression(unresolved_attribute=number)],  # else the optimizer may omit the numbers
        python_udf=function,
    )
    numbers = relations.Relation(range=relations.Range(start=0, end=count, step=1, num_partitions=count))
    return relations.Relation(map_partitions=relations.MapPartitions(input=numbers, func=named))


def each_done(
    connection: Connection, run: Callable[[int], int], count: int, seconds: float | None = None
) -> Iterator[int]:
    """Runs a task for each number from 0 to `count` - 1, and yields what it returns, in the order of the numbers.

    A task that is lost with its executor is repeated. For errors, see `task_rows`; a FailureError too if the tasks are
    not done after `seconds`.
    """

    def rows(number: int) -> Rows:
        yield pa.record_batch({"result": pa.array([run(number)], pa.int64())})

    if not count:
        return
    with closing(Client(connection, ONE_LINE)) as client:
        made = task_rows(rows, count, "result BIGINT")
        for batch in client.batches("SELECT result FROM done", seconds=seconds, named={"done": made}):
            yield from batch.column(0).to_pylist()
