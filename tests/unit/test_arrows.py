"""The folders import each other in one direction, and no modules import each other in a circle."""

from graphlib import TopologicalSorter

import pytest

from tests.support.imports import MODULES, imported

ORDER = (
    "rollup_bench.errors",
    "rollup_bench.turns",
    "rollup_bench.workloads",
    "rollup_bench.servers",
    "rollup_bench.streams",
    "rollup_bench.engines",
    "rollup_bench.harness.describe",
    "rollup_bench.harness.stats",
    "rollup_bench.harness.records",
    "rollup_bench.harness.run",
    "rollup_bench.harness.follow",
    "rollup_bench.harness.conformance",
    "rollup_bench.harness.choose",
    "rollup_bench.harness.report",
    "rollup_bench.harness.cli",
    "benchmarks",
    "experiments",
)
"""Each folder may import itself and the folders before it."""
APART = {
    ("rollup_bench.servers", "rollup_bench.workloads"),
    ("rollup_bench.streams", "rollup_bench.workloads"),
    ("rollup_bench.engines", "rollup_bench.streams"),
    ("experiments", "benchmarks"),
}
"""Imports that the order would permit and that are forbidden all the same."""


def folder(module: str) -> str | None:
    """The one of ORDER that a module is in; None for the packages around them."""
    return next((name for name in ORDER if f"{module}.".startswith(f"{name}.")), None)


def permitted(importing: str, found: str) -> bool:
    here, there = folder(importing), folder(found)
    if here is None or there is None:
        return False
    return ORDER.index(there) <= ORDER.index(here) and (here, there) not in APART


def test_every_module_is_in_a_folder_of_the_order() -> None:
    assert [name for name in MODULES if folder(name) is None] == ["rollup_bench", "rollup_bench.harness"]
    assert {folder(name) for name in MODULES} == {*ORDER, None}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_its_own_folder_and_those_before(module: str) -> None:
    assert [found for found, _ in imported(module) if not permitted(module, found)] == []


@pytest.mark.parametrize(
    ("importing", "found"),
    [
        ("rollup_bench.workloads.events", "rollup_bench.engines.contract"),
        ("rollup_bench.servers.base", "rollup_bench.workloads.events"),
        ("rollup_bench.harness.run.arms", "rollup_bench.harness.report.tables"),
        ("rollup_bench.harness.conformance.checks", "rollup_bench.harness.report.kit"),
        ("rollup_bench.harness.cli.main", "experiments.loads"),
    ],
)
def test_an_import_against_the_order_is_noticed(importing: str, found: str) -> None:
    assert not permitted(importing, found)
    assert {importing, found} <= set(MODULES)


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter({module: {found for found, _ in imported(module)} for module in MODULES}).prepare()
