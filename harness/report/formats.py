"""Writes an answer as CSV, JSON or Arrow, for programs."""

import sys
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv

from rollup_bench.harness.records.lines import Route
from rollup_bench.harness.run.arms import Arm


class Column(msgspec.Struct):
    """A column's name and its type: timestamp[ms, tz=UTC], string, int64 or double."""

    name: str
    type: str


class Answer(msgspec.Struct):
    """What `ask --format json` prints. Times are ISO 8601 in UTC. `tables` are those that the engine read."""

    dataset: str
    question: str
    parameters: dict[str, Any]
    engine: str
    version: str
    layout: str
    where: str
    tables: tuple[str, ...]
    columns: list[Column]
    rows: list[list[Any]]


def write(answer: pa.Table, form: str, question: str, parameters: dict[str, Any], arm: Arm, route: Route) -> None:
    """Writes the answer to standard output in the format `form`: csv, json or arrow."""
    out = sys.stdout.buffer
    match form:
        case "csv":
            pa.csv.write_csv(answer, out)
        case "arrow":
            with pa.ipc.new_stream(out, answer.schema) as stream:
                stream.write_table(answer)
        case _:
            out.write(
                msgspec.json.format(msgspec.json.encode(_described(answer, question, parameters, arm, route))) + b"\n"
            )


def _described(answer: pa.Table, question: str, parameters: dict[str, Any], arm: Arm, route: Route) -> Answer:
    return Answer(
        dataset=arm.plan.dataset.name,
        question=question,
        parameters=parameters,
        engine=arm.engine.name,
        version=arm.engine.version,
        layout=arm.plan.layout.name,
        where=route.where,
        tables=route.tables,
        columns=[Column(field.name, str(field.type)) for field in answer.schema],
        rows=[list(row.values()) for row in answer.to_pylist()],
    )
