"""The truth and the check of answers share with engines only the functions listed here: shown by their imports."""

import importlib
from collections.abc import Iterator
from functools import cached_property
from types import ModuleType

import pyarrow as pa
import pytest

from tests.support.imports import MODULES, imported

VALUES = ("answers", "columns", "events", "filters", "measures", "questions")
"""The modules of `workloads` that the truth and the check may import from, besides each other and KINDS."""
KINDS = "rollup_bench.harness.records.kinds"
"""The module that names the verdicts, which files of runs contain, too."""
FUNCTIONS = {"keys", "milliseconds", "schema"}
"""The functions among what they import: the columns of an answer, and an instant as an integer."""
METHODS = {"batches", "fingerprint", "milliseconds", "schema", "shards", "until", "value"}
"""What the imported classes can do: hand out rows, and say what they hold in another form."""


def reached(start: str) -> set[str]:
    """The modules that are loaded with a module, packages around them included."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in found or name not in MODULES:
            continue
        found.add(name)
        waiting += [other for other, _ in imported(name)]
        waiting.append(name.rpartition(".")[0])
    return found


def oracle() -> list[str]:
    return [
        name
        for name in MODULES
        if name.startswith("rollup_bench.workloads.truth") or name == "rollup_bench.harness.run.verdicts"
    ]


def adapters() -> list[str]:
    engines = "rollup_bench.engines."
    return [name for name in MODULES if name.startswith(engines) and not name.startswith(f"{engines}truth")]


def test_the_lists_are_not_empty() -> None:
    assert len(oracle()) > 8
    assert {
        "rollup_bench.engines.duckdb.engine",
        "rollup_bench.engines.druid.engine",
        "rollup_bench.engines.cassandra.engine",
    } <= set(adapters())


@pytest.mark.parametrize("module", adapters())
def test_no_engine_reaches_the_truth_or_the_check(module: str) -> None:
    assert not reached(module) & set(oracle())


@pytest.mark.parametrize("module", oracle())
def test_the_truth_and_the_check_import_values_and_schemas_only(module: str) -> None:
    for source, name in imported(module):
        if source in oracle():
            continue
        assert source in {KINDS, *(f"rollup_bench.workloads.{each}" for each in VALUES)}, f"{module} imports {source}"
        assert name, f"{module} imports the whole of {source}"
        assert is_value(importlib.import_module(source), name), f"{module} imports {name} of {source}"


def is_value(source: ModuleType, name: str) -> bool:
    """Whether a name is a constant, a permitted function, or a class that computes nothing about an answer."""
    thing = getattr(source, name)
    if isinstance(thing, type):
        return set(methods(thing)) <= METHODS
    return name in FUNCTIONS if callable(thing) else isinstance(thing, pa.DataType | tuple) or is_union(thing)


def methods(thing: type) -> Iterator[str]:
    """What a class of ours, or one that it inherits from, computes: functions, properties and the like."""
    for owner in thing.__mro__:
        if owner.__module__.startswith("rollup_bench."):
            for name, attribute in vars(owner).items():
                computes = callable(attribute) or isinstance(attribute, property | classmethod | cached_property)
                if computes and not (name.startswith("_") and name.endswith("_")) and not isinstance(attribute, type):
                    yield name


def is_union(thing: object) -> bool:
    return all(isinstance(each, type) for each in getattr(thing, "__args__", [None]))
