"""The recipe of Spark's cluster: its processes in one budget, and the servers that were started as one."""

import os
import re
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from rollup_bench.engines.spark.engine import Spark
from rollup_bench.engines.spark.server import RECIPE, cluster
from rollup_bench.errors import RequestError
from rollup_bench.servers.budget import Budget
from rollup_bench.servers.native import NativeServer
from rollup_bench.servers.processes import Record, remember, remembered
from rollup_bench.servers.recipe import RUNTIME, JavaProcess, Place

BUDGET = Budget(cores=4, memory=6 << 30)


def stages(workers: int, folder: Path, budget: Budget = BUDGET) -> list[list[JavaProcess]]:
    recipe = cluster(workers)
    place = Place(folder, {name: 20_000 + i for i, name in enumerate(recipe.ports)}, budget)
    return [[one for one in stage if isinstance(one, JavaProcess)] for stage in recipe.stages(place)]


def test_the_driver_starts_last_and_stops_first(tmp_path: Path) -> None:
    names = [[process.name for process in stage] for stage in stages(2, tmp_path)]
    assert names == [["master"], ["worker1", "worker2"], ["spark"]]


@pytest.mark.parametrize("workers", [1, 2, 4])
@pytest.mark.parametrize("memory", [0, 6 << 30, 64 << 30])
def test_all_processes_and_executors_are_in_the_budget(workers: int, memory: int, tmp_path: Path) -> None:
    """Also in the least memory of the recipe; Spark refuses heaps of less than 450 MiB."""
    budget = Budget(4, max(memory, cluster(workers).least))
    (master,), daemons, (driver,) = stages(workers, tmp_path, budget)
    words = " ".join(driver.main)
    executor, cores = (int(re.findall(rf"spark.executor.{one}=(\d+)", words)[0]) for one in ("memory", "cores"))
    heaps = [process.heap for process in (master, *daemons, driver)] + [executor << 20] * workers
    assert sum(heaps) + RUNTIME * len(heaps) < budget.memory
    assert executor >= 450
    assert cores == 4 // workers
    for daemon in daemons:
        assert f"--cores {cores} --memory {executor}m" in " ".join(daemon.main)
        assert daemon.environment["SPARK_LOCAL_IP"] == "127.0.0.1"


def test_more_workers_than_cores_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        RequestError, match=r"^--workers 5: the budget has 4 cores; give at most 4, or stop the cluster: down spark$"
    ):
        stages(5, tmp_path)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """A home in which a cluster of two workers runs, whose processes this process stands for."""
    known = psutil.Process()
    names = ("master", "worker1", "worker2", "spark")
    (tmp_path / "servers/spark-native").mkdir(parents=True)
    records = [Record(name, 0, os.getpid(), known.create_time()) for name in names]
    remember(tmp_path / "servers/spark-native/processes.json", records)
    return tmp_path


def test_a_cluster_that_runs_stays_one_for_other_commands(
    started: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert NativeServer(RECIPE, started, BUDGET).recipe.workers == 2
    assert NativeServer(cluster(2), started, BUDGET).recipe.workers == 2
    assert NativeServer(RECIPE, tmp_path_factory.mktemp("other"), BUDGET).recipe.workers == 0


def test_a_cluster_that_has_ended_may_get_another_number_of_workers(started: Path) -> None:
    file = started / "servers/spark-native/processes.json"
    remember(file, [replace(record, created=0.0) for record in remembered(file)])
    assert NativeServer(RECIPE, started, BUDGET).recipe.workers == 2
    assert NativeServer(cluster(3), started, BUDGET).recipe.workers == 3


def test_the_engine_says_that_it_has_workers(started: Path) -> None:
    engine = Spark(NativeServer(RECIPE, started, BUDGET), started, BUDGET)
    assert engine.nodes == 1
    assert engine.scope.startswith("2 workers and a Connect server on one machine")


def test_another_number_of_workers_is_refused_while_it_runs(started: Path) -> None:
    with pytest.raises(
        RequestError, match=r"^spark already runs with 2 workers: stop it with rollup-bench down spark$"
    ):
        NativeServer(cluster(3), started, BUDGET)
